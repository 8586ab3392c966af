/* Everything that descends from one process, read from /proc. */
#ifndef BERTH_KILL_SET_H
#define BERTH_KILL_SET_H

#include <stddef.h>
#include <sys/types.h>

/* Whose descendants are meant, but for some of them and theirs. */
struct kill_set {
    pid_t root;
    const pid_t *spared;
    size_t spared_count;
};

/* Signals all members; returns how many of them were running (neither stopped nor dead). */
size_t kill_set_signal(const struct kill_set *set, int signal);

/* SIGKILL to all members. They are stopped first, so that none can make children faster than they are found. */
void kill_set_end(const struct kill_set *set);

#endif
