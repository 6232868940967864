// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The functions of crypto.h in a build without libgcrypt.

#include "codec/crypto.h"

#if !WITH_LIBGCRYPT

const char *crypto_version(void)
{
    return NULL;
}

bool crypto_available(struct error *error)
{
    return error_set(error, ERROR_USAGE,
                     "reading encrypted data needs libgcrypt, which was not built in");
}

bool crypto_start(struct error *error)
{
    return crypto_available(error);
}

// The functions below are never called: callers check the functions above first.

const struct crypto_hash *crypto_hash_find(const char *name)
{
    (void)name;
    return NULL;
}

struct crypto_hasher *crypto_hasher_open(const struct crypto_hash *hash, bool secret)
{
    (void)hash, (void)secret;
    return NULL;
}

void crypto_hasher_digest(struct crypto_hasher *hasher, struct bytes head, struct bytes tail,
                          uint8_t *digest)
{
    (void)hasher, (void)head, (void)tail, (void)digest;
}

void crypto_hasher_add(struct crypto_hasher *hasher, struct bytes bytes)
{
    (void)hasher, (void)bytes;
}

void crypto_hasher_end(struct crypto_hasher *hasher, uint8_t *digest)
{
    (void)hasher, (void)digest;
}

void crypto_hasher_close(struct crypto_hasher *hasher)
{
    (void)hasher;
}

bool crypto_pbkdf2(const struct crypto_hash *hash, struct bytes passphrase, struct bytes salt,
                   uint32_t iterations, uint8_t *key, size_t size, struct error *error)
{
    (void)hash, (void)passphrase, (void)salt, (void)iterations, (void)key, (void)size;
    return crypto_available(error);
}

const struct crypto_algorithm *crypto_algorithm_find(const char *name, size_t key_size)
{
    (void)name, (void)key_size;
    return NULL;
}

bool crypto_cipher_open(struct crypto_cipher *cipher, const struct crypto_algorithm *algorithm,
                        enum crypto_mode mode, struct bytes key)
{
    (void)cipher, (void)algorithm, (void)mode, (void)key;
    return false;
}

void crypto_cipher_close(struct crypto_cipher *cipher)
{
    (void)cipher;
}

bool crypto_cipher_decrypt(struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size)
{
    (void)cipher, (void)iv, (void)data, (void)size;
    return false;
}

bool crypto_cipher_encrypt(struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size)
{
    (void)cipher, (void)iv, (void)data, (void)size;
    return false;
}

#endif
