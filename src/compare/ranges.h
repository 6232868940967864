// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The ranges of a disk that differ, in whole sectors.

#ifndef COMPARE_RANGES_H
#define COMPARE_RANGES_H

#include "base/bytes.h"

struct range {
    uint64_t start, end; // guest offsets
};

struct ranges {
    struct range *items; // owned; in order, never adjacent
    size_t count, capacity;
};

void ranges_free(struct ranges *ranges);

// Appends the sectors of [start, end); extends the last range if they are adjacent to it. False
// when there is no memory.
bool ranges_add(struct ranges *ranges, uint64_t start, uint64_t end);

// Adds the sectors in which `size` bytes at guest offset `at` differ: all or, with `all` false,
// only the first one. `b` NULL: compares with zeros. False when there is no memory.
bool ranges_compare(struct ranges *ranges, uint64_t at, const uint8_t *a, const uint8_t *b,
                    size_t size, bool all);

#endif
