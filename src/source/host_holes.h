// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Where a file has data on disk and where it has holes, asked once and kept: clusters that follow
// each other on the disk may lie anywhere in the file.

#ifndef SOURCE_HOST_HOLES_H
#define SOURCE_HOST_HOLES_H

#include "source/source.h"

struct host_segment {
    uint64_t start, end; // bytes of the file that are data
};

enum { HOST_HOLES_INDEX = 4096 };

struct host_holes {
    struct host_segment *segments; // owned; in order
    size_t count;
    uint64_t size; // of the file

    // The first segment that reaches into each of so many equal parts of the file.
    uint32_t index[HOST_HOLES_INDEX];
    unsigned part_bits; // bytes of a part: 2 to this power
};

// Asks the file system about the whole file. A file in more pieces than it is worth to know, or
// none that can tell, counts as all data. NULL when there is no memory.
struct host_holes *host_holes_find(struct source *source);
void host_holes_free(struct host_holes *holes); // NULL is fine

// Length of the run of data or of a hole at `offset`, which is below the size.
uint64_t host_holes_run(const struct host_holes *holes, uint64_t offset, bool *hole);

#endif
