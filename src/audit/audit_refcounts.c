// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Inspects the refcount table, and uses refcounts to find the end of the image.

#include "audit/audit_parts.h"
#include "audit/audit_places.h"
#include "audit/audit_state.h"
#include "audit/audit_walks.h"
#include "base/checked.h"
#include "format/layout.h"
#include "tables/refcount_walk.h"

#include <inttypes.h>

enum { PIECE = 64 * 1024, LAST_BLOCKS = 64 };

// --- Where the last cluster in use is ------------------------------------------------------------

// A ring with the last refcount blocks for clusters of the file: the first cluster of each.
struct last_blocks {
    uint64_t first[LAST_BLOCKS];
    size_t count;
};

// Counts the clusters from `first` to the last one before `end` that is in use; 0: none. False when
// the budget ends or refcounts cannot be read.
static bool last_used(struct audit_state *state, struct refcount_walk *walk, uint64_t first,
                      uint64_t end, uint64_t *used)
{
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    *used = 0;
    refcount_walk_start(walk, first, end);
    while ((step = refcount_walk_next(walk, &refcounts, &error)) == WALK_FOUND) {
        uint64_t left = refcounts.count;
        while (left > 0 && refcounts_load(&refcounts, left - 1) == 0) {
            left--;
        }
        *used = left > 0 ? refcounts.first + left - first : *used;
    }
    if (step == WALK_ERROR) {
        audit_unreadable(&state->report, &error, "the refcounts");
    }
    return step == WALK_END && !walk->budget->ended;
}

static void find_refcounts_end(struct audit_state *state, const struct last_blocks *last)
{
    const struct header *header = state->header;
    struct budget budget = {.left = AUDIT_END_BYTES};
    struct refcount_walk walk = refcount_walk_make(state->image, &budget);
    uint64_t clusters = divide_up(state->source->size, header->cluster_size);
    size_t kept = min_u64(last->count, LAST_BLOCKS);
    bool read = true;
    uint64_t used = 0;
    for (size_t i = 1; i <= kept && read && used == 0; i++) {
        uint64_t first = last->first[(last->count - i) % LAST_BLOCKS];
        uint64_t end = min_u64(first + refcount_block_entries(header), clusters);
        read = last_used(state, &walk, first, end, &used);
        if (read && used > 0) {
            state->end.refcounts = (first + used) << header->cluster_bits;
        }
    }
    refcount_walk_free(&walk);
    // If earlier blocks have not been read, audit_end_of_file() uses the references of the tables,
    // or not all of them were inspected.
    state->end.refcounts_known = read && (used > 0 || last->count <= LAST_BLOCKS);
}

// --- The table -----------------------------------------------------------------------------------

static void inspect_entry(struct audit_state *state, const struct table_entry *entry,
                          struct last_blocks *last)
{
    const struct header *header = state->header;
    uint64_t offset = refcount_table_block(entry->value);
    uint32_t faults = refcount_table_faults(header, entry->value);
    bool taken;
    if (!audit_faults(&state->report, faults, entry->at, "the refcount table", entry->value)) {
        audit_unseen(&state->report, AUDIT_TABLE_UNALIGNED);
        return;
    }
    if (offset == 0) {
        return;
    }
    static const char name[] = "a refcount block";
    bool inside = audit_table_cluster(state, offset, entry->at, name, &taken);
    if (taken) {
        audit_report_overlap(state, offset, PURPOSE_REFCOUNT_BLOCK, name);
    }
    uint64_t first = entry->index * refcount_block_entries(header);
    if (inside && first < audit_clusters(state)) {
        last->first[last->count++ % LAST_BLOCKS] = first;
    }
}

void audit_refcounts(struct audit_state *state)
{
    const struct header *header = state->header;
    uint64_t size = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    struct last_blocks last = {.count = 0};
    enum audit_rule unread = audit_refcounts_obstacle(state, size);
    if (unread != AUDIT_RULES) {
        audit_unseen(&state->report, unread);
        return;
    }
    struct table_file file = table_file_make(state->source);
    struct table_walk walk = refcount_table_walk(&file, header);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        inspect_entry(state, &entry, &last);
    }
    if (step == WALK_ERROR) {
        audit_unreadable(&state->report, &error, "the refcount table");
    }
    table_file_free(&file);
    if (source_complete(state->source)) {
        find_refcounts_end(state, &last);
    }
}

// --- What comes after it -------------------------------------------------------------------------

// Searches [*at, end) for the first byte that is not zero, within the budget. Sets `*at` to its
// offset, or to where the budget has ended; `end` when all bytes are zero.
static bool find_data(struct audit_state *state, uint64_t *at, uint64_t end, uint64_t budget)
{
    uint8_t piece[PIECE];
    while (*at < end) {
        uint64_t hole = source_hole(state->source, *at);
        uint64_t size = min_u64(end - *at, sizeof piece);
        struct error error;
        // Asking for a hole costs as much as a small read.
        uint64_t cost = hole > 0 ? SECTOR_SIZE : size;
        if (budget < cost) {
            return false;
        }
        budget -= cost;
        if (hole > 0) {
            *at += min_u64(hole, end - *at);
            continue;
        }
        if (!source_read(state->source, *at, piece, (size_t)size, &error)) {
            audit_unreadable(&state->report, &error, "the end of the file");
            return false;
        }
        for (uint64_t i = 0; i < size; i++, ++*at) {
            if (piece[i] != 0) {
                return true;
            }
        }
    }
    return false;
}

static void look_behind(struct audit_state *state, uint64_t end)
{
    uint64_t size = state->source->size;
    uint64_t at = end;
    bool found = find_data(state, &at, size, AUDIT_TRAILING_BYTES);
    uint64_t seen = at;
    if (!found && seen < size) {
        at = max_u64(seen, size - min_u64(size, AUDIT_LAST_BYTES));
        found = find_data(state, &at, size, AUDIT_LAST_BYTES);
    }
    if (found) {
        audit_report_at(&state->report, AUDIT_TRAILING_DATA, at,
                        "the last cluster in use ends at %" PRIu64 ", the file at %" PRIu64, end,
                        size);
    } else if (seen < size) {
        audit_unseen(&state->report, AUDIT_TRAILING_DATA);
        audit_report_at(&state->report, AUDIT_TRAILING_DATA, seen,
                        "the last cluster in use ends at %" PRIu64 ", the file at %" PRIu64
                        "; only a part between them was inspected, and it is all zeros",
                        end, size);
    }
}

// For a pipe it was reported already that a part was not inspected; the size of a device says
// nothing.
void audit_end_of_file(struct audit_state *state)
{
    uint64_t end = max_u64(state->end.used, state->end.refcounts);
    // Stale or unknown refcounts prove nothing, unless all references were inspected.
    bool stale = (state->header->incompatible_features & INCOMPATIBLE_DIRTY) != 0;
    bool known = state->end.refcounts_known && !stale;
    // The places of the unread entries of a list are unknown too.
    bool cut = state->report.unseen[AUDIT_SNAPSHOT_BOMB] || state->report.unseen[AUDIT_BITMAP_BOMB];
    if (state->source->kind == SOURCE_DEVICE || cut || !(known || state->report.audit->complete)) {
        return;
    }
    look_behind(state, end);
}
