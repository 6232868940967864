// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The entries of refcount tables and refcount blocks ("Host cluster management" in the
// specification).

#ifndef FORMAT_REFCOUNT_H
#define FORMAT_REFCOUNT_H

#include "base/bytes.h"
#include "format/header.h"

// How many refcounts one refcount block, which is a cluster, has.
static inline uint32_t refcount_block_entries(const struct header *header)
{
    return (uint32_t)((uint64_t)header->cluster_size * 8 / header->refcount_bits);
}

// The refcount at `index` of a view of a refcount block, for refcount orders 0..6. Entries below
// a byte are packed from the least significant bit. 0 outside the view.
uint64_t refcount_load(struct bytes block, uint32_t refcount_order, uint64_t index);

#endif
