// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_walks.h"

struct budget audit_l1_budget(const struct audit_state *state)
{
    return (struct budget){.left = AUDIT_SNAPSHOT_L1_BYTES + audit_sent_bytes(state) / 4,
                           .seek = AUDIT_L1_SEEK_COST};
}

enum audit_rule audit_refcounts_obstacle(const struct audit_state *state, uint64_t size)
{
    const struct header *header = state->header;
    if (header->refcount_bits == 0 || header->refcount_table_offset >= HOST_OFFSET_LIMIT) {
        return AUDIT_HEADER_LIMIT;
    }
    if (size > CAP_REFCOUNT_TABLE_BYTES) {
        return AUDIT_REFCOUNT_TABLE_SIZE;
    }
    bool inside = range_inside(header->refcount_table_offset, size, state->source->size);
    return inside ? AUDIT_RULES : AUDIT_TABLE_OUTSIDE_FILE;
}
