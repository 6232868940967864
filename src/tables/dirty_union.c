// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/dirty_union.h"

#include "tables/bitmap_find.h"

#include <stdlib.h>

// Always false. Puts the name of the bitmap before the error, unless there is only one bitmap.
static bool name_bitmap(const struct dirty_union *together, size_t i, struct error *error)
{
    return together->count == 1 ? false : error_prefix(error, "bitmap \"%s\"", together->names[i]);
}

static bool start_walk(struct dirty_union *together, size_t i, const struct image *image,
                       bool force, struct error *error)
{
    struct bitmap bitmap;
    size_t window = max_u64(TABLE_WINDOW_MAX / together->count, TABLE_WINDOW_MIN);
    if (!bitmap_find(image, together->names[i], &bitmap, error)) {
        return false;
    }
    return ((force || bitmap_trusted(image, &bitmap, error)) &&
            dirty_walk_start(&together->walks[i], image, &bitmap, window, error)) ||
           name_bitmap(together, i, error);
}

bool dirty_union_start(struct dirty_union *together, const struct image *image,
                       const char *const *names, size_t count, bool force, struct error *error)
{
    *together = (struct dirty_union){
        .names = names,
        .walks = calloc(count, sizeof *together->walks),
        .last = calloc(count, sizeof *together->last),
        .count = count,
    };
    if (!together->walks || !together->last) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (!start_walk(together, i, image, force, error)) {
            return false;
        }
    }
    return true;
}

// Whether the extent of a bitmap that was found last contains the byte at `offset`.
static bool is_known(const struct dirty_extent *last, uint64_t offset)
{
    return offset >= last->start && offset - last->start < last->length;
}

bool dirty_union_at(struct dirty_union *together, uint64_t offset, uint64_t limit,
                    struct dirty_extent *extent, struct error *error)
{
    *extent = (struct dirty_extent){.start = offset, .length = limit};
    for (size_t i = 0; i < together->count; i++) {
        struct dirty_extent *last = &together->last[i];
        if (!is_known(last, offset) && !dirty_at(&together->walks[i], offset, limit, last, error)) {
            return name_bitmap(together, i, error);
        }
        extent->length = min_u64(extent->length, last->length - (offset - last->start));
        extent->dirty = extent->dirty || last->dirty;
    }
    return true;
}

void dirty_union_end(struct dirty_union *together)
{
    for (size_t i = 0; together->walks && i < together->count; i++) {
        dirty_walk_end(&together->walks[i]);
    }
    free(together->walks);
    free(together->last);
    *together = (struct dirty_union){0};
}
