// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Zeroed memory in pieces of one size that are freed together. They are taken from blocks that grow
// with their number, because memory that the system maps page by page is slow.

#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    size_t piece; // bytes, at most 64 KiB; set by the owner, all other fields start as 0
    struct arena_block *blocks; // owned, the newest first
};

// Returns a piece, owned by the arena. NULL when there is no memory.
void *arena_take(struct arena *arena);

// Frees all pieces. The arena can be used again.
void arena_free(struct arena *arena);

#endif
