// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0
//
// A library that the tests preload into qemu-img and qemu-io, and into nothing else: getrusage()
// reports 600 ms more CPU time at each call.
//
// Before QEMU makes a LUKS header it derives keys until a thread has used 500 ms of CPU time. That
// takes two seconds, and fails where the kernel counts CPU time in ticks. With this clock the first
// attempt is long enough: QEMU counts the same few iterations on every machine.

#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

enum { STEP_MS = 600 };

int getrusage(int who, struct rusage *usage)
{
    static atomic_long calls;
    (void)who;
    const long ms = STEP_MS * (atomic_fetch_add(&calls, 1) + 1);
    memset(usage, 0, sizeof *usage);
    usage->ru_utime.tv_sec = ms / 1000;
    usage->ru_utime.tv_usec = ms % 1000 * 1000;
    return 0;
}
