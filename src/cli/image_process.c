// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/image_process.h"

#include "cli/open.h"
#include "cli/web.h"
#include "source/address.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

// --- The process ---------------------------------------------------------------------------------

static int control = -1; // -1: this is no such process
static bool may_prompt;

// Sends a message and waits until the parent has taken it: what was written before it belongs to
// it, and nothing else.
static void send_message(enum image_message kind, int status)
{
    const uint8_t message[2] = {(uint8_t)kind, (uint8_t)status};
    uint8_t answer;
    if (write(control, message, sizeof message) != sizeof message ||
        read(control, &answer, sizeof answer) != sizeof answer) {
        _exit(1);
    }
}

static void need_files(void)
{
    send_message(IMAGE_NEEDS_FILES, 0);
}

bool image_process_takes_terminal(void)
{
    bool can = control < 0 || may_prompt;
    if (!can) {
        send_message(IMAGE_NEEDS_PROMPT, 0);
    }
    return can;
}

// It ends with its parent, which reads what it writes.
static void follow_parent(pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent) {
        _exit(1);
    }
}

// What an image needed is used again for the next one, and not given back to the system: mapping
// memory costs as much as the rest of the work on a small image.
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
#endif
}

static _Noreturn void run_images(const struct image_work *work)
{
    if (work->adopt) {
        work->adopt(work->adopted);
    }
    if (work->together) {
        keep_memory();
        open_ahead(work->paths, work->count, need_files);
    }
    for (size_t i = 0; i < work->count; i++) {
        char *words[] = {NULL, (char *)(uintptr_t)work->paths[i], NULL};
        web_command_line(2, words); // a list of names belongs to the command line
        int status = work->run(work->context, work->paths[i], work->numbers[i], work->jobs);
        send_message(IMAGE_DONE, work->together ? status : web_end(status));
    }
    exit(EXIT_SUCCESS);
}

// --- The parent ----------------------------------------------------------------------------------

static void close_all(const struct image_process *process)
{
    const int ends[] = {process->output, process->errors, process->control};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
}

static void close_others(const struct image_process *others, size_t count, int also)
{
    for (size_t i = 0; i < count; i++) {
        if (others[i].pid > 0) {
            close_all(&others[i]);
        }
    }
    if (also >= 0) {
        close(also);
    }
}

// Makes the descriptors of both sides.
static bool make_ends(struct image_process *mine, struct image_process *theirs)
{
    int pair[2];
    *mine = *theirs = (struct image_process){.output = -1, .errors = -1, .control = -1};
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return false;
    }
    mine->output = pair[0], theirs->output = pair[1];
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return false;
    }
    mine->errors = pair[0], theirs->errors = pair[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    mine->control = pair[0], theirs->control = pair[1];
    return fcntl(mine->output, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(mine->errors, F_SETFL, O_NONBLOCK) == 0;
}

static _Noreturn void begin(const struct image_process *theirs, const struct image_work *work,
                            pid_t parent)
{
    follow_parent(parent);
    if (dup2(theirs->output, STDOUT_FILENO) < 0 || dup2(theirs->errors, STDERR_FILENO) < 0) {
        _exit(1);
    }
    close(theirs->output);
    close(theirs->errors);
    control = theirs->control;
    may_prompt = work->may_prompt;
    run_images(work);
}

bool image_process_start(struct image_process *process, const struct image_work *work,
                         const struct image_process *others, size_t other_count, int also,
                         struct error *error)
{
    struct image_process theirs;
    pid_t parent = getpid();
    bool made = make_ends(process, &theirs);
    pid_t pid = made ? fork() : -1;
    if (pid == 0) {
        close_all(process);
        close_others(others, other_count, also);
        begin(&theirs, work, parent);
    }
    int failed = errno;
    close_all(&theirs);
    if (pid < 0) {
        close_all(process);
        process->pid = 0;
        return error_set(error, ERROR_IO, "cannot start a process: %s", strerror(failed));
    }
    process->pid = pid;
    return true;
}

static ssize_t receive(int socket, uint8_t *to, size_t size)
{
    ssize_t got;
    do {
        got = recv(socket, to, size, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

enum image_message image_process_message(const struct image_process *process, int *status)
{
    uint8_t message[2];
    if (receive(process->control, message, sizeof message) != sizeof message ||
        message[0] >= IMAGE_ENDED) {
        return IMAGE_ENDED;
    }
    *status = message[1];
    return (enum image_message)message[0];
}

void image_process_continue(const struct image_process *process)
{
    const uint8_t byte = 0;
    send(process->control, &byte, 1, MSG_NOSIGNAL); // its end shows when it is read next
}

int image_process_end(struct image_process *process)
{
    int how = 0;
    close_all(process);
    kill(process->pid, SIGKILL); // it has ended, unless it was taken over
    while (waitpid(process->pid, &how, 0) < 0 && errno == EINTR) {
    }
    process->pid = 0;
    return how;
}
