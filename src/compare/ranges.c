// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "compare/ranges.h"

#include "base/checked.h"
#include "format/layout.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024 }; // bytes to compare at once, while nothing differs

void ranges_free(struct ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct ranges){0};
}

static bool grow(struct ranges *ranges)
{
    size_t capacity = ranges->capacity ? ranges->capacity * 2 : 16;
    struct range *grown = realloc(ranges->items, capacity * sizeof *grown);
    if (grown) {
        ranges->items = grown;
        ranges->capacity = capacity;
    }
    return grown != NULL;
}

bool ranges_add(struct ranges *ranges, uint64_t start, uint64_t end)
{
    struct range *last = ranges->count > 0 ? &ranges->items[ranges->count - 1] : NULL;
    start = align_down(start, SECTOR_SIZE);
    if (!checked_align_up(end, SECTOR_SIZE, &end)) {
        end = UINT64_MAX;
    }
    if (last && start <= last->end) {
        last->end = max_u64(last->end, end);
        return true;
    }
    if ((!ranges->items || ranges->count == ranges->capacity) && !grow(ranges)) {
        return false;
    }
    ranges->items[ranges->count++] = (struct range){start, end};
    return true;
}

static bool equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    if (b) {
        return memcmp(a, b, size) == 0;
    }
    return a[0] == 0 && memcmp(a, a + 1, size - 1) == 0;
}

// Like ranges_compare(), sector by sector; `*found`: a sector differs.
static bool compare_sectors(struct ranges *ranges, uint64_t at, const uint8_t *a, const uint8_t *b,
                            size_t size, bool all, bool *found)
{
    for (size_t done = 0; done < size && (all || !*found);) {
        size_t left = SECTOR_SIZE - (size_t)((at + done) % SECTOR_SIZE);
        size_t part = size - done < left ? size - done : left;
        if (!equal(a + done, b ? b + done : NULL, part)) {
            *found = true;
            if (!ranges_add(ranges, at + done, at + done + part)) {
                return false;
            }
        }
        done += part;
    }
    return true;
}

bool ranges_compare(struct ranges *ranges, uint64_t at, const uint8_t *a, const uint8_t *b,
                    size_t size, bool all)
{
    bool found = false;
    for (size_t done = 0; done < size && (all || !found);) {
        size_t part = size - done < BLOCK ? size - done : BLOCK;
        const uint8_t *from_b = b ? b + done : NULL;
        if (!equal(a + done, from_b, part) &&
            !compare_sectors(ranges, at + done, a + done, from_b, part, all, &found)) {
            return false;
        }
        done += part;
    }
    return true;
}
