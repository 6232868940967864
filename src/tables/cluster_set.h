// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Which host clusters tables take, and for what: a bounded set, in which a cluster that two tables
// want is seen at once. It costs by the number of tables, not by the size of the file.

#ifndef TABLES_CLUSTER_SET_H
#define TABLES_CLUSTER_SET_H

#include "tables/purpose.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // So many clusters are remembered: the L2 tables of 32 TiB in clusters of 64 KiB.
    CLUSTER_SET_MAX = 1 << 16,
    // The set is at most a quarter full, 2 MiB of memory: far fewer slots than this are ever in a
    // row, unless the numbers were chosen to make longer ones. Those are not remembered.
    CLUSTER_SET_ROW = 48,
    // Most questions are about clusters that are not there. They end at a bit of this filter, of
    // 128 KiB, which stays in a cache and of which at most one bit in 16 is set.
    CLUSTER_FILTER_BITS = 20,
};

// A slot: the number of the cluster, what it is used for, flags for the user of the set. 0: empty.
#define CLUSTER_NUMBER_MASK ((UINT64_C(1) << 48) - 1)
#define CLUSTER_USE_SHIFT   48
#define CLUSTER_USE_MASK    UINT64_C(0xf)
#define CLUSTER_OWNER_SHIFT 52
#define CLUSTER_OWNER_MASK  UINT64_C(0x7ff)     // the disk whose L1 table named it last
#define CLUSTER_WALKED      (UINT64_C(1) << 63) // its entries have been gone through

struct cluster_set {
    uint64_t *slots; // owned; NULL while empty
    unsigned bits;   // there are 2^bits of them
    uint8_t *filter; // owned; a bit for each cluster that is there, shared with others
    size_t count;
    bool full;    // one could not be remembered
    bool crowded; // because its row was too long, which is no accident
};

// The slot of `cluster`, below 2^48, which is added for `purpose` when it is not there; `added`
// tells which. NULL when it is not there and cannot be remembered.
uint64_t *cluster_set_add(struct cluster_set *set, uint64_t cluster, enum purpose purpose,
                          bool *added);

// A number each of whose bits depends on all of the cluster's, so that numbers at regular distances
// do not meet: the finalizer of splitmix64.
static inline uint64_t cluster_set_hash(uint64_t cluster)
{
    cluster = (cluster ^ cluster >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    cluster = (cluster ^ cluster >> 27) * UINT64_C(0x94d049bb133111eb);
    return cluster ^ cluster >> 31;
}

// The slot of `cluster` or, when it is not there, the empty one where it belongs. NULL when its row
// is too long, or there are no slots yet.
static inline uint64_t *cluster_set_slot(const struct cluster_set *set, uint64_t cluster)
{
    if (!set->slots) {
        return NULL;
    }
    size_t mask = ((size_t)1 << set->bits) - 1;
    size_t at = (size_t)(cluster_set_hash(cluster) >> (64 - set->bits));
    for (size_t i = 0; i < CLUSTER_SET_ROW; i++, at = (at + 1) & mask) {
        uint64_t slot = set->slots[at];
        if (slot == 0 || (slot & CLUSTER_NUMBER_MASK) == cluster) {
            return &set->slots[at];
        }
    }
    return NULL;
}

// What `cluster` is used for, as a slot; 0 when it is not there.
static inline uint64_t cluster_set_peek(const struct cluster_set *set, uint64_t cluster)
{
    uint64_t bit = cluster_set_hash(cluster) >> (64 - CLUSTER_FILTER_BITS);
    if (!set->slots || !(set->filter[bit / 8] >> bit % 8 & 1)) {
        return 0;
    }
    const uint64_t *slot = cluster_set_slot(set, cluster);
    return slot ? *slot : 0;
}

static inline enum purpose cluster_purpose(uint64_t slot)
{
    return (enum purpose)(slot >> CLUSTER_USE_SHIFT & CLUSTER_USE_MASK);
}

void cluster_set_free(struct cluster_set *set);

#endif
