#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "connection.h"
#include "keeper.h"
#include "kill-set.h"
#include "records.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum {
    /* How long a connection may take until it belongs to a keeper. */
    SET_UP_MS = 10 * 1000,
    /* Connections beside those of the processes that are starting. */
    SPARE_CONNECTIONS = 16,
    /* How long nothing is accepted after the system had no descriptor left. */
    ACCEPT_PAUSE_MS = 100,
    STRAY_ROUND_MS = 100,
    FIRST_CONNECTION = 2,
    REFUSED_KEPT = 8,
};

struct listener {
    const struct listener_options *options;
    int socket;
    int signals;
    pid_t *keepers;
    size_t keeper_count;
    struct connection *connections;
    struct pollfd *fds;
    size_t connection_count;
    /* The latest that were refused, open so that their clients can read why: a write to a closed one would hide it. */
    int refused[REFUSED_KEPT];
    size_t next_refused;
    int64_t accept_from;
    /* When orphans of a keeper that was killed are looked for; 0 when there can be none. */
    int64_t stray_round;
    /* Set by the first SIGTERM: the end comes when nobody needs the helper any more. */
    bool ending;
};

static struct connection *free_place(struct listener *listener)
{
    for (size_t i = 0; i < listener->connection_count; i++)
        if (listener->connections[i].fd < 0)
            return &listener->connections[i];
    return NULL;
}

static size_t count_connections(const struct listener *listener, bool control_only)
{
    size_t count = 0;

    for (size_t i = 0; i < listener->connection_count; i++) {
        const struct connection *connection = &listener->connections[i];
        if (connection->fd >= 0 && (!control_only || connection->request != NULL))
            count++;
    }
    return count;
}

static bool is_welcome(const struct listener *listener, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == listener->options->peer_uid;
}

static void refuse(struct listener *listener, int fd)
{
    int *place = &listener->refused[listener->next_refused++ % REFUSED_KEPT];

    close_fd(place);
    shutdown(fd, SHUT_WR);
    *place = fd;
}

static void accept_connections(struct listener *listener)
{
    struct connection *place;

    while ((place = free_place(listener)) != NULL) {
        int fd = accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                listener->accept_from = now_ms() + ACCEPT_PAUSE_MS;
            return;
        }
        if (is_welcome(listener, fd)) {
            connection_open(place, fd, now_ms() + SET_UP_MS);
            continue;
        }
        send_failure(fd, STEP_REFUSED, EACCES, "this user id may not connect");
        refuse(listener, fd);
    }
}

static _Noreturn void run_keeper(struct listener *listener, struct connection *control, pid_t parent)
{
    const struct keeping keeping = {
        .request = &control->request->request,
        .control = control->fd,
        .input = control->input,
        .output = control->output,
        .signals = listener->signals,
        .max_tasks = listener->options->max_tasks,
        .parent = parent,
    };

    close(listener->socket);
    for (size_t i = 0; i < REFUSED_KEPT; i++)
        close_fd(&listener->refused[i]);
    for (size_t i = 0; i < listener->connection_count; i++)
        if (&listener->connections[i] != control)
            connection_close(&listener->connections[i]);
    _exit(keeper_run(&keeping));
}

static void start_keeper(struct listener *listener, struct connection *control)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        run_keeper(listener, control, parent);
    if (pid > 0)
        listener->keepers[listener->keeper_count++] = pid;
    else
        send_failure(control->fd, STEP_SYSTEM, errno, "");
    connection_close(control);
}

/* Gives an input or output connection to the control connection whose token it brought. */
static void join_control(struct listener *listener, struct connection *data)
{
    for (size_t i = 0; i < listener->connection_count; i++) {
        struct connection *control = &listener->connections[i];
        if (control->fd < 0 || control->stage != STAGE_WAITING ||
            memcmp(control->token, data->token, TOKEN_BYTES) != 0)
            continue;
        int *end = connection_kind(data) == KIND_INPUT ? &control->input : &control->output;
        if (*end >= 0)
            break;
        *end = data->fd;
        data->fd = -1;
        if (control->input >= 0 && control->output >= 0)
            start_keeper(listener, control);
        return;
    }
    connection_close(data);
}

/* Requests that wait for input and output count as well. */
static bool has_room(const struct listener *listener)
{
    return listener->keeper_count + count_connections(listener, true) < listener->options->max_processes;
}

static void serve(struct listener *listener, struct connection *connection)
{
    if (!connection_read(connection, has_room(listener))) {
        refuse(listener, connection->fd);
        connection->fd = -1;
        connection_close(connection);
    } else if (connection->stage == STAGE_READY) {
        join_control(listener, connection);
    }
}

static void serve_connections(struct listener *listener)
{
    int64_t now = now_ms();

    for (size_t i = 0; i < listener->connection_count; i++) {
        struct connection *connection = &listener->connections[i];
        if (connection->fd < 0)
            continue;
        if (listener->fds[FIRST_CONNECTION + i].revents != 0)
            serve(listener, connection);
        else if (connection->deadline != 0 && now >= connection->deadline)
            connection_close(connection);
    }
}

static void forget_keeper(struct listener *listener, pid_t pid, int status)
{
    for (size_t i = 0; i < listener->keeper_count; i++) {
        if (listener->keepers[i] != pid)
            continue;
        listener->keepers[i] = listener->keepers[--listener->keeper_count];
        /* One that was killed has left its processes to this one. */
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            listener->stray_round = now_ms();
        return;
    }
}

static void reap(struct listener *listener)
{
    int status;

    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        forget_keeper(listener, pid, status);
}

static void end_strays(struct listener *listener)
{
    const struct kill_set set = {
        .root = getpid(), .spared = listener->keepers, .spared_count = listener->keeper_count};

    listener->stray_round = kill_set_signal(&set, SIGKILL) > 0 ? now_ms() + STRAY_ROUND_MS : 0;
}

/* Nobody is let in any more, and all processes go down their ladder. */
static void hurry(struct listener *listener)
{
    close_fd(&listener->socket);
    for (size_t i = 0; i < listener->connection_count; i++)
        connection_close(&listener->connections[i]);
    for (size_t i = 0; i < listener->keeper_count; i++)
        kill(listener->keepers[i], SIGTERM);
}

static void read_signals(struct listener *listener)
{
    struct signalfd_siginfo info;

    while (read(listener->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (listener->ending || info.ssi_signo == SIGINT)
            hurry(listener);
        listener->ending = true;
    }
}

static int64_t next_deadline(const struct listener *listener)
{
    int64_t next = earlier(listener->accept_from, listener->stray_round);

    for (size_t i = 0; i < listener->connection_count; i++)
        if (listener->connections[i].fd >= 0)
            next = earlier(next, listener->connections[i].deadline);
    return next;
}

static void wait_for_events(struct listener *listener)
{
    struct pollfd *fds = listener->fds;
    bool accepts = listener->accept_from == 0 && free_place(listener) != NULL;

    fds[0] = (struct pollfd){.fd = listener->signals, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = accepts ? listener->socket : -1, .events = POLLIN};
    for (size_t i = 0; i < listener->connection_count; i++)
        fds[FIRST_CONNECTION + i] = (struct pollfd){.fd = listener->connections[i].fd, .events = POLLIN};
    nfds_t count = (nfds_t)(FIRST_CONNECTION + listener->connection_count);
    if (poll(fds, count, timeout_until(next_deadline(listener), now_ms())) < 0)
        memset(fds, 0, count * sizeof *fds);
}

static void take_turn(struct listener *listener)
{
    wait_for_events(listener);
    int64_t now = now_ms();
    bool can_accept = listener->fds[1].revents != 0;
    serve_connections(listener);
    if (can_accept)
        accept_connections(listener);
    if (listener->accept_from <= now)
        listener->accept_from = 0;
    read_signals(listener);
    reap(listener);
    if (listener->stray_round != 0 && listener->stray_round <= now_ms())
        end_strays(listener);
}

static bool is_needed(const struct listener *listener)
{
    return !listener->ending || listener->keeper_count > 0 || listener->stray_round != 0 ||
           count_connections(listener, false) > 0;
}

/* Standard streams stay, or are made: a server's must not be taken by chance. Everything else that was inherited is closed. */
static void close_inherited(void)
{
    struct rlimit limit = {.rlim_cur = 1024};
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0)
        return;
    getrlimit(RLIMIT_NOFILE, &limit);
    for (rlim_t each = STDERR_FILENO + 1; each < limit.rlim_cur; each++)
        close((int)each);
}

static int watch_signals(void)
{
    sigset_t watched;

    signal(SIGPIPE, SIG_IGN);
    if (sigemptyset(&watched) != 0 || sigaddset(&watched, SIGCHLD) != 0 || sigaddset(&watched, SIGTERM) != 0 ||
        sigaddset(&watched, SIGINT) != 0 || sigprocmask(SIG_BLOCK, &watched, NULL) != 0)
        return -1;
    return signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void set_up(struct listener *listener, const struct listener_options *options)
{
    close_inherited();
    listener->options = options;
    listener->connection_count = 3 * (size_t)options->max_processes + SPARE_CONNECTIONS;
    listener->connections = calloc(listener->connection_count, sizeof *listener->connections);
    listener->fds = calloc(listener->connection_count + FIRST_CONNECTION, sizeof *listener->fds);
    listener->keepers = calloc(options->max_processes, sizeof *listener->keepers);
    if (listener->connections == NULL || listener->fds == NULL || listener->keepers == NULL)
        fail(EXIT_FAILED, "not enough memory");
    for (size_t i = 0; i < listener->connection_count; i++)
        connection_open(&listener->connections[i], -1, 0);
    for (size_t i = 0; i < REFUSED_KEPT; i++)
        listener->refused[i] = -1;
    listener->signals = watch_signals();
    /* Servers have this program's user id: its memory and descriptors are none of theirs. Orphans come to it, as to an init. */
    if (listener->signals < 0 || prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        fail(EXIT_FAILED, "cannot set up: %s", strerror(errno));
    listener->socket = listen_at(options->socket);
    if (listener->socket < 0)
        fail(EXIT_FAILED, "cannot listen at %s: %s", options->socket, strerror(errno));
}

int listener_run(const struct listener_options *options)
{
    static struct listener listener;

    set_up(&listener, options);
    printf("listening at %s\n", options->socket);
    fflush(stdout);
    while (is_needed(&listener))
        take_turn(&listener);
    if (!is_abstract(options->socket))
        unlink(options->socket);
    return 0;
}
