// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Twofish with keys of 192 bits in mode xts, from nettle: the only LUKS cipher that libgcrypt
// lacks. A build without nettle has the same functions, but not the cipher.

#ifndef CODEC_TWOFISH_H
#define CODEC_TWOFISH_H

#include "base/bytes.h"

enum { TWOFISH192_KEY = 24 }; // bytes of each of the two keys

// Whether it is built in; if not, call no other function.
bool twofish192_available(void);

// The size of a buffer for the version: "3.8". Returns NULL when it is not built in.
enum { TWOFISH_VERSION_SIZE = 16 };
const char *twofish192_version(char text[static TWOFISH_VERSION_SIZE]);

// For one thread at a time; in locked memory.
struct twofish192;
struct twofish192 *twofish192_open(struct bytes keys); // both keys; NULL: no memory
void twofish192_close(struct twofish192 *cipher);      // NULL is allowed

// Decrypts or encrypts `size` bytes, whole blocks of 16, in place. `iv`: 16 bytes.
void twofish192_decrypt(const struct twofish192 *cipher, const uint8_t *iv, uint8_t *data,
                        size_t size);
void twofish192_encrypt(const struct twofish192 *cipher, const uint8_t *iv, uint8_t *data,
                        size_t size);

#endif
