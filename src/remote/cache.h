// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Which block of which object is in which place of the shared memory. Of blocks that nobody uses
// the least recently used one makes room; what was fetched ahead stays until it was read.

#ifndef REMOTE_CACHE_H
#define REMOTE_CACHE_H

#include "remote/message.h"

#include <stdbool.h>

enum {
    CACHE_BUCKETS = 512,
    CACHE_AHEAD_MAX = REMOTE_PLACES * 3 / 4, // places of blocks that were fetched ahead
};

enum block_state { BLOCK_FREE, BLOCK_COMING, BLOCK_HERE };

struct block {
    enum block_state state;
    uint32_t object;
    uint64_t index; // of the block in the object
    uint64_t used;  // when it was used last
    uint64_t since; // of one that was fetched ahead and not read since: cache->passed then; else 0
    unsigned readers; // that copy from it
    uint16_t next;    // in its bucket; REMOTE_PLACES ends it
};

struct cache {
    struct block blocks[REMOTE_PLACES]; // by place
    uint16_t buckets[CACHE_BUCKETS];
    uint64_t clock;
    uint64_t passed; // counts blocks that a read came to for the first time; from 1
};

void cache_init(struct cache *cache);

// The block that is here or coming; NULL when it is not.
struct block *cache_find(struct cache *cache, uint32_t object, uint64_t index);

// Gives a place to a block that is then coming, and was neither here nor coming. NULL when none can
// be made free.
struct block *cache_claim(struct cache *cache, uint32_t object, uint64_t index, bool ahead);

// How many blocks can be fetched ahead now.
unsigned cache_room_ahead(const struct cache *cache);

// Takes the block as read now.
void cache_use(struct cache *cache, struct block *block);

// Frees the place of a block that does not come, or is not wanted.
void cache_drop(struct cache *cache, struct block *block);

static inline uint16_t cache_place(const struct cache *cache, const struct block *block)
{
    return (uint16_t)(block - cache->blocks);
}

#endif
