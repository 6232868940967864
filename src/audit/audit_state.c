// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_state.h"

#include "audit/audit_places.h"

#include <inttypes.h>

void audit_problems(struct audit_state *state, const struct problems *problems)
{
    struct problem problem;
    for (size_t i = 0; problems_get(problems, i, &problem); i++) {
        const struct error *error = &problem.error;
        enum audit_rule rule;
        // A part beyond the bytes of a pipe is not cut short.
        bool given = error->code != ERROR_TRUNCATED || source_complete(state->source);
        if (audit_rule_of_problem(problem.kind, &rule) && given) {
            audit_report_at(&state->report, rule, error->offset, "%s", error->message);
        }
    }
}

void audit_report_overlap(struct audit_state *state, uint64_t offset, enum purpose purpose,
                          const char *name)
{
    // Only the first one is printed.
    bool counted = state->report.audit->findings[AUDIT_TABLE_OVERLAP].count > 0;
    enum purpose before =
        counted ? purpose : audit_purpose(state, offset >> state->header->cluster_bits);
    audit_report_at(&state->report, AUDIT_TABLE_OVERLAP,
                    align_down(offset, state->header->cluster_size),
                    before == purpose ? "%s overlaps another one (%s)" : "%s overlaps %s", name,
                    purpose_name(before));
}

// False when [offset, offset + size) is not entirely in the file; for a pipe, when it cannot be.
static bool table_inside(struct audit_state *state, uint64_t offset, uint64_t size, uint64_t at,
                         const char *name)
{
    // A file may be longer than any L1 or L2 entry can address, but a refcount table can count its
    // clusters.
    uint64_t end = min_u64(state->source->size, HOST_OFFSET_LIMIT);
    if (range_inside(offset, size, end)) {
        return true;
    }
    if (!source_complete(state->source) && range_inside(offset, size, HOST_OFFSET_LIMIT)) {
        audit_unseen(&state->report, AUDIT_INCOMPLETE);
    } else {
        audit_unseen(&state->report, AUDIT_TABLE_OUTSIDE_FILE);
        audit_report_at(&state->report, AUDIT_TABLE_OUTSIDE_FILE, at,
                        "%s of %" PRIu64 " bytes at %" PRIu64
                        " reaches past the end of the file at "
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
    uint32_t bits = state->header->cluster_bits;
    uint64_t first = offset >> bits;
    uint64_t end = ((offset + size - 1) >> bits) + 1;
    audit_use(state, end << bits);
    uint64_t added = cluster_bits_add(&state->places.used, first, end - first);
    if (added < end - first && !state->places.used.full) {
        audit_report_overlap(state, (first + added) << bits, purpose, name);
        cluster_bits_fill(&state->places.used, first, end - first);
    }
    audit_add_range(state, first, end, purpose);
    return true;
}

bool audit_table_cluster(struct audit_state *state, uint64_t offset, uint64_t at, const char *name,
                         bool *taken)
{
    const struct header *header = state->header;
    struct cluster_bits *used = &state->places.used;
    *taken = false;
    if (!table_inside(state, offset, header->cluster_size, at, name)) {
        return false;
    }
    audit_use(state, offset + header->cluster_size);
    *taken = cluster_bits_add(used, offset >> header->cluster_bits, 1) == 0 && !used->full;
    return true;
}
