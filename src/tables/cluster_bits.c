// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/cluster_bits.h"

#include "base/checked.h"

#include <stdlib.h>

enum { CLUSTER_TOP_BITS = CLUSTER_LEAF_BITS + CLUSTER_NODE_BITS };

struct cluster_bits cluster_bits_make(uint64_t clusters, struct memory_limit *limit)
{
    return (struct cluster_bits){
        .clusters = clusters,
        .limit = limit,
        .node_arena.piece = sizeof(struct cluster_node),
        .leaf_arena.piece = CLUSTER_LEAF_WORDS * sizeof(uint64_t),
    };
}

void cluster_bits_free(struct cluster_bits *bits)
{
    arena_free(&bits->node_arena);
    arena_free(&bits->leaf_arena);
    free(bits->nodes);
    bits->nodes = NULL;
}

static void *take_piece(struct cluster_bits *bits, struct arena *arena)
{
    void *piece = memory_limit_take(bits->limit, arena->piece) ? arena_take(arena) : NULL;
    bits->full = bits->full || !piece;
    return piece;
}

static struct cluster_node **find_nodes(struct cluster_bits *bits)
{
    size_t count = (size_t)(bits->clusters >> CLUSTER_TOP_BITS) + 1;
    if (!bits->nodes && memory_limit_take(bits->limit, count * sizeof(void *))) {
        bits->nodes = calloc(count, sizeof(void *));
    }
    bits->full = bits->full || !bits->nodes;
    return bits->nodes;
}

// The leaf of `cluster`, which is made if needed. NULL when there is no memory.
static uint64_t *make_leaf(struct cluster_bits *bits, uint64_t cluster)
{
    uint64_t leaf = cluster >> CLUSTER_LEAF_BITS;
    if (cluster >= bits->clusters || !find_nodes(bits)) {
        return NULL;
    }
    struct cluster_node **node = &bits->nodes[leaf >> CLUSTER_NODE_BITS];
    if (!*node && !(*node = take_piece(bits, &bits->node_arena))) {
        return NULL;
    }
    uint64_t **words = &(*node)->leaves[leaf % CLUSTER_NODE_LEAVES];
    if (!*words) {
        *words = take_piece(bits, &bits->leaf_arena);
    }
    return *words;
}

// A mask of the bits for `cluster` and the next clusters in its word, at most `count`.
static uint64_t word_mask(uint64_t cluster, uint64_t count)
{
    uint64_t mask = count < 64 ? (UINT64_C(1) << count) - 1 : UINT64_MAX;
    return mask << cluster % 64;
}

// The same as cluster_bits_add() within one leaf.
static uint64_t add_to_leaf(uint64_t *leaf, uint64_t first, uint64_t count)
{
    uint64_t added = 0;
    while (added < count) {
        uint64_t at = first + added;
        uint64_t *word = &leaf[at / 64 % CLUSTER_LEAF_WORDS];
        uint64_t mask = word_mask(at, count - added);
        uint64_t taken = *word & mask;
        if (taken != 0) {
            // The bits below the first one that is already set.
            mask &= (taken & -taken) - 1;
            *word |= mask;
            return added + (uint64_t)__builtin_popcountll(mask);
        }
        *word |= mask;
        added += min_u64(count - added, 64 - at % 64);
    }
    return added;
}

// The number of clusters from `cluster` to the end of its leaf, at most `count`.
static uint64_t rest_of_leaf(uint64_t cluster, uint64_t count)
{
    uint64_t in_leaf = UINT64_C(1) << CLUSTER_LEAF_BITS;
    return min_u64(count, in_leaf - cluster % in_leaf);
}

uint64_t cluster_bits_add(struct cluster_bits *bits, uint64_t first, uint64_t count)
{
    for (uint64_t added = 0; added < count;) {
        uint64_t *leaf = cluster_bits_leaf(bits, first + added);
        uint64_t part = rest_of_leaf(first + added, count - added);
        if (!leaf && !(leaf = make_leaf(bits, first + added))) {
            return added;
        }
        uint64_t in_leaf = add_to_leaf(leaf, first + added, part);
        added += in_leaf;
        if (in_leaf < part) {
            return added;
        }
    }
    return count;
}

void cluster_bits_fill(struct cluster_bits *bits, uint64_t first, uint64_t count)
{
    uint64_t end = first + count;
    for (uint64_t at = first; at < end;) {
        uint64_t *leaf = cluster_bits_leaf(bits, at);
        if (!leaf && !(leaf = make_leaf(bits, at))) {
            return;
        }
        for (uint64_t left = rest_of_leaf(at, end - at); left > 0;) {
            uint64_t part = min_u64(left, 64 - at % 64);
            leaf[at / 64 % CLUSTER_LEAF_WORDS] |= word_mask(at, part);
            at += part;
            left -= part;
        }
    }
}
