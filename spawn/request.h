/* The request for one process, as it comes over a control connection. */
#ifndef BERTH_REQUEST_H
#define BERTH_REQUEST_H

#include <stddef.h>
#include <stdint.h>

enum {
    /* Bytes of one request. Linux itself takes 2 MiB of arguments and environment, and 128 KiB of one. */
    MAX_REQUEST = 1024 * 1024,
    MAX_ARGUMENTS = 1024,
    MAX_VARIABLES = 1024,
    /* Milliseconds of one grace. */
    MAX_GRACE = 60 * 60 * 1000,
    /* A field is its tag, the length of its content in four bytes, and the content. */
    FIELD_HEAD = 5,
};

/* Points into the bytes that it was decoded from. */
struct request {
    /* The program comes first; NULL comes last. */
    char *arguments[MAX_ARGUMENTS + 1];
    char *variables[MAX_VARIABLES + 1];
    char *folder;
    /* Milliseconds from the end of its input to SIGTERM, and from there to SIGKILL. */
    uint32_t eof_grace;
    uint32_t term_grace;
};

/* Decodes `size` bytes, in place. Returns NULL, or what is wrong with them. */
const char *request_decode(unsigned char *bytes, size_t size, struct request *request);

#endif
