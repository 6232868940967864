// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/host_holes.h"

#include <stdlib.h>

enum { SEGMENTS_MAX = 65536 }; // 1 MiB; two system calls each

// False when there is no memory, or SEGMENTS_MAX is reached.
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

static bool find_segments(struct host_holes *holes, struct source *source)
{
    for (uint64_t at = 0; at < source->size;) {
        bool hole;
        uint64_t length = source_run(source, at, &hole);
        if (!hole && !add_segment(holes, at, at + length)) {
            if (holes->count < SEGMENTS_MAX) {
                return false;
            }
            holes->count = 1;
            holes->segments[0] = (struct host_segment){0, source->size};
            return true;
        }
        at += length;
    }
    return true;
}

static void make_index(struct host_holes *holes)
{
    uint32_t segment = 0;
    while (holes->size >> holes->part_bits >= HOST_HOLES_INDEX) {
        holes->part_bits++;
    }
    for (uint64_t part = 0; part < HOST_HOLES_INDEX; part++) {
        while (segment < holes->count && holes->segments[segment].end <= part << holes->part_bits) {
            segment++;
        }
        holes->index[part] = segment;
    }
}

struct host_holes *host_holes_find(struct source *source)
{
    struct host_holes *holes = calloc(1, sizeof *holes);
    if (!holes) {
        return NULL;
    }
    holes->size = source->size;
    if (!find_segments(holes, source)) {
        host_holes_free(holes);
        return NULL;
    }
    make_index(holes);
    return holes;
}

void host_holes_free(struct host_holes *holes)
{
    if (holes) {
        free(holes->segments);
        free(holes);
    }
}

uint64_t host_holes_run(const struct host_holes *holes, uint64_t offset, bool *hole)
{
    size_t segment = holes->index[offset >> holes->part_bits];
    while (segment < holes->count && holes->segments[segment].end <= offset) {
        segment++;
    }
    if (segment == holes->count) {
        *hole = true;
        return holes->size - offset;
    }
    const struct host_segment *found = &holes->segments[segment];
    *hole = offset < found->start;
    return (*hole ? found->start : found->end) - offset;
}
