// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Where guest bytes go: a stream gets them in order, a regular file gets positioned writes from
// every worker and holes where the disk reads as zeros, and a block device gets them in order and
// requests to zero.

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

// Each puts guest bytes that begin at guest offset `at`. False with an error about the output, or,
// when it has an offset, about the source; `*done` bytes were then put.
struct sink_ops {
    bool ordered; // to be called from one thread, in guest order
    bool (*bytes)(struct sink *sink, uint64_t at, struct bytes bytes, struct error *error);
    bool (*zeros)(struct sink *sink, uint64_t at, uint64_t length, struct error *error);
    bool (*copy)(struct sink *sink, uint64_t at, struct source *source, uint64_t offset,
                 uint64_t length, uint64_t *done, struct error *error);
};

struct sink {
    const struct sink_ops *ops;
    int fd;
    uint64_t guest_start; // the guest offset that is the first to be written
    enum sparse sparse;

    // Data and zeros up to these lengths go through a buffer, with their neighbours: bytes.
    size_t data_buffered_max, zeros_buffered_max;

    // Longer zeros that are written or requested are taken in pieces of so many bytes.
    uint64_t zeros_piece_max;
    struct device device; // when it is one
};

// A regular file that is empty, at its start and not opened for appending gets positioned writes.
// A block device is written from its current place on; what is there now need not read as zeros, so
// every zero is requested or, with SPARSE_NEVER, written. Any other `fd` is a stream, which
// `sparse` does not concern.
struct sink sink_make(int fd, uint64_t guest_start, enum sparse sparse);

// Takes the bytes and drops them: whoever asks only wants to know that they can be read.
struct sink sink_nowhere(void);

// Makes a file end at guest offset `end`. A stream ends there by itself.
bool sink_end(struct sink *sink, uint64_t end, struct error *error);

#endif
