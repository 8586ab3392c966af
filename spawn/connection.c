#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common.h"
#include "records.h"

enum { LENGTH_BYTES = 4 };

static const unsigned char HELLO[] = {'B', 'S', '1'};

void connection_open(struct connection *connection, int fd, int64_t deadline)
{
    memset(connection, 0, sizeof *connection);
    connection->fd = fd;
    connection->deadline = deadline;
    connection->input = connection->output = -1;
}

void connection_close(struct connection *connection)
{
    close_fd(&connection->fd);
    close_fd(&connection->input);
    close_fd(&connection->output);
    free(connection->request);
    connection->request = NULL;
}

unsigned char connection_kind(const struct connection *connection)
{
    return connection->have < HELLO_BYTES ? 0 : connection->preface[HELLO_BYTES - 1];
}

/* False for a kind that is not known. */
static bool preface_size(const struct connection *connection, size_t *size)
{
    switch (connection_kind(connection)) {
    case 0:
    case KIND_PRESENCE:
        *size = HELLO_BYTES;
        return true;
    case KIND_CONTROL:
        *size = HELLO_BYTES + LENGTH_BYTES;
        return true;
    case KIND_INPUT:
    case KIND_OUTPUT:
        *size = PREFACE_BYTES;
        return true;
    default:
        return false;
    }
}

static bool expect_request(struct connection *connection, bool has_room)
{
    size_t size = get_u32(connection->preface + HELLO_BYTES);

    if (!has_room) {
        send_failure(connection->fd, STEP_LIMIT, EAGAIN, "as many processes run as may");
        return false;
    }
    if (size > MAX_REQUEST) {
        send_failure(connection->fd, STEP_REQUEST, E2BIG, "the request is too long");
        return false;
    }
    connection->request = malloc(sizeof *connection->request + size);
    if (connection->request == NULL) {
        send_failure(connection->fd, STEP_SYSTEM, ENOMEM, "");
        return false;
    }
    connection->request->size = size;
    connection->have = 0;
    connection->stage = STAGE_REQUEST;
    return true;
}

static bool preface_read(struct connection *connection, bool has_room)
{
    if (memcmp(connection->preface, HELLO, sizeof HELLO) != 0)
        return false;
    if (connection_kind(connection) == KIND_CONTROL)
        return expect_request(connection, has_room);
    if (connection_kind(connection) == KIND_PRESENCE) {
        connection->stage = STAGE_PRESENT;
        connection->deadline = 0;
        return send_record(connection->fd, RECORD_WELCOME, "", 0);
    }
    memcpy(connection->token, connection->preface + HELLO_BYTES, TOKEN_BYTES);
    connection->stage = STAGE_READY;
    return true;
}

static bool request_read(struct connection *connection)
{
    struct request_bytes *request = connection->request;
    const char *wrong = request_decode(request->bytes, request->size, &request->request);

    if (wrong != NULL) {
        send_failure(connection->fd, STEP_REQUEST, EINVAL, wrong);
        return false;
    }
    if (getrandom(connection->token, TOKEN_BYTES, 0) != TOKEN_BYTES)
        return false;
    connection->stage = STAGE_WAITING;
    return send_record(connection->fd, RECORD_TOKEN, connection->token, TOKEN_BYTES);
}

/* Reads until `size` bytes are at `at`: true when they are. Otherwise `alive` says whether more can come. */
static bool fill(struct connection *connection, unsigned char *at, size_t size, bool *alive)
{
    while (connection->have < size) {
        ssize_t read = recv(connection->fd, at + connection->have, size - connection->have, 0);
        if (read <= 0) {
            *alive = read < 0 && (errno == EAGAIN || errno == EINTR);
            return false;
        }
        connection->have += (size_t)read;
    }
    return true;
}

static bool read_preface(struct connection *connection, bool has_room)
{
    bool alive = true;
    size_t size;

    /* The first bytes tell how many there are. */
    while (preface_size(connection, &size)) {
        if (!fill(connection, connection->preface, size, &alive))
            return alive;
        size_t whole;
        if (preface_size(connection, &whole) && whole == size)
            return preface_read(connection, has_room);
    }
    return false;
}

bool connection_read(struct connection *connection, bool has_room)
{
    bool alive = true;

    switch (connection->stage) {
    case STAGE_PREFACE:
        if (!read_preface(connection, has_room))
            return false;
        /* What follows may have come with it. */
        return connection->stage != STAGE_REQUEST || connection_read(connection, has_room);
    case STAGE_REQUEST:
        if (fill(connection, connection->request->bytes, connection->request->size, &alive))
            return request_read(connection);
        return alive;
    case STAGE_READY:
        /* Its bytes are the server's, and its end as well. */
        return true;
    default:
        /* Nobody says anything here: it is the end. */
        return false;
    }
}
