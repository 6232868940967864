// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/cache.h"

void cache_init(struct cache *cache)
{
    *cache = (struct cache){0};
    for (size_t i = 0; i < CACHE_BUCKETS; i++) {
        cache->buckets[i] = REMOTE_PLACES;
    }
}

static uint16_t *bucket_of(struct cache *cache, uint32_t object, uint64_t index)
{
    return &cache->buckets[(index + object * UINT64_C(61)) % CACHE_BUCKETS];
}

struct block *cache_find(struct cache *cache, uint32_t object, uint64_t index)
{
    uint16_t place = *bucket_of(cache, object, index);
    while (place < REMOTE_PLACES) {
        struct block *block = &cache->blocks[place];
        if (block->object == object && block->index == index) {
            return block;
        }
        place = block->next;
    }
    return NULL;
}

// Fetched ahead and still to be read. What was overtaken by all that a cache holds is not: it was
// expected in vain.
static bool is_expected(const struct cache *cache, const struct block *block)
{
    return block->turn > 0 && block->turn + REMOTE_PLACES > cache->turn_read;
}

// The place to use next; NULL when all are needed.
static struct block *find_place(struct cache *cache, bool ahead)
{
    struct block *oldest = NULL;
    unsigned expected = 0;
    for (size_t i = 0; i < REMOTE_PLACES; i++) {
        struct block *block = &cache->blocks[i];
        bool wanted = block->state != BLOCK_FREE && is_expected(cache, block);
        expected += wanted;
        bool free = block->state == BLOCK_FREE ||
                    (block->state == BLOCK_HERE && !wanted && block->readers == 0);
        if (free && (!oldest || block->used < oldest->used)) {
            oldest = block;
        }
    }
    return ahead && expected >= CACHE_AHEAD_MAX ? NULL : oldest;
}

struct block *cache_claim(struct cache *cache, uint32_t object, uint64_t index, bool ahead)
{
    struct block *block = find_place(cache, ahead);
    if (!block) {
        return NULL;
    }
    cache_drop(cache, block);
    uint16_t *bucket = bucket_of(cache, object, index);
    *block = (struct block){.state = BLOCK_COMING,
                            .object = object,
                            .index = index,
                            .used = ++cache->clock,
                            .turn = ahead ? ++cache->turns : 0,
                            .next = *bucket};
    *bucket = cache_place(cache, block);
    return block;
}

void cache_use(struct cache *cache, struct block *block)
{
    block->used = ++cache->clock;
    if (block->turn > cache->turn_read) {
        cache->turn_read = block->turn;
    }
    block->turn = 0;
}

void cache_drop(struct cache *cache, struct block *block)
{
    if (block->state == BLOCK_FREE) {
        return;
    }
    uint16_t *link = bucket_of(cache, block->object, block->index);
    while (&cache->blocks[*link] != block) {
        link = &cache->blocks[*link].next;
    }
    *link = block->next;
    *block = (struct block){.state = BLOCK_FREE};
}
