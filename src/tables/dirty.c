// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/dirty.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

enum { BITS_PER_BYTE = 8 };

bool dirty_walk_start(struct dirty_walk *walk, const struct image *image,
                      const struct bitmap *bitmap, size_t window, struct error *error)
{
    *walk = (struct dirty_walk){
        .image = image,
        .granularity_bits = bitmap->granularity_bits,
        .file = {.source = image->source, .window = table_window_make(window)},
        .table = bitmap_walk(&walk->file, bitmap->table_offset, bitmap->table_size, NULL),
        .data_window = table_window_make(window),
    };
    if (bitmap->granularity_bits < MIN_BITMAP_GRANULARITY_BITS ||
        bitmap->granularity_bits > CAP_BITMAP_GRANULARITY_BITS) {
        return error_at(error, ERROR_LIMIT, bitmap->table_offset,
                        "the bitmap's granularity of 2^%u bytes is outside 2^%d..2^%d",
                        bitmap->granularity_bits, MIN_BITMAP_GRANULARITY_BITS,
                        CAP_BITMAP_GRANULARITY_BITS);
    }
    if (!header_is_place(&image->header, bitmap->table_offset)) {
        return error_at(error, ERROR_CORRUPT, bitmap->table_offset,
                        "the bitmap table is not aligned to a cluster below 2^56");
    }
    return true;
}

void dirty_walk_end(struct dirty_walk *walk)
{
    table_file_free(&walk->file);
    table_window_free(&walk->data_window);
}

// The number of equal bits from `first` on, in a view of whole bytes.
static uint64_t alike_bits(struct bytes view, unsigned first, bool *set)
{
    uint64_t count = (uint64_t)view.size * BITS_PER_BYTE;
    uint64_t bit = first;
    *set = (bytes_u8(view, 0) >> first & 1) != 0;
    uint8_t whole = *set ? 0xff : 0;
    while (bit < count) {
        uint8_t byte = bytes_u8(view, bit / BITS_PER_BYTE);
        if (bit % BITS_PER_BYTE == 0 && byte == whole) {
            bit += BITS_PER_BYTE;
        } else if ((byte >> bit % BITS_PER_BYTE & 1) == *set) {
            bit++;
        } else {
            break;
        }
    }
    return bit - first;
}

static bool read_bits(struct dirty_walk *walk, uint64_t cluster_offset, uint64_t within,
                      uint64_t limit, struct dirty_extent *extent, struct error *error)
{
    uint64_t bit = within >> walk->granularity_bits;
    uint64_t byte = bit / BITS_PER_BYTE;
    struct bytes view;
    if (!table_window_view(&walk->data_window, walk->image->source, cluster_offset + byte, 1,
                           walk->image->header.cluster_size - byte, &view, error)) {
        return error_prefix(error, "guest offset %" PRIu64 ": bitmap data at %" PRIu64,
                            extent->start, cluster_offset);
    }
    uint64_t bits = alike_bits(view, (unsigned)(bit % BITS_PER_BYTE), &extent->dirty);
    uint64_t end = (bit + bits) << walk->granularity_bits;
    extent->length = min_u64(limit, end - within);
    return true;
}

static bool find_entry(struct dirty_walk *walk, uint64_t index, uint64_t *entry,
                       struct error *error)
{
    struct table_walk *table = &walk->table;
    if (index >= table->size) {
        return error_at(error, ERROR_CORRUPT, table->offset,
                        "the bitmap table has %" PRIu64 " entries, which do not cover the disk",
                        table->size);
    }
    if (!table_walk_load(table, index, entry, error)) {
        return error_prefix(error, "bitmap table entry %" PRIu64, index);
    }
    uint32_t faults = faults_unreadable(bitmap_table_faults(&walk->image->header, *entry));
    if (faults != 0) {
        return error_at(error, ERROR_CORRUPT, table->offset + index * BITMAP_TABLE_ENTRY_SIZE,
                        "bitmap table entry %" PRIu64 " has %s: 0x%016" PRIx64, index,
                        fault_rules[fault_first(faults)].words, *entry);
    }
    return true;
}

bool dirty_at(struct dirty_walk *walk, uint64_t offset, uint64_t limit, struct dirty_extent *extent,
              struct error *error)
{
    uint64_t cluster_bits_count = (uint64_t)walk->image->header.cluster_size * BITS_PER_BYTE;
    uint64_t coverage = cluster_bits_count << walk->granularity_bits;
    uint64_t within = offset % coverage;
    uint64_t entry;
    *extent = (struct dirty_extent){.start = offset};
    if (!find_entry(walk, offset / coverage, &entry, error)) {
        return false;
    }
    limit = min_u64(limit, coverage - within);
    if (bitmap_table_offset(entry) != 0) {
        return read_bits(walk, bitmap_table_offset(entry), within, limit, extent, error);
    }
    extent->dirty = bitmap_table_all_ones(entry);
    extent->length = limit;
    return true;
}
