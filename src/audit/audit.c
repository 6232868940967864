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

// Memory for one bit for each cluster of the file, another for clusters with compressed data, and a
// count of references. If that is too much, it depends on the allocated size, because a sparse file
// can have any size.
static uint64_t memory_limit(const struct audit_state *state)
{
    uint64_t clusters = audit_clusters(state);
    uint64_t sets = 2 * (clusters / 8 + clusters / 256);
    uint64_t all = sets + 2 * clusters + clusters / 256;
    uint64_t most = max_u64(AUDIT_MEMORY_LARGE, audit_sent_bytes(state) / AUDIT_MEMORY_SHARE);
    return max_u64(AUDIT_MEMORY, all <= most ? all : sets <= most ? sets : 0);
}

// Inspects the places and contents of tables and data. Without a cluster size they are unknown.
static void inspect_tables(struct audit_state *state)
{
    if (!state->header->geometry_known) {
        audit_report_at(&state->report, AUDIT_UNSEEN_TABLES, HEADER_CLUSTER_BITS,
                        "the cluster size is invalid: no table can be inspected");
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
        return;
    }
    state->memory.most = memory_limit(state);
    state->places.used = cluster_bits_make(audit_clusters(state), &state->memory);
    state->counts = audit_counts_make(audit_clusters(state), &state->memory);
    audit_header_tables(state);
    audit_snapshots(state);
    audit_bitmaps(state);
    audit_sort_ranges(state);
    audit_l2_places(state);
    audit_refcounts(state);
    audit_bitmap_bits(state);
    audit_table_refcounts(state);
    audit_l2_tables(state);
    if (state->places.used.full || state->counts.full) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
        audit_report_file(&state->report, AUDIT_UNSEEN_TABLES,
                          "tables and data are in more places, or have more references, than an "
                          "audit counts");
    }
    if (state->l2_budget.ended || state->bitmap_budget.ended) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
    }
    cluster_bits_free(&state->places.used);
    cluster_bits_free(&state->places.tables);
    audit_counts_free(&state->counts);
}

// An exhausted budget is reported, unless another rule gives the reason. The same holds for other
// reasons why parts of a file were not inspected; of a pipe, they may not have been read.
static void report_unseen(struct audit_state *state)
{
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        bool reported = state->report.audit->findings[i].count > 0 ||
                        state->report.audit->findings[AUDIT_UNSEEN_TABLES].count > 0;
        bool counts = source_complete(state->source) || i == AUDIT_UNSEEN_TABLES;
        if (state->report.unseen[i] && counts && !reported) {
            audit_report_file(&state->report, AUDIT_UNSEEN_TABLES,
                              "there are more tables than an audit inspects");
        }
    }
}

// No extra finding is needed when an unsafe finding explains why a part was not inspected.
static void report_incomplete(struct audit_state *state)
{
    const struct source *source = state->source;
    report_unseen(state);
    if (!source_complete(source)) {
        audit_report_at(&state->report, AUDIT_INCOMPLETE, source->size,
                        "the image comes from a pipe: only its first %" PRIu64
                        " bytes were read; %saudit a file to inspect all of it",
                        source->size, source->given > 0 ? "" : "use --drain, or ");
        return;
    }
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        bool found = state->report.audit->findings[i].count > 0;
        size_t reason = found ? i : AUDIT_UNSEEN_TABLES;
        if (state->report.unseen[i] && state->options->severities[reason] != AUDIT_UNSAFE) {
            audit_report_file(&state->report, AUDIT_INCOMPLETE,
                              "a part of the image was not inspected; see the finding %s",
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
        (struct budget){.left = AUDIT_L2_BYTES + audit_sent_bytes(&state), .seek = AUDIT_SEEK_COST};
    audit_header(&state);
    audit_references(&state);
    audit_virtual_size(&state);
    audit_marks(&state);
    inspect_tables(&state);
    audit_sizes(&state);
    audit_marks_found(&state);
    audit_end_of_file(&state);
    report_incomplete(&state);
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
