// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds one byte: from a guest offset through the tables to the byte, or from a host offset back to
// everything that refers to its cluster. Reads only.

#ifndef WHERE_WHERE_H
#define WHERE_WHERE_H

#include "image/view.h"
#include "tables/purpose.h"

// --- A guest offset ------------------------------------------------------------------------------

// A table entry on the way to the byte.
struct where_entry {
    bool there;     // it was read
    uint64_t index; // in its table
    uint64_t at;    // byte offset in the file
    uint64_t value; // its value in the file
};

// One layer.
struct where_layer {
    const struct layer *layer; // borrowed
    bool past_end;             // the offset is past the end of this layer
    struct where_entry l1, l2;
    bool extended;          // the L2 entry has a bitmap
    uint64_t subclusters;   // the bitmap
    unsigned subcluster;    // the one that contains the offset: 0..31
    struct stretch stretch; // contains the byte in this layer; of a raw file, data or zero
    bool has_refcount;      // of the host cluster, in the image itself
    uint64_t refcount;
};

struct where_guest {
    uint64_t offset;
    struct where_layer *layers; // owned; the last one decides what the byte is
    size_t count;
    struct error fault; // why the byte cannot be found; code NULL: no fault
};

// Finds the byte at `offset`, which is below the end of the view. False only when there is no
// memory.
bool where_guest(const struct view *view, uint64_t offset, struct where_guest *where,
                 struct error *error);
void where_guest_free(struct where_guest *where);

// --- A host offset -------------------------------------------------------------------------------

// The table or field that contains a reference.
enum where_table {
    WHERE_FORMAT, // none: the format places the header
    WHERE_HEADER,
    WHERE_EXTENSION,
    WHERE_L1_TABLE,
    WHERE_L2_TABLE,
    WHERE_REFCOUNT_TABLE,
    WHERE_SNAPSHOT_TABLE,
    WHERE_BITMAP_DIRECTORY,
    WHERE_BITMAP_TABLE,
    WHERE_TABLES,
};

struct where_reference {
    enum where_table table;
    enum purpose purpose; // what the cluster is used for
    uint64_t at;          // byte offset of the entry or field
    uint64_t value;       // its value in the file
    uint64_t index;       // of an entry, in its table
    uint64_t stored_at;   // of a compressed cluster: the host offset of its stored bytes,
    uint32_t stored_size; // and how many they are
    bool has_guest;       // it belongs to a disk: the active one or a snapshot's disk
    uint64_t guest_offset;
    char *snapshot; // owned: the id of the snapshot; NULL: none
};

// Ours: references to one offset that are listed at most. All are counted.
enum { WHERE_REFERENCES_MAX = 10000 };

struct where_host {
    uint64_t offset;
    uint64_t cluster;
    uint64_t byte;     // of the cluster: which one is at the offset
    bool past_end;     // of the file
    bool has_refcount; // the refcount could be read
    uint64_t refcount;
    struct where_reference *references; // owned
    size_t count;
    uint64_t total; // references found
    bool unsure;    // a table that could not be read may refer to it, too
};

// The answers of one walk for all host offsets.
struct where_hosts {
    struct where_host *items; // owned
    size_t count;
    uint64_t error_count; // tables that could not be read; the first one:
    struct error first_error;
};

// Finds the references to each of `offsets` in the file of the first layer of `chain`. False only
// when there is no memory or the cluster size is unknown.
bool where_hosts(const struct chain *chain, const uint64_t *offsets, size_t count,
                 struct where_hosts *where, struct error *error);
void where_hosts_free(struct where_hosts *where);

// The use of the cluster at a host offset: the code of the first reference's purpose, or "leaked",
// "free" or "past-end". Codes are stable.
const char *where_purpose(const struct where_host *host);
const char *where_purpose_code(enum purpose purpose);

// A stable code: "l2-table", ... In words: "L2 entry", ...
const char *where_table_code(enum where_table table);
const char *where_table_words(enum where_table table);

// The refcount of a cluster. False when it cannot be read.
bool where_refcount(const struct image *image, uint64_t cluster, uint64_t *refcount);

#endif
