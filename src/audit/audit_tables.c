// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Inspects the tables that the header refers to, and the list of snapshots.

#include "audit/audit_parts.h"
#include "audit/audit_places.h"
#include "audit/audit_state.h"
#include "base/checked.h"
#include "format/layout.h"
#include "tables/snapshot_reader.h"

#include <inttypes.h>

// --- Sizes and places in the header --------------------------------------------------------------

// Compares the entries of an L1 table with those that `size` bytes of a disk need. A table that a
// larger disk has left behind is stored. `at`: the offset of their number.
static void inspect_l1_size(struct audit_state *state, uint32_t l1_size, uint64_t size, uint64_t at)
{
    uint64_t coverage = header_l2_coverage(state->header);
    uint64_t needed = divide_up(size, coverage);
    uint64_t bytes = (uint64_t)l1_size * L1_ENTRY_SIZE;
    uint64_t clusters = bytes >> state->header->cluster_bits;
    uint64_t of_largest = divide_up(state->options->max_virtual_size, coverage);
    bool large = l1_size > add_clipped(2 * needed, AUDIT_L1_SLACK);
    // Asked only where it matters, because it takes time to find the holes.
    bool stored = (!large && clusters <= AUDIT_L1_CLUSTERS) || bytes <= audit_stored(state);
    if (large && (l1_size > of_largest || !stored)) {
        audit_report_at(&state->report, AUDIT_L1_SIZE, at,
                        "the L1 table has %" PRIu32 " entries, but the disk needs only %" PRIu64,
                        l1_size, needed);
    } else if (!stored) {
        audit_report_at(&state->report, AUDIT_L1_SIZE, at,
                        "the L1 table has %" PRIu64 " bytes in %" PRIu64
                        " clusters, the file %" PRIu64 " without its holes",
                        bytes, clusters, audit_stored(state));
    }
}

static void inspect_l1(struct audit_state *state)
{
    const struct header *header = state->header;
    if (header->l1_size > CAP_L1_SIZE || !audit_possible_place(header->l1_table_offset)) {
        return;
    }
    inspect_l1_size(state, header->l1_size, header->size, HEADER_L1_SIZE);
    audit_table(state, PURPOSE_L1_TABLE, header->l1_table_offset,
                (uint64_t)header->l1_size * L1_ENTRY_SIZE, HEADER_L1_TABLE_OFFSET, "the L1 table");
}

// The bytes that a refcount table may have, for the clusters of the file and those that it may get.
static uint64_t refcount_table_limit(const struct audit_state *state)
{
    const struct header *header = state->header;
    uint64_t clusters = divide_up(state->source->size, header->cluster_size);
    if (header->refcount_bits == 0) {
        return UINT64_MAX; // not known: header-limit
    }
    uint64_t a_block = (uint64_t)header->cluster_size * 8 / header->refcount_bits; // refcounts
    uint64_t needed = divide_up(clusters, a_block) * REFCOUNT_TABLE_ENTRY_SIZE;
    uint64_t slack = AUDIT_REFCOUNT_TABLE_COUNTS / a_block * REFCOUNT_TABLE_ENTRY_SIZE;
    slack = max_u64(min_u64(slack, AUDIT_REFCOUNT_TABLE_SLACK), 2 * (uint64_t)header->cluster_size);
    return max_u64(4 * needed, slack);
}

static void inspect_refcount_table(struct audit_state *state)
{
    const struct header *header = state->header;
    uint64_t size = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    if (size > CAP_REFCOUNT_TABLE_BYTES || !audit_possible_place(header->refcount_table_offset)) {
        return;
    }
    uint64_t most = refcount_table_limit(state);
    if (source_complete(state->source) && size > most) {
        audit_report_at(&state->report, AUDIT_REFCOUNT_TABLE_SIZE, HEADER_REFCOUNT_TABLE_CLUSTERS,
                        "the refcount table has %" PRIu64 " bytes for a file of %" PRIu64, size,
                        state->source->size);
    }
    audit_table(state, PURPOSE_REFCOUNT_TABLE, header->refcount_table_offset, size,
                HEADER_REFCOUNT_TABLE_OFFSET, "the refcount table");
}

void audit_header_tables(struct audit_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    // The file may end within its first cluster.
    cluster_bits_add(&state->places.used, 0, 1);
    audit_add_range(state, 0, 1, PURPOSE_HEADER);
    audit_use(state, state->header->cluster_size);
    inspect_l1(state);
    inspect_refcount_table(state);
    if (extensions->has_encryption) {
        audit_table(state, PURPOSE_ENCRYPTION, extensions->encryption_offset,
                    extensions->encryption_length, extensions->encryption_extension_at,
                    "the encryption header");
    }
}

// --- Snapshots -----------------------------------------------------------------------------------

struct snapshot_sums {
    uint64_t entry;    // byte offset of the current entry
    uint64_t l1_bytes; // of all L1 tables
    uint64_t ids[AUDIT_SNAPSHOTS_MAX];
    size_t id_count;
};

// Reads an id as QEMU gives it: a decimal number from 1 on, one above all others. False for any
// other, and for a number so long that it may be a date: an operator may give that as a name later.
static bool read_snapshot_id(struct bytes text, uint64_t *id)
{
    enum { DIGITS_MAX = 5 };
    *id = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = bytes_u8(text, i);
        if (c < '0' || c > '9' || i == DIGITS_MAX) {
            return false;
        }
        *id = *id * 10 + c - '0';
    }
    return bytes_u8(text, 0) > '0';
}

static bool is_known_id(const struct snapshot_sums *sums, uint64_t id)
{
    for (size_t i = 0; i < sums->id_count; i++) {
        if (sums->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void inspect_snapshot_id(struct audit_state *state, struct bytes text,
                                struct snapshot_sums *sums)
{
    uint64_t id;
    if (!read_snapshot_id(text, &id)) {
        audit_report_at(
            &state->report, AUDIT_SNAPSHOT_ID, sums->entry,
            "the id of a snapshot is not a decimal number of up to 5 digits, as QEMU gives it");
    } else if (is_known_id(sums, id)) {
        audit_report_at(&state->report, AUDIT_SNAPSHOT_ID, sums->entry,
                        "two snapshots have the id %" PRIu64, id);
    } else if (sums->id_count < AUDIT_SNAPSHOTS_MAX) {
        sums->ids[sums->id_count++] = id;
    }
}

static void inspect_snapshot_l1(struct audit_state *state, const struct snapshot *snapshot,
                                struct snapshot_sums *sums)
{
    uint64_t size = (uint64_t)snapshot->l1_size * L1_ENTRY_SIZE;
    struct l1_table l1 = {snapshot->l1_table_offset, snapshot->l1_size};
    sums->l1_bytes += size;
    if (!l1_table_is_sound(state->header, l1)) {
        audit_unseen(&state->report,
                     AUDIT_SNAPSHOT_BROKEN); // reported as a problem of the entry
        return;
    }
    uint64_t vm_state = snapshot->vm_state_size;
    vm_state = vm_state > 0 ? min_u64(vm_state, audit_stored(state)) : 0;
    inspect_l1_size(state, l1.size, add_clipped(snapshot->disk_size, vm_state), sums->entry);
    bool inside = audit_table(state, PURPOSE_L1_TABLE, l1.offset, size, sums->entry,
                              "the L1 table of a snapshot");
    if (inside && state->view_count < AUDIT_SNAPSHOTS_MAX) {
        state->views[state->view_count++] = (struct audit_view){.l1 = l1};
    }
}

static void inspect_snapshot(struct audit_state *state, const struct snapshot *snapshot,
                             struct snapshot_sums *sums)
{
    audit_name(state, AUDIT_NAME_LABEL, "the id of a snapshot", snapshot->id, sums->entry);
    inspect_snapshot_id(state, snapshot->id, sums);
    audit_name(state, AUDIT_NAME_LABEL, "the name of a snapshot", snapshot->name, sums->entry);
    if (snapshot->disk_size > state->options->max_virtual_size) {
        audit_report_at(&state->report, AUDIT_VIRTUAL_SIZE, sums->entry,
                        "the disk of a snapshot has %" PRIu64 " bytes, above %" PRIu64,
                        snapshot->disk_size, state->options->max_virtual_size);
    }
    if (snapshot->vm_state_size > 0) {
        audit_report_at(&state->report, AUDIT_VM_STATE, sums->entry,
                        "a snapshot has %" PRIu64 " bytes of VM state", snapshot->vm_state_size);
    }
    state->sums.accounted = add_clipped(state->sums.accounted, snapshot->disk_size);
    state->sums.accounted = add_clipped(state->sums.accounted, snapshot->vm_state_size);
    inspect_snapshot_l1(state, snapshot, sums);
}

// Returns where the last entry ends.
static uint64_t inspect_snapshot_entries(struct audit_state *state, struct snapshot_sums *sums)
{
    struct snapshot snapshot;
    struct problems problems = {0};
    struct snapshot_reader reader = snapshot_reader_start(state->image);
    uint64_t end = reader.at;
    sums->entry = reader.at;
    while (snapshot_reader_next(&reader, &snapshot, &problems)) {
        end = sums->entry + snapshot.end;
        audit_problems(state, &problems);
        problems_free(&problems);
        inspect_snapshot(state, &snapshot, sums);
        sums->entry = reader.at;
        if (reader.next == AUDIT_SNAPSHOTS_MAX && reader.next < reader.count) {
            audit_unseen(&state->report, AUDIT_SNAPSHOT_BOMB);
            break;
        }
    }
    if (state->header->nb_snapshots > 0 && reader.count == 0 && !reader.ended.code) {
        audit_unseen(&state->report, AUDIT_HEADER_BROKEN); // by the location of the table
    }
    audit_ended(&state->report, &reader.ended, AUDIT_SNAPSHOT_BOMB, AUDIT_SNAPSHOT_BROKEN,
                "the snapshot table");
    snapshot_reader_free(&reader);
    return end;
}

void audit_snapshots(struct audit_state *state)
{
    const struct header *header = state->header;
    struct snapshot_sums sums = {0};
    if (header->nb_snapshots > AUDIT_SNAPSHOTS_MAX) {
        audit_report_at(&state->report, AUDIT_SNAPSHOT_BOMB, HEADER_NB_SNAPSHOTS,
                        "there are %" PRIu32 " snapshots", header->nb_snapshots);
    }
    uint64_t end = inspect_snapshot_entries(state, &sums);
    if (end > header->snapshots_offset) {
        audit_table(state, PURPOSE_SNAPSHOT_TABLE, header->snapshots_offset,
                    end - header->snapshots_offset, HEADER_SNAPSHOTS_OFFSET, "the snapshot table");
    }
    bool many = sums.l1_bytes > AUDIT_SNAPSHOTS_L1 && sums.l1_bytes > audit_stored(state);
    if (source_complete(state->source) && (many || sums.l1_bytes > state->source->size)) {
        audit_report_at(&state->report, AUDIT_SNAPSHOT_BOMB, header->snapshots_offset,
                        "the L1 tables of the snapshots have %" PRIu64 " bytes, the file %" PRIu64
                        ", and %" PRIu64 " without its holes",
                        sums.l1_bytes, state->source->size, audit_stored(state));
    }
}
