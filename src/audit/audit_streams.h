// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The places of compressed clusters (streams), to find those that overlap. Streams are adjacent
// byte by byte, but entries give their end only in sectors: two streams may share one sector in
// which the second begins, and no more.

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
    bool full;     // some streams were left out: their overlaps are unknown
    bool unsorted; // they were not added in the order of the file
};

// Adds the stream at `host_offset` that reaches `sectors` sectors beyond its first one.
// `host_offset` is below 2^54 and `sectors` below 2^13; together they have at most 62 bits.
void stream_list_add(struct stream_list *list, uint64_t host_offset, uint64_t sectors);

// The streams that another one overlaps.
struct shared_stream {
    uint64_t count;       // of such streams
    uint64_t host_offset; // of the first one
};

// Finds the overlaps after all streams were added.
struct shared_stream stream_list_find_shared(struct stream_list *list);

void stream_list_free(struct stream_list *list);

#endif
