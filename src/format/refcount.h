// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The entries of refcount tables and refcount blocks ("Host cluster management" in the
// specification).

#ifndef FORMAT_REFCOUNT_H
#define FORMAT_REFCOUNT_H

#include "base/bytes.h"
#include "format/fault.h"
#include "format/header.h"

// Host offset of the refcount block that a table entry refers to; 0: no block, its refcounts are
// all 0.
static inline uint64_t refcount_table_block(uint64_t entry)
{
    return entry & REFTABLE_OFFSET_MASK;
}

// The faults of a refcount table entry: a set of enum entry_fault.
static inline uint32_t refcount_table_faults(const struct header *header, uint64_t entry)
{
    bool aligned = is_aligned(refcount_table_block(entry), header->cluster_size);
    return fault_if(entry & REFCOUNT_TABLE_ENTRY_RESERVED, FAULT_REFCOUNT_TABLE_RESERVED_BITS) |
           fault_if(!aligned, FAULT_REFCOUNT_TABLE_UNALIGNED);
}

// The binary logarithm of the number of refcounts in one refcount block, which has the size of a
// cluster. The width of a refcount is known: header->refcount_bits > 0.
static inline uint32_t refcount_block_bits(const struct header *header)
{
    return header->cluster_bits + 3 - header->refcount_order;
}

static inline uint32_t refcount_block_entries(const struct header *header)
{
    return UINT32_C(1) << refcount_block_bits(header);
}

// The refcount at `index` of a view of a refcount block, for refcount orders 0..6. Entries below
// a byte are packed from the least significant bit. 0 outside the view.
uint64_t refcount_load(struct bytes block, uint32_t refcount_order, uint64_t index);

#endif
