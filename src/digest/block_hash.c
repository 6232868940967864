// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "digest/block_hash.h"

#include "base/checked.h"

#include <string.h>

bool block_hash_open(struct block_hash *hash, const uint8_t *zero_digest)
{
    *hash = (struct block_hash){.zero_digest = zero_digest};
    hash->hasher = crypto_hasher_open(crypto_hash_find("sha256"), false);
    return hash->hasher != NULL;
}

void block_hash_close(struct block_hash *hash)
{
    crypto_hasher_close(hash->hasher);
    *hash = (struct block_hash){0};
}

void hash_zeros(struct crypto_hasher *hasher, uint64_t size)
{
    static const uint8_t zeros[DIGEST_BLOCK];
    while (size > 0) {
        size_t part = (size_t)min_u64(size, sizeof zeros);
        crypto_hasher_add(hasher, (struct bytes){zeros, part});
        size -= part;
    }
}

static bool all_zeros(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

// `size` bytes that end with the block or before.
static void add_part(struct block_hash *hash, const uint8_t *bytes, size_t size, take_digest *take,
                     void *context)
{
    uint8_t digest[DIGEST_SIZE];
    if (size == DIGEST_BLOCK && (!bytes || all_zeros(bytes, size))) {
        take(context, hash->zero_digest);
        return;
    }
    if (bytes) {
        crypto_hasher_add(hash->hasher, (struct bytes){bytes, size});
    } else {
        hash_zeros(hash->hasher, size);
    }
    hash->filled += size;
    if (hash->filled == DIGEST_BLOCK) {
        crypto_hasher_end(hash->hasher, digest);
        hash->filled = 0;
        take(context, digest);
    }
}

void block_hash_add(struct block_hash *hash, const uint8_t *bytes, uint64_t size, take_digest *take,
                    void *context)
{
    while (size > 0) {
        size_t part = (size_t)min_u64(size, DIGEST_BLOCK - hash->filled);
        add_part(hash, bytes, part, take, context);
        bytes = bytes ? bytes + part : NULL;
        size -= part;
    }
}

void block_hash_end(struct block_hash *hash, take_digest *take, void *context)
{
    uint8_t digest[DIGEST_SIZE];
    if (hash->filled > 0) {
        crypto_hasher_end(hash->hasher, digest);
        hash->filled = 0;
        take(context, digest);
    }
}
