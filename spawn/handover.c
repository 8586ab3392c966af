#include "handover.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

enum { OFFER_BYTES = 128 };

/* Of pipes alone the supervisor can have ends of its own. */
static bool is_pipe(int fd, struct stat *found)
{
    return fstat(fd, found) == 0 && S_ISFIFO(found->st_mode);
}

/* What it opens is told by the number of this process, and made sure of by the numbers of both pipes. */
static bool send_offer(int socket, uint32_t idle_ms)
{
    struct stat input, output;
    char offer[OFFER_BYTES];

    if (!is_pipe(STDIN_FILENO, &input) || !is_pipe(STDOUT_FILENO, &output))
        return false;
    int size = snprintf(offer, sizeof offer, "%ld %llu %llu %u\n", (long)getpid(), (unsigned long long)input.st_ino,
                        (unsigned long long)output.st_ino, idle_ms);
    return send(socket, offer, (size_t)size, MSG_NOSIGNAL) == size;
}

bool handover_offer(int socket, uint32_t wait_ms, uint32_t idle_ms)
{
    int64_t end = now_ms() + wait_ms;
    struct pollfd peer = {.fd = socket, .events = POLLIN};
    char answer;
    ssize_t size;

    if (!send_offer(socket, idle_ms))
        return false;
    do {
        poll(&peer, 1, timeout_until(end, now_ms()));
        size = recv(socket, &answer, 1, 0);
    } while (size < 0 && (errno == EAGAIN || errno == EINTR) && now_ms() < end);
    /* It reads nothing before it has heard that it is not too late. */
    return size == 1 && answer == HANDOVER_TAKEN && send(socket, "\n", 1, MSG_NOSIGNAL) == 1;
}

static int idle(void)
{
    fprintf(stderr, "berth-spawn: standard input was silent for too long\n");
    return EXIT_IDLE;
}

int handover_stay(int socket)
{
    struct pollfd fds[] = {{.fd = socket, .events = POLLIN}, {.fd = STDOUT_FILENO}};

    for (;;) {
        char said;
        if (poll(fds, sizeof fds / sizeof *fds, -1) < 0)
            continue;
        if (fds[1].revents != 0) {
            fprintf(stderr, "berth-spawn: nobody reads the output any more\n");
            return EXIT_NO_READER;
        }
        if (fds[0].revents == 0)
            continue;
        ssize_t size = recv(socket, &said, 1, 0);
        if (size == 1 && said == HANDOVER_IDLE)
            return idle();
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (size != 0 || (fds[0].revents & POLLHUP))
            return 0;
        /* It has ended its output, and may read on: whoever reads ours sees the end when the last end of the pipe is closed. */
        close(STDOUT_FILENO);
        fds[0].events = 0;
        fds[1].fd = -1;
    }
}
