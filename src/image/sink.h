// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The destination of guest bytes. A stream gets them in order. A regular file gets positioned
// writes from all workers, and holes where the disk reads as zeros. A block device gets them in
// order, with requests to zero.

#ifndef IMAGE_SINK_H
#define IMAGE_SINK_H

#include "source/device.h"
#include "source/source.h"

enum sparse {
    SPARSE_AUTO,   // holes for zero and unallocated extents
    SPARSE_ALWAYS, // also for blocks of zeros found in data
    SPARSE_NEVER,
};

struct sink;

// Each writes guest bytes that begin at guest offset `at`. False with an error about the output or,
// if the error has an offset, about the source; `*done` bytes were written.
struct sink_ops {
    bool ordered; // must be called from one thread, in guest order
    bool (*bytes)(struct sink *sink, uint64_t at, struct bytes bytes, struct error *error);
    bool (*zeros)(struct sink *sink, uint64_t at, uint64_t length, struct error *error);
    bool (*copy)(struct sink *sink, uint64_t at, struct source *source, uint64_t offset,
                 uint64_t length, uint64_t *done, struct error *error);
};

struct sink {
    const struct sink_ops *ops;
    int fd;
    uint64_t guest_start; // the first guest offset to write
    enum sparse sparse;

    // Data and zeros of at most this many bytes go through a buffer, with their neighbours.
    size_t data_buffered_max, zeros_buffered_max;

    // Longer zeros are written or requested in pieces of this many bytes.
    uint64_t zeros_piece_max;
    struct device device; // for a block device
};

// A regular file that is empty, at its start and not opened for appending gets positioned writes. A
// block device is written from its current position on; its old content may not be zeros, so all
// zeros are requested or, with SPARSE_NEVER, written. Any other `fd` is a stream, for which
// `sparse` has no meaning.
struct sink sink_make(int fd, uint64_t guest_start, enum sparse sparse);

// Makes a sink that drops all bytes, to check that they can be read.
struct sink sink_nowhere(void);

// Sets the end of a file at guest offset `end`. A stream needs nothing.
bool sink_end(struct sink *sink, uint64_t end, struct error *error);

#endif
