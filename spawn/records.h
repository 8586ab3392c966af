/* Records: what goes over a control connection after the request. One byte of kind, four of length, and the content. */
#ifndef BERTH_RECORDS_H
#define BERTH_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    RECORD_HEAD = 5,
    /* Bytes of standard error in one record. */
    MAX_ERRORS = 16 * 1024,
    /* Room that is kept for records other than standard error. */
    RESERVED = 512,
    OUTBOX_BYTES = 64 * 1024,
};

/* To the supervisor. */
enum {
    /* Answer to a presence connection; empty. */
    RECORD_WELCOME = 'W',
    RECORD_TOKEN = 'T',
    /* Process id, as the workload's container counts. */
    RECORD_STARTED = 'P',
    /* Step (one byte), error number, and perhaps a text. */
    RECORD_FAILED = 'F',
    RECORD_ERRORS = 'E',
    /* 'c' and an exit code, or 's' and a signal. */
    RECORD_EXITED = 'X',
    /* How many processes could not be ended. */
    RECORD_OVER = 'Z',
};

/* From the supervisor. */
enum {
    /* End of input, SIGTERM, SIGKILL, with the graces of the request in between. */
    RECORD_STOP = 'S',
    RECORD_KILL = 'K',
    /* A signal for the process itself, by its number. */
    RECORD_SIGNAL = 'I',
};

/* The step at which a start failed. */
enum step {
    STEP_REFUSED = 'u',
    STEP_REQUEST = 'b',
    STEP_LIMIT = 'l',
    STEP_SYSTEM = 's',
    STEP_FOLDER = 'c',
    STEP_PROGRAM = 'x',
    /* The program is there, but what its first line names is not. */
    STEP_INTERPRETER = 'i',
};

/* What waits for a reader; never more than it has room for. */
struct outbox {
    size_t from;
    size_t to;
    unsigned char bytes[OUTBOX_BYTES];
};

/* Bytes of standard error for which there is room. */
size_t outbox_room(const struct outbox *outbox);

/* Adds a record. There is room for any that is not standard error. */
void outbox_put(struct outbox *outbox, unsigned char kind, const void *content, size_t size);

/* Adds what one read of `fd` gives, as a record of standard error. Returns what read returned. */
ssize_t outbox_read(struct outbox *outbox, int fd);

/* Writes what the reader takes. False when there is no reader any more. */
bool outbox_flush(struct outbox *outbox, int fd);

bool outbox_is_empty(const struct outbox *outbox);

/* Says over `fd`, to which nothing was written before, why there will be no process. What does not fit at once is lost. */
void send_failure(int fd, enum step step, int error, const char *text);

/* Sends one record over `fd`. False when it does not fit at once. */
bool send_record(int fd, unsigned char kind, const void *content, size_t size);

#endif
