// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Computes the digests of the blocks of a disk, from pieces in order.

#ifndef DIGEST_BLOCK_HASH_H
#define DIGEST_BLOCK_HASH_H

#include "codec/crypto.h"
#include "digest/digest.h"

// The state of one thread.
struct block_hash {
    struct crypto_hasher *hasher; // owned
    const uint8_t *zero_digest;   // of a whole block of zeros
    size_t filled;                // bytes of the incomplete block
};

// Receives the digest of a block.
typedef void take_digest(void *context, const uint8_t digest[static DIGEST_SIZE]);

bool block_hash_open(struct block_hash *hash, const uint8_t *zero_digest); // false: no memory
void block_hash_close(struct block_hash *hash);                            // zeros are fine

// Adds `size` bytes at `bytes` or, if that is NULL, zeros. Passes on the digest of each block that
// they complete.
void block_hash_add(struct block_hash *hash, const uint8_t *bytes, uint64_t size, take_digest *take,
                    void *context);

// Passes on the digest of the last block, if it is a short one.
void block_hash_end(struct block_hash *hash, take_digest *take, void *context);

// Adds zeros to any hash.
void hash_zeros(struct crypto_hasher *hasher, uint64_t size);

#endif
