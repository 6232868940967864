// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Adds up L1 tables and everything below them.

#include "base/checked.h"
#include "format/entry.h"
#include "tables/table_walk.h"
#include "usage/usage_state.h"

#include <inttypes.h>

// A struct table_sum has room for all cluster numbers and all owners.
#define CLUSTER_MASK ((UINT64_C(1) << 47) - 1)
#define OWNER_MASK   UINT32_C(0x1ffff)

struct tree {
    struct usage_state *state;
    uint32_t owner;
    struct measure *measure; // of the active disk only; else NULL
    uint64_t vm_state;       // guest offset where the VM state begins
    uint64_t disk_size;      // bytes
    struct table_file l1_file, l2_file;

    // The L2 table that is being walked.
    uint64_t l2_offset;
    uint64_t guest_offset; // of its first entry
    uint64_t bytes;        // that its entries refer to
};

// --- L2 entries ----------------------------------------------------------------------------------

static void take(const struct tree *tree, uint64_t guest_offset, uint64_t length,
                 enum cluster_kind kind, uint64_t host_offset)
{
    if (tree->measure) {
        measure_take(tree->measure, guest_offset, length, kind, host_offset);
    }
}

// Adds the stretches of an entry to the measure.
static void take_entry(const struct tree *tree, struct l2_entry entry, uint64_t guest_offset)
{
    const struct header *header = tree->state->header;
    uint64_t end = guest_offset + header->cluster_size;
    while (tree->measure && guest_offset < end) {
        struct stretch stretch;
        struct error error;
        uint32_t faults = l2_entry_stretch(header, entry, guest_offset, &stretch);
        if (faults != 0) {
            error_at(&error, ERROR_CORRUPT, tree->l2_offset, "guest offset %" PRIu64 " has %s",
                     guest_offset, fault_rules[fault_first(faults)].words);
            measure_fail(tree->measure, &error);
            return;
        }
        take(tree, guest_offset, stretch.length, stretch.kind, stretch.host_offset);
        guest_offset += stretch.length;
    }
}

static void note_compressed(struct tree *tree, struct l2_entry entry, uint64_t guest_offset)
{
    struct usage_state *state = tree->state;
    struct stretch stretch;
    if (l2_entry_stretch(state->header, entry, guest_offset, &stretch) != 0) {
        return;
    }
    usage_note(state, stretch.host_offset, stretch.stored_size, PURPOSE_COMPRESSED, tree->owner);
    tree->bytes += stretch.stored_size;
    if (tree->owner == OWNER_NONE) {
        state->usage->compressed_host_bytes += stretch.stored_size;
        state->usage->compressed_guest_bytes += state->header->cluster_size;
    }
}

static void note_entry(struct tree *tree, struct l2_entry entry, uint64_t guest_offset)
{
    const struct header *header = tree->state->header;
    take_entry(tree, entry, guest_offset);
    if (l2_entry_is_compressed(entry)) {
        note_compressed(tree, entry, guest_offset);
    } else if (l2_entry_has_host(header, entry) && !header_has_data_file(header)) {
        unsigned use = guest_offset >= tree->vm_state            ? USE_VM_STATE
                       : l2_entry_data_parts(header, entry) != 0 ? (unsigned)PURPOSE_DATA
                                                                 : (unsigned)USE_RESERVED;
        tree->bytes += usage_note(tree->state, l2_entry_host_offset(entry), header->cluster_size,
                                  use, tree->owner);
    }
}

// Notes clusters that are adjacent in the file and that only the active disk, or only the active
// disk and a snapshot, uses for data. Returns how many; the next cluster is for note_entry(), which
// does the same, only slower.
static size_t note_plain(struct tree *tree, uint64_t cluster, size_t count)
{
    struct use_map *map = &tree->state->map;
    const uint8_t before = tree->owner == OWNER_NONE ? PURPOSE_NONE : PURPOSE_DATA;
    const uint8_t after =
        PURPOSE_DATA + (tree->owner == OWNER_NONE ? SHARED_NOT : SHARED_MIXED) * USE_SHARING;
    size_t noted = 0;
    while (noted < count && cluster + noted < map->clusters) {
        uint8_t *cell = use_map_cell(map, cluster + noted);
        if (!cell || (*cell != before && *cell != after)) {
            break;
        }
        *cell = after;
        noted++;
    }
    return noted;
}

// Notes the plain entries at the start of `view`. Returns how many.
static size_t note_plain_run(struct tree *tree, struct bytes view, uint64_t guest_offset)
{
    const struct header *header = tree->state->header;
    struct l2_entry first = l2_entry_load(header, view, 0);
    if (!l2_entry_is_plain_data(header, first) || guest_offset >= tree->vm_state) {
        return 0;
    }
    size_t count = l2_entries_plain(header, view);
    uint64_t host = l2_entry_host_offset(first);
    count = min_u64(count, (tree->vm_state - guest_offset) >> header->cluster_bits);
    count = note_plain(tree, host >> header->cluster_bits, count);
    uint64_t length = (uint64_t)count << header->cluster_bits;
    tree->bytes += length;
    if (count > 0) {
        take(tree, guest_offset, length, CLUSTER_DATA, host);
    }
    return count;
}

static void note_entries(struct tree *tree, struct bytes view, uint64_t first)
{
    const struct header *header = tree->state->header;
    size_t count = view.size / header->l2_entry_size;
    for (size_t i = 0; i < count;) {
        uint64_t guest_offset = tree->guest_offset + ((first + i) << header->cluster_bits);
        size_t run =
            note_plain_run(tree, bytes_from(view, i * header->l2_entry_size), guest_offset);
        if (run == 0) {
            struct l2_entry entry = l2_entry_load(header, view, i);
            if (entry.entry != 0 || entry.subclusters != 0) {
                note_entry(tree, entry, guest_offset);
            }
            run = 1;
        }
        i += run;
    }
}

// --- L2 tables -----------------------------------------------------------------------------------

static void failed(const struct tree *tree, struct error *error, const char *what, uint64_t where)
{
    error_prefix(error, "%s %" PRIu64, what, where);
    usage_failed(tree->state, error);
    if (tree->measure) {
        measure_fail(tree->measure, error);
    }
}

static void walk_l2(struct tree *tree, bool again)
{
    struct usage_state *state = tree->state;
    struct table_walk walk =
        l2_walk(&tree->l2_file, state->header, tree->l2_offset, again ? &state->budget : NULL);
    struct error error;
    enum walk_step step;
    while ((step = table_walk_view(&walk, &error)) == WALK_FOUND) {
        note_entries(tree, walk.view, walk.first);
        if (again) {
            budget_spend(&state->budget, walk.view.size * 2); // more than to read it
        }
    }
    if (step == WALK_ERROR) {
        failed(tree, &error, "L2 table at", tree->l2_offset);
    }
}

// Whether walking an L2 table again can change the use of its clusters. After two disks it cannot.
static bool has_news(const struct tree *tree, const struct table_sum *known)
{
    return !known || tree->measure ||
           (known->owner != TABLE_OWNERS_SEVERAL && known->owner != tree->owner);
}

// Remembers that the table was walked, for other disks that share it.
static void remember(struct tree *tree, uint64_t cluster, const struct table_sum *known)
{
    bool several = known && known->owner != tree->owner;
    if (tree->state->header->nb_snapshots > 0) {
        table_sums_put(
            &tree->state->sums,
            (struct table_sum){.cluster = cluster & CLUSTER_MASK,
                               .owner = several ? TABLE_OWNERS_SEVERAL : tree->owner & OWNER_MASK,
                               .bytes = tree->bytes});
    }
}

// Returns the bytes that the table and its entries refer to.
static uint64_t note_l2(struct tree *tree)
{
    struct usage_state *state = tree->state;
    uint64_t cluster = tree->l2_offset >> state->header->cluster_bits;
    struct error error;
    if (cluster >= state->map.clusters) {
        error_at(&error, source_complete(state->image->source) ? ERROR_TRUNCATED : ERROR_UNSEEN,
                 tree->l2_offset, "the file ends at %" PRIu64, state->image->source->size);
        failed(tree, &error, "L2 table at", tree->l2_offset);
        return 0;
    }
    const struct table_sum *known = table_sums_get(&state->sums, cluster);
    bool again = use_map_get(&state->map, cluster).use != PURPOSE_NONE;
    tree->bytes = usage_note(state, tree->l2_offset, state->header->cluster_size, PURPOSE_L2_TABLE,
                             tree->owner);
    if (!has_news(tree, known)) {
        return known->bytes;
    }
    walk_l2(tree, again);
    remember(tree, cluster, known);
    return tree->bytes;
}

// --- L1 tables -----------------------------------------------------------------------------------

static uint64_t note_l1_entry(struct tree *tree, const struct table_entry *entry)
{
    const struct header *header = tree->state->header;
    uint32_t faults = faults_unreadable(l1_entry_faults(header, entry->value));
    struct error error;
    tree->guest_offset = entry->index * header_l2_coverage(header);
    tree->l2_offset = l1_entry_l2_offset(entry->value);
    if (faults != 0) {
        usage_note(tree->state, tree->l2_offset, header->cluster_size, PURPOSE_L2_TABLE,
                   tree->owner);
        error_at(&error, ERROR_CORRUPT, entry->at, "it has %s",
                 fault_rules[fault_first(faults)].words);
        failed(tree, &error, "L1 entry", entry->index);
        return 0;
    }
    return tree->l2_offset == 0 ? 0 : note_l2(tree);
}

static uint64_t walk_l1(struct tree *tree, struct l1_table l1)
{
    struct usage_state *state = tree->state;
    struct table_walk walk = l1_walk(&tree->l1_file, l1, &state->budget);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    uint64_t bytes = 0;
    while (!state->out_of_memory && (step = table_walk_entry(&walk, &entry, &error)) != WALK_END) {
        if (step == WALK_ERROR) {
            failed(tree, &error, "L1 table at", l1.offset);
            break;
        }
        bytes = add_clipped(bytes, note_l1_entry(tree, &entry));
        usage_progress(state, min_u64(tree->guest_offset, tree->disk_size));
        // An entry costs at least this many bytes of zeros.
        budget_spend(&state->budget, 256);
    }
    return bytes;
}

uint64_t usage_tree(struct usage_state *state, struct l1_table l1, uint64_t disk_size,
                    uint32_t owner)
{
    const struct header *header = state->header;
    struct tree tree = {
        .state = state,
        .owner = owner,
        .disk_size = disk_size,
        .measure = owner == OWNER_NONE ? state->measure : NULL,
        .l1_file = table_file_make(state->image->source),
        .l2_file = table_file_make(state->image->source),
    };
    if (!checked_align_up(disk_size, header_l2_coverage(header), &tree.vm_state)) {
        tree.vm_state = UINT64_MAX;
    }
    uint64_t bytes =
        usage_note(state, l1.offset, (uint64_t)l1.size * L1_ENTRY_SIZE, PURPOSE_L1_TABLE, owner);
    bytes = add_clipped(bytes, walk_l1(&tree, l1));
    usage_progress(state, disk_size);
    state->disks_done = add_clipped(state->disks_done, disk_size);
    table_file_free(&tree.l1_file);
    table_file_free(&tree.l2_file);
    return bytes;
}
