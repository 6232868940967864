// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The size of a copy of the disk, as `qemu-img measure` reports it: as a raw file, and as a new
// qcow2 image with QEMU's defaults.

#ifndef USAGE_MEASURE_H
#define USAGE_MEASURE_H

#include "image/extent.h"

struct measure_sizes {
    bool raw_known, qcow2_known;
    uint64_t raw; // bytes: required, and also fully allocated
    uint64_t required, fully_allocated;
    bool has_bitmaps; // the image can have bitmaps
    uint64_t bitmaps; // bytes that bitmaps would add
};

// Adds up the clusters of the active disk of the first layer in guest order. Ranges that this layer
// does not have are looked up in the layers below.
struct measure {
    const struct layer *layer;
    uint64_t size;      // bytes of the disk
    uint64_t next;      // guest offset up to which the disk was added
    uint64_t counted;   // guest offset up to which clusters of the copy were counted
    uint64_t data;      // bytes of clusters with data in the copy
    struct chain below; // borrows the layers
    struct extent_walk lower;
    bool has_lower;
    struct error failed; // why there is no result; code NULL: no error
};

// False when there is no memory.
bool measure_start(struct measure *measure, const struct chain *chain, struct error *error);

// Adds [guest_offset, guest_offset + length), which is after everything that was added before, as
// this kind; `host_offset` is for data. The gap before it is unallocated.
void measure_take(struct measure *measure, uint64_t guest_offset, uint64_t length,
                  enum cluster_kind kind, uint64_t host_offset);

// Records that there is no result, because of `error`.
void measure_fail(struct measure *measure, const struct error *error);

// Adds the rest of the disk and returns the result.
struct measure_sizes measure_finish(struct measure *measure);

void measure_end(struct measure *measure);

#endif
