// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Reads the guest bytes of extents: zeros, data, encrypted or compressed data. Each thread has its
// own reader.

#ifndef IMAGE_READ_H
#define IMAGE_READ_H

#include "codec/codecs.h"
#include "image/extent.h"

// Identifies a compressed cluster that was decoded.
struct decoded {
    bool valid;
    size_t depth;
    uint64_t host_offset;
    uint32_t stored_size;
};

struct reader {
    const struct chain *chain;
    void *codec_states[CODEC_COUNT]; // owned, each opened at its first use
    struct cipher_state **ciphers;   // owned: one a layer, each opened at its first use
    uint8_t *stored;                 // owned: bytes of the file, around compressed clusters
    size_t stored_capacity, stored_size;
    uint64_t stored_start; // byte offset in the file of
    size_t stored_depth;   // this layer
    uint8_t *cluster;      // owned: a whole cluster, when only a part of it is needed
    size_t cluster_capacity;
    struct decoded decoded; // which one it is
};

struct reader reader_make(const struct chain *chain);
void reader_free(struct reader *reader);

// Fills `buffer` with the extent->length bytes of `extent`. False with an error that has the guest
// offset in its message and the host offset.
bool reader_read(struct reader *reader, const struct extent *extent, uint8_t *buffer,
                 struct error *error);

// Reads with one read the stored bytes of the first of `extents` and of the next ones nearby, in
// any order; reader_read() then needs no more reads for them. A failure is ignored: they are then
// read one by one.
void reader_fetch(struct reader *reader, const struct extent *extents, size_t count);

#endif
