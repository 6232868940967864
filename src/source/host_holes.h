// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A map of the data and holes of a file, read once and kept: consecutive clusters of the disk may
// lie anywhere in the file.

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

    // The file is divided into equal parts; for each part, the first segment that reaches into it.
    uint32_t index[HOST_HOLES_INDEX];
    unsigned part_bits; // a part has 2^part_bits bytes
};

// Reads the map of the whole file from the file system. A file with too many pieces, or whose holes
// are unknown, counts as all data. NULL when there is no memory.
struct host_holes *host_holes_find(struct source *source);
void host_holes_free(struct host_holes *holes); // NULL is allowed

// Length of the run of data or of a hole at `offset`, which is below the size.
uint64_t host_holes_run(const struct host_holes *holes, uint64_t offset, bool *hole);

#endif
