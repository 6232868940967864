// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_entries.h"

#include "base/checked.h"
#include "format/entry.h"

#include <inttypes.h>
#include <string.h>

enum { LINE = 128 }; // bytes of a table, in which whole entries are passed over at once

#define ALL_PARTS UINT32_MAX // of the 32 of a cluster

static uint64_t *recent_slot(const struct audit_tree *tree, uint64_t host_offset)
{
    return &tree->recent[host_offset * UINT64_C(0x9e3779b97f4a7c15) >> (64 - AUDIT_RECENT_BITS)];
}

// What a sound disk has nowhere, or nearly so, and takes more time.
static void pay_for_oddity(struct audit_tree *tree)
{
    tree->cost += AUDIT_L2_ODDITY_COST;
}

static void look_at_recent(struct audit_tree *tree, uint64_t host_offset)
{
    if (!tree->first_walk) {
        return;
    }
    uint64_t *slot = recent_slot(tree, host_offset);
    // + 1: an empty slot is 0.
    if (*slot == host_offset + 1) {
        pay_for_oddity(tree);
        audit_tell(&tree->state->report, AUDIT_SHARED_DATA, tree->place,
                   "the data at %" PRIu64 " are named more than once", host_offset);
    }
    *slot = host_offset + 1;
}

// Whether marks of other formats are guest data. `size` bytes are in 32 parts, of which the guest
// reads those with a bit in `parts`, and none behind the end of the disk.
static void look_at_marks(struct audit_tree *tree, uint64_t host_offset, uint64_t size,
                          uint32_t parts)
{
    struct audit_state *state = tree->state;
    bool unmarked = host_offset >= state->marks.unmarked_start &&
                    host_offset + size <= state->marks.unmarked_end;
    if (unmarked || parts == 0 || (tree->active && tree->guest_offset >= tree->disk_size)) {
        return;
    }
    pay_for_oddity(tree);
    for (size_t i = 0; i < state->marks.not_in_data;) {
        struct probe_mark mark = state->marks.items[i];
        uint64_t into = mark.offset - host_offset;
        if (mark.offset >= host_offset && into < size && parts >> into * SUBCLUSTERS / size & 1) {
            // It changes places with the last of the others.
            state->marks.items[i] = state->marks.items[--state->marks.not_in_data];
            state->marks.items[state->marks.not_in_data] = mark;
        } else {
            i++;
        }
    }
}

// What is not aligned, or compressed, reaches into more than one cluster.
static void look_for_tables(struct audit_tree *tree, uint64_t host_offset, uint64_t size)
{
    struct audit_state *state = tree->state;
    uint32_t bits = state->header->cluster_bits;
    uint64_t last = (host_offset + size - 1) >> bits;
    for (uint64_t cluster = host_offset >> bits; cluster <= last; cluster++) {
        uint64_t slot = cluster_set_peek(&state->tables, cluster);
        if (slot != 0) {
            pay_for_oddity(tree);
            audit_tell(&state->report, AUDIT_DATA_OVER_TABLE, tree->place,
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
static bool look_at_place(struct audit_tree *tree, uint64_t host_offset, uint64_t size)
{
    struct audit_state *state = tree->state;
    if (host_offset >= state->source->size) {
        pay_for_oddity(tree);
        if (source_complete(state->source)) {
            audit_tell(&state->report, AUDIT_DATA_OUTSIDE_FILE, tree->place,
                       "guest offset %" PRIu64 " is at %" PRIu64 ", past the end of the file at "
                       "%" PRIu64,
                       tree->guest_offset, host_offset, state->source->size);
        } else {
            audit_unseen(&state->report, AUDIT_INCOMPLETE);
        }
        return false;
    }
    look_for_tables(tree, host_offset, size);
    look_at_recent(tree, host_offset);
    audit_use(state, align_down(host_offset + size - 1, state->header->cluster_size) +
                         state->header->cluster_size);
    return true;
}

// Counts `parts` of the 32 of a cluster, as far as they belong to the disk.
static uint64_t disk_bytes(const struct audit_tree *tree, unsigned parts)
{
    uint64_t size = tree->state->header->cluster_size / SUBCLUSTERS * (uint64_t)parts;
    return tree->guest_offset < tree->disk_size
               ? min_u64(size, tree->disk_size - tree->guest_offset)
               : 0;
}

static void look_at_compressed(struct audit_tree *tree, struct l2_entry entry)
{
    struct stretch stretch;
    if (l2_entry_stretch(tree->state->header, entry, tree->guest_offset, &stretch) != 0) {
        return; // nobody reads it
    }
    if (look_at_place(tree, stretch.host_offset, stretch.stored_size)) {
        look_at_marks(tree, stretch.host_offset, stretch.stored_size, ALL_PARTS);
    }
    tree->sums.compressed_bytes += disk_bytes(tree, SUBCLUSTERS);
    tree->table.compressed_clusters++;
}

static void look_at_cluster(struct audit_tree *tree, struct l2_entry entry)
{
    const struct header *header = tree->state->header;
    uint64_t host_offset = l2_entry_host_offset(entry);
    uint64_t size = header->cluster_size;
    uint32_t parts = l2_entry_data_parts(header, entry);
    if (header_has_data_file(header)) {
        return;
    }
    if (look_at_place(tree, host_offset, size)) {
        look_at_marks(tree, host_offset, size, parts);
    }
    // Counting bits is a call where the processor is not known to do it.
    unsigned count = parts == ALL_PARTS ? SUBCLUSTERS : (unsigned)__builtin_popcount(parts);
    tree->sums.data_bytes += disk_bytes(tree, count);
    tree->table.data_parts += count;
}

static void pass_entries(struct audit_tree *tree, size_t count)
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

static void report_faults(struct audit_tree *tree, struct l2_entry entry, uint32_t faults)
{
    while (faults != 0) {
        enum entry_fault fault = fault_take(&faults);
        enum audit_rule rule = audit_rule_of_fault[fault];
        if (rule == AUDIT_RULES) {
            continue;
        }
        pay_for_oddity(tree);
        audit_tell(&tree->state->report, rule, tree->place,
                   "the L2 entry 0x%016" PRIx64 " for guest offset %" PRIu64 " has %s", entry.entry,
                   tree->guest_offset, fault_rules[fault].words);
    }
}

void audit_l2_entries(struct audit_tree *tree, struct bytes view)
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
        uint32_t faults = l2_entry_faults(header, entry, tree->guest_offset);
        if (faults != 0) {
            report_faults(tree, entry, faults);
        }
        if (l2_entry_is_compressed(entry)) {
            look_at_compressed(tree, entry);
        } else if (l2_entry_host_offset(entry) != 0) {
            look_at_cluster(tree, entry);
        }
        tree->cost += entry.entry != 0 ? AUDIT_L2_ENTRY_COST : 0;
        pass_entries(tree, 1);
        i++;
    }
    state->l2_budget.left -= min_u64(tree->cost, state->l2_budget.left);
}
