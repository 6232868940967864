// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What a process in the sandbox can no longer do, and what it still can. Each attempt is made in a
// child of its own: outside of the sandbox, where it must succeed, with each part of the sandbox
// alone, and with all of it.

#include "base/sandbox.h"

#include "unit.h"

#ifdef __linux__

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NO_SANDBOX = 0, LANDLOCK_RULESET_CALL = 444, FILE_SIZE = 100000 };

// What the attempts work on, opened before they begin.
static char folder[] = "/tmp/qcow2-info-sandbox-XXXXXX";
static char file_path[64], new_path[64];
static int program_fd, file_fd, output_fd, listening_fd, pipe_fds[2];
static struct sockaddr_in address;
static char *own_program;

static bool open_failed(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
    return fd < 0;
}

// ---- What must fail -----------------------------------------------------------------------------

static bool open_a_file(void)
{
    return !open_failed(open(file_path, O_RDONLY));
}

static bool open_for_writing(void)
{
    return !open_failed(open(file_path, O_WRONLY));
}

static bool list_a_folder(void)
{
    return !open_failed(open(folder, O_RDONLY | O_DIRECTORY));
}

static bool create_a_file(void)
{
    return !open_failed(open(new_path, O_WRONLY | O_CREAT, 0600)) && unlink(new_path) == 0;
}

static bool make_a_folder(void)
{
    return mkdir(new_path, 0700) == 0 && rmdir(new_path) == 0;
}

static bool rename_a_file(void)
{
    return rename(file_path, new_path) == 0 && rename(new_path, file_path) == 0;
}

static bool truncate_by_name(void)
{
    return truncate(file_path, FILE_SIZE) == 0;
}

static bool connect_a_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool make_a_datagram_socket(void)
{
    return !open_failed(socket(AF_INET, SOCK_DGRAM, 0));
}

static bool start_a_program(void)
{
    char *const arguments[] = {own_program, (char *)(uintptr_t) "--do-nothing", NULL};
    execv(own_program, arguments);
    return false;
}

static bool start_an_open_program(void)
{
    char *const arguments[] = {own_program, (char *)(uintptr_t) "--do-nothing", NULL};
    char *const environment[] = {NULL};
    fexecve(program_fd, arguments, environment);
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

static bool signal_the_parent(void)
{
    return kill(getppid(), 0) == 0;
}

static bool be_traced(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool make_memory_to_run(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool make_memory_runnable(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool take_up_space(void)
{
    return fallocate(output_fd, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 || errno == EOPNOTSUPP;
}

// A pipe has no such thing as blocks, and says so.
static bool discard_blocks(void)
{
    uint64_t range[] = {0, 4096};
    return ioctl(pipe_fds[0], BLKDISCARD, range) == -1 && errno == ENOTTY;
}

static void *thread_opens_a_file(void *opened)
{
    *(bool *)opened = open_a_file();
    return NULL;
}

static bool open_a_file_in_a_thread(void)
{
    bool opened = false;
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_opens_a_file, &opened) != 0) {
        _exit(100);
    }
    pthread_join(thread, NULL);
    return opened;
}

// ---- What must go on working --------------------------------------------------------------------

static bool read_an_open_file(void)
{
    char bytes[16] = "";
    return pread(file_fd, bytes, sizeof bytes, 50000) == sizeof bytes && bytes[0] == 'x' &&
           lseek(file_fd, 0, SEEK_SET) == 0 && read(file_fd, bytes, sizeof bytes) == sizeof bytes;
}

static bool write_an_open_file(void)
{
    return write(output_fd, "abc", 3) == 3 && pwrite(output_fd, "def", 3, 100) == 3 &&
           ftruncate(output_fd, 50) == 0;
}

static bool inspect_an_open_file(void)
{
    struct stat status;
    return fstat(file_fd, &status) == 0 && status.st_size == FILE_SIZE &&
           lseek(file_fd, 0, SEEK_DATA) == 0 && lseek(file_fd, 0, SEEK_HOLE) == FILE_SIZE &&
           fcntl(output_fd, F_GETFL) >= 0 && !isatty(output_fd) && errno == ENOTTY;
}

// By the calls of older libcs and of newer ones, whose names are TCSETSW2 and so on. A pipe is no
// terminal, and a call that the sandbox refuses does not even reach it.
static bool set_a_terminal(void)
{
    static const unsigned long calls[] = {
        TCGETS, TCSETS, TCSETSW, TCSETSF, 0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d,
    };
    char settings[256] = {0};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (ioctl(pipe_fds[0], calls[i], settings) == 0 || errno != ENOTTY) {
            return false;
        }
    }
    return true;
}

static bool copy_inside_the_kernel(void)
{
    off_t from = 0;
    off_t to = 0;
    return copy_file_range(file_fd, &from, output_fd, &to, 1000, 0) == 1000 &&
           splice(file_fd, &from, pipe_fds[1], NULL, 1000, 0) == 1000;
}

// Zeros as requests: of a file where it takes them, and of a device, which a pipe is not. A call
// that the sandbox refuses fails otherwise.
static bool request_zeros(void)
{
    static const int modes[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
    uint64_t range[] = {0, 4096};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (fallocate(output_fd, modes[i], 0, 4096) != 0 && errno != EOPNOTSUPP) {
            return false;
        }
    }
    return ioctl(pipe_fds[0], BLKZEROOUT, range) == -1 && errno == ENOTTY;
}

static void *thread_allocates(void *unused)
{
    (void)unused;
    char *memory = malloc(1 << 20);
    if (memory) {
        memory[1 << 19] = 1;
    }
    return memory;
}

static bool start_threads_that_allocate(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    bool all = true;
    for (size_t i = 0; i < THREADS; i++) {
        all = pthread_create(&threads[i], NULL, thread_allocates, NULL) == 0 && all;
    }
    for (size_t i = 0; i < THREADS && all; i++) {
        void *memory = NULL;
        pthread_join(threads[i], &memory);
        all = memory != NULL;
        free(memory);
    }
    return all;
}

static bool report_time_and_chance(void)
{
    struct timespec now;
    char byte;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 && getrandom(&byte, 1, 0) == 1;
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals = signals + 1;
}

static bool take_a_signal(void)
{
    signal(SIGUSR1, count_signal);
    return raise(SIGUSR1) == 0 && signals == 1;
}

static bool abort_with_a_signal(void)
{
    abort();
}

// ---- Making the attempts ------------------------------------------------------------------------

enum outcome { DONE, REFUSED, KILLED, ABORTED, STRANGE };

static const char *const outcome_names[] = {"done", "refused", "killed", "aborted", "strange"};

static unsigned landlock_abi; // of this kernel
static bool kernel_has_seccomp;

static enum outcome attempt(bool (*act)(void), int parts)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        if (parts != NO_SANDBOX) {
            sandbox_enter((enum sandbox_parts)parts);
        }
        _exit(act() ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return STRANGE;
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS    ? KILLED
               : WTERMSIG(status) == SIGABRT ? ABORTED
                                             : STRANGE;
    }
    return WEXITSTATUS(status) == 0 ? DONE : WEXITSTATUS(status) == 1 ? REFUSED : STRANGE;
}

static void check_outcome(const char *name, bool (*act)(void), int parts, enum outcome want)
{
    enum outcome got = attempt(act, parts);
    if (!CHECK(got == want)) {
        printf("# %s with%s%s: %s, not %s\n", name, parts & SANDBOX_LANDLOCK ? " landlock" : "",
               parts & SANDBOX_SECCOMP ? " seccomp" : "", outcome_names[got], outcome_names[want]);
    }
}

#define ATTEMPT(act) #act, act

static const struct {
    const char *name;
    bool (*act)(void);
    unsigned landlock_abi; // the first that refuses it; 0: none does
    enum outcome seccomp;
} forbidden[] = {
    {ATTEMPT(open_a_file), 1, REFUSED},
    {ATTEMPT(open_for_writing), 1, REFUSED},
    {ATTEMPT(list_a_folder), 1, REFUSED},
    {ATTEMPT(create_a_file), 1, REFUSED},
    {ATTEMPT(make_a_folder), 1, REFUSED},
    {ATTEMPT(rename_a_file), 1, REFUSED},
    {ATTEMPT(truncate_by_name), 3, REFUSED},
    {ATTEMPT(open_a_file_in_a_thread), 1, REFUSED},
    {ATTEMPT(connect_a_socket), 4, KILLED},
    {ATTEMPT(make_a_datagram_socket), 0, KILLED},
    {ATTEMPT(start_a_program), 1, KILLED},
    {ATTEMPT(start_an_open_program), 1, KILLED},
    {ATTEMPT(fork_a_process), 0, REFUSED},
    {ATTEMPT(signal_the_parent), 6, REFUSED},
    {ATTEMPT(be_traced), 0, KILLED},
    {ATTEMPT(make_memory_to_run), 0, REFUSED},
    {ATTEMPT(make_memory_runnable), 0, REFUSED},
    {ATTEMPT(take_up_space), 0, REFUSED},
    {ATTEMPT(discard_blocks), 0, REFUSED},
};

static const struct {
    const char *name;
    bool (*act)(void);
    enum outcome outcome;
} still_possible[] = {
    {ATTEMPT(read_an_open_file), DONE},      {ATTEMPT(write_an_open_file), DONE},
    {ATTEMPT(inspect_an_open_file), DONE},   {ATTEMPT(set_a_terminal), DONE},
    {ATTEMPT(copy_inside_the_kernel), DONE}, {ATTEMPT(start_threads_that_allocate), DONE},
    {ATTEMPT(report_time_and_chance), DONE}, {ATTEMPT(take_a_signal), DONE},
    {ATTEMPT(abort_with_a_signal), ABORTED}, {ATTEMPT(request_zeros), DONE},
};

enum {
    FORBIDDEN = sizeof forbidden / sizeof forbidden[0],
    STILL_POSSIBLE = sizeof still_possible / sizeof still_possible[0],
};

static void all_of_it_works_outside_of_the_sandbox(void)
{
    for (size_t i = 0; i < FORBIDDEN; i++) {
        check_outcome(forbidden[i].name, forbidden[i].act, NO_SANDBOX, DONE);
    }
    for (size_t i = 0; i < STILL_POSSIBLE; i++) {
        check_outcome(still_possible[i].name, still_possible[i].act, NO_SANDBOX,
                      still_possible[i].outcome);
    }
}

static void what_is_open_works_on_in_the_sandbox(void)
{
    for (size_t i = 0; i < STILL_POSSIBLE; i++) {
        for (int parts = SANDBOX_LANDLOCK; parts <= SANDBOX_ALL; parts++) {
            check_outcome(still_possible[i].name, still_possible[i].act, parts,
                          still_possible[i].outcome);
        }
    }
}

#if !INSTRUMENTED

static void landlock_alone_refuses_files_and_programs(void)
{
    for (size_t i = 0; i < FORBIDDEN; i++) {
        bool refuses = forbidden[i].landlock_abi > 0 && forbidden[i].landlock_abi <= landlock_abi;
        check_outcome(forbidden[i].name, forbidden[i].act, SANDBOX_LANDLOCK,
                      refuses ? REFUSED : DONE);
    }
}

#if WITH_SECCOMP

static void seccomp_alone_refuses_all_of_it(void)
{
    for (size_t i = 0; i < FORBIDDEN; i++) {
        check_outcome(forbidden[i].name, forbidden[i].act, SANDBOX_SECCOMP, forbidden[i].seccomp);
    }
}

static void both_together_refuse_all_of_it(void)
{
    for (size_t i = 0; i < FORBIDDEN; i++) {
        check_outcome(forbidden[i].name, forbidden[i].act, SANDBOX_ALL, forbidden[i].seccomp);
    }
}

#endif
#endif

// ---- The description ----------------------------------------------------------------------------

static bool gives_the_right_answer(void)
{
    char text[SANDBOX_TEXT_SIZE];
    char want[SANDBOX_TEXT_SIZE];
    char landlock[64] = "no landlock (not offered by this kernel)";
    const struct sandbox sandbox = sandbox_enter(SANDBOX_ALL);
    sandbox_describe(&sandbox, text);
    if (landlock_abi > 0) {
        snprintf(landlock, sizeof landlock, "landlock (ABI %u)", landlock_abi);
    }
#if INSTRUMENTED
    snprintf(want, sizeof want,
             "no landlock (instrumented build), no seccomp (instrumented build)");
#elif WITH_SECCOMP
    snprintf(want, sizeof want, "%s, %s", landlock,
             kernel_has_seccomp ? "seccomp" : "no seccomp (not offered by this kernel)");
#else
    snprintf(want, sizeof want, "%s, no seccomp (not built in)", landlock);
#endif
    strncat(want, ", no new privileges", sizeof want - strlen(want) - 1);
    return CHECK_STR(text, want);
}

// Asked before seccomp also denies the question.
static bool gains_no_privileges(void)
{
    const struct sandbox sandbox = sandbox_enter(SANDBOX_LANDLOCK);
    return CHECK(sandbox.no_new_privileges) &&
           CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) == 1);
}

static bool reports_parts_that_are_missing(void)
{
    char text[SANDBOX_TEXT_SIZE];
    sandbox_describe(&(struct sandbox){0}, text);
    return CHECK(strstr(text, "no landlock (")) && CHECK(strstr(text, "no seccomp (")) &&
           CHECK(strstr(text, "new privileges are possible"));
}

static void the_description_is_that_of_the_kernel_and_the_build(void)
{
    CHECK(attempt(gives_the_right_answer, NO_SANDBOX) == DONE);
    CHECK(attempt(gains_no_privileges, NO_SANDBOX) == DONE);
    CHECK(attempt(reports_parts_that_are_missing, NO_SANDBOX) == DONE);
}

// ---- Before and after ---------------------------------------------------------------------------

static bool listen_somewhere(void)
{
    socklen_t size = sizeof address;
    listening_fd = socket(AF_INET, SOCK_STREAM, 0);
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    return listening_fd >= 0 &&
           bind(listening_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(listening_fd, 64) == 0 &&
           getsockname(listening_fd, (struct sockaddr *)&address, &size) == 0;
}

static bool prepare(void)
{
    static char bytes[FILE_SIZE];
    memset(bytes, 'x', sizeof bytes);
    if (!mkdtemp(folder)) {
        return false;
    }
    snprintf(file_path, sizeof file_path, "%s/file", folder);
    snprintf(new_path, sizeof new_path, "%s/new", folder);
    file_fd = open(file_path, O_RDWR | O_CREAT | O_EXCL, 0600);
    bool written = write(file_fd, bytes, sizeof bytes) == sizeof bytes;
    snprintf(new_path, sizeof new_path, "%s/output", folder);
    output_fd = open(new_path, O_RDWR | O_CREAT | O_EXCL, 0600);
    snprintf(new_path, sizeof new_path, "%s/new", folder);
    long abi = syscall(LANDLOCK_RULESET_CALL, NULL, (size_t)0, 1);
    landlock_abi = abi > 0 ? (unsigned)abi : 0;
    kernel_has_seccomp = prctl(PR_SET_SECCOMP, 2UL, NULL, 0UL, 0UL) != 0 && errno == EFAULT;
    program_fd = open(own_program, O_RDONLY);
    return written && program_fd >= 0 && file_fd >= 0 && output_fd >= 0 && pipe(pipe_fds) == 0 &&
           listen_somewhere();
}

static void clean_up(void)
{
    unlink(file_path);
    snprintf(file_path, sizeof file_path, "%s/output", folder);
    unlink(file_path);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return 0; // started by start_a_program()
    }
    own_program = argv[0];
    if (!prepare()) {
        perror("test_sandbox: cannot prepare");
        return 1;
    }
    RUN(all_of_it_works_outside_of_the_sandbox);
    RUN(what_is_open_works_on_in_the_sandbox);
    RUN(the_description_is_that_of_the_kernel_and_the_build);
#if !INSTRUMENTED
    RUN_IF(landlock_abi > 0, landlock_alone_refuses_files_and_programs,
           "machine: this kernel has no landlock, or it is not switched on");
#if WITH_SECCOMP
    RUN_IF(kernel_has_seccomp, seccomp_alone_refuses_all_of_it,
           "machine: this kernel has no seccomp filters");
    RUN_IF(kernel_has_seccomp, both_together_refuse_all_of_it,
           "machine: this kernel has no seccomp filters");
#endif
#endif
    clean_up();
    return unit_done();
}

#else

static void there_is_none(void)
{
    const struct sandbox sandbox = sandbox_enter(SANDBOX_ALL);
    CHECK(!sandbox.seccomp && sandbox.landlock_abi == 0 && !sandbox.no_new_privileges);
}

int main(void)
{
    RUN(there_is_none);
    return unit_done();
}

#endif
