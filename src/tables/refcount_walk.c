// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/refcount_walk.h"

#include <inttypes.h>
#include <string.h>

// Blocks that are announced: fewer than the cache of remote sources keeps until they are read.
enum { ANNOUNCED_MAX = 96, ANNOUNCED_BYTES_MAX = 6 << 20 };

struct refcount_walk refcount_walk_make(const struct image *image, struct budget *budget)
{
    return (struct refcount_walk){
        .header = &image->header,
        .budget = budget,
        .table_file = table_file_make(image->source),
        .block_file = table_file_make(image->source),
    };
}

void refcount_walk_free(struct refcount_walk *walk)
{
    table_file_free(&walk->table_file);
    table_file_free(&walk->block_file);
}

void refcount_announce_blocks(const struct image *image)
{
    uint64_t offsets[ANNOUNCED_MAX];
    uint64_t max = min_u64(ANNOUNCED_MAX, ANNOUNCED_BYTES_MAX / image->header.cluster_size);
    if (image->source->parallel == 0) {
        return;
    }
    struct table_file file = table_file_make(image->source);
    struct table_walk walk = refcount_table_walk(&file, &image->header);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    uint64_t count = 0;
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND && count < max) {
        offsets[count++] = refcount_table_block(entry.value);
    }
    for (uint64_t i = 0; step == WALK_END && i < count; i++) {
        source_will_need(image->source, offsets[i], image->header.cluster_size);
    }
    table_file_free(&file);
}

void refcount_walk_start(struct refcount_walk *walk, uint64_t first, uint64_t end)
{
    uint64_t per_block = refcount_block_entries(walk->header);
    walk->first = first;
    walk->end = end;
    walk->table = refcount_table_walk(&walk->table_file, walk->header);
    walk->table.next = first / per_block;
    walk->table.size = min_u64(walk->table.size, divide_up(end, per_block));
    walk->block = (struct table_walk){.entry_size = 1}; // without entries
}

// The number of refcounts in a unit: one, or several in a byte.
static uint64_t per_unit(const struct header *header)
{
    return max_u64(8 / header->refcount_bits, 1);
}

static enum walk_step start_block(struct refcount_walk *walk, const struct table_entry *entry,
                                  struct error *error)
{
    const struct header *header = walk->header;
    uint64_t per_block = refcount_block_entries(header);
    uint64_t offset = refcount_table_block(entry->value);
    if (faults_unreadable(refcount_table_faults(header, entry->value)) != 0) {
        error_at(error, ERROR_CORRUPT, offset, "refcount block %" PRIu64 " is not aligned",
                 entry->index);
        return WALK_ERROR;
    }
    walk->block_first = entry->index * per_block;
    uint64_t first = max_u64(walk->first, walk->block_first) - walk->block_first;
    uint64_t end = min_u64(walk->end - walk->block_first, per_block);
    walk->block = table_walk_make(&walk->block_file, offset,
                                  offset == 0 ? 0 : divide_up(end, per_unit(header)),
                                  (size_t)divide_up(header->refcount_bits, 8), walk->budget);
    walk->block.next = first / per_unit(header);
    return WALK_FOUND;
}

static enum walk_step next_block(struct refcount_walk *walk, struct error *error)
{
    struct table_entry entry;
    enum walk_step step = table_walk_entry(&walk->table, &entry, error);
    if (step == WALK_ERROR) {
        error_prefix(error, "refcount table entry %" PRIu64, entry.index);
    }
    return step == WALK_FOUND ? start_block(walk, &entry, error) : step;
}

static struct refcounts refcounts_of(const struct refcount_walk *walk)
{
    const struct header *header = walk->header;
    uint64_t first = walk->block_first + walk->block.first * per_unit(header);
    return (struct refcounts){
        .view = walk->block.view,
        .first = first,
        .count = min_u64(walk->block.view.size * 8 / header->refcount_bits, walk->end - first),
        .refcount_order = header->refcount_order,
    };
}

enum walk_step refcount_walk_next(struct refcount_walk *walk, struct refcounts *refcounts,
                                  struct error *error)
{
    enum walk_step step;
    do {
        step = table_walk_view(&walk->block, error);
        if (step == WALK_FOUND) {
            *refcounts = refcounts_of(walk);
            return WALK_FOUND;
        }
        if (step == WALK_ERROR) {
            error_prefix(error, "refcount block at %" PRIu64, walk->block.offset);
            walk->block.size = 0;
            return WALK_ERROR;
        }
        if (walk->budget && walk->budget->ended) {
            return WALK_END;
        }
        step = next_block(walk, error);
    } while (step == WALK_FOUND);
    return step;
}

// True when all refcounts in the view are equal: its bytes then repeat after `width` bytes.
static bool are_uniform(const struct refcounts *refcounts)
{
    struct bytes view = refcounts->view;
    unsigned bits = 1U << refcounts->refcount_order;
    size_t width = (size_t)divide_up(bits, 8);
    if (bits < 8) {
        uint64_t all_ones = (UINT64_C(1) << bits) - 1;
        uint64_t first = refcounts_load(refcounts, 0);
        if (bytes_u8(view, 0) != first * (UINT8_MAX / all_ones)) {
            return false;
        }
    }
    return view.size >= width && memcmp(view.data, view.data + width, view.size - width) == 0;
}

uint64_t refcounts_run(const struct refcounts *refcounts, uint64_t index)
{
    uint64_t first = refcounts_load(refcounts, index);
    uint64_t run = 1;
    if (index == 0 && are_uniform(refcounts)) {
        return refcounts->count;
    }
    while (index + run < refcounts->count && refcounts_load(refcounts, index + run) == first) {
        run++;
    }
    return run;
}
