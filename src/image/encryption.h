// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The encryption of an image's guest data, and the cipher that a passphrase opens.

#ifndef IMAGE_ENCRYPTION_H
#define IMAGE_ENCRYPTION_H

#include "codec/cipher.h"
#include "format/luks.h"
#include "image/image.h"

static inline bool image_encrypted(const struct image *image)
{
    return image->header.crypt_method != CRYPT_NONE;
}

// Reads the LUKS header that the header extension points to. False when it cannot be read. Problems
// of the header, or of its location, are added to `problems`.
bool encryption_load_luks(const struct image *image, struct luks *luks, struct problems *problems);

// False when this program does not support the cipher of an encrypted image. `luks` is NULL when
// its header could not be read.
bool encryption_supported(const struct image *image, const struct luks *luks,
                          struct problem *fault);

// False when no passphrase can open an encrypted image, as far as this is known without one.
bool encryption_check(const struct image *image, uint32_t max_iterations, struct problem *fault);

// The number of the opened key slot when the image has no key slots.
enum { ENCRYPTION_NO_SLOT = -1 };

// Opens the cipher for the data of an encrypted image, owned by the caller: tries each active key
// slot once, in order. NULL with ERROR_KEY when the passphrase opens none; method AES accepts any
// passphrase. All slots together cost at most `max_iterations` iterations of the hash, counted for
// each block of a key; a slot that would exceed this is skipped and named in the error.
struct cipher *encryption_open(const struct image *image, struct bytes passphrase,
                               uint32_t max_iterations, int *slot, struct error *error);

// The number of the 512-byte sector from which the initialisation vector of a byte is made, from
// its offsets in the file and on the disk.
static inline uint64_t encryption_sector(const struct image *image, uint64_t host_offset,
                                         uint64_t guest_offset)
{
    return (image->header.crypt_method == CRYPT_LUKS ? host_offset : guest_offset) / SECTOR_SIZE;
}

#endif
