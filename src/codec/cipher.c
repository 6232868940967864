// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/cipher.h"

#include "base/secret.h"
#include "codec/crypto.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct mode {
    const char *name;
    enum crypto_mode id;
    size_t keys;
};

static const struct mode modes[] = {
    {"cbc", CRYPTO_CBC, 1}, {"ctr", CRYPTO_CTR, 1}, {"ecb", CRYPTO_ECB, 1}, {"xts", CRYPTO_XTS, 2}};

struct vectors {
    const char *name;
    size_t number_size; // bytes of the sector's number that are used
    bool encrypted;     // with the hash of the key
};

static const struct vectors vectors_none = {"", 0, false};
static const struct vectors all_vectors[] = {
    {"plain", 4, false}, {"plain64", 8, false}, {"essiv", 8, true}};

struct cipher {
    const struct crypto_algorithm *algorithm;
    const struct mode *mode;
    const struct vectors *vectors;
    struct secret key;

    // For encrypted vectors.
    const struct crypto_hash *vector_hash;
    const struct crypto_algorithm *vector_algorithm;
    struct secret vector_key;
};

struct cipher_state {
    const struct vectors *vectors;
    struct crypto_cipher data;
    struct crypto_cipher vector;
};

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, name) == 0) {
            return &modes[i];
        }
    }
    return NULL;
}

static const struct vectors *find_vectors(const char *name, const struct mode *mode)
{
    for (size_t i = 0; i < sizeof all_vectors / sizeof all_vectors[0]; i++) {
        if (strcmp(all_vectors[i].name, name) == 0) {
            return &all_vectors[i];
        }
    }
    return mode->id == CRYPTO_ECB && name[0] == '\0' ? &vectors_none : NULL;
}

static bool resolve_algorithm(const struct cipher_spec *spec, struct cipher *cipher,
                              struct error *error)
{
    cipher->mode = find_mode(spec->mode);
    if (!cipher->mode) {
        return error_set(error, ERROR_USAGE, "cipher mode \"%s\" is not supported", spec->mode);
    }
    size_t key_size = spec->key_size / cipher->mode->keys;
    if (spec->key_size % cipher->mode->keys == 0) {
        cipher->algorithm = crypto_algorithm_find(spec->name, key_size);
    }
    if (!cipher->algorithm) {
        return error_set(error, ERROR_USAGE, "cipher \"%s\" with keys of %zu bits is not supported",
                         spec->name, key_size * 8);
    }
    if (cipher->algorithm->only_xts && cipher->mode->id != CRYPTO_XTS) {
        return error_set(error, ERROR_USAGE,
                         "cipher \"%s\" with keys of %zu bits is supported in mode xts only",
                         spec->name, key_size * 8);
    }
    if (cipher->mode->id == CRYPTO_XTS && cipher->algorithm->block_size != CRYPTO_BLOCK_MAX) {
        return error_set(error, ERROR_USAGE, "cipher \"%s\" has no mode xts", spec->name);
    }
    return true;
}

static bool resolve_vectors(const struct cipher_spec *spec, struct cipher *cipher,
                            struct error *error)
{
    cipher->vectors = find_vectors(spec->iv, cipher->mode);
    if (!cipher->vectors) {
        return error_set(error, ERROR_USAGE, "IV generator \"%s\" is not supported", spec->iv);
    }
    if (!cipher->vectors->encrypted) {
        return true;
    }
    cipher->vector_hash = crypto_hash_find(spec->iv_hash);
    if (!cipher->vector_hash) {
        return error_set(error, ERROR_USAGE, "IV hash \"%s\" is not supported", spec->iv_hash);
    }
    // Its digest is the key.
    cipher->vector_algorithm = crypto_algorithm_find(spec->name, cipher->vector_hash->size);
    return cipher->vector_algorithm && !cipher->vector_algorithm->only_xts
               ? true
               : error_set(error, ERROR_USAGE,
                           "IV hash \"%s\" does not fit cipher \"%s\": it has %zu bits",
                           spec->iv_hash, spec->name, cipher->vector_hash->size * 8);
}

static bool resolve(const struct cipher_spec *spec, struct cipher *cipher, struct error *error)
{
    return crypto_available(error) && resolve_algorithm(spec, cipher, error) &&
           resolve_vectors(spec, cipher, error);
}

bool cipher_supported(const struct cipher_spec *spec, struct error *error)
{
    struct cipher cipher = {0};
    return resolve(spec, &cipher, error);
}

static bool make_vector_key(struct cipher *cipher, struct bytes key, struct error *error)
{
    struct crypto_hasher *hasher = crypto_hasher_open(cipher->vector_hash, true);
    if (!hasher || !secret_make(&cipher->vector_key, cipher->vector_hash->size, error)) {
        crypto_hasher_close(hasher);
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    crypto_hasher_digest(hasher, key, (struct bytes){0}, cipher->vector_key.data);
    crypto_hasher_close(hasher);
    return true;
}

struct cipher *cipher_open(const struct cipher_spec *spec, struct bytes key, struct error *error)
{
    struct cipher *cipher = calloc(1, sizeof *cipher);
    if (!cipher) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (!crypto_start(error) || !resolve(spec, cipher, error) ||
        !secret_make(&cipher->key, key.size, error) ||
        (cipher->vectors->encrypted && !make_vector_key(cipher, key, error))) {
        cipher_close(cipher);
        return NULL;
    }
    memcpy(cipher->key.data, key.data, key.size);
    return cipher;
}

void cipher_close(struct cipher *cipher)
{
    if (cipher) {
        secret_free(&cipher->key);
        secret_free(&cipher->vector_key);
        free(cipher);
    }
}

struct cipher_state *cipher_state_open(const struct cipher *cipher)
{
    struct cipher_state *state = calloc(1, sizeof *state);
    if (!state) {
        return NULL;
    }
    state->vectors = cipher->vectors;
    if (!crypto_cipher_open(&state->data, cipher->algorithm, cipher->mode->id,
                            secret_bytes(&cipher->key)) ||
        (cipher->vectors->encrypted &&
         !crypto_cipher_open(&state->vector, cipher->vector_algorithm, CRYPTO_ECB,
                             secret_bytes(&cipher->vector_key)))) {
        cipher_state_close(state);
        return NULL;
    }
    return state;
}

void cipher_state_close(struct cipher_state *state)
{
    if (state) {
        crypto_cipher_close(&state->data);
        crypto_cipher_close(&state->vector);
        free(state);
    }
}

// The sector's number, least significant byte first, padded with zeros.
static bool make_vector(struct cipher_state *state, uint64_t sector,
                        uint8_t vector[static CRYPTO_BLOCK_MAX])
{
    memset(vector, 0, CRYPTO_BLOCK_MAX);
    for (size_t i = 0; i < state->vectors->number_size; i++) {
        vector[i] = (uint8_t)(sector >> (8 * i));
    }
    return !state->vectors->encrypted ||
           crypto_cipher_encrypt(&state->vector, NULL, vector, state->vector.block_size);
}

bool cipher_decrypt(struct cipher_state *state, uint64_t sector, uint8_t *data, size_t size)
{
    uint8_t vector[CRYPTO_BLOCK_MAX];
    for (size_t done = 0; done < size; done += CIPHER_SECTOR) {
        if (!make_vector(state, sector++, vector) ||
            !crypto_cipher_decrypt(&state->data, vector, data + done, CIPHER_SECTOR)) {
            return false;
        }
    }
    return true;
}
