// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "usage/table_sums.h"

#include <stdlib.h>

enum { BITS_FIRST = 6, ROW_MAX = 256 };

// A hash: each bit depends on all bits of the cluster number, so that clusters at regular distances
// do not collide. This is the finalizer of splitmix64.
static uint64_t hash(uint64_t cluster)
{
    cluster = (cluster ^ cluster >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    cluster = (cluster ^ cluster >> 27) * UINT64_C(0x94d049bb133111eb);
    return cluster ^ cluster >> 31;
}

// The slot of `cluster`, or the empty slot where it belongs. At least half of all slots are empty.
// NULL when so many slots in a row are taken that the cluster numbers must have been chosen for it.
static struct table_sum *find_slot(struct table_sum *slots, unsigned bits, uint64_t cluster)
{
    size_t mask = ((size_t)1 << bits) - 1;
    size_t at = (size_t)(hash(cluster) >> (64 - bits));
    for (size_t i = 0; i < ROW_MAX; i++, at = (at + 1) & mask) {
        if (slots[at].cluster == 0 || slots[at].cluster == cluster) {
            return &slots[at];
        }
    }
    return NULL;
}

static bool grow(struct table_sums *sums)
{
    unsigned bits = sums->slots ? sums->bits + 1 : BITS_FIRST;
    struct table_sum *slots = calloc((size_t)1 << bits, sizeof *slots);
    if (!slots) {
        return false;
    }
    for (size_t i = 0; sums->slots && i < (size_t)1 << sums->bits; i++) {
        const struct table_sum *old = &sums->slots[i];
        struct table_sum *slot = old->cluster != 0 ? find_slot(slots, bits, old->cluster) : NULL;
        if (slot) {
            *slot = *old;
        }
    }
    free(sums->slots);
    sums->slots = slots;
    sums->bits = bits;
    return true;
}

void table_sums_put(struct table_sums *sums, struct table_sum sum)
{
    size_t room = sums->slots ? ((size_t)1 << sums->bits) / 2 : 0;
    if (sums->count == TABLE_SUMS_MAX || (sums->count == room && !grow(sums))) {
        return;
    }
    struct table_sum *slot = find_slot(sums->slots, sums->bits, sum.cluster);
    if (slot) {
        sums->count += slot->cluster == 0;
        *slot = sum;
    }
}

const struct table_sum *table_sums_get(const struct table_sums *sums, uint64_t cluster)
{
    const struct table_sum *slot = sums->slots ? find_slot(sums->slots, sums->bits, cluster) : NULL;
    return slot && slot->cluster != 0 ? slot : NULL;
}

void table_sums_free(struct table_sums *sums)
{
    free(sums->slots);
    *sums = (struct table_sums){0};
}
