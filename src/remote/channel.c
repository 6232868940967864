// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/channel.h"

#if WITH_CURL && defined(__linux__)

#include "remote/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MEMORY_SIZE = REMOTE_PLACES * REMOTE_BLOCK,
    FIRST_DESCRIPTOR = 3,
    DESCRIPTORS_MAX = 1 << 16, // where the kernel cannot close them all
    SILENCE = 5,               // seconds beyond the time-out: signs of life come each second
};

static bool system_error(struct error *error, const char *what)
{
    return error_set(error, ERROR_IO, "cannot %s: %s", what, strerror(errno));
}

// --- The child -----------------------------------------------------------------------------------

// Whatever else is open, such as files of keys, is not for the fetcher.
static void close_others(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, FIRST_DESCRIPTOR + 1, ~0U, 0) == 0) {
        return;
    }
#endif
    for (int fd = FIRST_DESCRIPTOR + 1; fd < DESCRIPTORS_MAX; fd++) {
        close(fd);
    }
}

// The socket gets the first number behind the standard descriptors, which lead nowhere.
static bool keep_socket(int socket)
{
    int nowhere = open("/dev/null", O_RDWR);
    if (nowhere < 0) {
        return false;
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (dup2(nowhere, fd) < 0) {
            return false;
        }
    }
    return socket == FIRST_DESCRIPTOR || dup2(socket, FIRST_DESCRIPTOR) >= 0;
}

static _Noreturn void run_child(int socket, int memory_fd, pid_t parent,
                                const struct fetcher_options *options)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    void *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    // From here on no other process can map it for writing or shrink it.
    fcntl(memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE);
    if (memory == MAP_FAILED || !keep_socket(socket)) {
        _exit(1);
    }
    close_others();
    signal(SIGPIPE, SIG_IGN);
    fetcher_run(FIRST_DESCRIPTOR, memory, options);
}

// --- The parent ----------------------------------------------------------------------------------

static bool start(const int sockets[2], int memory_fd, const struct fetcher_options *options,
                  struct error *error)
{
    pid_t parent = getpid();
    signal(SIGCHLD, SIG_IGN); // the socket shows its end, and there is nothing to wait for
    pid_t child = fork();
    if (child == 0) {
        run_child(sockets[1], memory_fd, parent, options);
    }
    return child > 0 ? true : system_error(error, "start a process");
}

static bool wait_ready(struct channel *channel, struct reply *ready, struct error *error)
{
    if (!channel_receive(channel, true, ready, error)) {
        return false;
    }
    return ready->kind == REPLY_READY ? true : error_set(error, ERROR_IO, "%s", ready->text);
}

// Makes the socket pair, the memory and the process.
static bool connect_child(struct channel *channel, int memory_fd,
                          const struct fetcher_options *options, struct reply *ready,
                          struct error *error)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        return system_error(error, "make a pair of sockets");
    }
    channel->socket = sockets[0];
    bool started = start(sockets, memory_fd, options, error);
    close(sockets[1]);
    if (!started || !wait_ready(channel, ready, error)) {
        return false;
    }
    void *memory = mmap(NULL, MEMORY_SIZE, PROT_READ, MAP_SHARED, memory_fd, 0);
    if (memory == MAP_FAILED) {
        return system_error(error, "map memory");
    }
    channel->memory = memory;
    return true;
}

bool channel_open(struct channel *channel, const struct fetcher_options *options,
                  struct reply *ready, struct error *error)
{
    *channel = (struct channel){.socket = -1, .silence = options->timeout + SILENCE};
    int memory_fd = memfd_create("qcow2-info", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory_fd < 0 || ftruncate(memory_fd, MEMORY_SIZE) != 0) {
        system_error(error, "share memory");
        if (memory_fd >= 0) {
            close(memory_fd);
        }
        return false;
    }
    bool opened = connect_child(channel, memory_fd, options, ready, error);
    close(memory_fd);
    if (!opened) {
        channel_close(channel);
    }
    return opened;
}

void channel_close(struct channel *channel)
{
    if (channel->socket >= 0) {
        close(channel->socket);
    }
    if (channel->memory) {
        munmap((void *)(uintptr_t)channel->memory, MEMORY_SIZE);
    }
    *channel = (struct channel){.socket = -1};
}

bool channel_ask(const struct channel *channel, const struct ask *ask, struct error *error)
{
    ssize_t sent;
    do {
        sent = send(channel->socket, ask, ask_size(ask), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0 ? true
                     : error_set(error, ERROR_IO, "the process that fetches has ended: %s",
                                 strerror(errno));
}

// Waits until there is something to read.
static bool wait_reply(const struct channel *channel, bool wait, struct error *error)
{
    struct pollfd socket = {.fd = channel->socket, .events = POLLIN};
    const struct timespec limit = {.tv_sec = wait ? channel->silence : 0};
    int ready;
    do {
        ready = ppoll(&socket, 1, &limit, NULL);
    } while (ready < 0 && errno == EINTR);
    if (ready > 0) {
        return true;
    }
    error->code = NULL;
    return wait ? error_set(error, ERROR_IO,
                            "the process that fetches has been silent for %u seconds",
                            channel->silence)
                : false;
}

bool channel_receive(const struct channel *channel, bool wait, struct reply *reply,
                     struct error *error)
{
    if (!wait_reply(channel, wait, error)) {
        return false;
    }
    ssize_t size;
    do {
        size = read(channel->socket, reply, sizeof *reply);
    } while (size < 0 && errno == EINTR);
    if (size != sizeof *reply) {
        return error_set(error, ERROR_IO, "the process that fetches has ended");
    }
    reply->text[sizeof reply->text - 1] = '\0';
    return true;
}

#else

bool channel_open(struct channel *channel, const struct fetcher_options *options,
                  struct reply *ready, struct error *error)
{
    (void)options, (void)ready;
    *channel = (struct channel){.socket = -1};
    return error_set(error, ERROR_IO, "a web address needs libcurl, which is not built in");
}

void channel_close(struct channel *channel)
{
    (void)channel;
}

bool channel_ask(const struct channel *channel, const struct ask *ask, struct error *error)
{
    (void)channel, (void)ask;
    return error_set(error, ERROR_IO, "libcurl is not built in");
}

bool channel_receive(const struct channel *channel, bool wait, struct reply *reply,
                     struct error *error)
{
    (void)channel, (void)wait, (void)reply;
    return error_set(error, ERROR_IO, "libcurl is not built in");
}

#endif
