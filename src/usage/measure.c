// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "usage/measure.h"

#include "base/checked.h"
#include "format/layout.h"
#include "tables/bitmap_reader.h"

// The copy: clusters of 64 KiB, version 3, refcounts of 16 bits, no extended L2 entries.
enum {
    COPY_CLUSTER = 65536,
    COPY_L2_ENTRIES = COPY_CLUSTER / L2_ENTRY_SIZE,
    COPY_L1_ENTRIES = COPY_CLUSTER / L1_ENTRY_SIZE, // of one cluster
    COPY_REFCOUNTS = COPY_CLUSTER / 2,              // of one block
    COPY_BLOCKS = COPY_CLUSTER / REFCOUNT_TABLE_ENTRY_SIZE,
};

// --- The disk ------------------------------------------------------------------------------------

// QEMU counts in sectors: it cuts a partial sector off an image, and completes it in a raw file.
static uint64_t disk_size(const struct layer *layer)
{
    return layer->image ? align_down(layer->size, SECTOR_SIZE)
                        : divide_up(layer->size, SECTOR_SIZE) * SECTOR_SIZE;
}

bool measure_start(struct measure *measure, const struct chain *chain, struct error *error)
{
    *measure = (struct measure){
        .layer = &chain->layers[0],
        .size = disk_size(&chain->layers[0]),
    };
    // A raw file has no tables to walk: all of it is looked up.
    size_t depth = chain->layers[0].image ? 1 : 0;
    measure->below = (struct chain){.layers = chain->layers + depth, .count = chain->count - depth};
    measure->has_lower = measure->below.count > 0;
    if (!measure->has_lower) {
        return true;
    }
    struct view view = view_active(&measure->below);
    return extent_walk_start(&measure->lower, &view, error);
}

void measure_end(struct measure *measure)
{
    if (measure->has_lower) {
        extent_walk_end(&measure->lower);
    }
}

void measure_fail(struct measure *measure, const struct error *error)
{
    if (!measure->failed.code) {
        measure->failed = *error;
    }
}

// Counts the clusters of the copy that contain [start, end).
static void count_data(struct measure *measure, uint64_t start, uint64_t end)
{
    uint64_t first = max_u64(align_down(start, COPY_CLUSTER), measure->counted);
    uint64_t last = divide_up(end, COPY_CLUSTER) * COPY_CLUSTER;
    if (first < last) {
        measure->data += last - first;
        measure->counted = last;
    }
}

// Counts data of this layer. Holes of a preallocated file read as zeros.
static void take_data(struct measure *measure, uint64_t start, uint64_t end, uint64_t host_offset)
{
    const struct host_holes *holes = measure->layer->holes;
    while (holes && start < end && host_offset < holes->size) {
        bool hole;
        uint64_t length = min_u64(host_holes_run(holes, host_offset, &hole), end - start);
        if (!hole) {
            count_data(measure, start, start + length);
        }
        start += length;
        host_offset += length;
    }
    if (!holes) {
        count_data(measure, start, end);
    }
}

// Counts a range that this layer does not have. Beyond the end of the layer below are zeros.
static void take_lower(struct measure *measure, uint64_t start, uint64_t end)
{
    uint64_t lower_end = measure->has_lower ? min_u64(end, measure->lower.view.size) : 0;
    struct extent extent;
    struct error error;
    while (start < lower_end && !measure->failed.code) {
        // This cluster of the copy has been counted: skip the rest of it.
        start = max_u64(start, min_u64(measure->counted, lower_end));
        if (start == lower_end) {
            break;
        }
        if (!extent_at(&measure->lower, start, lower_end - start, &extent, &error)) {
            measure_fail(measure, &error);
            break;
        }
        if (!extent_zero(&extent)) {
            count_data(measure, start, start + extent.length);
        }
        start += extent.length;
    }
}

void measure_take(struct measure *measure, uint64_t guest_offset, uint64_t length,
                  enum cluster_kind kind, uint64_t host_offset)
{
    uint64_t start = min_u64(guest_offset, measure->size);
    uint64_t end = start + min_u64(length, measure->size - start);
    if (measure->next < start) {
        take_lower(measure, measure->next, start);
    }
    measure->next = max_u64(measure->next, end);
    if (kind == CLUSTER_DATA) {
        take_data(measure, start, end, host_offset);
    } else if (kind == CLUSTER_COMPRESSED) {
        count_data(measure, start, end);
    } else if (kind == CLUSTER_UNALLOCATED) {
        take_lower(measure, start, end);
    }
}

// --- The copy ------------------------------------------------------------------------------------

// Bytes of the refcount table and blocks for this many clusters of the copy and for their own
// clusters.
static uint64_t refcount_bytes(uint64_t clusters)
{
    uint64_t blocks = 0;
    uint64_t table = 0;
    uint64_t before;
    do {
        before = blocks + table;
        blocks = divide_up(clusters + before, COPY_REFCOUNTS);
        table = divide_up(blocks, COPY_BLOCKS);
    } while (blocks + table != before);
    return before * COPY_CLUSTER;
}

// Bytes of the header, the tables and the refcounts of a copy with this many data clusters.
static uint64_t metadata_bytes(uint64_t clusters)
{
    uint64_t l2_tables = divide_up(clusters, COPY_L2_ENTRIES);
    uint64_t l1_clusters = divide_up(l2_tables, COPY_L1_ENTRIES);
    uint64_t tables = 1 + l2_tables + l1_clusters;
    return tables * COPY_CLUSTER + refcount_bytes(tables + clusters);
}

// Bytes of the bits and of the table of a bitmap, in clusters of the copy.
static uint64_t bitmap_bytes(const struct measure *measure, const struct bitmap *bitmap)
{
    uint64_t bits = divide_up(measure->size, UINT64_C(1) << bitmap->granularity_bits);
    uint64_t clusters = divide_up(divide_up(bits, 8), COPY_CLUSTER);
    return (clusters + divide_up(clusters * BITMAP_TABLE_ENTRY_SIZE, COPY_CLUSTER)) * COPY_CLUSTER;
}

// QEMU copies only bitmaps that it can trust.
static uint64_t bitmaps_bytes(const struct measure *measure)
{
    const struct image *image = measure->layer->image;
    struct bitmap bitmap;
    uint64_t bytes = 0;
    uint64_t directory = 0;
    if (!(image->header.autoclear_features & AUTOCLEAR_BITMAPS)) {
        return 0;
    }
    struct bitmap_reader reader = bitmap_reader_start(image);
    while (bitmap_reader_next(&reader, &bitmap, NULL)) {
        uint64_t entry = BITMAP_FIXED_SIZE + (uint64_t)bitmap.name_size;
        if (!(bitmap.flags & BITMAP_IN_USE) &&
            bitmap.granularity_bits <= CAP_BITMAP_GRANULARITY_BITS) {
            bytes = add_clipped(bytes, bitmap_bytes(measure, &bitmap));
            directory += divide_up(entry, RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
        }
    }
    bitmap_reader_free(&reader);
    return add_clipped(bytes, divide_up(directory, COPY_CLUSTER) * COPY_CLUSTER);
}

struct measure_sizes measure_finish(struct measure *measure)
{
    const struct image *image = measure->layer->image;
    struct measure_sizes sizes = {.raw_known = true, .raw = measure->size};
    uint64_t aligned;
    measure_take(measure, measure->size, 0, CLUSTER_ZERO, 0);
    if (measure->failed.code || !checked_align_up(measure->size, COPY_CLUSTER, &aligned) ||
        divide_up(aligned / COPY_CLUSTER, COPY_L2_ENTRIES) > CAP_L1_SIZE) {
        return sizes;
    }
    uint64_t metadata = metadata_bytes(aligned / COPY_CLUSTER);
    sizes.qcow2_known = true;
    sizes.fully_allocated = metadata + aligned;
    sizes.required = metadata + measure->data;
    sizes.has_bitmaps = image && image->header.version >= 3;
    sizes.bitmaps = sizes.has_bitmaps ? bitmaps_bytes(measure) : 0;
    return sizes;
}
