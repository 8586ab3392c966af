/* One connection to the helper, until it belongs to a keeper. */
#ifndef BERTH_CONNECTION_H
#define BERTH_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"

enum {
    /* "BS", the version of the protocol, the kind of the connection. */
    HELLO_BYTES = 4,
    TOKEN_BYTES = 16,
    PREFACE_BYTES = HELLO_BYTES + TOKEN_BYTES,
};

enum {
    KIND_CONTROL = 'C',
    KIND_INPUT = 'I',
    KIND_OUTPUT = 'O',
    /* Held by a supervisor as long as it lives. */
    KIND_PRESENCE = 'P',
};

struct request_bytes {
    struct request request;
    size_t size;
    unsigned char bytes[];
};

enum stage {
    /* The first bytes are being read: what kind of connection it is, and a token or a length. */
    STAGE_PREFACE,
    STAGE_REQUEST,
    /* A control connection that has its token and waits for input and output. */
    STAGE_WAITING,
    /* An input or output connection that gave a token. */
    STAGE_READY,
    STAGE_PRESENT,
};

struct connection {
    /* -1 for a free place. */
    int fd;
    enum stage stage;
    /* When it must have come to its end; 0 for never. */
    int64_t deadline;
    size_t have;
    unsigned char preface[PREFACE_BYTES];
    unsigned char token[TOKEN_BYTES];
    struct request_bytes *request;
    int input;
    int output;
};

void connection_open(struct connection *connection, int fd, int64_t deadline);

/* Frees the place and closes what belongs to it. */
void connection_close(struct connection *connection);

/* 0 until the kind is known. */
unsigned char connection_kind(const struct connection *connection);

/*
 * Reads what is there, never a byte that belongs to the server process; `has_room` for another process. False when the
 * connection is of no use any more.
 */
bool connection_read(struct connection *connection, bool has_room);

#endif
