// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Where the space of an image file goes: every byte is counted once, by the use of its host
// cluster. Reads only.

#ifndef USAGE_USAGE_H
#define USAGE_USAGE_H

#include "base/error.h"
#include "image/chain.h"
#include "usage/measure.h"

// In the order of the listing.
enum usage_part {
    PART_HEADER,
    PART_L1_TABLES,
    PART_L2_TABLES,
    PART_REFCOUNTS,
    PART_SNAPSHOT_TABLE,
    PART_ENCRYPTION_HEADER,
    PART_BITMAPS,
    PART_ACTIVE_DATA,   // of the active disk alone
    PART_SHARED_DATA,   // of the active disk and of snapshots
    PART_SNAPSHOT_DATA, // of snapshots alone
    PART_VM_STATE,
    PART_ZERO_RESERVED, // host clusters that zero clusters keep
    PART_LEAKED,
    PART_FREE,        // before the last cluster in use
    PART_TRAILING,    // after it
    PART_CONFLICTING, // clusters only: their bytes are in the part of their first use
    PARTS,
};

struct part_rule {
    const char *code; // stable
    const char *words;
};

extern const struct part_rule part_rules[PARTS];

struct part {
    uint64_t bytes; // of the file
    uint64_t clusters;
};

struct usage_snapshot {
    struct bytes id, name; // owned
    uint32_t date_sec;
    uint64_t vm_state_bytes;   // from the snapshot table
    uint64_t referenced_bytes; // of the file: its tables, data and VM state
    uint64_t exclusive_bytes;  // of clusters that nothing else refers to
};

struct usage {
    uint64_t file_size, allocated_size, virtual_size; // bytes
    bool allocated_known;
    struct part parts[PARTS];         // their bytes add up to file_size
    struct usage_snapshot *snapshots; // owned
    size_t snapshot_count;
    uint64_t all_snapshots_exclusive_bytes; // the snapshot table included
    uint64_t compressed_host_bytes;         // of the compressed clusters of the active disk
    uint64_t compressed_guest_bytes;
    struct measure_sizes measure;
    uint64_t error_count; // tables that could not be read or found; the first one:
    struct error first_error;
};

// Receives the part that each byte of the file is in: ranges in the order of their offsets, which
// cover the file.
struct usage_places {
    void (*take)(void *context, uint64_t offset, uint64_t length, enum usage_part part);
    void *context;
};

// Called with the guest bytes of the disks whose tables were walked.
struct usage_watch {
    void (*on_progress)(void *context, uint64_t done);
    void *context;
};

// The guest bytes of all disks of a layer.
uint64_t usage_progress_total(const struct layer *layer);

// Adds up the first layer of `chain`. Without `measured` the layers below it are not needed, and
// usage->measure is not set. Uses at most 1.25 bytes of memory for each host cluster of the file,
// 24 MiB, and 4 bytes for each cluster in those pieces of the file where many snapshots own
// clusters. False only when there is no memory or the cluster size is unknown; true for a damaged
// image.
// `places` and `watch` may be NULL.
bool usage_collect(const struct chain *chain, bool measured, const struct usage_places *places,
                   const struct usage_watch *watch, struct usage *usage, struct error *error);
void usage_free(struct usage *usage);

#endif
