// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_costs.h"

bool audit_costs_refcount(struct audit_costs *costs, uint64_t host_offset)
{
    const struct header *header = costs->header;
    if (header->refcount_bits == 0) {
        return false; // not known, which is a finding of its own
    }
    // A block has a cluster's bytes of refcounts: powers of two.
    uint32_t block_bits = header->cluster_bits + 3 - header->refcount_order;
    uint64_t block = host_offset >> (header->cluster_bits + block_bits);
    bool other = block != costs->refcount_block;
    costs->refcount_block = block;
    return other;
}

static unsigned begin(struct audit_costs *costs, enum audit_piece piece, uint64_t host_offset,
                      uint64_t size)
{
    bool same = piece == costs->piece && (piece != PIECE_DATA || host_offset == costs->piece_end);
    costs->piece = piece;
    costs->piece_end = host_offset + size;
    return !same;
}

unsigned audit_costs_hole(struct audit_costs *costs)
{
    return begin(costs, PIECE_HOLE, 0, 0);
}

unsigned audit_costs_run(struct audit_costs *costs, struct l2_entry entry, uint64_t count)
{
    return begin(costs, PIECE_DATA, l2_entry_host_offset(entry),
                 count << costs->header->cluster_bits);
}

// How many of 32 subclusters differ from the one before.
static unsigned changes(uint32_t subclusters)
{
    uint32_t changed = (subclusters ^ subclusters >> 1) & (UINT32_MAX >> 1);
    return changed == 0 ? 0 : (unsigned)__builtin_popcount(changed);
}

unsigned audit_costs_entry(struct audit_costs *costs, struct l2_entry entry)
{
    const struct header *header = costs->header;
    if (l2_entry_is_compressed(entry)) {
        return begin(costs, PIECE_COMPRESSED, 0, 0);
    }
    uint64_t host_offset = l2_entry_host_offset(entry);
    uint32_t data = host_offset != 0 ? l2_entry_data_parts(header, entry) : 0;
    uint32_t zero = (uint32_t)(entry.subclusters >> SUBCLUSTERS);
    bool zeros = zero != 0 || l2_entry_is_zero(header, entry);
    enum audit_piece piece = data != 0 ? PIECE_DATA : zeros ? PIECE_ZERO : PIECE_HOLE;
    return begin(costs, piece, host_offset, header->cluster_size) + changes(data) + changes(zero);
}
