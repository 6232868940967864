// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A few consecutive extents that are turned into bytes and written to a sink: one item of the
// export's work queue.

#ifndef IMAGE_BATCH_H
#define IMAGE_BATCH_H

#include "base/buffers.h"
#include "image/read.h"
#include "image/sink.h"

enum {
    BATCH_EXTENTS = 64,
    BATCH_BUFFER = 1 << 20, // bytes; or one cluster, if that is larger
    BATCH_DIRECT = 8 << 20, // bytes that bypass the buffer and are written
};

struct batch {
    struct extent extents[BATCH_EXTENTS];
    size_t count;
    uint64_t start, end; // guest offsets
    size_t planned;      // bytes of the buffer that its extents need
    uint64_t direct;     // bytes that bypass the buffer and are written

    struct buffers *buffers; // where the buffer comes from; set by the owner of the batch
    uint8_t *buffer;         // lent, from the first use to batch_release(); else NULL

    // Ranges that could not be read, in order. Without salvage the first one ends the batch: the
    // extents from there on are dropped.
    struct fault *faults; // owned
    size_t fault_count, fault_capacity;
    struct error output; // the error of the sink
};

// How many batches are planned ahead for this many jobs: more where reading waits, because batches
// that wait for a job are being fetched.
size_t batch_count(const struct chain *chain, unsigned jobs);

// The size of a buffer for images with this cluster size.
size_t batch_buffer_size(size_t cluster_size);

void batch_reset(struct batch *batch, uint64_t start);

// Gives the buffer back: the bytes are not needed any more.
void batch_release(struct batch *batch);

void batch_free(struct batch *batch);

// True when `extent` goes through the buffer.
bool batch_is_buffered(const struct sink *sink, const struct extent *extent);

// How much of `extent` one batch takes: all of it, unless it is long and can be split. Writes are
// never long, so that a failed run ends soon and progress is visible.
uint64_t batch_piece_max(const struct sink *sink, const struct extent *extent);

// Appends an extent, which begins where the batch ends; false when there is no room for it.
bool batch_append(struct batch *batch, const struct sink *sink, const struct extent *extent);

// Records an extent that cannot be read. With `salvage` it reads as zeros.
void batch_fault(struct batch *batch, const struct extent *extent, const struct error *error);

// Starts fetching the data of the batch, for sources where reading waits.
void batch_announce(const struct batch *batch, const struct chain *chain);

// Reads the extents that use the buffer.
void batch_fill(struct batch *batch, const struct sink *sink, struct reader *reader, bool salvage);

// Writes everything to the sink, up to the first fault or error.
void batch_emit(struct batch *batch, struct sink *sink, const struct chain *chain, bool salvage);

#endif
