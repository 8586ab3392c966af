/* Starts the program of a request, and says what came of it. */
#ifndef BERTH_PROGRAM_H
#define BERTH_PROGRAM_H

#include <stdint.h>
#include <sys/types.h>

#include "records.h"
#include "request.h"

struct start_failure {
    enum step step;
    int error;
};

struct program {
    const struct request *request;
    /* What become its standard input, output and error. */
    int input;
    int output;
    int errors;
    /* Processes and threads that its user id may have; 0 leaves the limit as it is. */
    uint32_t max_tasks;
};

/*
 * Starts it as the leader of a session of its own, with no other descriptor than those three. A `struct start_failure` can
 * be read from `outcome` when it could not be started, and nothing but the end of the file when it could.
 * Returns the process id, or -1 with errno.
 */
pid_t program_start(const struct program *program, int *outcome);

#endif
