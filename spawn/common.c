#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKLOG = 128,
    NS_PER_MS = 1000000,
    /* How long an address that somebody listens at is waited for: of a program that was killed the system may let go late. */
    ADDRESS_MS = 5 * 1000,
    ADDRESS_ROUND_MS = 50,
};

void fail(int code, const char *format, ...)
{
    va_list arguments;

    fputs("berth-spawn: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(code);
}

int64_t now_ms(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        fail(EXIT_FAILED, "no monotonic clock: %s", strerror(errno));
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / NS_PER_MS;
}

int timeout_until(int64_t at, int64_t now)
{
    if (at == 0)
        return -1;
    if (at <= now)
        return 0;
    return at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

int64_t earlier(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

uint32_t get_u32(const void *from)
{
    const unsigned char *bytes = from;

    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

void put_u32(void *to, uint32_t value)
{
    unsigned char *bytes = to;

    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> (24 - 8 * i));
}

uint32_t parse_number(const char *text, uint32_t most, const char *what)
{
    uint64_t value = *text == 0 ? UINT64_MAX : 0;

    for (const char *at = text; *at != 0 && value <= most; at++)
        value = *at < '0' || *at > '9' ? UINT64_MAX : value * 10 + (uint64_t)(*at - '0');
    if (value > most)
        fail(EXIT_USAGE, "%s must be a whole number from 0 to %u, not '%s'", what, most, text);
    return (uint32_t)value;
}

bool is_abstract(const char *path)
{
    return path[0] == '@';
}

/* `size` is that of the address: a name that is no file ends with it, not with a zero. */
static int open_socket(const char *path, struct sockaddr_un *address, socklen_t *size)
{
    size_t length = strlen(path);

    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address->sun_path, path);
    *size = sizeof *address;
    if (is_abstract(path)) {
        address->sun_path[0] = 0;
        *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int connect_to(const char *path)
{
    struct sockaddr_un address;
    socklen_t size;
    int fd = open_socket(path, &address, &size);

    if (fd < 0)
        return -1;
    /* Connecting to a unix socket never takes time: it fails with EAGAIN when too many wait already. */
    if (connect(fd, (struct sockaddr *)&address, size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Removes the socket of a program that is gone; false when one listens there, or what is there is no socket. */
static bool make_room(const char *path)
{
    struct stat found;

    if (is_abstract(path))
        return true;
    if (lstat(path, &found) != 0)
        return errno == ENOENT;
    errno = EADDRINUSE;
    if (!S_ISSOCK(found.st_mode))
        return false;
    int other = connect_to(path);
    if (other >= 0) {
        close(other);
        errno = EADDRINUSE;
        return false;
    }
    return errno == ECONNREFUSED && unlink(path) == 0;
}

static int try_listen(const char *path)
{
    struct sockaddr_un address;
    socklen_t size;

    if (!make_room(path))
        return -1;
    int fd = open_socket(path, &address, &size);
    if (fd < 0)
        return -1;
    /* Any user id of the pod may connect: who may stay is decided by the id that the kernel gives for it. */
    mode_t mask = umask(0111);
    bool bound = bind(fd, (struct sockaddr *)&address, size) == 0;
    umask(mask);
    if (bound && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int listen_at(const char *path)
{
    int64_t end = now_ms() + ADDRESS_MS;
    int fd;

    while ((fd = try_listen(path)) < 0 && errno == EADDRINUSE && now_ms() < end)
        poll(NULL, 0, ADDRESS_ROUND_MS);
    return fd;
}

bool set_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return false;
    return fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == 0;
}

void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
