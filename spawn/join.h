/* Mode `join`: what `kubectl exec` runs. Joins standard input and output to a unix socket. */
#ifndef BERTH_JOIN_H
#define BERTH_JOIN_H

#include <stdint.h>

/*
 * Runs until one side has closed, or one direction was silent for `idle_ms`; returns the exit code, which says why. A socket that
 * nobody listens at yet is waited for, `wait_ms` at most.
 */
int join_run(const char *socket, uint32_t wait_ms, uint32_t idle_ms);

#endif
