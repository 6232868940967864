// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The list of allowed system calls of the process that parses.

#include "base/sandbox.h"

#include "base/call_filter.h"

#if WITH_SECCOMP

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

// TCGETS2, which newer libcs use to find out whether a descriptor is a terminal, and TCSETS2; the
// next two numbers wait for output and drop input. The headers with their names conflict with other
// headers.
#define ASK_TERMINAL_NEWER 0x802c542a
#define SET_TERMINAL_NEWER 0x402c542b

// The calls of 32-bit architectures follow the calls that they replace.
static const struct call_rule allowed[] = {
    // Reading, writing and seeking in open files.
    {.call = SCMP_SYS(read)},
    {.call = SCMP_SYS(readv)},
    {.call = SCMP_SYS(pread64)},
    {.call = SCMP_SYS(write)},
    {.call = SCMP_SYS(writev)},
    {.call = SCMP_SYS(pwrite64)},
    {.call = SCMP_SYS(copy_file_range)},
    {.call = SCMP_SYS(splice)},
    {.call = SCMP_SYS(lseek)},
    {.call = SCMP_SYS(_llseek)},
    {.call = SCMP_SYS(ftruncate)},
    {.call = SCMP_SYS(ftruncate64)},
    // Zeroing a block device by a request. Other modes are denied: they move bytes or allocate
    // space.
    {SCMP_SYS(fallocate), IS(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)},
    {SCMP_SYS(fallocate), IS(1, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)},
    {SCMP_SYS(ioctl), IS(1, BLKZEROOUT)},
    {.call = SCMP_SYS(close)},
    // Messages to the fetching process. Without an address they can only reach the peer of a socket
    // that is already open.
    {SCMP_SYS(sendto), IS(4, 0)},
    // The status of open files. With an empty path these calls are about a descriptor. The filter
    // cannot check that the path is empty, so the size and times of a file can still be read by
    // name.
    {.call = SCMP_SYS(fstat)},
    {.call = SCMP_SYS(fstat64)},
    {SCMP_SYS(newfstatat), BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)},
    {SCMP_SYS(statx), BITS(2, AT_EMPTY_PATH, AT_EMPTY_PATH)},
    {SCMP_SYS(fcntl), IS(1, F_GETFL)},
    {SCMP_SYS(fcntl64), IS(1, F_GETFL)},
    {SCMP_SYS(ioctl), IS(1, TCGETS)},
    {SCMP_SYS(ioctl), IS(1, ASK_TERMINAL_NEWER)},
    {SCMP_SYS(ioctl), IS(1, TIOCGWINSZ)},
    // A passphrase is typed without echo.
    {.call = SCMP_SYS(ppoll)},
    {.call = SCMP_SYS(ppoll_time64)},
    {SCMP_SYS(ioctl), IS(1, TCSETS)},
    {SCMP_SYS(ioctl), IS(1, TCSETSW)},
    {SCMP_SYS(ioctl), IS(1, TCSETSF)},
    {SCMP_SYS(ioctl), IS(1, SET_TERMINAL_NEWER)},
    {SCMP_SYS(ioctl), IS(1, SET_TERMINAL_NEWER + 1)},
    {SCMP_SYS(ioctl), IS(1, SET_TERMINAL_NEWER + 2)},
    // Memory that is not executable.
    {.call = SCMP_SYS(brk)},
#ifdef __s390x__ // the arguments are in memory, where the filter cannot check them
    {.call = SCMP_SYS(mmap)},
#else
    {SCMP_SYS(mmap), BITS(2, PROT_EXEC, 0)},
#endif
    {SCMP_SYS(mmap2), BITS(2, PROT_EXEC, 0)},
    {SCMP_SYS(mprotect), BITS(2, PROT_EXEC, 0)},
    {.call = SCMP_SYS(mremap)},
    {.call = SCMP_SYS(munmap)},
    {.call = SCMP_SYS(madvise)},
    {.call = SCMP_SYS(mlock)}, // keys
    {.call = SCMP_SYS(mlock2)},
    {.call = SCMP_SYS(munlock)},
    // Threads, but no processes. clone3 has its flags in memory, where the filter cannot check
    // them; libc uses clone when clone3 does not exist.
    {SCMP_SYS(clone), BITS(CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD)},
    {.call = SCMP_SYS(set_robust_list)},
    {.call = SCMP_SYS(rseq)},
    {.call = SCMP_SYS(futex)},
    {.call = SCMP_SYS(futex_time64)},
    {.call = SCMP_SYS(sched_yield)},
    {.call = SCMP_SYS(sched_getaffinity)}, // the number of cores, for malloc()
    {SCMP_SYS(prlimit64), IS(2, 0)},       // the size of a stack
    {.call = SCMP_SYS(ugetrlimit)},
    {.call = SCMP_SYS(gettid)},
    {.call = SCMP_SYS(getpid)},
    // Signals that arrive, and the signal of abort().
    {.call = SCMP_SYS(rt_sigaction)},
    {.call = SCMP_SYS(rt_sigprocmask)},
    {.call = SCMP_SYS(rt_sigreturn)},
    {.call = SCMP_SYS(sigreturn)},
    {.call = SCMP_SYS(restart_syscall)},
    // Time and random numbers.
    {.call = SCMP_SYS(clock_gettime)},
    {.call = SCMP_SYS(clock_gettime64)},
    {.call = SCMP_SYS(getrandom)},
    // Ending the process.
    {.call = SCMP_SYS(exit)},
    {.call = SCMP_SYS(exit_group)},
};

// Neither the libraries nor our code make these calls from here on: the process has been taken
// over.
static const int deadly[] = {
    SCMP_SYS(execve),     SCMP_SYS(execveat), SCMP_SYS(socket),
    SCMP_SYS(socketcall), SCMP_SYS(connect),  SCMP_SYS(ptrace),
};

// A library may try to open a file that it does not need. The error is the same as from landlock.
static const int refused[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2)};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

bool sandbox_filter_calls(void)
{
    const struct call_filter filter = {
        .allowed = {{allowed, COUNT(allowed)}},
        .refused = {refused, COUNT(refused)},
        .deadly = {deadly, COUNT(deadly)},
    };
    return call_filter_enter(&filter);
}

#else

bool sandbox_filter_calls(void)
{
    return false;
}

#endif
