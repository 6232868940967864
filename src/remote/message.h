// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the process that parses and the one that fetches say to each other. Each message is one
// packet of a socket pair. The bytes themselves go through memory that only the fetcher writes and
// only the parser reads, in places that the parser names.

#ifndef REMOTE_MESSAGE_H
#define REMOTE_MESSAGE_H

#include "source/address.h"

#include <stddef.h>
#include <stdint.h>

enum {
    REMOTE_BLOCK = 64 << 10, // bytes: what is fetched begins and ends at multiples of it
    REMOTE_PLACES = 256,     // blocks in the shared memory: 16 MiB
    REMOTE_RUN_MAX = 64,     // blocks of one request: 4 MiB
    REMOTE_OBJECTS_MAX = 256,
    REMOTE_CONNECTIONS_MAX = 64,
    REMOTE_ASKED_MAX = 512, // asks that are not answered
    REMOTE_TEXT_SIZE = ERROR_MESSAGE_SIZE,
};

enum ask_kind {
    ASK_OPEN,  // the first block of a new object
    ASK_FETCH, // a range of an open object
    ASK_SEAL,  // no object is opened from here on; not answered
};

struct ask {
    uint32_t kind;
    uint32_t number;                 // the answer has the same
    uint32_t object;                 // objects are numbered from 0 in the order of ASK_OPEN
    uint32_t length;                 // bytes; the last block may be a part
    uint64_t offset;                 // bytes; a multiple of REMOTE_BLOCK
    uint16_t places[REMOTE_RUN_MAX]; // where each block goes: index of a block of the memory
    char address[ADDRESS_MAX + 1];   // of ASK_OPEN; other asks end before it
};

enum reply_kind {
    REPLY_READY,  // the fetcher has begun
    REPLY_DONE,   // the bytes are in their places
    REPLY_FAILED, // for good, for the reason in `text`
    REPLY_ALIVE,  // each second while something is asked
};

enum reply_fault {
    FAULT_IO,
    FAULT_NOT_FOUND,
    FAULT_USAGE,
    FAULT_OUTSIDE,
    FAULT_TRIED, // this range could not be had in several tries; another one may be
};

struct reply {
    uint32_t kind;
    uint32_t number;
    uint32_t fault;
    uint32_t landlock_abi; // of REPLY_READY: as in struct sandbox, as are
    uint32_t seccomp, no_new_privileges;
    uint64_t size;               // of the object, for the answer to ASK_OPEN
    uint64_t requests, bytes;    // sent and received so far
    char text[REMOTE_TEXT_SIZE]; // of REPLY_READY the version of the library
};

static inline size_t ask_size(const struct ask *ask)
{
    return ask->kind == ASK_OPEN ? sizeof *ask : offsetof(struct ask, address);
}

#endif
