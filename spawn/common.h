/* What the modes of berth-spawn share: exit codes, time, numbers, sockets. */
#ifndef BERTH_COMMON_H
#define BERTH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Exit codes; the last four are those of `join`. */
enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_IDLE = 3,
    EXIT_NO_PEER = 4,
    EXIT_NO_READER = 5,
    EXIT_BROKEN = 6,
};

enum { MS_PER_SECOND = 1000 };

/* What a supervisor says over the connection by which `join` hands its streams over. */
enum { HANDOVER_TAKEN = 'T', HANDOVER_IDLE = 'I' };

/* Prints one line to standard error and ends the program. */
_Noreturn void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);

/* A timeout for poll: 0 when `at` has passed, -1 when it is 0 (never). */
int timeout_until(int64_t at, int64_t now);

/* The earlier of two times, of which 0 means never. */
int64_t earlier(int64_t a, int64_t b);

/* Numbers on the wire are big-endian. */
uint32_t get_u32(const void *from);
void put_u32(void *to, uint32_t value);

/* A decimal number of at most `most`; anything else is a usage error that names `what`. */
uint32_t parse_number(const char *text, uint32_t most, const char *what);

/* Whether a socket has a name of the network namespace (`@name`), which goes with who listens there, and is no file. */
bool is_abstract(const char *path);

/*
 * A non-blocking, close-on-exec unix socket, listening at `path` or connected to it; -1 with errno. An address in use
 * is waited for, for five seconds.
 */
int listen_at(const char *path);
int connect_to(const char *path);

/* Sets O_NONBLOCK on or off; false with errno. */
bool set_blocking(int fd, bool blocking);

/* Closes a descriptor that is open (not -1) and forgets it. */
void close_fd(int *fd);

#endif
