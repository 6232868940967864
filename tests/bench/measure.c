// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Runs a command and prints what it took, on one line: nanoseconds of wall time, nanoseconds of
// processor time, KiB of peak memory.
//
//     measure OUTPUT COMMAND [ARGUMENT]...
//
// OUTPUT becomes the command's standard output; its standard input is /dev/null. The exit status is
// the command's, and 127 when it could not be run or was ended by a signal.

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_CANNOT_RUN = 127 };

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t nanoseconds(struct timeval time)
{
    return time.tv_sec * INT64_C(1000000000) + time.tv_usec * INT64_C(1000);
}

static void redirect(int descriptor, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);
    if (fd < 0 || dup2(fd, descriptor) < 0) {
        fprintf(stderr, "measure: %s: %s\n", path, strerror(errno));
        _exit(EXIT_CANNOT_RUN);
    }
}

static void run(const char *output, char **command)
{
    redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
    redirect(STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC);
    execvp(command[0], command);
    fprintf(stderr, "measure: %s: %s\n", command[0], strerror(errno));
    _exit(EXIT_CANNOT_RUN);
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    if (argc < 3) {
        fputs("usage: measure OUTPUT COMMAND [ARGUMENT]...\n", stderr);
        return EXIT_CANNOT_RUN;
    }
    int64_t start = now();
    pid_t child = fork();
    if (child == 0) {
        run(argv[1], argv + 2);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("measure");
        return EXIT_CANNOT_RUN;
    }
    int64_t wall = now() - start;
    printf("%" PRId64 " %" PRId64 " %ld\n", wall,
           nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime), usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_CANNOT_RUN;
}
