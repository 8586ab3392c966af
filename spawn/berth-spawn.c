/*
 * berth-spawn: the helper of a server's pod. See docs/architecture.md.
 *
 * spawn  in the workload's container: starts server processes for the supervisor, which has a container of its own
 * join   in the supervisor's container: what `kubectl exec` runs, joins its standard streams to the link's socket
 * probe  in the supervisor's container: readiness and liveness
 * copy   in an init container: brings this program into a workload's container whose image does not have it
 */
#include <string.h>

#include "common.h"
#include "files.h"
#include "join.h"
#include "listener.h"

enum {
    MOST_PROCESSES = 1024,
    MOST_TASKS = 4 * 1024 * 1024,
    MOST_SECONDS = 24 * 60 * 60,
    MOST_UID = 0xfffffffe,
    DEFAULT_PROCESSES = 64,
    DEFAULT_IDLE_MS = 45 * 1000,
    DEFAULT_WAIT_MS = 5 * 1000,
};

static const char USAGE[] =
    "usage: berth-spawn spawn --socket PATH --peer-uid UID [--max-processes N] [--max-tasks N]"
    " | join --socket PATH [--wait-ms N] [--idle-ms N] | probe --status PATH [--mode ready|live] [--max-age SECONDS] [--wait-ms N] | copy PATH";

/* An option and where its value goes. */
struct option {
    const char *name;
    const char **value;
};

static const struct option *find_option(const struct option *options, const char *name)
{
    for (; options->name != NULL; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    fail(EXIT_USAGE, "unknown option '%.64s'; %s", name, USAGE);
}

static void read_options(char **arguments, const struct option *options)
{
    for (; *arguments != NULL; arguments += 2) {
        const struct option *option = find_option(options, arguments[0]);
        if (arguments[1] == NULL)
            fail(EXIT_USAGE, "%s needs a value", option->name);
        *option->value = arguments[1];
    }
}

static const char *required(const char *value, const char *name)
{
    if (value == NULL || *value == 0)
        fail(EXIT_USAGE, "%s is missing; %s", name, USAGE);
    return value;
}

static uint32_t number(const char *value, uint32_t otherwise, uint32_t most, const char *name)
{
    return value == NULL ? otherwise : parse_number(value, most, name);
}

static int run_spawn(char **arguments)
{
    const char *socket = NULL, *peer_uid = NULL, *max_processes = NULL, *max_tasks = NULL;
    const struct option known[] = {
        {"--socket", &socket},
        {"--peer-uid", &peer_uid},
        {"--max-processes", &max_processes},
        {"--max-tasks", &max_tasks},
        {NULL, NULL},
    };

    read_options(arguments, known);
    const struct listener_options options = {
        .socket = required(socket, "--socket"),
        .peer_uid = parse_number(required(peer_uid, "--peer-uid"), MOST_UID, "--peer-uid"),
        .max_processes = number(max_processes, DEFAULT_PROCESSES, MOST_PROCESSES, "--max-processes"),
        .max_tasks = number(max_tasks, 0, MOST_TASKS, "--max-tasks"),
    };
    if (options.max_processes == 0)
        fail(EXIT_USAGE, "--max-processes must be at least 1");
    return listener_run(&options);
}

static int run_join(char **arguments)
{
    const char *socket = NULL, *wait = NULL, *idle = NULL;
    const struct option known[] = {
        {"--socket", &socket},
        {"--wait-ms", &wait},
        {"--idle-ms", &idle},
        {NULL, NULL},
    };

    read_options(arguments, known);
    required(socket, "--socket");
    uint32_t wait_ms = number(wait, DEFAULT_WAIT_MS, MOST_SECONDS * MS_PER_SECOND, "--wait-ms");
    uint32_t idle_ms = number(idle, DEFAULT_IDLE_MS, MOST_SECONDS * MS_PER_SECOND, "--idle-ms");
    return join_run(socket, wait_ms, idle_ms);
}

static int run_probe(char **arguments)
{
    const char *status = NULL, *mode = "ready", *max_age = NULL, *wait = NULL;
    const struct option known[] = {
        {"--status", &status},
        {"--mode", &mode},
        {"--max-age", &max_age},
        {"--wait-ms", &wait},
        {NULL, NULL},
    };

    read_options(arguments, known);
    if (strcmp(mode, "ready") != 0 && strcmp(mode, "live") != 0)
        fail(EXIT_USAGE, "--mode must be ready or live, not '%.64s'", mode);
    const struct probe_options options = {
        .status = required(status, "--status"),
        .ready = strcmp(mode, "ready") == 0,
        .max_age = number(max_age, 0, MOST_SECONDS, "--max-age"),
        .wait_ms = number(wait, 0, MOST_SECONDS * MS_PER_SECOND, "--wait-ms"),
    };
    return probe_run(&options);
}

static int run_copy(char **arguments)
{
    const char *to = required(arguments[0], "the path to copy to");

    if (arguments[1] != NULL)
        fail(EXIT_USAGE, "copy takes one path; %s", USAGE);
    return copy_run(to);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        int (*run)(char **arguments);
    } modes[] = {{"spawn", run_spawn}, {"join", run_join}, {"probe", run_probe}, {"copy", run_copy}};

    for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(arguments[1], modes[i].name) == 0)
            return modes[i].run(arguments + 2);
    fail(EXIT_USAGE, "%s", USAGE);
}
