#include "kill-set.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* More processes than a pod has; pages of the table that are not used take no memory. */
    MAX_ENTRIES = 64 * 1024,
    /* Of a line of /proc/<pid>/stat this much holds all that is read here. */
    STAT_BYTES = 512,
    STOP_ROUNDS = 16,
};

/* The fields between the parent and the start time. */
#define SKIP_17 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"

struct entry {
    pid_t pid;
    pid_t parent;
    /* With the pid it names one process for good. */
    unsigned long long started;
    char state;
    bool member;
};

static struct entry table[MAX_ENTRIES];

static bool read_stat(pid_t pid, struct entry *entry)
{
    char path[32], text[STAT_BYTES];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return false;
    text[size] = 0;
    /* The name before it may hold brackets and spaces itself. */
    const char *rest = strrchr(text, ')');
    entry->pid = pid;
    entry->member = false;
    return rest != NULL && sscanf(rest + 1, " %c %d" SKIP_17 " %llu", &entry->state, &entry->parent,
                                  &entry->started) == 3;
}

static int by_pid(const void *a, const void *b)
{
    pid_t left = ((const struct entry *)a)->pid, right = ((const struct entry *)b)->pid;

    return (left > right) - (left < right);
}

static size_t read_table(void)
{
    size_t count = 0;
    DIR *proc = opendir("/proc");

    if (proc == NULL)
        return 0;
    for (struct dirent *found; count < MAX_ENTRIES && (found = readdir(proc)) != NULL;) {
        int pid = atoi(found->d_name);
        if (pid > 0 && read_stat(pid, &table[count]))
            count++;
    }
    closedir(proc);
    qsort(table, count, sizeof *table, by_pid);
    return count;
}

static bool is_spared(const struct kill_set *set, pid_t pid)
{
    for (size_t i = 0; i < set->spared_count; i++)
        if (set->spared[i] == pid)
            return true;
    return false;
}

static bool descends(const struct kill_set *set, const struct entry *entry, size_t count)
{
    if (entry->parent == set->root)
        return true;
    const struct entry key = {.pid = entry->parent};
    const struct entry *parent = bsearch(&key, table, count, sizeof key, by_pid);
    return parent != NULL && parent->member;
}

/* Parents mostly come before their children, so that one or two rounds find everything. */
static void mark_members(const struct kill_set *set, size_t count)
{
    for (bool found = true; found;) {
        found = false;
        for (size_t i = 0; i < count; i++) {
            struct entry *entry = &table[i];
            if (entry->member || is_spared(set, entry->pid) || !descends(set, entry, count))
                continue;
            entry->member = true;
            found = true;
        }
    }
}

static bool is_running(char state)
{
    return strchr("TtZXx", state) == NULL;
}

size_t kill_set_signal(const struct kill_set *set, int signal)
{
    size_t count = read_table(), running = 0;
    struct entry now;

    mark_members(set, count);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &table[i];
        if (!entry->member || !read_stat(entry->pid, &now) || now.started != entry->started)
            continue;
        if (kill(entry->pid, signal) == 0 && is_running(entry->state))
            running++;
    }
    return running;
}

void kill_set_end(const struct kill_set *set)
{
    for (int round = 0; round < STOP_ROUNDS && kill_set_signal(set, SIGSTOP) > 0; round++)
        ;
    kill_set_signal(set, SIGKILL);
}
