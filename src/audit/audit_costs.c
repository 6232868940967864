// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_costs.h"

#include "format/refcount.h"

bool audit_costs_refcount(struct audit_costs *costs, uint64_t host_offset)
{
    const struct header *header = costs->header;
    if (header->refcount_bits == 0) {
        return false; // an unknown width has its own finding
    }
    uint64_t block = host_offset >> (header->cluster_bits + refcount_block_bits(header));
    bool other = block != costs->refcount_block;
    costs->refcount_block = block;
    return other;
}

// 1 when an extent of this kind begins, 0 when the previous one continues.
static unsigned begin(struct audit_costs *costs, enum cluster_kind kind, uint64_t host_offset,
                      uint64_t size)
{
    bool continues =
        kind == costs->kind && (kind != CLUSTER_DATA || host_offset == costs->host_end);
    costs->kind = kind;
    costs->host_end = host_offset + size;
    return !continues;
}

unsigned audit_costs_empty(struct audit_costs *costs)
{
    return begin(costs, CLUSTER_UNALLOCATED, 0, 0);
}

unsigned audit_costs_run(struct audit_costs *costs, struct l2_entry entry, uint64_t count)
{
    return begin(costs, CLUSTER_DATA, l2_entry_host_offset(entry),
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
        begin(costs, CLUSTER_COMPRESSED, 0, 0);
        return AUDIT_COMPRESSED_EXTENTS;
    }
    uint64_t host_offset = l2_entry_host_offset(entry);
    uint32_t data = host_offset != 0 ? l2_entry_data_parts(header, entry) : 0;
    uint32_t zero = (uint32_t)(entry.subclusters >> SUBCLUSTERS);
    bool zeros = zero != 0 || l2_entry_is_zero(header, entry);
    enum cluster_kind kind = data != 0 ? CLUSTER_DATA : zeros ? CLUSTER_ZERO : CLUSTER_UNALLOCATED;
    return begin(costs, kind, host_offset, header->cluster_size) + changes(data) + changes(zero);
}
