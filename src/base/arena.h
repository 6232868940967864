// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Zeroed memory in pieces of one size that are freed together. The more of them there are the
// larger the blocks they are cut from: what the system maps page by page costs more than its use.

#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    size_t piece;               // bytes, at most 64 KiB; set by the owner, the rest is 0 at first
    struct arena_block *blocks; // owned, the newest first
};

// A piece, owned by the arena. NULL when there is no memory.
void *arena_take(struct arena *arena);

// The arena is as good as new afterwards.
void arena_free(struct arena *arena);

#endif
