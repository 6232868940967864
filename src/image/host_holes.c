// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/host_holes.h"

#include <stdlib.h>

enum { SEGMENTS_MAX = 65536 }; // 1 MiB; two system calls each

static bool add_segment(struct host_holes *holes, uint64_t start, uint64_t end)
{
    if (holes->count == SEGMENTS_MAX) {
        return false;
    }
    // Grows when the count reaches a power of two.
    if ((holes->count & (holes->count - 1)) == 0) {
        size_t room = holes->count > 0 ? holes->count * 2 : 1;
        struct host_segment *grown = realloc(holes->segments, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        holes->segments = grown;
    }
    holes->segments[holes->count++] = (struct host_segment){start, end};
    return true;
}

struct host_holes host_holes_find(struct source *source)
{
    struct host_holes holes = {.size = source->size};
    for (uint64_t at = 0; at < source->size;) {
        bool hole;
        uint64_t length = source_run(source, at, &hole);
        if (!hole && !add_segment(&holes, at, at + length)) {
            host_holes_free(&holes);
            holes.size = source->size;
            add_segment(&holes, 0, source->size);
            break;
        }
        at += length;
    }
    return holes;
}

void host_holes_free(struct host_holes *holes)
{
    free(holes->segments);
    *holes = (struct host_holes){0};
}

// The first segment that ends after `offset`; their number when there is none.
static size_t find_segment(const struct host_holes *holes, uint64_t offset)
{
    size_t low = 0;
    size_t high = holes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holes->segments[middle].end > offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static bool is_first_after(const struct host_holes *holes, size_t index, uint64_t offset)
{
    return (index == holes->count || holes->segments[index].end > offset) &&
           (index == 0 || holes->segments[index - 1].end <= offset);
}

uint64_t host_holes_run(struct host_holes *holes, uint64_t offset, bool *hole)
{
    if (!is_first_after(holes, holes->last, offset)) {
        holes->last = find_segment(holes, offset);
    }
    if (holes->last == holes->count) {
        *hole = true;
        return holes->size - offset;
    }
    const struct host_segment *segment = &holes->segments[holes->last];
    *hole = offset < segment->start;
    return (*hole ? segment->start : segment->end) - offset;
}
