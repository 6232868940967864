// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Decryption of sectors, each with an initialisation vector that is made from its number.

#ifndef CODEC_CIPHER_H
#define CODEC_CIPHER_H

#include "base/bytes.h"
#include "base/error.h"

enum { CIPHER_SECTOR = 512 }; // bytes

// Names as LUKS has them. Strings belong to the caller.
struct cipher_spec {
    const char *name;    // "aes"
    const char *mode;    // "xts"
    const char *iv;      // "plain64"; for mode ecb it may be ""
    const char *iv_hash; // "sha256", for "essiv" only
    size_t key_size;     // bytes; those of two keys for mode xts
};

// False when the spec's cipher, mode, vectors or size of the key are not supported, or no cipher
// is; `error` then names what is not.
bool cipher_supported(const struct cipher_spec *spec, struct error *error);

// A cipher and its key: the same for all threads.
struct cipher;

// Keeps a copy of `key`, which has spec->key_size bytes, as a secret. NULL as above, or when there
// is no memory.
struct cipher *cipher_open(const struct cipher_spec *spec, struct bytes key, struct error *error);
void cipher_close(struct cipher *cipher); // NULL is fine

// What one thread needs to decrypt; `cipher` outlives it. NULL when it cannot be had.
struct cipher_state;
struct cipher_state *cipher_state_open(const struct cipher *cipher);
void cipher_state_close(struct cipher_state *state); // NULL is fine

// Decrypts `size` bytes, whole sectors, where they are. The first one has the number `sector`.
bool cipher_decrypt(struct cipher_state *state, uint64_t sector, uint8_t *data, size_t size);

#endif
