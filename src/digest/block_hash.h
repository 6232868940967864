// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The digests of the blocks of a disk, from pieces of it that come in order.

#ifndef DIGEST_BLOCK_HASH_H
#define DIGEST_BLOCK_HASH_H

#include "codec/crypto.h"
#include "digest/digest.h"

// What the thread that has it hashes.
struct block_hash {
    struct crypto_hasher *hasher; // owned
    const uint8_t *zero_digest;   // of a whole block of zeros
    size_t filled;                // bytes of the block that is not whole yet
};

// Takes the digest of a block.
typedef void take_digest(void *context, const uint8_t digest[static DIGEST_SIZE]);

bool block_hash_open(struct block_hash *hash, const uint8_t *zero_digest); // false: no memory
void block_hash_close(struct block_hash *hash);                            // zeros are fine

// Adds `size` bytes, those at `bytes` or, when that is NULL, zeros. Hands over the digest of each
// block that is whole with them.
void block_hash_add(struct block_hash *hash, const uint8_t *bytes, uint64_t size, take_digest *take,
                    void *context);

// Hands over the digest of the last block, if there is a short one.
void block_hash_end(struct block_hash *hash, take_digest *take, void *context);

// Adds zeros to a hash of anything.
void hash_zeros(struct crypto_hasher *hasher, uint64_t size);

#endif
