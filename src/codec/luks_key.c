// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/luks_key.h"

#include "base/checked.h"
#include "codec/crypto.h"

#include <string.h>

enum { NUMBER_SIZE = 4 }; // of a block within a stripe, big endian

size_t luks_key_material_size(size_t key_size, uint32_t stripes)
{
    return divide_up((uint64_t)key_size * stripes, CIPHER_SECTOR) * CIPHER_SECTOR;
}

// Spreads each bit of a stripe over its blocks, which have the size of a digest; the last block may
// be shorter.
static void diffuse(struct crypto_hasher *hasher, size_t digest_size, uint8_t *stripe, size_t size)
{
    uint8_t digest[CRYPTO_DIGEST_MAX];
    uint32_t block = 0;
    for (size_t at = 0; at < size; at += digest_size, block++) {
        const uint8_t number[NUMBER_SIZE] = {(uint8_t)(block >> 24), (uint8_t)(block >> 16),
                                             (uint8_t)(block >> 8), (uint8_t)block};
        size_t part = (size_t)min_u64(digest_size, size - at);
        crypto_hasher_digest(hasher, (struct bytes){number, sizeof number},
                             (struct bytes){stripe + at, part}, digest);
        memcpy(stripe + at, digest, part);
    }
    secret_wipe(digest, sizeof digest);
}

bool luks_merge(const char *hash, const uint8_t *material, uint32_t stripes, size_t size,
                uint8_t *key, struct error *error)
{
    if (!crypto_start(error)) {
        return false;
    }
    const struct crypto_hash *digest = crypto_hash_find(hash);
    struct crypto_hasher *hasher = digest ? crypto_hasher_open(digest, true) : NULL;
    if (!hasher) {
        return error_set(error, ERROR_IO, "libgcrypt cannot start hash \"%s\"", hash);
    }
    memset(key, 0, size);
    for (uint32_t stripe = 0; stripe < stripes; stripe++) {
        for (size_t i = 0; i < size; i++) {
            key[i] ^= material[(size_t)stripe * size + i];
        }
        if (stripe + 1 < stripes) {
            diffuse(hasher, digest->size, key, size);
        }
    }
    crypto_hasher_close(hasher);
    return true;
}

static bool decrypt_material(const struct luks_key_slot *slot, struct bytes derived,
                             struct secret *material, struct error *error)
{
    struct cipher *cipher = cipher_open(&slot->cipher, derived, error);
    if (!cipher) {
        return false;
    }
    struct cipher_state *state = cipher_state_open(cipher);
    bool decrypted = state && cipher_decrypt(state, 0, material->data, material->size);
    cipher_state_close(state);
    cipher_close(cipher);
    return decrypted ? true
                     : error_set(error, ERROR_IO, "libgcrypt cannot start cipher \"%s\"",
                                 slot->cipher.name);
}

static bool is_master_key(const struct luks_key_slot *slot, const struct crypto_hash *hash,
                          struct bytes key, bool *is, struct error *error)
{
    struct secret digest;
    *is = false;
    if (!secret_make(&digest, slot->digest.size, error)) {
        return false;
    }
    bool derived = crypto_pbkdf2(hash, key, slot->digest_salt, slot->digest_iterations, digest.data,
                                 digest.size, error);
    *is = derived && secret_equal(digest.data, slot->digest.data, digest.size);
    secret_free(&digest);
    return derived;
}

bool luks_key_open(const struct luks_key_slot *slot, struct bytes passphrase,
                   struct secret *material, struct secret *key, bool *opens, struct error *error)
{
    size_t size = slot->cipher.key_size;
    *opens = false;
    *key = (struct secret){0};
    if (!crypto_start(error)) {
        return false;
    }
    const struct crypto_hash *hash = crypto_hash_find(slot->hash);
    if (!hash) {
        return error_set(error, ERROR_USAGE, "hash \"%s\" is not supported", slot->hash);
    }
    // `key` first contains the derived key, and the master key after the derived key was used.
    bool tried =
        secret_make(key, size, error) &&
        crypto_pbkdf2(hash, passphrase, slot->salt, slot->iterations, key->data, size, error) &&
        decrypt_material(slot, secret_bytes(key), material, error) &&
        luks_merge(slot->hash, material->data, slot->stripes, size, key->data, error) &&
        is_master_key(slot, hash, secret_bytes(key), opens, error);
    if (!*opens) {
        secret_free(key);
    }
    return tried;
}
