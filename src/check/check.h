// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Is the metadata of an image sound: every reference to every host cluster is counted and compared
// with the refcounts on disk. Reads only.

#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/finding.h"
#include "image/view.h"

struct check_options {
    size_t max_findings; // to keep; all are counted
    bool data;           // also read all data and decode every compressed cluster
    unsigned jobs;       // threads that do so: 1..WORKERS_MAX
    // Guest bytes, of check_progress_total(), whose data were read or, without `data`, whose tables
    // were gone through: those cost next to nothing beside their data. May be NULL.
    void (*on_progress)(void *context, uint64_t done);
    void *context;
};

struct check {
    struct findings findings;
    uint64_t check_errors; // parts that could not be checked; the first one:
    struct error first_error;
    uint64_t image_end_offset; // bytes: the end of the last host cluster in use
    uint64_t total_clusters;   // of the guest disk, and below those of the active L1 table
    uint64_t allocated_clusters, compressed_clusters, fragmented_clusters;
    uint64_t leaked_bytes;
};

// Checks the first layer of `chain`, which is open without its backing files. At most 4 bytes of
// memory a host cluster of the file, and 32 MiB. False only when there is no memory or no check
// can begin; the image may well be damaged.
bool check_image(const struct chain *chain, const struct check_options *options,
                 struct check *check, struct error *error);
void check_free(struct check *check);

// Guest bytes of the active disk and of all snapshots whose disks are read.
uint64_t check_progress_total(const struct chain *chain);

#endif
