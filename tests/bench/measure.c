// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Runs a command and prints what it took, on one line: nanoseconds of wall time, nanoseconds of
// processor time, KiB of peak memory.
//
//     measure [--anew FILE] OUTPUT COMMAND [ARGUMENT]...
//
// OUTPUT becomes the command's standard output; its standard input is /dev/null. FILE is what the
// command writes. One that is there already, from a run before, is removed first, and the command
// finds as much memory warm as that took up. The exit status is the command's, and 127 when it
// could not be run or was ended by a signal.
//
// Why warm: the host of a virtual machine may take back what its guest has free, and give it again
// page by page, at a price above that of everything measured here, and by chance.

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

// ---- Warm memory ------------------------------------------------------------------------------

// Memory that has been touched is given back while FILE grows, and this much ahead of it: what lies
// free for long could be cold again when it is used.
static const size_t ahead = (size_t)128 << 20;

struct warm {
    const char *file;      // NULL: none
    unsigned char *memory; // NULL: none
    size_t size, freed;    // bytes
    atomic_bool is_over;
};

// Bytes that a file takes up; 0 without one.
static size_t room_of(const char *file)
{
    struct stat status;
    return file && stat(file, &status) == 0 ? (size_t)status.st_blocks * 512 : 0;
}

// Takes up to half of the memory that is free; with less to spare the command has to do without.
static void warm_up(struct warm *warm, size_t size)
{
    long free_pages = sysconf(_SC_AVPHYS_PAGES);
    if (size == 0 || free_pages < 0 ||
        size / (size_t)sysconf(_SC_PAGESIZE) > (size_t)free_pages / 2) {
        return;
    }
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return;
    }
    // A child's peak counts from its parent's size on.
    madvise(memory, size, MADV_DONTFORK);
    madvise(memory, size, MADV_HUGEPAGE);
    memset(memory, 1, size);
    warm->memory = memory;
    warm->size = size;
}

static void *hand_over(void *argument)
{
    struct warm *warm = argument;
    const struct timespec pause = {.tv_nsec = 4000000};
    while (warm->memory && warm->freed < warm->size && !warm->is_over) {
        if (warm->freed < room_of(warm->file) + ahead) {
            madvise(warm->memory + warm->freed, ahead / 2, MADV_DONTNEED);
            warm->freed += ahead / 2;
        } else {
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

// What is there from a run before goes away, in memory and on the disk.
static void make_way(struct warm *warm)
{
    size_t size = room_of(warm->file) & ~(ahead - 1);
    if (warm->file && unlink(warm->file) == 0) {
        warm_up(warm, size);
        sync();
    }
}

// ---- The command ------------------------------------------------------------------------------

static int fail(void)
{
    perror("measure");
    return EXIT_CANNOT_RUN;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    struct warm warm = {0};
    pthread_t thread;
    int status;
    if (argc > 2 && strcmp(argv[1], "--anew") == 0) {
        warm.file = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc < 3) {
        fputs("usage: measure [--anew FILE] OUTPUT COMMAND [ARGUMENT]...\n", stderr);
        return EXIT_CANNOT_RUN;
    }
    make_way(&warm);
    int64_t start = now();
    pid_t child = fork();
    if (child == 0) {
        run(argv[1], argv + 2);
    }
    if (child < 0 || pthread_create(&thread, NULL, hand_over, &warm) != 0) {
        return fail();
    }
    if (wait4(child, &status, 0, &usage) != child) {
        return fail();
    }
    int64_t wall = now() - start;
    warm.is_over = true;
    pthread_join(thread, NULL);
    printf("%" PRId64 " %" PRId64 " %ld\n", wall,
           nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime), usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_CANNOT_RUN;
}
