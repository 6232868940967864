// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A few extents that follow each other, turned into bytes and put into a sink: one item of the
// export's work queue.

#ifndef IMAGE_BATCH_H
#define IMAGE_BATCH_H

#include "image/read.h"
#include "image/sink.h"

enum {
    BATCH_EXTENTS = 64,
    BATCH_BUFFER = 1 << 20, // bytes; one cluster where that is more
    BATCH_DIRECT = 8 << 20, // bytes that pass by the buffer and are written
};

struct batch {
    struct extent extents[BATCH_EXTENTS];
    size_t count;
    uint64_t start, end; // guest offsets
    size_t planned;      // bytes of the buffer that its extents need
    uint64_t direct;     // bytes that pass by the buffer and are written

    uint8_t *buffer; // owned: a whole buffer from the first use on
    size_t buffer_size;

    // Ranges that could not be read, in order. Unless faults are salvaged the first one ends the
    // batch: the extents from there on are dropped.
    struct fault *faults; // owned
    size_t fault_count, fault_capacity;
    struct error output; // what went wrong with the sink
};

// How much a buffer holds for images with clusters of this size.
size_t batch_buffer_size(size_t cluster_size);

void batch_reset(struct batch *batch, uint64_t start);
void batch_free(struct batch *batch);

// True when `extent` goes through the buffer.
bool batch_is_buffered(const struct sink *sink, const struct extent *extent);

// How much of `extent` one batch takes: all of it, unless it can be taken apart and is long. What
// is written is never long, so that a run that fails ends soon and one that goes on can be watched.
uint64_t batch_piece_max(const struct sink *sink, const struct extent *extent);

// Appends an extent, which goes on where the batch ends; false when there is no room for it.
bool batch_append(struct batch *batch, const struct sink *sink, const struct extent *extent);

// Notes an extent that cannot be read. With `salvage` it reads as zeros.
void batch_fault(struct batch *batch, const struct extent *extent, const struct error *error);

// Reads what goes through the buffer.
void batch_fill(struct batch *batch, const struct sink *sink, struct reader *reader, bool salvage);

// Puts all of it into the sink, as far as there is neither a fault nor an error.
void batch_emit(struct batch *batch, struct sink *sink, const struct chain *chain, bool salvage);

#endif
