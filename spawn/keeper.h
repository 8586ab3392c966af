/* The keeper of one server process: a process of its own, from which nothing that descends from the server escapes. */
#ifndef BERTH_KEEPER_H
#define BERTH_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

#include "request.h"

/* What a keeper takes over from the listener, whose process id is `parent`. */
struct keeping {
    const struct request *request;
    int control;
    int input;
    int output;
    /* A signalfd of SIGCHLD, SIGTERM and SIGINT. */
    int signals;
    uint32_t max_tasks;
    pid_t parent;
};

/* Runs until the process and all its descendants have ended, and returns the exit code: 0 when none is left. */
int keeper_run(const struct keeping *keeping);

#endif
