/* Modes `probe` and `copy`. */
#ifndef BERTH_FILES_H
#define BERTH_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct probe_options {
    const char *status;
    /* Otherwise: is it alive. */
    bool ready;
    /* Seconds after which a status that was not written anew counts as dead; 0 for never. */
    uint32_t max_age;
    /* Milliseconds to wait while there is no status, or it says `starting`. */
    uint32_t wait_ms;
};

/* Prints the status file as it is at the end, and returns 0 or 1 by its first word. */
int probe_run(const struct probe_options *options);

/* Writes this program to `to`, whole or not at all; returns the exit code. */
int copy_run(const char *to);

#endif
