// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Decrypts sectors, each with an initialisation vector that is made from its number.

#ifndef CODEC_CIPHER_H
#define CODEC_CIPHER_H

#include "base/bytes.h"
#include "base/error.h"

enum { CIPHER_SECTOR = 512 }; // bytes

// Names as in LUKS. Strings are borrowed.
struct cipher_spec {
    const char *name;    // "aes"
    const char *mode;    // "xts"
    const char *iv;      // "plain64"; for mode ecb it may be ""
    const char *iv_hash; // "sha256", for "essiv" only
    size_t key_size;     // bytes; of both keys for mode xts
};

// False when the cipher, mode, vectors or key size of the spec are not supported, or no ciphers are
// built in; `error` then names the unsupported part.
bool cipher_supported(const struct cipher_spec *spec, struct error *error);

// A cipher and its key, shared by all threads.
struct cipher;

// Opens a cipher with a secret copy of `key`, which has spec->key_size bytes. NULL when
// cipher_supported() is false, or when there is no memory.
struct cipher *cipher_open(const struct cipher_spec *spec, struct bytes key, struct error *error);
void cipher_close(struct cipher *cipher); // NULL is allowed

// The state of one thread for decrypting; `cipher` outlives it. NULL when it cannot be made.
struct cipher_state;
struct cipher_state *cipher_state_open(const struct cipher *cipher);
void cipher_state_close(struct cipher_state *state); // NULL is allowed

// Decrypts `size` bytes, whole sectors, in place. The first sector has the number `sector`.
bool cipher_decrypt(struct cipher_state *state, uint64_t sector, uint8_t *data, size_t size);

#endif
