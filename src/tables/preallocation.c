// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/preallocation.h"

#include "base/checked.h"
#include "format/layout.h"
#include "tables/refcount_walk.h"

// Bytes of refcount blocks to read at most: the answer only helps to find more holes.
enum { BLOCKS_BYTES_MAX = 32 << 20 };

// Counts clusters in use, up to `threshold`. Unreadable refcounts are not counted.
static uint64_t count_used(const struct image *image, uint64_t clusters, uint64_t threshold)
{
    struct budget budget = {.left = BLOCKS_BYTES_MAX};
    struct refcount_walk walk = refcount_walk_make(image, &budget);
    struct refcounts refcounts;
    struct error ignored;
    uint64_t used = 0;
    refcount_walk_start(&walk, 0, clusters);
    while (used < threshold && refcount_walk_next(&walk, &refcounts, &ignored) == WALK_FOUND) {
        for (uint64_t i = 0; i < refcounts.count; i++) {
            used += refcounts_load(&refcounts, i) != 0;
        }
    }
    refcount_walk_free(&walk);
    return used;
}

bool image_is_preallocated(const struct image *image)
{
    const struct header *header = &image->header;
    const struct source *source = image->source;
    if (!source_knows_allocated(source) || source->allocated_size >= source->size ||
        header->refcount_bits == 0 ||
        header->refcount_table_clusters > CAP_REFCOUNT_TABLE_BYTES >> header->cluster_bits) {
        return false;
    }
    uint64_t clusters = divide_up(source->size, header->cluster_size);
    uint64_t on_disk = source->allocated_size / header->cluster_size;
    uint64_t threshold = max_u64(on_disk * 10 / 9, on_disk + 2);
    return clusters >= threshold && count_used(image, clusters, threshold) >= threshold;
}

void preallocation_find_holes(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct layer *layer = &chain->layers[i];
        // Zeros in the file of an encrypted image are not zeros on the disk.
        if (layer->image && !layer->holes && !layer_encrypted(layer) &&
            image_is_preallocated(layer->image)) {
            layer->holes = host_holes_find(layer_data(layer));
        }
    }
}
