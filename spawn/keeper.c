#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "kill-set.h"
#include "program.h"
#include "records.h"

enum {
    /* How long SIGKILL is repeated; what is left then, only the kernel can end. */
    KILL_MS = 10 * 1000,
    FIRST_ROUND_MS = 10,
    LONGEST_ROUND_MS = 250,
    /* How long the last records wait for a reader. */
    LAST_RECORDS_MS = 10 * 1000,
    /* Standard error is read when at least this much fits. */
    LEAST_ROOM = 1024,
    COMMAND_BYTES = RECORD_HEAD + 4,
    LAST_SIGNAL = 31,
    /* What is read of one descriptor before the others get their turn: the whole of a pipe. */
    READS_A_TURN = 4,
    COMMANDS_A_TURN = 16,
};

enum phase { RUNNING, CLOSING, TERMINATING, KILLING, OVER };

struct keeper {
    struct kill_set set;
    enum phase phase;
    /* When the phase ends; 0 for never. */
    int64_t deadline;
    int64_t next_round;
    int64_t round_ms;
    uint32_t eof_grace;
    uint32_t term_grace;
    /* The server process, until it has been waited for. */
    pid_t leader;
    /* Descriptors that are closed, or given up, are -1. */
    int control;
    int input;
    int errors;
    int outcome;
    int signals;
    bool failed;
    bool said_over;
    uint32_t left;
    size_t command_bytes;
    unsigned char command[COMMAND_BYTES];
    struct outbox outbox;
};

static void put_numbers(struct keeper *keeper, unsigned char kind, int how, uint32_t value)
{
    unsigned char content[5] = {(unsigned char)how};

    put_u32(content + 1, value);
    outbox_put(&keeper->outbox, kind, content, sizeof content);
}

static void put_number(struct keeper *keeper, unsigned char kind, uint32_t value)
{
    unsigned char content[4];

    put_u32(content, value);
    outbox_put(&keeper->outbox, kind, content, sizeof content);
}

static void enter(struct keeper *keeper, enum phase phase, int64_t ms)
{
    keeper->phase = phase;
    keeper->deadline = now_ms() + ms;
}

static void enter_terminating(struct keeper *keeper)
{
    kill_set_signal(&keeper->set, SIGTERM);
    enter(keeper, TERMINATING, keeper->term_grace);
}

static void enter_killing(struct keeper *keeper)
{
    keeper->next_round = now_ms();
    keeper->round_ms = FIRST_ROUND_MS;
    enter(keeper, KILLING, KILL_MS);
}

static void enter_over(struct keeper *keeper, uint32_t left)
{
    keeper->left = left;
    enter(keeper, OVER, LAST_RECORDS_MS);
}

/* The supervisor closes the input itself when it asks for the end, behind what it has sent before. */
static void begin_end(struct keeper *keeper)
{
    if (keeper->phase == RUNNING)
        enter(keeper, CLOSING, keeper->eof_grace);
}

static void close_input(struct keeper *keeper)
{
    if (keeper->input >= 0)
        shutdown(keeper->input, SHUT_RD);
}

static void lose_control(struct keeper *keeper)
{
    close_fd(&keeper->control);
    keeper->outbox.from = keeper->outbox.to;
    close_input(keeper);
    begin_end(keeper);
}

/* Reads standard error as far as there is room, or throws it away when nobody wants it any more. */
static void read_errors(struct keeper *keeper)
{
    char thrown_away[MAX_ERRORS];
    ssize_t size = 1;

    for (int i = 0; i < READS_A_TURN && keeper->errors >= 0 && size > 0; i++) {
        if (keeper->control < 0)
            size = read(keeper->errors, thrown_away, sizeof thrown_away);
        else if (outbox_room(&keeper->outbox) >= LEAST_ROOM)
            size = outbox_read(&keeper->outbox, keeper->errors);
        else
            return;
    }
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(&keeper->errors);
}

static void fail_start(struct keeper *keeper, enum step step, int error)
{
    keeper->failed = true;
    put_numbers(keeper, RECORD_FAILED, step, (uint32_t)error);
}

/* Says once how the start went, as soon as that is known. */
static void read_outcome(struct keeper *keeper)
{
    struct start_failure failure;

    if (keeper->outcome < 0)
        return;
    ssize_t size = read(keeper->outcome, &failure, sizeof failure);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close_fd(&keeper->outcome);
    if (size == (ssize_t)sizeof failure)
        fail_start(keeper, failure.step, failure.error);
    else
        put_number(keeper, RECORD_STARTED, (uint32_t)keeper->leader);
}

static void leader_ended(struct keeper *keeper, int status)
{
    read_outcome(keeper);
    read_errors(keeper);
    keeper->leader = -1;
    close_fd(&keeper->input);
    if (keeper->failed)
        return;
    if (WIFSIGNALED(status))
        put_numbers(keeper, RECORD_EXITED, 's', (uint32_t)WTERMSIG(status));
    else
        put_numbers(keeper, RECORD_EXITED, 'c', (uint32_t)WEXITSTATUS(status));
}

/* Whatever descends from the server has an ancestor among the keeper's children: without children, nothing is left. */
static void reap(struct keeper *keeper)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == keeper->leader)
            leader_ended(keeper, status);
    if (keeper->phase == OVER)
        return;
    if (pid < 0 && errno == ECHILD)
        enter_over(keeper, 0);
    else if (keeper->leader < 0 && keeper->phase < TERMINATING)
        enter_terminating(keeper);
}

static void read_signals(struct keeper *keeper)
{
    struct signalfd_siginfo info;

    while (read(keeper->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        /* The listener ends, or has ended. */
        close_input(keeper);
        begin_end(keeper);
    }
}

static void obey(struct keeper *keeper, unsigned char kind, uint32_t number)
{
    if (kind == RECORD_STOP)
        begin_end(keeper);
    else if (kind == RECORD_KILL && keeper->phase < KILLING)
        enter_killing(keeper);
    else if (kind == RECORD_SIGNAL && keeper->leader > 0 && keeper->outcome < 0 && number <= LAST_SIGNAL)
        kill(keeper->leader, (int)number);
}

static size_t command_size(const struct keeper *keeper)
{
    if (keeper->command_bytes < RECORD_HEAD)
        return RECORD_HEAD;
    return RECORD_HEAD + (size_t)get_u32(keeper->command + 1);
}

/* False when the connection is lost, or says what nobody who knows this protocol would say. */
static bool read_commands(struct keeper *keeper)
{
    for (int i = 0; i < 2 * COMMANDS_A_TURN; i++) {
        size_t wanted = command_size(keeper);
        if (wanted != RECORD_HEAD && wanted != COMMAND_BYTES)
            return false;
        if (keeper->command_bytes == wanted) {
            keeper->command_bytes = 0;
            obey(keeper, keeper->command[0], wanted == COMMAND_BYTES ? get_u32(keeper->command + RECORD_HEAD) : 0);
            continue;
        }
        ssize_t size = recv(keeper->control, keeper->command + keeper->command_bytes, wanted - keeper->command_bytes, 0);
        if (size <= 0)
            return size < 0 && (errno == EAGAIN || errno == EINTR);
        keeper->command_bytes += (size_t)size;
    }
    return true;
}

static void kill_round(struct keeper *keeper, int64_t now)
{
    kill_set_end(&keeper->set);
    keeper->next_round = now + keeper->round_ms;
    keeper->round_ms = keeper->round_ms * 2 < LONGEST_ROUND_MS ? keeper->round_ms * 2 : LONGEST_ROUND_MS;
}

static void on_time(struct keeper *keeper)
{
    int64_t now = now_ms();
    bool due = keeper->deadline != 0 && now >= keeper->deadline;

    if (keeper->phase == CLOSING && due)
        enter_terminating(keeper);
    else if (keeper->phase == TERMINATING && due)
        enter_killing(keeper);
    else if (keeper->phase == KILLING && due)
        enter_over(keeper, (uint32_t)kill_set_signal(&keeper->set, SIGKILL));
    else if (keeper->phase == KILLING && now >= keeper->next_round)
        kill_round(keeper, now);
    else if (keeper->phase == OVER && due)
        close_fd(&keeper->control);
}

/* The last record comes behind the last bytes of standard error, unless something still holds that open. */
static void finish_records(struct keeper *keeper)
{
    if (keeper->phase != OVER || keeper->said_over || (keeper->errors >= 0 && keeper->left == 0))
        return;
    keeper->said_over = true;
    if (!keeper->failed)
        put_number(keeper, RECORD_OVER, keeper->left);
}

static void wait_for_events(struct keeper *keeper)
{
    bool has_room = keeper->control < 0 || outbox_room(&keeper->outbox) >= LEAST_ROOM;
    short wanted = outbox_is_empty(&keeper->outbox) ? POLLIN : POLLIN | POLLOUT;
    struct pollfd fds[] = {
        {.fd = keeper->signals, .events = POLLIN},
        {.fd = keeper->control, .events = wanted},
        {.fd = has_room ? keeper->errors : -1, .events = POLLIN},
        {.fd = keeper->outcome, .events = POLLIN},
    };
    int64_t next = keeper->phase == KILLING ? keeper->next_round : 0;

    poll(fds, sizeof fds / sizeof *fds, timeout_until(earlier(keeper->deadline, next), now_ms()));
}

static void take_turn(struct keeper *keeper)
{
    wait_for_events(keeper);
    read_signals(keeper);
    read_outcome(keeper);
    read_errors(keeper);
    reap(keeper);
    if (keeper->control >= 0 && !read_commands(keeper))
        lose_control(keeper);
    on_time(keeper);
    finish_records(keeper);
    if (keeper->control >= 0 && !outbox_flush(&keeper->outbox, keeper->control))
        lose_control(keeper);
}

static bool is_done(const struct keeper *keeper)
{
    if (keeper->phase != OVER)
        return false;
    return keeper->control < 0 || (keeper->said_over && outbox_is_empty(&keeper->outbox));
}

/* The order matters: from the first line on, the keeper ends with the listener; from the second on, it is given orphans. */
static bool become_keeper(const struct keeping *keeping)
{
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 &&
           getppid() == keeping->parent;
}

static bool start(struct keeper *keeper, const struct keeping *keeping)
{
    int ends[2];

    if (!become_keeper(keeping) || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    const struct program program = {
        .request = keeping->request,
        .input = keeping->input,
        .output = keeping->output,
        .errors = ends[1],
        .max_tasks = keeping->max_tasks,
    };
    keeper->errors = ends[0];
    keeper->leader = program_start(&program, &keeper->outcome);
    int error = errno;
    close(ends[1]);
    errno = error;
    return keeper->leader >= 0;
}

int keeper_run(const struct keeping *keeping)
{
    static struct keeper keeper;

    keeper.set.root = getpid();
    keeper.eof_grace = keeping->request->eof_grace;
    keeper.term_grace = keeping->request->term_grace;
    keeper.control = keeping->control;
    keeper.input = keeping->input;
    keeper.signals = keeping->signals;
    keeper.leader = keeper.outcome = keeper.errors = -1;
    if (!start(&keeper, keeping))
        fail_start(&keeper, STEP_SYSTEM, errno);
    close(keeping->output);
    while (!is_done(&keeper))
        take_turn(&keeper);
    return keeper.left == 0 ? 0 : EXIT_FAILED;
}
