// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Checks L1 tables and everything below them.

#include "base/checked.h"
#include "check/check_parts.h"
#include "check/check_references.h"
#include "format/entry.h"

#include <inttypes.h>
#include <stdio.h>

struct tree {
    struct check_state *state;
    bool active;
    uint64_t disk_size;
    const char *name; // of the L1 table
    struct table_file l1_file, l2_file;

    // The L2 table that is being walked.
    uint64_t l2_offset;
    uint64_t guest_offset;    // of its first entry
    uint64_t next_contiguous; // the host offset where the last cluster ended; 0: none
    bool at_end;              // the size of the disk decides about one of its references
};

// An L2 entry and its location.
struct l2_place {
    struct l2_entry entry;
    uint32_t index;
    uint64_t guest_offset;
};

static void report_entry(const struct tree *tree, enum finding_kind kind,
                         const struct l2_place *place)
{
    if (kind == FINDING_CUT_SHORT && tree->state->partial) {
        check_unseen(tree->state);
        return;
    }
    const struct finding at = {.kind = kind,
                               .has_host = true,
                               .host_offset = l2_entry_host_offset(place->entry),
                               .has_guest = true,
                               .guest_offset = place->guest_offset};
    findings_add(&tree->state->check->findings, &at,
                 "L2 entry %" PRIu32 " of the table at %" PRIu64 " (%s): 0x%016" PRIx64,
                 place->index, tree->l2_offset, tree->name, place->entry.entry);
}

// Counts one more reference to a cluster inside the file when there is nothing to report: the
// cluster is unused or has the same purpose, and its count can grow.
static bool reference_plainly(struct check_state *state, uint64_t cluster, enum purpose purpose)
{
    if (!check_touch(state, cluster)) {
        return false;
    }
    uint32_t value = reference_peek(&state->references, cluster);
    uint32_t count = reference_count(value);
    if ((count > 0 && reference_purpose(value) != purpose) || count >= state->refcount_max ||
        count >= REFERENCE_COUNT_MAX) {
        return false;
    }
    check_set(state, cluster, (value + 1) | (uint32_t)purpose << REFERENCE_PURPOSE_SHIFT);
    return true;
}

static void reference_data(const struct tree *tree, uint64_t offset, uint64_t size,
                           enum purpose purpose, const struct l2_place *place)
{
    struct check_state *state = tree->state;
    uint64_t end = offset + size;
    // Cluster by cluster, as long as there is nothing to report: this is the case millions of
    // times.
    while (offset < end && end <= state->file_end &&
           reference_plainly(state, offset >> state->header->cluster_bits, purpose)) {
        offset = align_down(offset, state->header->cluster_size) + state->header->cluster_size;
    }
    if (offset >= end) {
        return;
    }
    const struct finding at = {.has_guest = true, .guest_offset = place->guest_offset};
    char text[FINDING_PLACE_SIZE];
    snprintf(text, sizeof text, "L2 entry %" PRIu32 " of the table at %" PRIu64 " (%s)",
             place->index, tree->l2_offset, tree->name);
    check_reference(state, offset, end - offset, purpose, &at, text);
}

// Only the decoder knows how many bytes the file must have, but it must have at least one.
static void check_compressed_begin(struct tree *tree, const struct l2_place *place,
                                   const struct stretch *stretch)
{
    const struct check_state *state = tree->state;
    uint64_t size = state->image->source->size;
    uint64_t end = stretch->host_offset + stretch->stored_size;
    bool reported = end >= size + state->header->cluster_size; // by check_reference()
    tree->at_end = tree->at_end || stretch->host_offset >= size;
    if (stretch->host_offset >= size && place->guest_offset < tree->disk_size && !reported) {
        report_entry(tree, FINDING_CUT_SHORT, place);
    }
}

static void check_compressed(struct tree *tree, const struct l2_place *place)
{
    struct check *check = tree->state->check;
    struct stretch stretch;
    if (l2_entry_stretch(tree->state->header, place->entry, place->guest_offset, &stretch) != 0) {
        return;
    }
    reference_data(tree, stretch.host_offset, stretch.stored_size, PURPOSE_COMPRESSED, place);
    check_compressed_begin(tree, place, &stretch);
    if (tree->active) {
        check->allocated_clusters++;
        check->compressed_clusters++;
        check->fragmented_clusters++; // compressed clusters always are
    }
}

static void count_fragment(struct tree *tree, uint64_t offset)
{
    struct check *check = tree->state->check;
    check->allocated_clusters++;
    check->fragmented_clusters += tree->next_contiguous != 0 && offset != tree->next_contiguous;
    tree->next_contiguous = offset + tree->state->header->cluster_size;
}

// COPIED means that the refcount is exactly 1.
static void check_copied(const struct tree *tree, const struct l2_place *place, uint64_t offset)
{
    struct check_state *state = tree->state;
    bool copied = entry_is_copied(place->entry.entry);
    bool wrong = header_has_data_file(state->header)
                     ? !copied
                     : check_copied_is_wrong(state, offset >> state->header->cluster_bits, copied);
    if (wrong) {
        report_entry(tree, state->dirty ? FINDING_STALE_REFCOUNT : FINDING_COPIED_FLAG, place);
    }
}

// Bytes at the start of a host cluster that must be in the file, as the disk needs them.
static uint64_t needed_bytes(const struct tree *tree, const struct l2_place *place)
{
    const struct header *header = tree->state->header;
    uint32_t parts = l2_entry_data_parts(header, place->entry);
    uint64_t subclusters = parts != 0 ? SUBCLUSTERS - (unsigned)__builtin_clz(parts) : 0;
    uint64_t needed = header->cluster_size / SUBCLUSTERS * subclusters;
    return place->guest_offset < tree->disk_size
               ? min_u64(needed, tree->disk_size - place->guest_offset)
               : 0;
}

// The last cluster of the file may end where the disk does, but not before.
static void check_last_cluster(struct tree *tree, const struct l2_place *place, uint64_t offset)
{
    const struct source *source = tree->state->image->source;
    tree->at_end =
        tree->at_end || offset >> tree->state->header->cluster_bits >= tree->state->whole_clusters;
    bool accepted = tree->state->chain->layers[0].short_end && source_complete(source) &&
                    tree->state->header->crypt_method == CRYPT_NONE;
    if (!accepted && offset < source->size && source->size - offset < needed_bytes(tree, place)) {
        report_entry(tree, FINDING_CUT_SHORT, place);
    }
}

// Checks an entry that has a host cluster, for data or kept by a zero cluster.
static void check_cluster(struct tree *tree, const struct l2_place *place)
{
    const struct header *header = tree->state->header;
    uint64_t offset = l2_entry_host_offset(place->entry);
    if (tree->active) {
        check_copied(tree, place, offset);
        count_fragment(tree, offset);
    }
    if (!header_has_data_file(header)) {
        reference_data(tree, offset, header->cluster_size, PURPOSE_DATA, place);
        check_last_cluster(tree, place, offset);
    }
}

static void report_faults(const struct tree *tree, uint32_t faults, const struct l2_place *place)
{
    while (faults != 0) {
        report_entry(tree, finding_of_fault[fault_take(&faults)], place);
    }
}

static void check_l2_entry(struct tree *tree, const struct l2_place *place)
{
    const struct header *header = tree->state->header;
    uint32_t faults = l2_entry_faults(header, place->entry, place->guest_offset);
    if (!tree->active) {
        faults &= ~fault_if(true, FAULT_L2_COPIED); // COPIED means nothing in a snapshot
    }
    report_faults(tree, faults, place);
    if (!l2_entry_is_compressed(place->entry)) {
        if (l2_entry_has_host(header, place->entry)) {
            check_cluster(tree, place);
        }
    } else if (place->entry.subclusters == 0) {
        check_compressed(tree, place);
    }
}

// Counts one data reference for each cluster from `cluster` on, as long as its refcount is 1 and
// nothing else refers to it. Returns how many, at most `count`.
static uint32_t take_ones(struct check_state *state, uint64_t cluster, uint32_t count)
{
    const uint32_t data = REFERENCE_ONE | (uint32_t)PURPOSE_DATA << REFERENCE_PURPOSE_SHIFT | 1;
    uint64_t end = min_u64(cluster + count, state->whole_clusters);
    uint64_t next = cluster;
    size_t run = 1;
    while (next < end && run > 0 && check_touch(state, next)) {
        run =
            reference_replace(&state->references, next, (size_t)(end - next), REFERENCE_ONE, data);
        next += run;
    }
    return (uint32_t)(next - cluster);
}

// Counts the entries at the start of `view` that are adjacent data clusters with one reference and
// one purpose each. Returns how many; the next entry is for check_l2_entry(), which gives the same
// result for all of them, only slower.
static uint32_t check_plain_run(struct tree *tree, struct bytes view)
{
    struct check_state *state = tree->state;
    const struct header *header = state->header;
    struct l2_entry first = l2_entry_load(header, view, 0);
    uint64_t offset = l2_entry_host_offset(first);
    if (!tree->active || !l2_entry_is_plain_data(header, first)) {
        return 0;
    }
    uint32_t taken =
        take_ones(state, offset >> header->cluster_bits, (uint32_t)l2_entries_plain(header, view));
    if (taken > 0) {
        count_fragment(tree, offset);
        tree->state->check->allocated_clusters += taken - 1;
        tree->next_contiguous += (uint64_t)(taken - 1) * header->cluster_size;
    }
    return taken;
}

// Returns how many of the entries are not zero.
static uint32_t check_l2_entries(struct tree *tree, struct bytes view, uint32_t index)
{
    const struct header *header = tree->state->header;
    uint32_t count = (uint32_t)(view.size / header->l2_entry_size);
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t run = check_plain_run(tree, bytes_from(view, (size_t)i * header->l2_entry_size));
        i += run;
        used += run;
        if (i == count) {
            break;
        }
        struct l2_place place = {
            .entry = l2_entry_load(header, view, i),
            .index = index + i,
            .guest_offset = tree->guest_offset + ((uint64_t)(index + i) << header->cluster_bits),
        };
        if (place.entry.entry != 0 || place.entry.subclusters != 0) {
            check_l2_entry(tree, &place);
            used++;
        }
    }
    return used;
}

// `table` names the empty table: one of the tree, or the L1 table itself.
static void note_empty(const struct tree *tree, uint64_t offset, const char *table)
{
    const struct finding at = {.has_host = true,
                               .host_offset = offset,
                               .has_guest = true,
                               .guest_offset = tree->guest_offset};
    char place[FINDING_PLACE_SIZE];
    snprintf(place, sizeof place, "%s%s", table, tree->name);
    check_empty_table(tree->state, &at, place);
}

static void note_clean(struct check_state *state, uint64_t l2_offset)
{
    uint64_t cluster = l2_offset >> state->header->cluster_bits;
    uint32_t value = reference_peek(&state->references, cluster);
    if (value != 0) {
        check_set(state, cluster, value | REFERENCE_CLEAN);
    }
}

// Everything that a walk can add to: findings, unseen references and errors.
static uint64_t results(const struct check_state *state)
{
    return check_reported(state) + state->check->unseen_references + state->check->check_errors;
}

// `again`: the table was walked before, for this disk or another.
static void check_l2_table(struct tree *tree, bool again)
{
    struct check_state *state = tree->state;
    struct table_walk walk =
        l2_walk(&tree->l2_file, state->header, tree->l2_offset, again ? &state->budget : NULL);
    uint64_t before = results(state);
    uint64_t used = 0;
    struct error error;
    enum walk_step step;
    tree->next_contiguous = 0;
    tree->at_end = false;
    while ((step = table_walk_view(&walk, &error)) == WALK_FOUND) {
        used += check_l2_entries(tree, walk.view, (uint32_t)walk.first);
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "L2 table at %" PRIu64, tree->l2_offset);
        check_unreadable(state, &error);
        return;
    }
    if (again) {
        check_spend(state, CHECK_ENTRY, used);
        check_spend(state, CHECK_FINDING, results(state) - before);
        return;
    }
    if (used == 0) {
        note_empty(tree, tree->l2_offset, "an L2 table below ");
    }
    if (results(state) == before && !tree->at_end) {
        note_clean(state, tree->l2_offset);
    }
}

// True when the references of the table are counted later, together for all snapshots that share
// it. Walking it again would report nothing new: the guest offset matters only with a data file,
// and COPIED only for the active disk.
static bool count_later(struct tree *tree)
{
    struct check_state *state = tree->state;
    uint64_t cluster = tree->l2_offset >> state->header->cluster_bits;
    return !tree->active && !header_has_data_file(state->header) &&
           (reference_peek(&state->references, cluster) & REFERENCE_CLEAN) &&
           shared_tables_add(&state->shared, tree->l2_offset);
}

static void report_l1_entry(const struct tree *tree, enum finding_kind kind, uint64_t index,
                            uint64_t l1_entry)
{
    const struct finding at = {.kind = kind,
                               .has_host = true,
                               .host_offset = l1_entry_l2_offset(l1_entry),
                               .has_guest = true,
                               .guest_offset = tree->guest_offset};
    findings_add(&tree->state->check->findings, &at, "L1 entry %" PRIu64 " of %s: 0x%016" PRIx64,
                 index, tree->name, l1_entry);
}

static void check_l1_entry(struct tree *tree, uint64_t index, uint64_t l1_entry)
{
    struct check_state *state = tree->state;
    const struct header *header = state->header;
    tree->guest_offset = index * header_l2_coverage(header);
    tree->l2_offset = l1_entry_l2_offset(l1_entry);
    uint32_t faults = l1_entry_faults(header, l1_entry);
    for (uint32_t left = faults; left != 0;) {
        report_l1_entry(tree, finding_of_fault[fault_take(&left)], index, l1_entry);
    }
    if (tree->l2_offset == 0) {
        return;
    }
    const struct finding at = {.has_guest = true, .guest_offset = tree->guest_offset};
    char place[FINDING_PLACE_SIZE];
    snprintf(place, sizeof place, "L1 entry %" PRIu64 " of %s", index, tree->name);
    if (tree->active && check_copied_is_wrong(state, tree->l2_offset >> header->cluster_bits,
                                              entry_is_copied(l1_entry))) {
        report_l1_entry(tree, state->dirty ? FINDING_STALE_REFCOUNT : FINDING_COPIED_FLAG, index,
                        l1_entry);
    }
    uint64_t reported = check_reported(state);
    bool again = reference_count(reference_peek(&state->references,
                                                tree->l2_offset >> header->cluster_bits)) > 0;
    check_reference(state, tree->l2_offset, header->cluster_size, PURPOSE_L2_TABLE, &at, place);
    check_spend(state, CHECK_L1_ENTRY, 1);
    check_spend(state, CHECK_FINDING, check_reported(state) - reported);
    if (faults_unreadable(faults) != 0) {
        state->uncounted = true;
    } else if (!again || !count_later(tree)) {
        check_l2_table(tree, again);
    }
}

static void check_l1_table(struct tree *tree, struct l1_table l1)
{
    struct check_state *state = tree->state;
    struct table_walk walk = l1_walk(&tree->l1_file, l1, &state->budget);
    walk.table_size = state->header->cluster_size;
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    bool empty = l1.size > 0 && l1.offset != 0;
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        empty = false;
        check_l1_entry(tree, entry.index, entry.value);
        check_progress(state, tree->guest_offset);
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "%s", tree->name);
        check_unreadable(state, &error);
    } else if (empty && !state->budget.ended) {
        note_empty(tree, l1.offset, "");
    }
    check_spend(state, CHECK_BYTE, 0); // reports when the budget has ended
}

void check_l1_tree(struct check_state *state, struct l1_table l1, uint64_t disk_size, bool active,
                   const char *name)
{
    const struct finding at = {0};
    struct tree tree = {
        .state = state,
        .active = active,
        .disk_size = disk_size,
        .name = name,
        .l1_file = table_file_make(state->image->source),
        .l2_file = table_file_make(state->image->source),
    };
    check_reference(state, l1.offset, (uint64_t)l1.size * L1_ENTRY_SIZE, PURPOSE_L1_TABLE, &at,
                    name);
    check_l1_table(&tree, l1);
    table_file_free(&tree.l1_file);
    table_file_free(&tree.l2_file);
}
