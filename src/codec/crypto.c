// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/crypto.h"

#include "base/checked.h"
#include "codec/twofish.h"

#if WITH_LIBGCRYPT

#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    // Bytes of locked memory for the library's copies of keys: a cipher takes 2 to 20 KiB for each
    // thread and layer. Memory beyond this is not locked, but wiped.
    LOCKED_SIZE = 512 * 1024,
    LOCKED_LEAST = 16 * 1024,
    GROWTH = 256 * 1024,
};

const char *crypto_version(void)
{
    return gcry_check_version(NULL);
}

bool crypto_available(struct error *error)
{
    (void)error;
    return true;
}

// The library locks all of this memory or nothing. Half of the allowed locked memory is for our own
// secrets.
static unsigned locked_size(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur / 2 >= LOCKED_SIZE) {
        return LOCKED_SIZE;
    }
    return (unsigned)max_u64(limit.rlim_cur / 2, LOCKED_LEAST);
}

bool crypto_start(struct error *error)
{
    static bool started;
    if (started) {
        return true;
    }
    // 1.8 is the first version with mode xts.
    if (!gcry_check_version("1.8.0")) {
        return error_set(error, ERROR_IO, "libgcrypt %s is too old", gcry_check_version(NULL));
    }
    // Memory that cannot be locked is used without a warning.
    gcry_control(GCRYCTL_DISABLE_SECMEM_WARN);
    gcry_control(GCRYCTL_INIT_SECMEM, locked_size(), 0);
    gcry_control(GCRYCTL_AUTO_EXPAND_SECMEM, GROWTH, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    started = true;
    return true;
}

// --- Hashes -------------------------------------------------------------------------------------

const struct crypto_hash *crypto_hash_find(const char *name)
{
    static const struct crypto_hash hashes[] = {
        {"md5", 16, GCRY_MD_MD5},       {"ripemd160", 20, GCRY_MD_RMD160},
        {"sha1", 20, GCRY_MD_SHA1},     {"sha224", 28, GCRY_MD_SHA224},
        {"sha256", 32, GCRY_MD_SHA256}, {"sha384", 48, GCRY_MD_SHA384},
        {"sha512", 64, GCRY_MD_SHA512},
    };
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        if (strcmp(hashes[i].name, name) == 0) {
            return &hashes[i];
        }
    }
    return NULL;
}

struct crypto_hasher {
    gcry_md_hd_t handle;
    size_t size;
};

struct crypto_hasher *crypto_hasher_open(const struct crypto_hash *hash, bool secret)
{
    struct crypto_hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher) {
        return NULL;
    }
    hasher->size = hash->size;
    if (gcry_md_open(&hasher->handle, hash->id, secret ? GCRY_MD_FLAG_SECURE : 0) != 0) {
        free(hasher);
        return NULL;
    }
    return hasher;
}

void crypto_hasher_digest(struct crypto_hasher *hasher, struct bytes head, struct bytes tail,
                          uint8_t *digest)
{
    gcry_md_reset(hasher->handle);
    gcry_md_write(hasher->handle, head.data, head.size);
    gcry_md_write(hasher->handle, tail.data, tail.size);
    memcpy(digest, gcry_md_read(hasher->handle, 0), hasher->size);
}

void crypto_hasher_add(struct crypto_hasher *hasher, struct bytes bytes)
{
    gcry_md_write(hasher->handle, bytes.data, bytes.size);
}

void crypto_hasher_end(struct crypto_hasher *hasher, uint8_t *digest)
{
    memcpy(digest, gcry_md_read(hasher->handle, 0), hasher->size);
    gcry_md_reset(hasher->handle);
}

void crypto_hasher_close(struct crypto_hasher *hasher)
{
    if (hasher) {
        gcry_md_close(hasher->handle);
        free(hasher);
    }
}

bool crypto_pbkdf2(const struct crypto_hash *hash, struct bytes passphrase, struct bytes salt,
                   uint32_t iterations, uint8_t *key, size_t size, struct error *error)
{
    // The result is in locked memory, so that the library keeps its intermediate values there too.
    void *derived = gcry_malloc_secure(size);
    if (!derived) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    const void *text = passphrase.size > 0 ? (const void *)passphrase.data : "";
    gcry_error_t fault = gcry_kdf_derive(text, passphrase.size, GCRY_KDF_PBKDF2, hash->id,
                                         salt.data, salt.size, iterations, size, derived);
    if (fault == 0) {
        memcpy(key, derived, size);
    }
    gcry_free(derived); // this also wipes it
    return fault == 0 ? true
                      : error_set(error, ERROR_IO, "libgcrypt cannot derive a key with %s: %s",
                                  hash->name, gcry_strerror(fault));
}

// --- Ciphers ------------------------------------------------------------------------------------

// The functions of a library for an open cipher.
struct crypto_ops {
    void *(*open)(const struct crypto_algorithm *algorithm, enum crypto_mode mode,
                  struct bytes key); // NULL on failure
    void (*close)(void *handle);
    bool (*decrypt)(const struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                    size_t size);
    bool (*encrypt)(const struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                    size_t size);
};

static void gcrypt_close(void *handle)
{
    gcry_cipher_close(handle);
}

static void *gcrypt_open(const struct crypto_algorithm *algorithm, enum crypto_mode mode,
                         struct bytes key)
{
    static const int modes[] = {[CRYPTO_ECB] = GCRY_CIPHER_MODE_ECB,
                                [CRYPTO_CBC] = GCRY_CIPHER_MODE_CBC,
                                [CRYPTO_CTR] = GCRY_CIPHER_MODE_CTR,
                                [CRYPTO_XTS] = GCRY_CIPHER_MODE_XTS};
    gcry_cipher_hd_t handle;
    if (gcry_cipher_open(&handle, algorithm->id, modes[mode], GCRY_CIPHER_SECURE) != 0) {
        return NULL;
    }
    if (gcry_cipher_setkey(handle, key.data, key.size) != 0) {
        gcrypt_close(handle);
        return NULL;
    }
    return handle;
}

static bool set_iv(const struct crypto_cipher *cipher, const uint8_t *iv)
{
    switch (cipher->mode) {
    case CRYPTO_ECB:
        return true;
    case CRYPTO_CTR:
        return gcry_cipher_setctr(cipher->handle, iv, cipher->block_size) == 0;
    case CRYPTO_CBC:
    case CRYPTO_XTS:
        break;
    }
    return gcry_cipher_setiv(cipher->handle, iv, cipher->block_size) == 0;
}

static bool gcrypt_decrypt(const struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size)
{
    return set_iv(cipher, iv) && gcry_cipher_decrypt(cipher->handle, data, size, NULL, 0) == 0;
}

static bool gcrypt_encrypt(const struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size)
{
    return set_iv(cipher, iv) && gcry_cipher_encrypt(cipher->handle, data, size, NULL, 0) == 0;
}

static void *twofish_open(const struct crypto_algorithm *algorithm, enum crypto_mode mode,
                          struct bytes key)
{
    (void)algorithm;
    return mode == CRYPTO_XTS ? twofish192_open(key) : NULL;
}

static void twofish_close(void *handle)
{
    twofish192_close(handle);
}

static bool twofish_decrypt(const struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                            size_t size)
{
    twofish192_decrypt(cipher->handle, iv, data, size);
    return true;
}

static bool twofish_encrypt(const struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                            size_t size)
{
    twofish192_encrypt(cipher->handle, iv, data, size);
    return true;
}

static const struct crypto_ops gcrypt = {gcrypt_open, gcrypt_close, gcrypt_decrypt, gcrypt_encrypt};
static const struct crypto_ops nettle = {twofish_open, twofish_close, twofish_decrypt,
                                         twofish_encrypt};

static const struct crypto_algorithm algorithms[] = {
    {"aes", 16, 16, GCRY_CIPHER_AES128, &gcrypt, false},
    {"aes", 24, 16, GCRY_CIPHER_AES192, &gcrypt, false},
    {"aes", 32, 16, GCRY_CIPHER_AES256, &gcrypt, false},
    {"cast5", 16, 8, GCRY_CIPHER_CAST5, &gcrypt, false},
    {"serpent", 16, 16, GCRY_CIPHER_SERPENT128, &gcrypt, false},
    {"serpent", 24, 16, GCRY_CIPHER_SERPENT192, &gcrypt, false},
    {"serpent", 32, 16, GCRY_CIPHER_SERPENT256, &gcrypt, false},
    {"twofish", 16, 16, GCRY_CIPHER_TWOFISH128, &gcrypt, false},
    {"twofish", TWOFISH192_KEY, 16, GCRY_CIPHER_NONE, &nettle, true},
    {"twofish", 32, 16, GCRY_CIPHER_TWOFISH, &gcrypt, false},
};

const struct crypto_algorithm *crypto_algorithm_find(const char *name, size_t key_size)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        const struct crypto_algorithm *algorithm = &algorithms[i];
        if (algorithm->key_size == key_size && strcmp(algorithm->name, name) == 0) {
            return algorithm->ops == &gcrypt || twofish192_available() ? algorithm : NULL;
        }
    }
    return NULL;
}

bool crypto_cipher_open(struct crypto_cipher *cipher, const struct crypto_algorithm *algorithm,
                        enum crypto_mode mode, struct bytes key)
{
    *cipher = (struct crypto_cipher){
        .ops = algorithm->ops, .block_size = algorithm->block_size, .mode = mode};
    cipher->handle = algorithm->ops->open(algorithm, mode, key);
    return cipher->handle != NULL;
}

void crypto_cipher_close(struct crypto_cipher *cipher)
{
    if (cipher->handle) {
        cipher->ops->close(cipher->handle);
    }
    *cipher = (struct crypto_cipher){0};
}

bool crypto_cipher_decrypt(struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size)
{
    return cipher->ops->decrypt(cipher, iv, data, size);
}

bool crypto_cipher_encrypt(struct crypto_cipher *cipher, const uint8_t *iv, uint8_t *data,
                           size_t size)
{
    return cipher->ops->encrypt(cipher, iv, data, size);
}

#endif
