// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "usage/usage_state.h"

#include "base/checked.h"

void usage_progress(const struct usage_state *state, uint64_t guest_bytes)
{
    if (state->watch) {
        state->watch->on_progress(state->watch->context,
                                  add_clipped(state->disks_done, guest_bytes));
    }
}

void usage_failed(struct usage_state *state, const struct error *error)
{
    state->out_of_memory = state->out_of_memory || error->code == ERROR_MEMORY;
    if (state->usage->error_count++ == 0) {
        state->usage->first_error = *error;
    }
}

uint64_t usage_note(struct usage_state *state, uint64_t offset, uint64_t size, unsigned use,
                    uint32_t owner)
{
    unsigned bits = state->header->cluster_bits;
    uint64_t limit = state->map.clusters << bits;
    if (size == 0 || !range_inside(offset, size, limit)) {
        return 0;
    }
    uint64_t first = offset >> bits;
    uint64_t last = (offset + size - 1) >> bits;
    // Tables of many clusters may be referred to again and again.
    if (last > first && !budget_spend(&state->budget, (last - first) * 64)) {
        return 0;
    }
    for (uint64_t cluster = first; cluster <= last; cluster++) {
        if (!use_map_add(&state->map, cluster, use, owner)) {
            state->out_of_memory = true;
        }
    }
    return (last - first + 1) << bits;
}
