// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Gives up the file system, the network and other programs, once every file that is needed is open.
// Whatever a hostile image then makes of the process, it can only read and write what is open.

#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>

// What is asked for. No new privileges is part of both.
enum sandbox_parts {
    SANDBOX_LANDLOCK = 1,
    SANDBOX_SECCOMP = 2,
    SANDBOX_ALL = SANDBOX_LANDLOCK | SANDBOX_SECCOMP,
};

// What the kernel, the libraries and the build could give.
struct sandbox {
    bool no_new_privileges;
    unsigned landlock_abi; // 0: no landlock
    bool seccomp;
};

// From here on the calling thread, and the threads that it starts, can open no file and no socket
// and start no program. It cannot be undone. A part that is not to be had is left out: the tool is
// as useful without. Parts that were entered before stay.
struct sandbox sandbox_enter(enum sandbox_parts parts);

enum { SANDBOX_TEXT_SIZE = 160 };

// "landlock (ABI 7), seccomp, no new privileges", with the reason in place of what is missing.
void sandbox_describe(const struct sandbox *sandbox, char text[static SANDBOX_TEXT_SIZE]);

// The system call filter, a part of its own because a library makes it. False when that is not
// built in, or the kernel refuses it.
bool sandbox_filter_calls(void);

#endif
