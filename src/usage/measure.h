// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How large a copy of the disk would be, as `qemu-img measure` says it: as a raw file, and as a new
// qcow2 image with QEMU's defaults.

#ifndef USAGE_MEASURE_H
#define USAGE_MEASURE_H

#include "image/extent.h"

struct measure_sizes {
    bool raw_known, qcow2_known;
    uint64_t raw; // bytes: both required and fully allocated
    uint64_t required, fully_allocated;
    bool has_bitmaps; // the image can have some
    uint64_t bitmaps; // bytes that they would add
};

// Takes the clusters of the active disk of the first layer in guest order. What that layer does not
// have is looked up in the layers below it.
struct measure {
    const struct layer *layer;
    uint64_t size;      // bytes of the disk
    uint64_t next;      // guest offset up to which the disk was taken
    uint64_t counted;   // guest offset up to which clusters of the copy were counted
    uint64_t data;      // bytes of the clusters of the copy that have data
    struct chain below; // borrows the layers
    struct extent_walk lower;
    bool has_lower;
    struct error failed; // why nothing can be said; code NULL while all is well
};

// False when there is no memory.
bool measure_start(struct measure *measure, const struct chain *chain, struct error *error);

// [guest_offset, guest_offset + length), behind all that was taken before, is of this kind;
// `host_offset` is that of data. What lies between is unallocated.
void measure_take(struct measure *measure, uint64_t guest_offset, uint64_t length,
                  enum cluster_kind kind, uint64_t host_offset);

// Nothing can be said.
void measure_fail(struct measure *measure, const struct error *error);

// Takes the rest of the disk, and says what came of it.
struct measure_sizes measure_finish(struct measure *measure);

void measure_end(struct measure *measure);

#endif
