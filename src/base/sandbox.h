// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Gives up access to the file system, the network and other programs once all needed files are
// open. Even if a hostile image takes over the process, it can only read and write the open files.

#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>

// The requested parts. No new privileges is part of both.
enum sandbox_parts {
    SANDBOX_LANDLOCK = 1,
    SANDBOX_SECCOMP = 2,
    SANDBOX_ALL = SANDBOX_LANDLOCK | SANDBOX_SECCOMP,
};

// The parts that the kernel, the libraries and the build support.
struct sandbox {
    bool no_new_privileges;
    unsigned landlock_abi; // 0: no landlock
    bool seccomp;
};

// After this call the calling thread, and the threads that it starts, can open no file and no
// socket and start no program. This cannot be undone. A part that is not supported is left out,
// because the program is useful without it. Parts that were entered before stay in effect.
struct sandbox sandbox_enter(enum sandbox_parts parts);

// The same for a process that has the network: it can make connections, listen for none, start no
// program, and open no file but those of `readable` and what is in the folders among them (NULL
// ends the list), to read them. Without landlock, which knows files by their names, it can open
// none.
struct sandbox sandbox_enter_network(const char *const *readable);

// Whether the kernel has landlock.
bool sandbox_knows_files(void);

enum { SANDBOX_TEXT_SIZE = 160 };

// "landlock (ABI 7), seccomp, no new privileges", with the reason instead of a missing part.
void sandbox_describe(const struct sandbox *sandbox, char text[static SANDBOX_TEXT_SIZE]);

// Enters the system call filter, which a library makes. False when the library is not built in, or
// the kernel refuses the filter.
bool sandbox_filter_calls(void);

// The same for a process that has the network. `opens`: it may open files to read them.
bool sandbox_filter_network_calls(bool opens);

#endif
