// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Guest offset → the longest run of one kind in one layer. The one place that knows how L1 and L2
// tables and subclusters map a disk.

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
    struct source *data; // where its data clusters are: the image or the external data file
    // What the file with the data lacks of the cluster in which it ends reads as zeros, where data
    // is neither compressed nor encrypted: other bytes than zeros would then be missing.
    bool short_end;
    struct l1_table l1;
    struct table_window l1_window, l2_window;
    uint64_t l1_index;  // the L1 entry looked up last, and
    uint64_t l2_offset; // what it says; 0 while there is none
};

// The run at `guest_offset`, at most `limit` ≥ 1 bytes of it. A data run is clipped to what its
// file has. False when the cluster there cannot be read for what its tables say; `error` has the
// guest offset in its message and the host offset; `length` is then how many bytes share the fault.
bool run_at(struct run_walk *walk, uint64_t guest_offset, uint64_t limit, struct run *run,
            struct error *error);

void run_walk_free(struct run_walk *walk);

#endif
