/* Mode `join`, the short way: the supervisor is given our standard input and output, and nobody stands between it and them. */
#ifndef BERTH_HANDOVER_H
#define BERTH_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Offers standard input and output over a connection to where the supervisor takes them, and waits `wait_ms` at most for its answer.
 * False when it did not take them: then it has touched neither.
 */
bool handover_offer(int socket, uint32_t wait_ms, uint32_t idle_ms);

/* Stays until the supervisor closes the connection over which it took them, or nobody reads the output any more; returns the exit code. */
int handover_stay(int socket);

#endif
