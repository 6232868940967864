// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit.h"

#include "audit/audit_state.h"
#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// --- What the parts share ------------------------------------------------------------------------

__attribute__((format(printf, 5, 0))) static void tell(struct audit_state *state,
                                                       enum audit_rule rule, bool has_offset,
                                                       uint64_t offset, const char *format,
                                                       va_list args)
{
    struct audit_finding *finding = &state->audit->findings[rule];
    if (finding->count++ > 0) {
        return;
    }
    finding->first =
        (struct error){.code = audit_rules[rule].code, .has_offset = has_offset, .offset = offset};
    vsnprintf(finding->first.message, sizeof finding->first.message, format, args);
}

void audit_tell(struct audit_state *state, enum audit_rule rule, uint64_t offset,
                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(state, rule, true, offset, format, args);
    va_end(args);
}

void audit_tell_of_file(struct audit_state *state, enum audit_rule rule, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(state, rule, false, 0, format, args);
    va_end(args);
}

void audit_unseen(struct audit_state *state, enum audit_rule rule)
{
    state->audit->complete = false;
    state->unseen[rule] = true;
}

void audit_unreadable(struct audit_state *state, const struct error *error, const char *what)
{
    if (error->code == ERROR_UNSEEN) {
        audit_unseen(state, AUDIT_INCOMPLETE);
    } else if (error->code == ERROR_TRUNCATED) {
        audit_unseen(state, AUDIT_TABLE_OUTSIDE_FILE);
        audit_tell(state, AUDIT_TABLE_OUTSIDE_FILE, error->offset, "%s: %s", what, error->message);
    } else if (!state->failure.code) {
        state->failure = *error;
        error_prefix(&state->failure, "%s", what);
    }
}

void audit_tell_overlap(struct audit_state *state, uint64_t slot, enum purpose purpose,
                        const char *name)
{
    enum purpose before = cluster_purpose(slot);
    audit_tell(state, AUDIT_TABLE_OVERLAP,
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
        audit_unseen(state, AUDIT_INCOMPLETE);
    } else {
        audit_unseen(state, AUDIT_TABLE_OUTSIDE_FILE);
        audit_tell(state, AUDIT_TABLE_OUTSIDE_FILE, at,
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

bool audit_faults(struct audit_state *state, uint32_t faults, uint64_t at, const char *table,
                  uint64_t entry)
{
    bool readable = faults_unreadable(faults) == 0;
    while (faults != 0) {
        enum entry_fault fault = fault_take(&faults);
        enum audit_rule rule = audit_rule_of_fault[fault];
        if (rule != AUDIT_RULES) {
            audit_tell(state, rule, at, "the entry 0x%016" PRIx64 " of %s has %s", entry, table,
                       fault_rules[fault].words);
        }
    }
    return readable;
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

void audit_ended(struct audit_state *state, const struct error *ended, enum audit_rule bomb,
                 enum audit_rule broken, const char *what)
{
    if (ended->code == ERROR_LIMIT || ended->code == ERROR_CORRUPT) {
        enum audit_rule rule = ended->code == ERROR_LIMIT ? bomb : broken;
        audit_tell(state, rule, ended->offset, "%s", ended->message);
        audit_unseen(state, rule);
    } else if (ended->code) {
        audit_unreadable(state, ended, what);
    }
}

// --- The audit -----------------------------------------------------------------------------------

struct audit_options audit_options_default(void)
{
    struct audit_options options = {.max_virtual_size = AUDIT_MAX_VIRTUAL_SIZE};
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        options.severities[i] = audit_rules[i].severity;
    }
    return options;
}

// Where tables and data lie, and what is in them. Without a cluster size nobody knows.
static void look_at_tables(struct audit_state *state)
{
    if (!state->header->geometry_known) {
        audit_tell(state, AUDIT_UNSEEN_TABLES, HEADER_CLUSTER_BITS,
                   "without a sound cluster size no table can be looked at");
        audit_unseen(state, AUDIT_UNSEEN_TABLES);
        return;
    }
    audit_header_tables(state);
    audit_active_l1(state);
    audit_snapshots(state);
    audit_bitmaps(state);
    audit_snapshot_l1s(state);
    audit_refcounts(state);
    audit_bitmap_bits(state);
    if (state->tables.full) {
        audit_unseen(state, AUDIT_UNSEEN_TABLES);
    }
    if (state->tables.crowded) {
        audit_tell_of_file(state, AUDIT_UNSEEN_TABLES,
                           "tables lie where not all of them can be remembered");
    }
    audit_l2_tables(state);
    if (state->l2_budget.ended || state->snapshot_l1_budget.ended || state->bitmap_budget.ended) {
        audit_unseen(state, AUDIT_UNSEEN_TABLES);
    }
}

// A budget that has ended is told as such, unless another rule says why. So is anything else that
// keeps parts of a file from being seen; of a pipe it may be that they were not given.
static void tell_unseen(struct audit_state *state)
{
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        bool told = state->audit->findings[i].count > 0 ||
                    state->audit->findings[AUDIT_UNSEEN_TABLES].count > 0;
        bool counts = source_complete(state->source) || i == AUDIT_UNSEEN_TABLES;
        if (state->unseen[i] && counts && !told) {
            audit_tell_of_file(state, AUDIT_UNSEEN_TABLES,
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
        audit_tell(state, AUDIT_INCOMPLETE, source->size,
                   "the image comes from a pipe: beyond its %" PRIu64 " bytes nothing was seen",
                   source->size);
        return;
    }
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        bool found = state->audit->findings[i].count > 0;
        size_t reason = found ? i : AUDIT_UNSEEN_TABLES;
        if (state->unseen[i] && state->options->severities[reason] != AUDIT_UNSAFE) {
            audit_tell_of_file(state, AUDIT_INCOMPLETE,
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
        .actual_size_known = source->kind == SOURCE_FILE,
        .actual_size = source->allocated_size,
    };
    struct audit_state state = {
        .image = image,
        .header = &image->header,
        .source = image->source,
        .options = options,
        .audit = audit,
        .l2_budget = {.left = AUDIT_L2_BYTES, .seek = AUDIT_SEEK_COST},
        .snapshot_l1_budget = {.left = AUDIT_SNAPSHOT_L1_BYTES, .seek = AUDIT_SEEK_COST},
        .bitmap_budget = {.left = AUDIT_BITMAP_BYTES, .seek = AUDIT_SEEK_COST},
    };
    audit_header(&state);
    audit_references(&state);
    audit_virtual_size(&state);
    audit_marks(&state);
    look_at_tables(&state);
    audit_sizes(&state);
    audit_marks_found(&state);
    audit_end_of_file(&state);
    tell_incomplete(&state);
    cluster_set_free(&state.tables);
    if (state.failure.code) {
        *error = state.failure;
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
