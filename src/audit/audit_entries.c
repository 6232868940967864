// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_entries.h"

#include "audit/audit_places.h"
#include "base/checked.h"
#include "format/entry.h"

#include <inttypes.h>
#include <string.h>

enum { LINE = 128 }; // bytes of a table: this many empty entries are skipped at once

#define ALL_PARTS UINT32_MAX // of the 32 of a cluster

// Takes budget for an entry that no sound disk has, or hardly any, and that takes more time.
static void pay_for_oddity(struct audit_tree *tree)
{
    tree->cost += AUDIT_L2_ODDITY_COST;
}

// --- Data that is named twice --------------------------------------------------------------------

// The value of entry `index` in an earlier version of the current part.
static struct l2_entry entry_of_version(const struct audit_tree *tree, size_t version, size_t index)
{
    const struct header *header = tree->state->header;
    const struct audit_versions *versions = &tree->versions;
    struct bytes part = {versions->parts + version * versions->stride, versions->stride};
    return l2_entry_load(header, part, index);
}

static bool names_the_same(struct l2_entry a, struct l2_entry b)
{
    uint64_t mask =
        l2_entry_is_compressed(a) ? ~ENTRY_COPIED : ENTRY_COMPRESSED | ENTRY_OFFSET_MASK;
    return (a.entry & mask) == (b.entry & mask);
}

// Whether another disk has the same data at the same place. Most disks have the data of the one
// before.
static bool in_other_version(struct audit_tree *tree, struct l2_entry entry, size_t index)
{
    const struct audit_versions *versions = &tree->versions;
    for (size_t i = versions->before; i-- > 0;) {
        if (versions->present[i] && names_the_same(entry, entry_of_version(tree, i, index))) {
            return true;
        }
        if (!budget_spend(&tree->search, 1)) {
            return true; // unknown; the spent budget is reported
        }
    }
    return false;
}

// Reports the conflict of data in a cluster that is already in use.
static void report_taken(struct audit_tree *tree, uint64_t cluster)
{
    struct audit_state *state = tree->state;
    pay_for_oddity(tree);
    if (!audit_is_table(state, cluster)) {
        audit_report_at(&state->report, AUDIT_SHARED_DATA, tree->place,
                        "guest offset %" PRIu64 " has data in cluster %" PRIu64
                        ", which has data of another guest offset",
                        tree->guest_offset, cluster);
        return;
    }
    bool counted = state->report.audit->findings[AUDIT_DATA_OVER_TABLE].count > 0;
    audit_report_at(&state->report, AUDIT_DATA_OVER_TABLE, tree->place,
                    "guest offset %" PRIu64 " has data in cluster %" PRIu64 ", and in it %s is",
                    tree->guest_offset, cluster,
                    purpose_name(counted ? PURPOSE_NONE : audit_purpose(state, cluster)));
}

// The clusters of the file that contain `size` bytes, without clusters past its end.
static void clusters_of(const struct audit_tree *tree, uint64_t host_offset, uint64_t size,
                        uint64_t *first, uint64_t *end)
{
    uint32_t bits = tree->state->header->cluster_bits;
    *first = host_offset >> bits;
    *end = min_u64(((host_offset + size - 1) >> bits) + 1, tree->state->places.used.clusters);
}

// Whether disks may share the data of the table: they have the same table, or others at its index.
static bool may_be_shared(const struct audit_tree *tree)
{
    return tree->disks > 1 || tree->versions.parts;
}

// Whether the references of the table are counted. A table that is walked again has them counted
// already, unless references of a single disk count too.
static bool counts_references(const struct audit_tree *tree)
{
    return audit_counts_all(tree->state) || (may_be_shared(tree) && !tree->again);
}

// Counts the references that all disks with the table make to the clusters from `first` to `end`.
// The active disk is walked last, so it finds all other references counted.
static void count_references(struct audit_tree *tree, struct l2_entry entry, uint64_t first,
                             uint64_t end)
{
    struct audit_state *state = tree->state;
    bool several = audit_counts_add(&state->counts, first, end, tree->disks);
    if (several && tree->active && may_be_shared(tree) && !l2_entry_is_compressed(entry) &&
        entry_is_copied(entry.entry)) {
        pay_for_oddity(tree);
        audit_report_at(&state->report, AUDIT_COPIED_FLAG, tree->place,
                        "guest offset %" PRIu64 " has data in cluster %" PRIu64
                        " with COPIED, and a snapshot has it too",
                        tree->guest_offset, first);
    }
}

// A check or a snapshot reads the refcount of the cluster for each disk with the table.
static void note_refcount(struct audit_tree *tree, uint64_t host_offset)
{
    if (audit_costs_refcount(&tree->costs, host_offset)) {
        tree->state->sums.refcount_reads += tree->disks;
    }
}

// Counts the references of an entry in a table that is walked again.
static void count_again(struct audit_tree *tree, struct l2_entry entry, uint64_t host_offset,
                        uint64_t size)
{
    uint64_t first;
    uint64_t end;
    if (counts_references(tree)) {
        clusters_of(tree, host_offset, size, &first, &end);
        count_references(tree, entry, first, end);
    }
}

// Marks the clusters of an entry that is not compressed: two when it is not aligned.
static void use_cluster(struct audit_tree *tree, struct l2_entry entry, size_t index)
{
    struct cluster_bits *used = &tree->state->places.used;
    uint64_t first;
    uint64_t end;
    clusters_of(tree, l2_entry_host_offset(entry), tree->state->header->cluster_size, &first, &end);
    if (counts_references(tree)) {
        count_references(tree, entry, first, end);
    }
    uint64_t added = cluster_bits_add(used, first, end - first);
    tree->state->sums.data_clusters += added > 0;
    if (added == end - first || used->full || in_other_version(tree, entry, index)) {
        return;
    }
    report_taken(tree, first + added);
    cluster_bits_fill(used, first, end - first);
}

// Marks the clusters of a stream, which other streams may share.
static void use_stream(struct audit_tree *tree, struct l2_entry entry, size_t index,
                       const struct stretch *stretch)
{
    struct cluster_bits *used = &tree->state->places.used;
    uint64_t first;
    uint64_t end;
    clusters_of(tree, stretch->host_offset, stretch->stored_size, &first, &end);
    count_references(tree, entry, first, end);
    if (in_other_version(tree, entry, index)) {
        return;
    }
    stream_list_add(&tree->streams, stretch->host_offset,
                    (stretch->host_offset % SECTOR_SIZE + stretch->stored_size) / SECTOR_SIZE - 1);
    for (uint64_t cluster = first; cluster < end; cluster++) {
        if (cluster_bits_has(&tree->compressed, cluster)) {
            continue;
        }
        if (cluster_bits_add(used, cluster, 1) == 1) {
            cluster_bits_fill(&tree->compressed, cluster, 1);
        } else if (!used->full) {
            report_taken(tree, cluster);
            return;
        }
    }
}

// --- One entry -----------------------------------------------------------------------------------

// Finds out which marks of other formats are guest data. `size` bytes have 32 parts; the guest
// reads those with a bit in `parts`, and none beyond the end of the disk.
static void inspect_marks(struct audit_tree *tree, uint64_t host_offset, uint64_t size,
                          uint32_t parts)
{
    struct audit_state *state = tree->state;
    bool unmarked = host_offset >= state->marks.unmarked_start &&
                    host_offset + size <= state->marks.unmarked_end;
    if (unmarked || parts == 0 || (tree->active && tree->guest_offset >= state->header->size)) {
        return;
    }
    pay_for_oddity(tree);
    for (size_t i = 0; i < state->marks.not_in_data;) {
        struct probe_mark mark = state->marks.items[i];
        uint64_t into = mark.offset - host_offset;
        if (mark.offset >= host_offset && into < size && parts >> into * SUBCLUSTERS / size & 1) {
            // Swap it with the last of the others.
            state->marks.items[i] = state->marks.items[--state->marks.not_in_data];
            state->marks.items[state->marks.not_in_data] = mark;
        } else {
            i++;
        }
    }
}

// The checks for any place of data. `size`: bytes there; the file may end before some of them.
// False when it ends before all of them.
static bool inspect_place(struct audit_tree *tree, uint64_t host_offset, uint64_t size)
{
    struct audit_state *state = tree->state;
    if (host_offset >= state->source->size) {
        pay_for_oddity(tree);
        if (source_complete(state->source)) {
            audit_report_at(&state->report, AUDIT_DATA_OUTSIDE_FILE, tree->place,
                            "guest offset %" PRIu64 " is at %" PRIu64
                            ", past the end of the file at "
                            "%" PRIu64,
                            tree->guest_offset, host_offset, state->source->size);
        } else {
            audit_unseen(&state->report, AUDIT_INCOMPLETE);
        }
        return false;
    }
    // A writer counts sectors to the last one with data, so all of them are in the last cluster.
    uint64_t cluster_size = state->header->cluster_size;
    uint64_t limit = divide_up(state->source->size, cluster_size) * cluster_size;
    if (host_offset + size > limit && source_complete(state->source)) {
        pay_for_oddity(tree);
        audit_report_at(&state->report, AUDIT_DATA_OUTSIDE_FILE, tree->place,
                        "guest offset %" PRIu64 " is at %" PRIu64 " and may reach to %" PRIu64
                        ", past the end of the file at %" PRIu64,
                        tree->guest_offset, host_offset, host_offset + size, state->source->size);
    }
    audit_use(state, align_down(host_offset + size - 1, state->header->cluster_size) +
                         state->header->cluster_size);
    return true;
}

static void inspect_compressed(struct audit_tree *tree, struct l2_entry entry, size_t index)
{
    struct stretch stretch;
    if (l2_entry_stretch(tree->state->header, entry, tree->guest_offset, &stretch) != 0) {
        return; // no program reads it
    }
    note_refcount(tree, stretch.host_offset);
    if (tree->again) {
        count_again(tree, entry, stretch.host_offset, stretch.stored_size);
    } else if (inspect_place(tree, stretch.host_offset, stretch.stored_size)) {
        use_stream(tree, entry, index, &stretch);
        inspect_marks(tree, stretch.host_offset, stretch.stored_size, ALL_PARTS);
    }
    tree->table->compressed_clusters++;
    // It has at least one byte of its last sector.
    tree->table->compressed_stored +=
        stretch.stored_size < SECTOR_SIZE ? 1 : stretch.stored_size - SECTOR_SIZE + 1;
}

static void inspect_cluster(struct audit_tree *tree, struct l2_entry entry, size_t index)
{
    const struct header *header = tree->state->header;
    uint64_t host_offset = l2_entry_host_offset(entry);
    uint32_t parts = l2_entry_data_parts(header, entry);
    if (header_has_data_file(header)) {
        return;
    }
    note_refcount(tree, host_offset);
    if (tree->again) {
        count_again(tree, entry, host_offset, header->cluster_size);
    } else if (inspect_place(tree, host_offset, header->cluster_size)) {
        use_cluster(tree, entry, index);
        inspect_marks(tree, host_offset, header->cluster_size, parts);
    } else {
        tree->state->sums.data_clusters++; // past the end of the file
    }
    // Counting bits is a function call unless the compiler can use an instruction.
    tree->table->data_parts +=
        parts == ALL_PARTS ? SUBCLUSTERS : (unsigned)__builtin_popcount(parts);
}

static void pass_entries(struct audit_tree *tree, size_t count)
{
    const struct header *header = tree->state->header;
    tree->place += count * header->l2_entry_size;
    tree->guest_offset += (uint64_t)count << header->cluster_bits;
}

// Most of a table is empty on a disk with a new file system.
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
        audit_report_at(&tree->state->report, rule, tree->place,
                        "the L2 entry 0x%016" PRIx64 " for guest offset %" PRIu64 " has %s",
                        entry.entry, tree->guest_offset, fault_rules[fault].words);
    }
}

static void inspect_entry(struct audit_tree *tree, struct l2_entry entry, size_t index)
{
    uint32_t faults = l2_entry_faults(tree->state->header, entry, tree->guest_offset);
    if (faults != 0 && !tree->again) {
        report_faults(tree, entry, faults);
    }
    if (l2_entry_is_compressed(entry)) {
        inspect_compressed(tree, entry, index);
    } else if (l2_entry_host_offset(entry) != 0) {
        inspect_cluster(tree, entry, index);
    }
}

// --- Entries that are alike ----------------------------------------------------------------------

// Whether the previous version has the same bytes for `count` entries from `index` on.
static bool same_as_before(const struct audit_tree *tree, const uint8_t *entries, size_t index,
                           size_t count)
{
    const struct audit_versions *versions = &tree->versions;
    size_t entry_size = tree->state->header->l2_entry_size;
    size_t last = versions->before - 1;
    return versions->before > 0 && versions->present[last] &&
           memcmp(entries, versions->parts + last * versions->stride + index * entry_size,
                  count * entry_size) == 0;
}

// How many entries, including the first, refer to adjacent clusters of data that need no check but
// that of their place: all are in the file and have no marks. 0: the first entry must be inspected
// alone.
static size_t plain_run(const struct audit_tree *tree, struct bytes rest)
{
    const struct audit_state *state = tree->state;
    const struct header *header = state->header;
    struct l2_entry first = l2_entry_load(header, rest, 0);
    uint64_t host_offset = l2_entry_host_offset(first);
    if (host_offset == 0 || l2_entry_is_compressed(first) ||
        host_offset < state->marks.unmarked_start ||
        l2_entry_data_parts(header, first) != ALL_PARTS || header_has_data_file(header) ||
        l2_entry_faults(header, first, tree->guest_offset) != 0) {
        return 0;
    }
    uint64_t limit = min_u64(state->source->size, state->marks.unmarked_end);
    uint64_t room = host_offset < limit ? (limit - host_offset) >> header->cluster_bits : 0;
    rest.size = (size_t)min_u64(rest.size, room * header->l2_entry_size);
    return room > 0 ? l2_entries_plain(header, rest) : 0;
}

// Skips entries of a run whose clusters have no other use. `entry` is one of the run.
static void pass_run(struct audit_tree *tree, struct l2_entry entry, uint64_t cluster, size_t count)
{
    if (count > 0) {
        if (counts_references(tree)) {
            count_references(tree, entry, cluster, cluster + count);
        }
        tree->table->data_parts += (uint32_t)count * SUBCLUSTERS;
        audit_use(tree->state, (cluster + count) << tree->state->header->cluster_bits);
        pass_entries(tree, count);
    }
}

// Marks the clusters of a run. The entry of a cluster that is already marked is inspected alone.
static void inspect_run(struct audit_tree *tree, struct bytes rest, size_t index, size_t count)
{
    struct audit_state *state = tree->state;
    const struct header *header = state->header;
    struct l2_entry first = l2_entry_load(header, rest, 0);
    uint64_t cluster = l2_entry_host_offset(first) >> header->cluster_bits;
    note_refcount(tree, l2_entry_host_offset(first));
    if (tree->again || same_as_before(tree, rest.data, index, count)) {
        pass_run(tree, first, cluster, count);
        return;
    }
    for (size_t done = 0; done < count;) {
        uint64_t left = count - done;
        size_t added = (size_t)cluster_bits_add(&state->places.used, cluster + done, left);
        state->sums.data_clusters += added;
        pass_run(tree, first, cluster + done, added);
        done += added;
        if (done < count) {
            inspect_entry(tree, l2_entry_load(header, rest, done), index + done);
            pass_entries(tree, 1);
            done++;
        }
    }
}

// Data of the active disk behind its end: nothing shows it until the disk is made longer.
static void inspect_hidden(struct audit_tree *tree, struct bytes view)
{
    const struct header *header = tree->state->header;
    uint64_t end = divide_up(header->size, header->cluster_size);
    uint64_t first = tree->guest_offset >> header->cluster_bits;
    size_t count = view.size / header->l2_entry_size;
    if (!tree->active || first + count <= end) {
        return;
    }
    for (size_t i = end > first ? (size_t)(end - first) : 0; i < count; i++) {
        struct l2_entry entry = l2_entry_load(header, view, i);
        if (l2_entry_is_compressed(entry) || l2_entry_host_offset(entry) != 0) {
            audit_report_at(
                &tree->state->report, AUDIT_HIDDEN_DATA, tree->place + i * header->l2_entry_size,
                "data at guest offset %" PRIu64 ", behind the end of the disk at %" PRIu64,
                (first + i) << header->cluster_bits, header->size);
            return;
        }
    }
}

void audit_l2_entries(struct audit_tree *tree, struct bytes view)
{
    struct audit_state *state = tree->state;
    const struct header *header = state->header;
    size_t entry_size = header->l2_entry_size;
    size_t count = view.size / entry_size;
    size_t in_line = LINE / entry_size;
    tree->cost = 0;
    inspect_hidden(tree, view);
    for (size_t i = 0; i < count;) {
        struct bytes rest = {view.data + i * entry_size, view.size - i * entry_size};
        if (i % in_line == 0 && is_zero_line(view, i * entry_size)) {
            tree->table->extents += audit_costs_empty(&tree->costs);
            pass_entries(tree, in_line);
            i += in_line;
            continue;
        }
        struct l2_entry entry = l2_entry_load(header, rest, 0);
        size_t run = plain_run(tree, rest);
        if (run > 0) {
            tree->table->extents += audit_costs_run(&tree->costs, entry, run);
            inspect_run(tree, rest, i, run);
        } else {
            tree->table->extents += audit_costs_entry(&tree->costs, entry);
            inspect_entry(tree, entry, i);
            pass_entries(tree, 1);
            run = 1;
        }
        tree->cost += entry.entry != 0 ? run * AUDIT_L2_ENTRY_COST : 0;
        i += run;
    }
    if (tree->again) {
        state->l2_budget.left -= min_u64(tree->cost, state->l2_budget.left);
    }
}
