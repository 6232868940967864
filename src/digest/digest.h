// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Computes a checksum of the contents of a disk as a guest reads it, independent of format and
// layers. One thread walks the metadata, workers read and hash.

#ifndef DIGEST_DIGEST_H
#define DIGEST_DIGEST_H

#include "image/view.h"

enum { DIGEST_SIZE = 32, DIGEST_BLOCK = 64 * 1024 }; // bytes

enum digest_kind {
    // The block digest of the blkhash project: SHA-256 of the SHA-256 of each block of the disk
    // (the last one may be short), followed by the size as 8 bytes, least significant first. Blocks
    // are hashed on all cores, and a block of zeros only once.
    DIGEST_BLOCKS,
    DIGEST_FLAT, // SHA-256 of all bytes, in order
};

struct digest_options {
    enum digest_kind kind;
    uint64_t offset, length; // guest bytes, inside the view
    unsigned jobs;           // 1..WORKERS_MAX

    // Called on the caller's thread; may be NULL.
    void (*on_progress)(void *context, uint64_t done); // guest bytes, of `length`
    void *context;
};

// False, with an error that names the library, in a build without digests. Call it before any other
// thread is started.
bool digest_start(struct error *error);

// False with an error that has the guest offset and the host offset.
bool digest_disk(const struct view *view, const struct digest_options *options,
                 uint8_t digest[static DIGEST_SIZE], struct error *error);

#endif
