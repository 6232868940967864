// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Where the streams of compressed clusters are, to find those that are over one another. Streams
// follow each other byte by byte, and entries say where they end in sectors alone: two may share a
// sector in which one of them begins, and nothing more.

#ifndef AUDIT_AUDIT_STREAMS_H
#define AUDIT_AUDIT_STREAMS_H

#include "tables/cluster_bits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_list {
    uint64_t *keys; // owned
    size_t count, room;
    struct memory_limit *limit;
    bool full;     // some were left out: of these it is not known
    bool unsorted; // they were not added in the order of the file
};

// Adds the stream at `host_offset`, below 2^54, that reaches `sectors` sectors beyond the one it
// begins in, below 2^13, of which host_offset has no more than 62 bits with it.
void stream_list_add(struct stream_list *list, uint64_t host_offset, uint64_t sectors);

// A stream over which another one is.
struct shared_stream {
    uint64_t count;       // of such
    uint64_t host_offset; // of the first
};

// Finds them, once all were added.
struct shared_stream stream_list_find_shared(struct stream_list *list);

void stream_list_free(struct stream_list *list);

#endif
