// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over the disk of a view, in all layers of its chain. It skips holes by whole runs, so its
// cost depends on the metadata, not on the size of the disk times the number of layers.

#ifndef IMAGE_EXTENT_H
#define IMAGE_EXTENT_H

#include "base/checked.h"
#include "image/view.h"

struct extent {
    uint64_t start, length; // guest bytes
    enum cluster_kind kind; // CLUSTER_UNALLOCATED: in all layers, reads as zeros
    size_t depth;           // the layer that decides it; 0 is the image itself
    bool encrypted;         // its bytes must be decrypted with the layer's cipher
    bool has_host;
    uint64_t host_offset; // as in struct run, in layer_data() or, compressed, in the layer's image
    uint32_t stored_size; // of a compressed cluster, whose first guest byte is
    uint64_t cluster;     // this one
};

// A guest range that could not be read, and why.
struct fault {
    uint64_t start, length;
    size_t depth; // the layer that decides it; the offset of the error is in its file
    struct error error;
};

static inline bool extent_allocated(const struct extent *extent)
{
    return extent->kind != CLUSTER_UNALLOCATED;
}

static inline bool extent_zero(const struct extent *extent)
{
    return extent->kind == CLUSTER_UNALLOCATED || extent->kind == CLUSTER_ZERO;
}

static inline bool extent_compressed(const struct extent *extent)
{
    return extent->kind == CLUSTER_COMPRESSED;
}

// The part of an extent that begins at `start`, which is in it, at most `limit` bytes of it.
static inline struct extent extent_part(const struct extent *extent, uint64_t start, uint64_t limit)
{
    struct extent part = *extent;
    uint64_t skipped = start - extent->start;
    part.start = start;
    part.length = min_u64(extent->length - skipped, limit);
    if (!extent_compressed(extent) && extent->has_host) {
        part.host_offset += skipped;
    }
    return part;
}

struct extent_walk {
    struct view view;
    struct layer_walk *layers; // owned; one a layer
    size_t depth;              // where the last lookup ended
    uint64_t last;             // its guest offset
};

// The chain of `view` must stay open.
bool extent_walk_start(struct extent_walk *walk, const struct view *view, struct error *error);

// Finds the extent at `offset`, of at most `limit` ≥ 1 bytes, in one layer and of one kind; a
// compressed extent never exceeds its cluster. On failure extent->length is the number of bytes
// with this fault. Fast when offsets do not decrease.
bool extent_at(struct extent_walk *walk, uint64_t offset, uint64_t limit, struct extent *extent,
               struct error *error);

// True when `next` continues `extent` with the same status. `places`: also in the same layer and at
// the next host offset.
bool extent_continues(const struct extent *extent, const struct extent *next, bool places);

void extent_walk_end(struct extent_walk *walk);

#endif
