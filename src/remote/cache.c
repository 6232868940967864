// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/cache.h"

void cache_init(struct cache *cache)
{
    *cache = (struct cache){.passed = 1};
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

// Fetched ahead and still to be read. When reads have come to as many other blocks as a cache
// holds, it was expected in vain.
static bool is_expected(const struct cache *cache, const struct block *block)
{
    return block->since > 0 && cache->passed - block->since < REMOTE_PLACES;
}

static bool is_kept(const struct cache *cache, const struct block *block)
{
    return block->state != BLOCK_FREE && is_expected(cache, block);
}

static bool is_free(const struct cache *cache, const struct block *block)
{
    return block->state == BLOCK_FREE ||
           (block->state == BLOCK_HERE && !is_expected(cache, block) && block->readers == 0);
}

unsigned cache_room_ahead(const struct cache *cache)
{
    unsigned kept = 0;
    unsigned free = 0;
    for (size_t i = 0; i < REMOTE_PLACES; i++) {
        kept += is_kept(cache, &cache->blocks[i]);
        free += is_free(cache, &cache->blocks[i]);
    }
    unsigned room = kept < CACHE_AHEAD_MAX ? CACHE_AHEAD_MAX - kept : 0;
    return room < free ? room : free;
}

// The place to use next; NULL when all are needed.
static struct block *find_place(struct cache *cache, bool ahead)
{
    struct block *oldest = NULL;
    unsigned expected = 0;
    for (size_t i = 0; i < REMOTE_PLACES; i++) {
        struct block *block = &cache->blocks[i];
        expected += is_kept(cache, block);
        if (is_free(cache, block) && (!oldest || block->used < oldest->used)) {
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
    cache->passed += ahead ? 0 : 1;
    *block = (struct block){.state = BLOCK_COMING,
                            .object = object,
                            .index = index,
                            .used = ++cache->clock,
                            .since = ahead ? cache->passed : 0,
                            .next = *bucket};
    *bucket = cache_place(cache, block);
    return block;
}

void cache_use(struct cache *cache, struct block *block)
{
    block->used = ++cache->clock;
    cache->passed += block->since > 0 ? 1 : 0;
    block->since = 0;
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
