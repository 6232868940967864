// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The process that has the network: it answers asks for ranges of objects and does not know what
// their bytes mean. It ends with the process that started it.

#ifndef REMOTE_FETCHER_H
#define REMOTE_FETCHER_H

#include "remote/message.h"

#include <stdbool.h>

struct fetcher_options {
    unsigned connections;     // 1..REMOTE_CONNECTIONS_MAX
    unsigned timeout;         // seconds
    const char *header_file;  // NULL: none
    const char *netrc_file;   // NULL: none
    const char *authority;    // a file of certificates; NULL: those of the system
    const char *const *given; // addresses of the command line: objects are only at their origins
    size_t given_count;
    bool anywhere; // objects are anywhere
};

#if WITH_CURL

// Reads the files of the options, gives up all others, and answers until the other end of `socket`
// is closed. `memory`: REMOTE_PLACES blocks.
_Noreturn void fetcher_run(int socket, uint8_t *memory, const struct fetcher_options *options);

#endif

#endif
