#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

enum { MAX_STATUS = 4096, PAUSE_NS = 50 * 1000 * 1000, CHUNK = 64 * 1024, MODE = 0755 };

static const char *const READY[] = {"ready", NULL};
static const char *const STARTING[] = {"starting", NULL};
static const char *const ALIVE[] = {"starting", "ready", "failing", "draining", NULL};

static bool begins_with_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        size_t length = strlen(*words);
        if (strncmp(text, *words, length) == 0 && strchr(" \n", text[length]) != NULL)
            return true;
    }
    return false;
}

/* A clock that was set back makes a status look new for as long, unless one from the future counts as old. */
static bool is_stale(int fd, uint32_t max_age)
{
    struct stat status;

    if (max_age == 0)
        return false;
    if (fstat(fd, &status) != 0)
        return true;
    time_t age = time(NULL) - status.st_mtime;
    return age > (time_t)max_age || age < -(time_t)max_age;
}

/* One look at the status file: what it says, and what is wrong with it beside that, or empty. */
struct look {
    bool fits;
    /* It may fit soon: nothing is wrong yet. */
    bool may_wait;
    char text[MAX_STATUS + 1];
    char problem[PATH_MAX];
};

static void read_status(int fd, const struct probe_options *options, struct look *look)
{
    ssize_t size = read(fd, look->text, MAX_STATUS);

    if (size < 0) {
        snprintf(look->problem, sizeof look->problem, "cannot read %s: %s", options->status, strerror(errno));
        return;
    }
    look->text[size] = 0;
    if (is_stale(fd, options->max_age))
        snprintf(look->problem, sizeof look->problem, "the status was not written for %u s", options->max_age);
    else
        look->fits = begins_with_one_of(look->text, options->ready ? READY : ALIVE);
    look->may_wait = look->problem[0] == 0 && begins_with_one_of(look->text, STARTING);
}

static void look_once(const struct probe_options *options, struct look *look)
{
    int fd = open(options->status, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    look->fits = look->may_wait = false;
    look->text[0] = look->problem[0] = 0;
    if (fd < 0) {
        look->may_wait = errno == ENOENT;
        snprintf(look->problem, sizeof look->problem, "cannot read %s: %s", options->status, strerror(errno));
        return;
    }
    read_status(fd, options, look);
    close(fd);
}

int probe_run(const struct probe_options *options)
{
    static struct look look;
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int64_t end = now_ms() + options->wait_ms;

    look_once(options, &look);
    while (!look.fits && look.may_wait && now_ms() < end) {
        nanosleep(&pause, NULL);
        look_once(options, &look);
    }
    fputs(look.text, stdout);
    if (look.problem[0] != 0)
        fail(EXIT_FAILED, "%s", look.problem);
    return look.fits ? 0 : EXIT_FAILED;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool copy_bytes(int from, int to)
{
    static char bytes[CHUNK];
    ssize_t size;

    while ((size = read(from, bytes, sizeof bytes)) > 0)
        if (!write_all(to, bytes, (size_t)size))
            return false;
    return size == 0;
}

/* The mode is set anew because the mask counts when a file is made. */
static bool write_copy(int from, const char *path)
{
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);

    if (to < 0)
        return false;
    bool written = copy_bytes(from, to) && fchmod(to, MODE) == 0 && fsync(to) == 0;
    int error = errno;
    close(to);
    errno = error;
    return written;
}

int copy_run(const char *to)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.%d", to, (int)getpid());
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (length >= (int)sizeof temporary)
        fail(EXIT_FAILED, "the path is too long");
    if (self < 0)
        fail(EXIT_FAILED, "cannot read this program: %s", strerror(errno));
    if (write_copy(self, temporary) && rename(temporary, to) == 0)
        return 0;
    int error = errno;
    unlink(temporary);
    fail(EXIT_FAILED, "cannot write %s: %s", to, strerror(error));
}
