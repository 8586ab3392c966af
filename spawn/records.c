#include "records.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { MAX_TEXT = 120, FAILURE_HEAD = 5 };

static size_t free_bytes(const struct outbox *outbox)
{
    return OUTBOX_BYTES - (outbox->to - outbox->from);
}

static void make_contiguous(struct outbox *outbox)
{
    memmove(outbox->bytes, outbox->bytes + outbox->from, outbox->to - outbox->from);
    outbox->to -= outbox->from;
    outbox->from = 0;
}

static void put_head(void *at, unsigned char kind, size_t size)
{
    *(unsigned char *)at = kind;
    put_u32((unsigned char *)at + 1, (uint32_t)size);
}

size_t outbox_room(const struct outbox *outbox)
{
    size_t room = free_bytes(outbox);

    if (room <= RESERVED + RECORD_HEAD)
        return 0;
    room -= RESERVED + RECORD_HEAD;
    return room < MAX_ERRORS ? room : MAX_ERRORS;
}

void outbox_put(struct outbox *outbox, unsigned char kind, const void *content, size_t size)
{
    if (free_bytes(outbox) < RECORD_HEAD + size)
        return;
    make_contiguous(outbox);
    put_head(outbox->bytes + outbox->to, kind, size);
    if (size > 0)
        memcpy(outbox->bytes + outbox->to + RECORD_HEAD, content, size);
    outbox->to += RECORD_HEAD + size;
}

ssize_t outbox_read(struct outbox *outbox, int fd)
{
    size_t room = outbox_room(outbox);

    make_contiguous(outbox);
    unsigned char *at = outbox->bytes + outbox->to;
    ssize_t size = read(fd, at + RECORD_HEAD, room);
    if (size > 0) {
        put_head(at, RECORD_ERRORS, (size_t)size);
        outbox->to += RECORD_HEAD + (size_t)size;
    }
    return size;
}

bool outbox_flush(struct outbox *outbox, int fd)
{
    while (!outbox_is_empty(outbox)) {
        ssize_t size = send(fd, outbox->bytes + outbox->from, outbox->to - outbox->from, MSG_NOSIGNAL);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR;
        outbox->from += (size_t)size;
    }
    return true;
}

bool outbox_is_empty(const struct outbox *outbox)
{
    return outbox->from == outbox->to;
}

bool send_record(int fd, unsigned char kind, const void *content, size_t size)
{
    unsigned char record[RECORD_HEAD + FAILURE_HEAD + MAX_TEXT];

    put_head(record, kind, size);
    memcpy(record + RECORD_HEAD, content, size);
    return send(fd, record, RECORD_HEAD + size, MSG_NOSIGNAL) == (ssize_t)(RECORD_HEAD + size);
}

void send_failure(int fd, enum step step, int error, const char *text)
{
    unsigned char content[FAILURE_HEAD + MAX_TEXT];
    size_t size = strnlen(text, MAX_TEXT);

    content[0] = (unsigned char)step;
    put_u32(content + 1, (uint32_t)error);
    memcpy(content + FAILURE_HEAD, text, size);
    send_record(fd, RECORD_FAILED, content, FAILURE_HEAD + size);
}
