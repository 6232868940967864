// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A set of host clusters: one bit a cluster, in pieces that are made when their first cluster is
// added. The set is exact, and no order of clusters makes it slow. Several sets share one memory
// limit.

#ifndef TABLES_CLUSTER_BITS_H
#define TABLES_CLUSTER_BITS_H

#include "base/arena.h"
#include "tables/memory_limit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLUSTER_LEAF_BITS = 15, // clusters of a leaf (4 KiB): 2 to this power
    CLUSTER_NODE_BITS = 13, // leaves of a node (64 KiB): 2 to this power
    CLUSTER_LEAF_WORDS = 1 << (CLUSTER_LEAF_BITS - 6),
    CLUSTER_NODE_LEAVES = 1 << CLUSTER_NODE_BITS,
};

struct cluster_node {
    uint64_t *leaves[CLUSTER_NODE_LEAVES]; // NULL: none of its clusters is in the set
};

struct cluster_bits {
    struct cluster_node **nodes; // owned, not what they point to; NULL before the first cluster
    uint64_t clusters;           // all clusters are below this number
    struct memory_limit *limit;
    struct arena node_arena, leaf_arena;
    bool full; // a cluster could not be added: no memory, or limit reached
};

// Makes an empty set of clusters below `clusters`, at most 2^47. `limit` outlives it.
struct cluster_bits cluster_bits_make(uint64_t clusters, struct memory_limit *limit);
void cluster_bits_free(struct cluster_bits *bits);

// Adds at most `count` clusters from `first` on. Stops at the first that is already in the set, or
// when there is no memory and sets bits->full. Returns how many were added. Clusters at or beyond
// bits->clusters are never in the set, and cannot be added.
uint64_t cluster_bits_add(struct cluster_bits *bits, uint64_t first, uint64_t count);

// Adds all of them, including clusters that are already in the set.
void cluster_bits_fill(struct cluster_bits *bits, uint64_t first, uint64_t count);

static inline uint64_t *cluster_bits_leaf(const struct cluster_bits *bits, uint64_t cluster)
{
    uint64_t leaf = cluster >> CLUSTER_LEAF_BITS;
    bool possible = bits->nodes && cluster < bits->clusters;
    const struct cluster_node *node = possible ? bits->nodes[leaf >> CLUSTER_NODE_BITS] : NULL;
    return node ? node->leaves[leaf % CLUSTER_NODE_LEAVES] : NULL;
}

static inline bool cluster_bits_has(const struct cluster_bits *bits, uint64_t cluster)
{
    const uint64_t *leaf = cluster_bits_leaf(bits, cluster);
    return leaf && leaf[cluster / 64 % CLUSTER_LEAF_WORDS] >> cluster % 64 & 1;
}

#endif
