// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The list of the system calls that are left to a process that has the network: what libcurl, a TLS
// library and the resolver of libc need once they are loaded.

#include "base/call_filter.h"
#include "base/sandbox.h"

#if WITH_SECCOMP

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define CALL(name)             \
    {                          \
        .call = SCMP_SYS(name) \
    }

static const struct call_rule allowed[] = {
    // Connections of the Internet. None is listened for: there is neither bind nor accept.
    {SCMP_SYS(socket), IS(0, AF_INET)},
    {SCMP_SYS(socket), IS(0, AF_INET6)},
    CALL(connect),
    CALL(getsockname),
    CALL(getpeername),
    CALL(getsockopt),
    CALL(setsockopt),
    CALL(shutdown),
    CALL(sendto),
    CALL(sendmsg),
    CALL(sendmmsg),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(recvmmsg),
    CALL(recvmmsg_time64),
    // How threads of the resolver wake the others.
    CALL(socketpair),
    CALL(pipe2),
    CALL(eventfd2),
    CALL(poll),
    CALL(ppoll),
    CALL(ppoll_time64),
    CALL(read),
    CALL(readv),
    CALL(write),
    CALL(writev),
    CALL(lseek),
    CALL(_llseek),
    CALL(close),
    {SCMP_SYS(ioctl), IS(1, FIONBIO)},
    {SCMP_SYS(ioctl), IS(1, FIONREAD)},
    {SCMP_SYS(fcntl), IS(1, F_GETFL)},
    {SCMP_SYS(fcntl), IS(1, F_SETFL)},
    {SCMP_SYS(fcntl), IS(1, F_GETFD)},
    {SCMP_SYS(fcntl), IS(1, F_SETFD)},
    {SCMP_SYS(fcntl64), IS(1, F_GETFL)},
    {SCMP_SYS(fcntl64), IS(1, F_SETFL)},
    {SCMP_SYS(fcntl64), IS(1, F_GETFD)},
    {SCMP_SYS(fcntl64), IS(1, F_SETFD)},
    // Whether the configuration of the resolver has changed: size and times of files, by name.
    CALL(fstat),
    CALL(fstat64),
    CALL(stat),
    CALL(stat64),
    CALL(newfstatat),
    CALL(fstatat64),
    CALL(statx),
    // Memory, but none to run.
    CALL(brk),
#ifdef __s390x__ // its arguments lie in memory, where they cannot be seen here
    CALL(mmap),
#else
    {SCMP_SYS(mmap), BITS(2, PROT_EXEC, 0)},
#endif
    {SCMP_SYS(mmap2), BITS(2, PROT_EXEC, 0)},
    {SCMP_SYS(mprotect), BITS(2, PROT_EXEC, 0)},
    CALL(mremap),
    CALL(munmap),
    CALL(madvise),
    CALL(mlock),
    CALL(munlock),
    // Threads, but no process.
    {SCMP_SYS(clone), BITS(CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD)},
    CALL(set_robust_list),
    CALL(rseq),
    CALL(futex),
    CALL(futex_time64),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    {SCMP_SYS(prlimit64), IS(2, 0)},
    CALL(ugetrlimit),
    CALL(gettid),
    CALL(getpid),
    CALL(getppid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(uname),
    CALL(sysinfo),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigreturn),
    CALL(restart_syscall),
    CALL(clock_gettime),
    CALL(clock_gettime64),
    CALL(clock_getres),
    CALL(gettimeofday),
    CALL(time),
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(clock_nanosleep_time64),
    CALL(getrandom),
    CALL(exit),
    CALL(exit_group),
};

// What landlock then narrows to the files that may be read.
enum { WRITING = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND };

static const struct call_rule opening[] = {
    {SCMP_SYS(open), BITS(1, WRITING, O_RDONLY)},
    {SCMP_SYS(openat), BITS(2, WRITING, O_RDONLY)},
};

static const int refused[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2)};

static const int deadly[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace)};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

bool sandbox_filter_network_calls(bool opens)
{
    const struct call_filter filter = {
        .allowed = {{allowed, COUNT(allowed)}, {opening, opens ? COUNT(opening) : 0}},
        .refused = {refused, opens ? 0 : COUNT(refused)},
        .deadly = {deadly, COUNT(deadly)},
    };
    return call_filter_enter(&filter);
}

#else

bool sandbox_filter_network_calls(bool opens)
{
    (void)opens;
    return false;
}

#endif
