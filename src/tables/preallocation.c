// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/preallocation.h"

#include "base/checked.h"
#include "format/layout.h"
#include "format/refcount.h"
#include "source/table_window.h"

// Refcount blocks are read up to so many bytes: the answer only helps to find more holes.
enum { BLOCKS_BYTES_MAX = 32 << 20 };

struct count {
    const struct image *image;
    struct table_window table, block;
    uint64_t used, threshold; // clusters
    uint64_t bytes_left;      // that may be read of blocks
};

// Counts the clusters in use of one refcount block; of the last one only those in the file.
static bool count_block(struct count *count, uint64_t offset, uint64_t clusters)
{
    const struct header *header = &count->image->header;
    uint64_t bytes = divide_up(clusters * header->refcount_bits, 8);
    uint64_t done = 0;
    while (done < bytes && count->used < count->threshold) {
        struct bytes view;
        struct error ignored;
        if (!table_window_view(&count->block, count->image->source, offset + done, 1, bytes - done,
                               &view, &ignored)) {
            return false;
        }
        uint64_t here = min_u64(view.size * 8 / header->refcount_bits, clusters);
        for (uint64_t i = 0; i < here; i++) {
            count->used += refcount_load(view, header->refcount_order, i) != 0;
        }
        clusters -= here;
        done += view.size;
    }
    return true;
}

static void count_used(struct count *count, uint64_t clusters)
{
    const struct header *header = &count->image->header;
    uint64_t per_block = refcount_block_entries(header);
    uint64_t table_size = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    uint64_t entries =
        min_u64(table_size / REFCOUNT_TABLE_ENTRY_SIZE, divide_up(clusters, per_block));
    for (uint64_t i = 0; i < entries && count->used < count->threshold; i++) {
        struct bytes view;
        struct error ignored;
        uint64_t at = header->refcount_table_offset + i * REFCOUNT_TABLE_ENTRY_SIZE;
        if (!table_window_view(&count->table, count->image->source, at, REFCOUNT_TABLE_ENTRY_SIZE,
                               (entries - i) * REFCOUNT_TABLE_ENTRY_SIZE, &view, &ignored)) {
            return;
        }
        uint64_t block = bytes_be64(view, 0) & REFTABLE_OFFSET_MASK;
        if (block == 0) {
            continue;
        }
        if (count->bytes_left < header->cluster_size ||
            !count_block(count, block, min_u64(per_block, clusters - i * per_block))) {
            return;
        }
        count->bytes_left -= header->cluster_size;
    }
}

bool image_is_preallocated(const struct image *image)
{
    const struct header *header = &image->header;
    const struct source *source = image->source;
    if (!source_has_descriptor(source) || source->allocated_size >= source->size ||
        header->refcount_bits == 0 ||
        header->refcount_table_clusters > CAP_REFCOUNT_TABLE_BYTES >> header->cluster_bits) {
        return false;
    }
    uint64_t clusters = divide_up(source->size, header->cluster_size);
    uint64_t on_disk = source->allocated_size / header->cluster_size;
    struct count count = {
        .image = image,
        .table = table_window_make(TABLE_WINDOW_MIN),
        .block = table_window_make(TABLE_WINDOW_MAX),
        .threshold = max_u64(on_disk * 10 / 9, on_disk + 2),
        .bytes_left = BLOCKS_BYTES_MAX,
    };
    if (clusters >= count.threshold) {
        count_used(&count, clusters);
    }
    table_window_free(&count.table);
    table_window_free(&count.block);
    return count.used >= count.threshold;
}

void preallocation_find_holes(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct layer *layer = &chain->layers[i];
        // Zeros of the file are no zeros of the disk where they are decrypted.
        if (layer->image && !layer->holes && !layer_encrypted(layer) &&
            image_is_preallocated(layer->image)) {
            layer->holes = host_holes_find(layer_data(layer));
        }
    }
}
