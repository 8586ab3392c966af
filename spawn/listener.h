/* Mode `spawn`: takes connections, and starts a keeper for each request. */
#ifndef BERTH_LISTENER_H
#define BERTH_LISTENER_H

#include <stdint.h>

struct listener_options {
    const char *socket;
    /* The only user id that may connect. */
    uint32_t peer_uid;
    /* Server processes at one time. */
    uint32_t max_processes;
    /* Processes and threads that the workload's user id may have; 0 for no limit of ours. */
    uint32_t max_tasks;
};

/* Serves until it is told to end; returns the exit code. */
int listener_run(const struct listener_options *options);

#endif
