// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit.h"

#include "audit/audit_hidden.h"
#include "audit/audit_parts.h"
#include "audit/audit_places.h"
#include "audit/audit_state.h"
#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

struct audit_options audit_options_default(void)
{
    struct audit_options options = {.max_virtual_size = AUDIT_MAX_VIRTUAL_SIZE};
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        options.severities[i] = audit_rules[i].severity;
    }
    return options;
}

// A bit for each cluster of the file, and another one where it has compressed data, unless that is
// too much; then in proportion to what is stored, as a sparse file is as large as anybody likes.
static uint64_t memory_limit(const struct audit_state *state)
{
    uint64_t clusters = audit_clusters(state);
    uint64_t needed = 2 * (clusters / 8 + clusters / 256);
    uint64_t most = max_u64(AUDIT_MEMORY_LARGE, audit_file_bytes(state) / AUDIT_MEMORY_SHARE);
    return max_u64(AUDIT_MEMORY, needed <= most ? needed : 0);
}

// Where tables and data lie, and what is in them. Without a cluster size nobody knows.
static void inspect_tables(struct audit_state *state)
{
    if (!state->header->geometry_known) {
        audit_tell(&state->report, AUDIT_UNSEEN_TABLES, HEADER_CLUSTER_BITS,
                   "without a sound cluster size no table can be looked at");
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
        return;
    }
    state->memory.most = memory_limit(state);
    state->places.used = cluster_bits_make(audit_clusters(state), &state->memory);
    audit_header_tables(state);
    audit_snapshots(state);
    audit_bitmaps(state);
    audit_sort_ranges(state);
    audit_l2_places(state);
    audit_refcounts(state);
    audit_bitmap_bits(state);
    audit_free_tables(state);
    audit_l2_tables(state);
    if (state->places.used.full) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
        audit_tell_of_file(&state->report, AUDIT_UNSEEN_TABLES,
                           "tables and data are in more places than can be remembered");
    }
    if (state->l2_budget.ended || state->bitmap_budget.ended) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
    }
    cluster_bits_free(&state->places.used);
    cluster_bits_free(&state->places.tables);
}

// A budget that has ended is told as such, unless another rule says why. So is anything else that
// keeps parts of a file from being seen; of a pipe it may be that they were not given.
static void tell_unseen(struct audit_state *state)
{
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        bool told = state->report.audit->findings[i].count > 0 ||
                    state->report.audit->findings[AUDIT_UNSEEN_TABLES].count > 0;
        bool counts = source_complete(state->source) || i == AUDIT_UNSEEN_TABLES;
        if (state->report.unseen[i] && counts && !told) {
            audit_tell_of_file(&state->report, AUDIT_UNSEEN_TABLES,
                               "there are more tables than an audit looks at");
        }
    }
}

// Where what an unsafe image is refused for tells why not all of it was seen, that is enough.
static void tell_incomplete(struct audit_state *state)
{
    const struct source *source = state->source;
    tell_unseen(state);
    if (!source_complete(source)) {
        audit_tell(&state->report, AUDIT_INCOMPLETE, source->size,
                   "the image comes from a pipe: beyond its %" PRIu64 " bytes nothing was seen",
                   source->size);
        return;
    }
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        bool found = state->report.audit->findings[i].count > 0;
        size_t reason = found ? i : AUDIT_UNSEEN_TABLES;
        if (state->report.unseen[i] && state->options->severities[reason] != AUDIT_UNSAFE) {
            audit_tell_of_file(&state->report, AUDIT_INCOMPLETE,
                               "not all of it was looked at; see the finding %s",
                               audit_rules[reason].code);
        }
    }
}

bool audit_image(const struct image *image, const struct audit_options *options,
                 struct audit *audit, struct error *error)
{
    const struct source *source = image->source;
    *audit = (struct audit){
        .complete = source_complete(source),
        .virtual_size = image->header.size,
        .actual_size_known = source_knows_allocated(source),
        .actual_size = source->allocated_size,
    };
    struct audit_state state = {
        .image = image,
        .header = &image->header,
        .source = image->source,
        .options = options,
        .report.audit = audit,
        .bitmap_budget = {.left = AUDIT_BITMAP_BYTES, .seek = AUDIT_SEEK_COST},
    };
    state.l2_budget =
        (struct budget){.left = AUDIT_L2_BYTES + audit_file_bytes(&state), .seek = AUDIT_SEEK_COST};
    audit_header(&state);
    audit_references(&state);
    audit_virtual_size(&state);
    audit_marks(&state);
    inspect_tables(&state);
    audit_sizes(&state);
    audit_marks_found(&state);
    audit_end_of_file(&state);
    tell_incomplete(&state);
    if (state.report.failure.code) {
        *error = state.report.failure;
        return false;
    }
    return true;
}

bool audit_is_safe(const struct audit *audit, const struct audit_options *options)
{
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        if (audit->findings[i].count > 0 && options->severities[i] == AUDIT_UNSAFE) {
            return false;
        }
    }
    return true;
}
