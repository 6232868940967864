// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the process that fetches can do, and what not. Each attempt is made in a child of its own:
// outside of the sandbox, where it must succeed, and within.

#include "base/sandbox.h"

#include "unit.h"

#ifdef __linux__

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/qcow2-info-network-XXXXXX";
static char secret[64], granted[64], inner[64], new_path[64], granted_folder[64];
static struct sockaddr_in address;
static int listening;
static char *own_program;

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

// ---- What must fail -----------------------------------------------------------------------------

static bool open_another_file(void)
{
    return opens(secret, O_RDONLY);
}

static bool open_what_it_could_read_for_writing(void)
{
    return opens(granted, O_WRONLY);
}

static bool create_a_file(void)
{
    return opens(new_path, O_WRONLY | O_CREAT) && unlink(new_path) == 0;
}

static bool list_the_root(void)
{
    return opens("/", O_RDONLY | O_DIRECTORY);
}

static bool rename_a_file(void)
{
    return rename(secret, new_path) == 0 && rename(new_path, secret) == 0;
}

static bool listen_at_a_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET,
                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 1) == 0;
}

static bool make_a_local_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool start_a_program(void)
{
    char *const arguments[] = {own_program, (char *)(uintptr_t) "--do-nothing", NULL};
    execv(own_program, arguments);
    return false;
}

static bool fork_a_process(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return child > 0;
}

static bool be_traced(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

// ---- What must go on working --------------------------------------------------------------------

static bool connect_to_a_server(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           send(fd, "GET", 3, MSG_NOSIGNAL) == 3;
}

static bool make_a_datagram_socket(void)
{
    return socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || errno == EAFNOSUPPORT;
}

static bool read_what_is_granted(void)
{
    return opens(granted, O_RDONLY) && opens(inner, O_RDONLY);
}

// ---- Making the attempts ------------------------------------------------------------------------

enum outcome { DONE, REFUSED, KILLED, STRANGE };

static enum outcome attempt(bool (*act)(void), bool confined)
{
    const char *const readable[] = {granted, granted_folder, "/nowhere", NULL};
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        if (confined) {
            sandbox_enter_network(readable);
        }
        _exit(act() ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return STRANGE;
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS ? KILLED : STRANGE;
    }
    return WEXITSTATUS(status) == 0 ? DONE : WEXITSTATUS(status) == 1 ? REFUSED : STRANGE;
}

#define ATTEMPT(act) #act, act

static const struct {
    const char *name;
    bool (*act)(void);
    bool by_landlock; // landlock alone refuses it
    bool deadly;      // of the filter of system calls
} forbidden[] = {
    {ATTEMPT(open_another_file), true, false},
    {ATTEMPT(open_what_it_could_read_for_writing), true, false},
    {ATTEMPT(create_a_file), true, false},
    {ATTEMPT(list_the_root), true, false},
    {ATTEMPT(rename_a_file), true, false},
    {ATTEMPT(listen_at_a_port), false, false},
    {ATTEMPT(make_a_local_socket), false, false},
    {ATTEMPT(start_a_program), true, true},
    {ATTEMPT(fork_a_process), false, false},
    {ATTEMPT(be_traced), false, true},
};

static const struct {
    const char *name;
    bool (*act)(void);
    bool needs_landlock; // to know one file from another
} possible[] = {
    {ATTEMPT(connect_to_a_server), false},
    {ATTEMPT(make_a_datagram_socket), false},
    {ATTEMPT(read_what_is_granted), true},
};

enum {
    FORBIDDEN = sizeof forbidden / sizeof forbidden[0],
    POSSIBLE = sizeof possible / sizeof possible[0],
};

static void check_outcome(const char *name, enum outcome got, enum outcome want)
{
    static const char *const names[] = {"done", "refused", "killed", "strange"};
    if (!CHECK(got == want)) {
        printf("# %s: %s, not %s\n", name, names[got], names[want]);
    }
}

static void all_of_it_works_outside_of_the_sandbox(void)
{
    for (size_t i = 0; i < FORBIDDEN; i++) {
        check_outcome(forbidden[i].name, attempt(forbidden[i].act, false), DONE);
    }
    for (size_t i = 0; i < POSSIBLE; i++) {
        check_outcome(possible[i].name, attempt(possible[i].act, false), DONE);
    }
}

#if !INSTRUMENTED

static struct sandbox offered; // by kernel and build

static void the_network_works_in_the_sandbox(void)
{
    bool landlock = sandbox_knows_files();
    for (size_t i = 0; i < POSSIBLE; i++) {
        bool works = landlock || !possible[i].needs_landlock || !offered.seccomp;
        check_outcome(possible[i].name, attempt(possible[i].act, true), works ? DONE : REFUSED);
    }
}

static void files_and_programs_do_not(void)
{
    for (size_t i = 0; i < FORBIDDEN; i++) {
        bool refuses = offered.seccomp || (forbidden[i].by_landlock && sandbox_knows_files());
        enum outcome want = !refuses                                 ? DONE
                            : offered.seccomp && forbidden[i].deadly ? KILLED
                                                                     : REFUSED;
        check_outcome(forbidden[i].name, attempt(forbidden[i].act, true), want);
    }
}

// In a child: it is for good.
static bool has_seccomp(void)
{
    return sandbox_enter_network((const char *const[]){NULL}).seccomp;
}

#endif

// ---- Before and after ---------------------------------------------------------------------------

static bool make_file(char path[static 64], const char *parent, const char *name)
{
    snprintf(path, 64, "%s/%s", parent, name);
    return opens(path, O_RDWR | O_CREAT | O_EXCL);
}

static bool listen_somewhere(void)
{
    socklen_t size = sizeof address;
    listening = socket(AF_INET, SOCK_STREAM, 0);
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    return listening >= 0 && bind(listening, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(listening, 64) == 0 &&
           getsockname(listening, (struct sockaddr *)&address, &size) == 0;
}

static bool prepare(void)
{
    if (!mkdtemp(folder)) {
        return false;
    }
    snprintf(granted_folder, sizeof granted_folder, "%s/folder", folder);
    snprintf(new_path, sizeof new_path, "%s/new", folder);
    return mkdir(granted_folder, 0700) == 0 && make_file(secret, folder, "secret") &&
           make_file(granted, folder, "granted") && make_file(inner, granted_folder, "inner") &&
           listen_somewhere();
}

static void clean_up(void)
{
    unlink(inner);
    unlink(granted);
    unlink(secret);
    rmdir(granted_folder);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return 0; // started by start_a_program()
    }
    own_program = argv[0];
    if (!prepare()) {
        perror("test_sandbox_network: cannot prepare");
        return 1;
    }
    RUN(all_of_it_works_outside_of_the_sandbox);
#if !INSTRUMENTED
    offered.seccomp = attempt(has_seccomp, false) == DONE;
    RUN(the_network_works_in_the_sandbox);
    RUN_IF(offered.seccomp || sandbox_knows_files(), files_and_programs_do_not,
           "machine: this kernel has neither landlock nor seccomp filters");
#endif
    clean_up();
    return unit_done();
}

#else

static void there_is_none(void)
{
    CHECK(!sandbox_enter_network((const char *const[]){NULL}).seccomp);
}

int main(void)
{
    RUN(there_is_none);
    return unit_done();
}

#endif
