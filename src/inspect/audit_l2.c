// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L2 tables: what they say of the disk and of the file, as far as the budget goes.

#include "base/checked.h"
#include "format/entry.h"
#include "image/table_window.h"
#include "inspect/audit_l1.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// Places of data seen not long ago, to find those that are named twice: a table in which each has
// one slot, and drives out what was there. Nothing is told by mistake; a disk that has more places
// than this before it names them again is found by what it adds up to.
enum { RECENT_BITS = 14 };

enum { LINE = 128 }; // bytes of a table, in which whole entries are passed over at once

#define ALL_PARTS UINT32_MAX // of the 32 of a cluster

struct tree {
    struct audit_state *state;
    struct table_window window;
    bool active;
    bool first_walk; // of this table: what it names has not been seen through it
    bool data_file;  // the data are elsewhere
    uint64_t *recent;
    uint64_t place;        // byte offset of the entry
    uint64_t guest_offset; // that it is about
    uint64_t cost;         // in bytes of the budget, of the entries looked at last
};

static uint64_t *recent_slot(const struct tree *tree, uint64_t host_offset)
{
    return &tree->recent[host_offset * UINT64_C(0x9e3779b97f4a7c15) >> (64 - RECENT_BITS)];
}

// What a sound disk has nowhere, or nearly so, and takes more time.
static void pay_for_oddity(struct tree *tree)
{
    tree->cost += AUDIT_L2_ODDITY_COST;
}

static void look_at_recent(struct tree *tree, uint64_t host_offset)
{
    if (!tree->first_walk) {
        return;
    }
    uint64_t *slot = recent_slot(tree, host_offset);
    // + 1: an empty slot is 0.
    if (*slot == host_offset + 1) {
        pay_for_oddity(tree);
        audit_tell(tree->state, AUDIT_SHARED_DATA, tree->place,
                   "the data at %" PRIu64 " are named more than once", host_offset);
    }
    *slot = host_offset + 1;
}

// Whether marks of other formats are guest data. `size` bytes are in 32 parts, of which the guest
// reads those with a bit in `parts`, and none behind the end of the disk.
static void look_at_marks(struct tree *tree, uint64_t host_offset, uint64_t size, uint32_t parts)
{
    struct audit_state *state = tree->state;
    bool unmarked =
        host_offset >= state->unmarked_start && host_offset + size <= state->unmarked_end;
    if (unmarked || parts == 0 || (tree->active && tree->guest_offset >= state->header->size)) {
        return;
    }
    pay_for_oddity(tree);
    for (size_t i = 0; i < state->marks_not_in_data;) {
        struct probe_mark mark = state->marks[i];
        uint64_t into = mark.offset - host_offset;
        if (mark.offset >= host_offset && into < size && parts >> into * SUBCLUSTERS / size & 1) {
            // It changes places with the last of the others.
            state->marks[i] = state->marks[--state->marks_not_in_data];
            state->marks[state->marks_not_in_data] = mark;
        } else {
            i++;
        }
    }
}

// What is not aligned, or compressed, reaches into more than one cluster.
static void look_for_tables(struct tree *tree, uint64_t host_offset, uint64_t size)
{
    struct audit_state *state = tree->state;
    uint32_t bits = state->header->cluster_bits;
    uint64_t last = (host_offset + size - 1) >> bits;
    for (uint64_t cluster = host_offset >> bits; cluster <= last; cluster++) {
        uint64_t slot = cluster_set_peek(&state->tables, cluster);
        if (slot != 0) {
            pay_for_oddity(tree);
            audit_tell(state, AUDIT_DATA_OVER_TABLE, tree->place,
                       "guest offset %" PRIu64 " has %" PRIu64 " bytes at %" PRIu64
                       ", and in cluster %" PRIu64 " %s is",
                       tree->guest_offset, size, host_offset, cluster,
                       purpose_name(cluster_purpose(slot)));
            return;
        }
    }
}

// What any place of data is looked at for. `size`: bytes there, of which the file may lack some.
// False when it lacks all of them.
static bool look_at_place(struct tree *tree, uint64_t host_offset, uint64_t size)
{
    struct audit_state *state = tree->state;
    if (host_offset >= state->source->size) {
        pay_for_oddity(tree);
        if (state->source->complete) {
            audit_tell(state, AUDIT_DATA_OUTSIDE_FILE, tree->place,
                       "guest offset %" PRIu64 " is at %" PRIu64 ", past the end of the file at "
                       "%" PRIu64,
                       tree->guest_offset, host_offset, state->source->size);
        } else {
            audit_unseen(state, AUDIT_INCOMPLETE);
        }
        return false;
    }
    look_for_tables(tree, host_offset, size);
    look_at_recent(tree, host_offset);
    audit_use(state, align_down(host_offset + size - 1, state->header->cluster_size) +
                         state->header->cluster_size);
    return true;
}

// Bytes of the cluster that belong to the disk.
static uint64_t disk_bytes(const struct tree *tree, uint64_t size)
{
    uint64_t disk_size = tree->state->header->size;
    return tree->active && tree->guest_offset < disk_size
               ? min_u64(size, disk_size - tree->guest_offset)
               : 0;
}

static void look_at_compressed(struct tree *tree, uint64_t entry)
{
    const struct header *header = tree->state->header;
    struct stretch stretch;
    struct l2_entry plain = {entry & ~ENTRY_COPIED, 0};
    if (tree->data_file || l2_entry_stretch(header, plain, tree->guest_offset, &stretch)) {
        return; // nobody reads it
    }
    if (look_at_place(tree, stretch.host_offset, stretch.stored_size)) {
        look_at_marks(tree, stretch.host_offset, stretch.stored_size, ALL_PARTS);
    }
    tree->state->compressed_bytes += disk_bytes(tree, header->cluster_size);
}

// The parts of a cluster that are not zeros, whatever is in the file. Without extended entries it
// is all of them, or none.
static uint32_t parts_read(const struct header *header, struct l2_entry entry)
{
    if (header_extended_l2(header)) {
        return (uint32_t)entry.subclusters;
    }
    return entry.entry & ENTRY_ZERO ? 0 : ALL_PARTS;
}

static void look_at_cluster(struct tree *tree, struct l2_entry entry)
{
    const struct header *header = tree->state->header;
    uint64_t host_offset = entry.entry & ENTRY_OFFSET_MASK;
    uint64_t size = header->cluster_size;
    uint32_t parts = parts_read(header, entry);
    if (tree->data_file) {
        return;
    }
    if (look_at_place(tree, host_offset, size)) {
        look_at_marks(tree, host_offset, size, parts);
    }
    unsigned count = (unsigned)__builtin_popcount(parts);
    tree->state->data_bytes += disk_bytes(tree, size / SUBCLUSTERS * count);
}

static void pass_entries(struct tree *tree, size_t count)
{
    const struct header *header = tree->state->header;
    tree->place += count * header->l2_entry_size;
    tree->guest_offset += (uint64_t)count << header->cluster_bits;
}

// Most of a table that a file system has just been made in is empty.
static bool is_zero_line(struct bytes view, size_t at)
{
    static const uint8_t zeros[LINE];
    struct bytes line;
    return bytes_view(view, at, LINE, &line) && memcmp(line.data, zeros, LINE) == 0;
}

static void look_at_entries(struct tree *tree, struct bytes view)
{
    struct audit_state *state = tree->state;
    const struct header *header = state->header;
    size_t count = view.size / header->l2_entry_size;
    size_t in_line = LINE / header->l2_entry_size;
    tree->cost = 0;
    for (size_t i = 0; i < count;) {
        if (i % in_line == 0 && is_zero_line(view, i * header->l2_entry_size)) {
            pass_entries(tree, in_line);
            i += in_line;
            continue;
        }
        struct l2_entry entry = l2_entry_load(header, view, i);
        if (entry.entry & ENTRY_COMPRESSED) {
            look_at_compressed(tree, entry.entry);
        } else if (entry.entry & ENTRY_OFFSET_MASK) {
            look_at_cluster(tree, entry);
        }
        tree->cost += entry.entry != 0 ? AUDIT_L2_ENTRY_COST : 0;
        pass_entries(tree, 1);
        i++;
    }
    state->l2_bytes -= min_u64(tree->cost, state->l2_bytes);
}

static void read_l2_table(struct tree *tree, uint64_t l2_offset)
{
    struct audit_state *state = tree->state;
    const struct header *header = state->header;
    tree->place = l2_offset;
    for (uint64_t done = 0; done < header->cluster_size;) {
        struct bytes view;
        struct error error;
        if (!table_window_view(&tree->window, state->source, l2_offset + done,
                               header->l2_entry_size, header->cluster_size - done, &view, &error)) {
            audit_unreadable(state, &error, "an L2 table");
            return;
        }
        look_at_entries(tree, view);
        done += view.size;
    }
}

// Pays for a table. False when the budget has ended.
static bool pay_for_table(struct audit_state *state, uint64_t l2_offset, bool *hole)
{
    uint64_t size = state->header->cluster_size;
    if (!audit_spend(state, &state->l2_bytes, 0)) {
        return false;
    }
    *hole = audit_hole(state, l2_offset) >= size;
    return *hole || size <= AUDIT_SEEK_COST ||
           audit_spend(state, &state->l2_bytes, size - AUDIT_SEEK_COST);
}

// False when the budget has ended. A table in a hole has nothing but zeros; where the hole is known
// already there may be millions of them.
static bool look_at_l2_table(struct tree *tree, uint64_t l2_offset)
{
    struct audit_state *state = tree->state;
    bool hole = l2_offset >= state->hole.start &&
                range_inside(l2_offset, state->header->cluster_size, state->hole.end);
    if (hole) {
        return true;
    }
    uint64_t *slot = cluster_set_slot(&state->tables, l2_offset >> state->header->cluster_bits);
    bool walked = slot && *slot & CLUSTER_WALKED;
    if (walked && !tree->active) {
        return true; // another disk has it too
    }
    if (!pay_for_table(state, l2_offset, &hole)) {
        return false;
    }
    tree->first_walk = !walked;
    if (!hole) {
        read_l2_table(tree, l2_offset);
    }
    if (slot && *slot != 0) {
        *slot |= CLUSTER_WALKED;
    }
    return true;
}

static void look_at_tree(struct tree *tree, struct l1_table l1)
{
    struct audit_state *state = tree->state;
    uint64_t size = state->header->cluster_size;
    struct audit_l1_walk walk = audit_l1_start(state, l1, tree->active);
    // Disks may share data, but none has them twice.
    memset(tree->recent, 0, sizeof *tree->recent << RECENT_BITS);
    while (audit_l1_next(&walk)) {
        // What is no place of a table was told when it was noted.
        if (is_aligned(walk.l2_offset, size) &&
            range_inside(walk.l2_offset, size, state->source->size)) {
            tree->guest_offset = walk.guest_offset;
            state->unseen_tables += !look_at_l2_table(tree, walk.l2_offset) && tree->active;
        }
    }
    audit_l1_free(&walk);
}

void audit_l2_tables(struct audit_state *state)
{
    struct tree tree = {
        .state = state,
        .window = table_window_make(TABLE_WINDOW_MAX),
        .active = true,
        .data_file = image_has_feature(state->image, INCOMPATIBLE_DATA_FILE),
        .recent = calloc((size_t)1 << RECENT_BITS, sizeof *tree.recent),
    };
    if (!tree.recent) {
        error_set(&state->failure, ERROR_MEMORY, "out of memory");
        return;
    }
    look_at_tree(&tree, audit_l1_of_disk(state));
    tree.active = false;
    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (audit_spent(state, state->l2_bytes)) {
            break;
        }
        look_at_tree(&tree, state->snapshots[i]);
    }
    free(tree.recent);
    table_window_free(&tree.window);
}
