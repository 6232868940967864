// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_state.h"

#include <inttypes.h>

void audit_problems(struct audit_state *state, const struct problems *problems)
{
    struct problem problem;
    for (size_t i = 0; problems_get(problems, i, &problem); i++) {
        const struct error *error = &problem.error;
        enum audit_rule rule;
        // What a pipe has not given is not cut short.
        bool given = error->code != ERROR_TRUNCATED || source_complete(state->source);
        if (audit_rule_of_problem(problem.kind, &rule) && given) {
            audit_tell(&state->report, rule, error->offset, "%s", error->message);
        }
    }
}

void audit_tell_overlap(struct audit_state *state, uint64_t slot, enum purpose purpose,
                        const char *name)
{
    enum purpose before = cluster_purpose(slot);
    audit_tell(&state->report, AUDIT_TABLE_OVERLAP,
               (slot & CLUSTER_NUMBER_MASK) << state->header->cluster_bits,
               before == purpose ? "%s lies where another one is (%s)" : "%s lies where %s is",
               name, purpose_name(before));
}

// False when [offset, offset + size) is not wholly in the file; of a pipe, when it cannot be.
static bool table_inside(struct audit_state *state, uint64_t offset, uint64_t size, uint64_t at,
                         const char *name)
{
    // A file may be longer than any entry can say; a refcount table can.
    uint64_t end = min_u64(state->source->size, HOST_OFFSET_LIMIT);
    if (range_inside(offset, size, end)) {
        return true;
    }
    if (!source_complete(state->source) && range_inside(offset, size, HOST_OFFSET_LIMIT)) {
        audit_unseen(&state->report, AUDIT_INCOMPLETE);
    } else {
        audit_unseen(&state->report, AUDIT_TABLE_OUTSIDE_FILE);
        audit_tell(&state->report, AUDIT_TABLE_OUTSIDE_FILE, at,
                   "%s of %" PRIu64 " bytes at %" PRIu64 " reaches past the end of the file at "
                   "%" PRIu64,
                   name, size, offset, state->source->size);
    }
    return false;
}

bool audit_table(struct audit_state *state, enum purpose purpose, uint64_t offset, uint64_t size,
                 uint64_t at, const char *name)
{
    if (size == 0) {
        return true;
    }
    if (!table_inside(state, offset, size, at, name)) {
        return false;
    }
    uint64_t last = (offset + size - 1) >> state->header->cluster_bits;
    audit_use(state, (last + 1) << state->header->cluster_bits);
    for (uint64_t cluster = offset >> state->header->cluster_bits; cluster <= last; cluster++) {
        bool added;
        const uint64_t *slot = cluster_set_add(&state->tables, cluster, purpose, &added);
        if (!slot) {
            return true; // no more can be remembered
        }
        if (!added) {
            audit_tell_overlap(state, *slot, purpose, name);
            return true;
        }
    }
    return true;
}

uint64_t *audit_cluster_table(struct audit_state *state, enum purpose purpose, uint64_t offset,
                              uint64_t at, const char *name, bool *added)
{
    const struct header *header = state->header;
    if (!table_inside(state, offset, header->cluster_size, at, name)) {
        return NULL;
    }
    audit_use(state, offset + header->cluster_size);
    if (state->tables.full) {
        return NULL; // millions more may come
    }
    return cluster_set_add(&state->tables, offset >> header->cluster_bits, purpose, added);
}
