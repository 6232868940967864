// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Ciphers, hashes and key derivation from libgcrypt, which only crypto.c uses. A build without
// libgcrypt has the same functions, which fail with an error that names the library. For a cipher
// that libgcrypt lacks see twofish.h.

#ifndef CODEC_CRYPTO_H
#define CODEC_CRYPTO_H

#include "base/bytes.h"
#include "base/error.h"

// The version of the library; NULL: not built in.
const char *crypto_version(void);

// False, with an error that names the library, when it is not built in.
bool crypto_available(struct error *error);

// Call this before the functions below, while there is only one thread: the library reads what it
// needs from the system, and memory for keys is locked. A second call does nothing. False when
// crypto_available() is false, or the library cannot be used.
bool crypto_start(struct error *error);

enum { CRYPTO_BLOCK_MAX = 16, CRYPTO_DIGEST_MAX = 64 }; // bytes

// --- Hashes -------------------------------------------------------------------------------------

struct crypto_hash {
    const char *name; // as in LUKS: "sha256"
    size_t size;      // bytes of a digest
    int id;           // of the library
};

// NULL for an unknown name, or without the library.
const struct crypto_hash *crypto_hash_find(const char *name);

// A hash that is used again and again, by one thread; of secrets in locked memory.
struct crypto_hasher;
// NULL: no memory.
struct crypto_hasher *crypto_hasher_open(const struct crypto_hash *hash, bool secret);
// The digest of `head` and then `tail`: hash->size bytes.
void crypto_hasher_digest(struct crypto_hasher *hasher, struct bytes head, struct bytes tail,
                          uint8_t *digest);
// The same in steps: the digest of all bytes that were added since it was opened or ended.
void crypto_hasher_add(struct crypto_hasher *hasher, struct bytes bytes);
void crypto_hasher_end(struct crypto_hasher *hasher, uint8_t *digest);
void crypto_hasher_close(struct crypto_hasher *hasher); // NULL is allowed

// PBKDF2 (RFC 8018, 5.2) with HMAC of `hash`: `size` bytes of key. `iterations` ≥ 1.
bool crypto_pbkdf2(const struct crypto_hash *hash, struct bytes passphrase, struct bytes salt,
                   uint32_t iterations, uint8_t *key, size_t size, struct error *error);

// --- Ciphers ------------------------------------------------------------------------------------

enum crypto_mode { CRYPTO_ECB, CRYPTO_CBC, CRYPTO_CTR, CRYPTO_XTS };

struct crypto_ops;

struct crypto_algorithm {
    const char *name; // as in LUKS: "aes"
    size_t key_size;  // bytes; mode xts takes two keys
    size_t block_size;
    int id; // of libgcrypt
    const struct crypto_ops *ops;
    bool only_xts; // no other mode is supported
};

// NULL when no built-in library has this cipher with keys of this many bytes.
const struct crypto_algorithm *crypto_algorithm_find(const char *name, size_t key_size);

// For one thread at a time. All zeros is a closed cipher.
struct crypto_cipher {
    const struct crypto_ops *ops;
    void *handle; // owned
    size_t block_size;
    enum crypto_mode mode;
};

// False when there is no memory, or the library refuses the key.
bool crypto_cipher_open(struct crypto_cipher *cipher, const struct crypto_algorithm *algorithm,
                        enum crypto_mode mode, struct bytes key);
void crypto_cipher_close(struct crypto_cipher *cipher);

// Decrypts or encrypts `size` bytes, whole blocks, in place. `iv`: block_size bytes, which mode ecb
// ignores. Never false for an open cipher.
bool crypto_cipher_decrypt(struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size);
bool crypto_cipher_encrypt(struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size);

#endif
