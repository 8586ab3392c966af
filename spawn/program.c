#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"

enum { EXIT_NOT_STARTED = 127 };

static _Noreturn void give_up(int outcome, enum step step)
{
    struct start_failure failure;

    memset(&failure, 0, sizeof failure);
    failure.step = step;
    failure.error = errno;
    /* When nobody reads it, the keeper has gone and there is nobody to tell. */
    ssize_t written = write(outcome, &failure, sizeof failure);
    _exit(written == (ssize_t)sizeof failure ? EXIT_NOT_STARTED : EXIT_FAILED);
}

static bool is_there(const char *path)
{
    int error = errno;
    bool there = access(path, F_OK) == 0;

    errno = error;
    return there;
}

static bool reset_signals(void)
{
    sigset_t none;

    /* Some numbers are not there or cannot be set: those are as they should be. */
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    return sigemptyset(&none) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool limit_tasks(uint32_t max)
{
    const struct rlimit limit = {.rlim_cur = max, .rlim_max = max};

    return max == 0 || setrlimit(RLIMIT_NPROC, &limit) == 0;
}

/* Servers expect to wait for their input and output. The three are above 2, so that none overwrites another. */
static bool set_up_streams(const struct program *program)
{
    return set_blocking(program->input, true) && set_blocking(program->output, true) &&
           set_blocking(program->errors, true) && dup2(program->input, STDIN_FILENO) == STDIN_FILENO &&
           dup2(program->output, STDOUT_FILENO) == STDOUT_FILENO &&
           dup2(program->errors, STDERR_FILENO) == STDERR_FILENO;
}

static _Noreturn void become(const struct program *program, pid_t keeper, int outcome)
{
    char *const *arguments = program->request->arguments;

    /* It must not outlive its keeper, which may have ended before this was said. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        give_up(outcome, STEP_SYSTEM);
    if (getppid() != keeper)
        _exit(EXIT_NOT_STARTED);
    if (setsid() < 0 || !reset_signals() || !limit_tasks(program->max_tasks) || !set_up_streams(program))
        give_up(outcome, STEP_SYSTEM);
    if (chdir(program->request->folder) != 0)
        give_up(outcome, STEP_FOLDER);
    execve(arguments[0], arguments, program->request->variables);
    give_up(outcome, errno == ENOENT && is_there(arguments[0]) ? STEP_INTERPRETER : STEP_PROGRAM);
}

pid_t program_start(const struct program *program, int *outcome)
{
    int ends[2];
    pid_t keeper = getpid();

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become(program, keeper, ends[1]);
    int error = errno;
    close(ends[1]);
    *outcome = ends[0];
    if (pid < 0)
        close_fd(outcome);
    errno = error;
    return pid;
}
