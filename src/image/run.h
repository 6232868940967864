// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds the run at a guest offset: the longest range of one kind in one layer. Only this file knows
// how L1 and L2 tables and subclusters map a disk.

#ifndef IMAGE_RUN_H
#define IMAGE_RUN_H

#include "format/entry.h"
#include "image/image.h"
#include "source/table_window.h"

struct run {
    enum cluster_kind kind;
    bool has_host;        // as in struct stretch
    uint64_t length;      // guest bytes, ≥ 1
    uint64_t host_offset; // of the first guest byte; of the stored bytes of a compressed cluster
    uint32_t stored_size; // bytes of the compressed cluster, whose guest bytes begin at
    uint64_t cluster;     // this guest offset
};

// A walk through one layer's tables.
struct run_walk {
    const struct image *image;
    struct source *data; // the file of its data clusters: the image or the external data file
    // Short end: the missing part of the cluster in which the data file ends reads as zeros. Not
    // for compressed or encrypted data, where the missing bytes would not be zeros.
    bool short_end;
    const char *suffix; // of the option that errors suggest for it; NULL: none
    struct l1_table l1;
    struct table_window l1_window, l2_window;
    uint64_t l1_index;  // the L1 entry looked up last, and
    uint64_t l2_offset; // what it says; 0 while there is none
    uint64_t announced; // L1 entries up to here have their L2 tables announced
};

// Announces to the source that the L2 tables of these L1 entries, of `table_size` bytes each, will
// be read soon. 0: announces nothing.
void l1_announce_tables(struct source *source, struct bytes entries, uint32_t table_size);

// Finds the run at `guest_offset`, of at most `limit` ≥ 1 bytes. A data run is clipped to its file.
// False when faults of the tables make the cluster unreadable; `error` has the guest offset in its
// message, and the host offset; `length` is then the number of bytes with this fault.
bool run_at(struct run_walk *walk, uint64_t guest_offset, uint64_t limit, struct run *run,
            struct error *error);

void run_walk_free(struct run_walk *walk);

#endif
