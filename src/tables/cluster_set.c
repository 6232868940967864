// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/cluster_set.h"

#include "format/layout.h"

#include <stdlib.h>

enum { FIRST_BITS = 8, LOAD_SHIFT = 2 };

_Static_assert(HOST_OFFSET_LIMIT >> CLUSTER_BITS_MIN <= CLUSTER_NUMBER_MASK,
               "the number of a cluster fits into a slot");
_Static_assert((int)PURPOSES <= (int)CLUSTER_USE_MASK, "a purpose fits into a slot");
_Static_assert(PURPOSE_NONE == 0, "a slot in use is not 0: its purpose is not");

// Twice the slots. What finds its row too long is forgotten.
static bool grow(struct cluster_set *set)
{
    struct cluster_set grown = *set;
    if (!set->filter) {
        set->filter = grown.filter = calloc((size_t)1 << (CLUSTER_FILTER_BITS - 3), 1);
    }
    grown.bits = set->slots ? set->bits + 1 : FIRST_BITS;
    grown.count = 0;
    grown.slots = calloc((size_t)1 << grown.bits, sizeof *grown.slots);
    if (!grown.slots || !grown.filter) {
        free(grown.slots);
        return false;
    }
    for (size_t i = 0; set->slots && i < (size_t)1 << set->bits; i++) {
        if (set->slots[i] != 0) {
            uint64_t *slot = cluster_set_slot(&grown, set->slots[i] & CLUSTER_NUMBER_MASK);
            grown.crowded = grown.crowded || !slot;
            grown.count += slot != NULL;
            if (slot) {
                *slot = set->slots[i];
            }
        }
    }
    grown.full = grown.full || grown.crowded;
    free(set->slots);
    *set = grown;
    return true;
}

uint64_t *cluster_set_add(struct cluster_set *set, uint64_t cluster, enum purpose purpose,
                          bool *added)
{
    uint64_t *slot = cluster_set_slot(set, cluster);
    *added = false;
    if (slot && *slot != 0) {
        return slot;
    }
    bool room = set->slots && set->count < (size_t)1 << (set->bits - LOAD_SHIFT);
    if (set->count == CLUSTER_SET_MAX || !(room || grow(set))) {
        set->full = true;
        return NULL;
    }
    slot = cluster_set_slot(set, cluster);
    if (!slot) {
        set->full = set->crowded = true;
        return NULL;
    }
    uint64_t bit = cluster_set_hash(cluster) >> (64 - CLUSTER_FILTER_BITS);
    set->filter[bit / 8] |= (uint8_t)(1 << bit % 8);
    *slot = cluster | (uint64_t)purpose << CLUSTER_USE_SHIFT;
    set->count++;
    *added = true;
    return slot;
}

void cluster_set_free(struct cluster_set *set)
{
    free(set->slots);
    free(set->filter);
    *set = (struct cluster_set){0};
}
