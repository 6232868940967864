// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A window: a bounded buffer over the tables of one file, for a walk in guest order. It keeps the
// last read, and reads adjacent tables with ever larger reads.

#ifndef SOURCE_TABLE_WINDOW_H
#define SOURCE_TABLE_WINDOW_H

#include "source/source.h"

struct table_window {
    uint8_t *buffer; // owned; NULL until the first use
    size_t capacity; // bytes
    size_t size;     // bytes of the file in it
    uint64_t start;  // byte offset in the file
    size_t ahead;    // bytes to read next if the walk continues at the end of this window
};

enum { TABLE_WINDOW_MIN = 4096, TABLE_WINDOW_MAX = 256 * 1024 };

// `capacity`: TABLE_WINDOW_MIN..TABLE_WINDOW_MAX bytes.
struct table_window table_window_make(size_t capacity);

// A view of a table's bytes from `offset` on: at least `entry` bytes, a power of two, and at most
// `wanted`; it ends before the first unreadable byte. Valid until the next call. ERROR_TRUNCATED or
// ERROR_UNSEEN when the entry lies past the end.
bool table_window_view(struct table_window *window, struct source *source, uint64_t offset,
                       size_t entry, uint64_t wanted, struct bytes *view, struct error *error);

// True when the `size` bytes at `offset` have been read already.
static inline bool table_window_has(const struct table_window *window, uint64_t offset, size_t size)
{
    uint64_t into = offset - window->start;
    return offset >= window->start && into < window->size && window->size - into >= size;
}

void table_window_free(struct table_window *window);

#endif
