#include "join.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "handover.h"

enum {
    BUFFER_BYTES = 64 * 1024,
    LOOK_EVERY_MS = 20,
    /* Small writes that leave as they come within a millisecond, and what is small. */
    WRITES_AT_ONCE = 2,
    SMALL_BYTES = 4 * 1024,
    PATH_BYTES = 256,
};

/* Where the supervisor takes the streams of this mode, beside its link's socket. */
#define HANDOVER_SUFFIX ".join"

/* One direction: bytes that were read and not yet written. */
struct flow {
    int from;
    int to;
    size_t start;
    size_t end;
    /* Nothing more can be read (because of `error`, or it was closed), or nothing more can be written. */
    bool ended;
    bool broken;
    int error;
    /* The end was forwarded. */
    bool closed;
    int64_t last_byte;
    /* Millisecond of the last write, and the writes in it. */
    int64_t written_at;
    int writes;
    unsigned char bytes[BUFFER_BYTES];
};

static bool is_empty(const struct flow *flow)
{
    return flow->start == flow->end;
}

/* Waiting for room, it is not read from: the other side notices that it has to wait. */
static bool wants_input(const struct flow *flow)
{
    return !flow->ended && flow->end - flow->start < BUFFER_BYTES;
}

static void make_room(struct flow *flow)
{
    if (flow->end < BUFFER_BYTES)
        return;
    memmove(flow->bytes, flow->bytes + flow->start, flow->end - flow->start);
    flow->end -= flow->start;
    flow->start = 0;
}

static void read_some(struct flow *flow)
{
    make_room(flow);
    ssize_t size = read(flow->from, flow->bytes + flow->end, BUFFER_BYTES - flow->end);
    if (size > 0) {
        flow->end += (size_t)size;
        flow->last_byte = now_ms();
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        flow->error = size == 0 ? 0 : errno;
        flow->ended = true;
    }
}

static void write_some(struct flow *flow)
{
    ssize_t size = write(flow->to, flow->bytes + flow->start, flow->end - flow->start);

    if (size >= 0) {
        int64_t now = now_ms();
        flow->start += (size_t)size;
        if (size >= SMALL_BYTES)
            flow->writes = 0;
        else
            flow->writes = flow->written_at == now ? flow->writes + 1 : 1;
        flow->written_at = now;
    } else if (errno != EAGAIN && errno != EINTR)
        flow->broken = flow->ended = true;
    if (flow->broken || is_empty(flow))
        flow->start = flow->end = 0;
}

/*
 * Each write becomes a frame that costs the container runtime, the kubelet and the API server as much as hundreds of messages
 * inside it. After some of them the output waits for the next millisecond, and what comes meanwhile leaves together.
 */
static bool waits_for_company(const struct flow *flow)
{
    return flow->writes >= WRITES_AT_ONCE && flow->written_at == now_ms();
}

static bool is_done(const struct flow *flow)
{
    return flow->ended && is_empty(flow);
}

static bool is_silent(const struct flow *flow, int64_t now, uint32_t idle_ms)
{
    return !flow->ended && now - flow->last_byte >= idle_ms;
}

static int64_t next_deadline(const struct flow *up, const struct flow *down, uint32_t idle_ms)
{
    return earlier(up->ended ? 0 : up->last_byte + idle_ms, down->ended ? 0 : down->last_byte + idle_ms);
}

/*
 * Moves what is ready to be read. An output that nobody reads any more shows without a write, and a socket that is closed,
 * rather than half closed, without a read.
 */
static void wait_for_events(struct flow *up, struct flow *down, uint32_t idle_ms)
{
    bool reads = wants_input(down);
    bool later = reads && is_empty(down) && waits_for_company(down);
    short socket = (short)((reads && !later ? POLLIN : 0) | (is_empty(up) ? 0 : POLLOUT));
    struct pollfd fds[] = {
        {.fd = wants_input(up) ? up->from : -1, .events = POLLIN},
        {.fd = socket != 0 || is_done(down) ? up->to : -1, .events = socket},
        {.fd = down->to, .events = is_empty(down) ? 0 : POLLOUT},
    };

    int timeout = later ? 1 : timeout_until(next_deadline(up, down, idle_ms), now_ms());
    if (poll(fds, sizeof fds / sizeof *fds, timeout) < 0)
        return;
    if (fds[0].revents != 0)
        read_some(up);
    if ((fds[1].revents & ~POLLOUT) != 0 && wants_input(down))
        read_some(down);
    else if (fds[1].revents & POLLHUP && is_done(down))
        up->broken = up->ended = true;
    if (fds[2].revents & (POLLERR | POLLHUP | POLLNVAL))
        down->broken = true;
}

static void write_some_of_all(struct flow *up, struct flow *down)
{
    if (!is_empty(up))
        write_some(up);
    if (!is_empty(down))
        write_some(down);
}

/* What will get no more bytes is told so, once. */
static void forward_ends(struct flow *up, struct flow *down)
{
    if (is_done(up) && !up->closed)
        up->closed = shutdown(up->to, SHUT_WR) == 0 || errno != EINTR;
    if (is_done(down) && !down->closed) {
        down->closed = true;
        close_fd(&down->to);
    }
}

static int end_with(int code, const char *reason)
{
    fprintf(stderr, "berth-spawn: %s\n", reason);
    return code;
}

static int carry(struct flow *up, struct flow *down, uint32_t idle_ms)
{
    for (;;) {
        wait_for_events(up, down, idle_ms);
        write_some_of_all(up, down);
        if (down->broken)
            return end_with(EXIT_NO_READER, "nobody reads the output any more");
        forward_ends(up, down);
        if (is_done(up) && is_done(down))
            return down->error == 0 ? 0 : end_with(EXIT_BROKEN, strerror(down->error));
        int64_t now = now_ms();
        if (is_silent(up, now, idle_ms))
            return end_with(EXIT_IDLE, "standard input was silent for too long");
        if (is_silent(down, now, idle_ms))
            return end_with(EXIT_IDLE, "the socket was silent for too long");
    }
}

/* Nobody listens there yet, or not at this moment. */
static bool may_come(int error)
{
    return error == ENOENT || error == ECONNREFUSED || error == EAGAIN;
}

/* How the supervisor is reached: it takes our streams, or bytes are carried to its link's socket. */
struct reached {
    int handover;
    int link;
};

static bool reach(const char *path, const char *handover, struct reached *reached)
{
    reached->link = -1;
    reached->handover = connect_to(handover);
    if (reached->handover >= 0)
        return true;
    reached->link = connect_to(path);
    /* One that has begun to listen between the two listens there as well. */
    int error = errno;
    if (reached->link >= 0)
        reached->handover = connect_to(handover);
    errno = error;
    return reached->link >= 0;
}

/* A supervisor that has just been started needs a moment until it listens: to be run anew for that would cost more than to wait. */
static bool reach_within(const char *path, const char *handover, uint32_t wait_ms, struct reached *reached)
{
    int64_t end = now_ms() + wait_ms;
    struct pollfd output = {.fd = STDOUT_FILENO};

    for (;;) {
        if (reach(path, handover, reached))
            return true;
        if (!may_come(errno) || now_ms() >= end)
            return false;
        if (poll(&output, 1, LOOK_EVERY_MS) > 0)
            fail(EXIT_NO_READER, "nobody reads the output any more");
    }
}

static int relay(int socket, uint32_t idle_ms)
{
    static struct flow up, down;

    if (!set_blocking(STDIN_FILENO, false) || !set_blocking(STDOUT_FILENO, false))
        fail(EXIT_BROKEN, "cannot use standard input and output: %s", strerror(errno));
    up.from = STDIN_FILENO;
    up.to = down.from = socket;
    down.to = STDOUT_FILENO;
    up.last_byte = down.last_byte = now_ms();
    return carry(&up, &down, idle_ms);
}

int join_run(const char *path, uint32_t wait_ms, uint32_t idle_ms)
{
    char handover[PATH_BYTES];
    struct reached reached;

    signal(SIGPIPE, SIG_IGN);
    if (snprintf(handover, sizeof handover, "%s" HANDOVER_SUFFIX, path) >= (int)sizeof handover)
        fail(EXIT_USAGE, "the path of the socket is too long");
    if (!reach_within(path, handover, wait_ms, &reached))
        fail(EXIT_NO_PEER, "cannot connect to %s: %s", path, strerror(errno));
    if (reached.handover >= 0 && handover_offer(reached.handover, wait_ms, idle_ms)) {
        close_fd(&reached.link);
        return handover_stay(reached.handover);
    }
    close_fd(&reached.handover);
    if (reached.link < 0)
        reached.link = connect_to(path);
    if (reached.link < 0)
        fail(EXIT_NO_PEER, "cannot connect to %s: %s", path, strerror(errno));
    return relay(reached.link, idle_ms);
}
