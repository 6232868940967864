// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A source in memory that counts its reads, cannot be read everywhere, and can have holes.
//
//     struct watched watched = watched_make(bytes, sizeof bytes);
//     watched.bad_start = 4096;
//     watched.bad_end = 8192;
//     source_read(&watched.base, ...);
//     CHECK_EQ_U64(watched.reads, 1);
//
// Behind the bytes that are given there are zeros, up to base.size.

#ifndef QCOW2_INFO_TESTS_WATCHED_H
#define QCOW2_INFO_TESTS_WATCHED_H

#include "source/source.h"

#include <string.h>

struct watched {
    struct source base;
    const uint8_t *bytes; // not owned
    size_t stored;        // how many
    uint64_t bad_start;   // a read that touches [bad_start, bad_end) fails
    uint64_t bad_end;
    uint64_t piece;      // unless 0, data and holes take turns, so many bytes each; data first
    uint64_t reads;      // so far
    uint64_t bytes_read; // by all of them
    uint64_t last_size;  // of the last one
};

static inline bool watched_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                                struct error *error)
{
    struct watched *watched = (struct watched *)source;
    watched->reads++;
    watched->bytes_read += size;
    watched->last_size = size;
    if (offset < watched->bad_end && offset + size > watched->bad_start) {
        uint64_t bad = offset < watched->bad_start ? watched->bad_start : offset;
        memset(buffer, 0xee, size); // as a read that fails may
        return error_at(error, ERROR_IO, bad, "cannot read: the medium is bad");
    }
    size_t stored = 0;
    if (offset < watched->stored) {
        stored = watched->stored - offset < size ? watched->stored - (size_t)offset : size;
        memcpy(buffer, watched->bytes + offset, stored);
    }
    memset((uint8_t *)buffer + stored, 0, size - stored);
    return true;
}

// Length of what is left at `offset` of its piece, if that is a hole or data as asked for.
static inline uint64_t watched_rest(const struct source *source, uint64_t offset, bool hole)
{
    const struct watched *watched = (const struct watched *)source;
    uint64_t rest = source->size - offset;
    if (watched->piece == 0) {
        return hole ? 0 : rest;
    }
    if ((offset / watched->piece % 2 != 0) != hole) {
        return 0;
    }
    uint64_t piece = watched->piece - offset % watched->piece;
    return piece < rest ? piece : rest;
}

static inline uint64_t watched_hole(struct source *source, uint64_t offset)
{
    return watched_rest(source, offset, true);
}

static inline uint64_t watched_data(struct source *source, uint64_t offset)
{
    return watched_rest(source, offset, false);
}

static inline void watched_close(struct source *source)
{
    (void)source; // owned by its creator
}

// The bytes have to stay. Set base.size, base.kind and the bad range as needed.
static inline struct watched watched_make(const void *bytes, size_t stored)
{
    static const struct source_ops ops = {
        .read = watched_read, .hole = watched_hole, .data = watched_data, .close = watched_close};
    return (struct watched){
        .base = {.ops = &ops, .kind = SOURCE_MEMORY, .size = stored, .fd = -1},
        .bytes = bytes,
        .stored = stored,
        .bad_start = UINT64_MAX,
        .bad_end = UINT64_MAX,
    };
}

#endif
