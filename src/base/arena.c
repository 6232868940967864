// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    BLOCK_FIRST = 64 * 1024, // bytes; each block has twice the size of the one before, up to
    BLOCK_LAST = 2 << 20,    // ... a huge page of most processors
};

struct arena_block {
    struct arena_block *next;
    uint8_t *memory; // owned
    size_t size, used;
};

// Other systems choose their page sizes themselves.
#ifdef __linux__
static void ask_for_huge_pages(void *memory, size_t size)
{
    madvise(memory, size, MADV_HUGEPAGE);
}
#else
static void ask_for_huge_pages(void *memory, size_t size)
{
    (void)memory;
    (void)size;
}
#endif

static void *zeroed_memory(size_t size)
{
    if (size < BLOCK_LAST) {
        return calloc(1, size);
    }
    void *memory = aligned_alloc(size, size);
    if (memory) {
        ask_for_huge_pages(memory, size);
        memset(memory, 0, size);
    }
    return memory;
}

static struct arena_block *add_block(struct arena *arena)
{
    struct arena_block *last = arena->blocks;
    size_t size = !last ? BLOCK_FIRST : last->size < BLOCK_LAST ? last->size * 2 : BLOCK_LAST;
    struct arena_block *block = malloc(sizeof *block);
    uint8_t *memory = zeroed_memory(size);
    if (!block || !memory) {
        free(block);
        free(memory);
        return NULL;
    }
    *block = (struct arena_block){.next = last, .memory = memory, .size = size};
    arena->blocks = block;
    return block;
}

void *arena_take(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    if ((!block || block->size - block->used < arena->piece) && !(block = add_block(arena))) {
        return NULL;
    }
    void *piece = block->memory + block->used;
    block->used += arena->piece;
    return piece;
}

void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block->memory);
        free(block);
    }
}
