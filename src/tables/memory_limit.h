// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A limit of memory that several sets and maps share.

#ifndef TABLES_MEMORY_LIMIT_H
#define TABLES_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

// Bytes.
struct memory_limit {
    uint64_t most, used; // used <= most
};

// Counts `size` bytes more. False, and nothing is counted, when they exceed the limit.
static inline bool memory_limit_take(struct memory_limit *limit, uint64_t size)
{
    if (size > limit->most - limit->used) {
        return false;
    }
    limit->used += size;
    return true;
}

#endif
