// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How the guest data of an image are encrypted, and the cipher that a passphrase opens.

#ifndef IMAGE_ENCRYPTION_H
#define IMAGE_ENCRYPTION_H

#include "codec/cipher.h"
#include "format/luks.h"
#include "image/image.h"

static inline bool image_encrypted(const struct image *image)
{
    return image->header.crypt_method != CRYPT_NONE;
}

// Reads the LUKS header that the header extension points to. False when there is none that can be
// read; what is wrong with it, or with its place, goes to `problems`.
bool encryption_load_luks(const struct image *image, struct luks *luks, struct problems *problems);

// False when this program cannot decrypt the data of an encrypted image for the cipher that it
// names. `luks` is NULL where none could be read.
bool encryption_supported(const struct image *image, const struct luks *luks,
                          struct problem *fault);

// False when no passphrase can open an encrypted image: all that can be told without one.
bool encryption_check(const struct image *image, uint32_t max_iterations, struct problem *fault);

// Which key slot a passphrase opened, where there are none.
enum { ENCRYPTION_NO_SLOT = -1 };

// The cipher of the data of an encrypted image, owned by the caller: each active key slot is tried
// once, in order. NULL with ERROR_KEY when the passphrase opens none; any passphrase is the key of
// method AES. All slots together cost at most `max_iterations` iterations of the hash, each block
// of a key counted for itself; a slot that would cost more is skipped and named in the error.
struct cipher *encryption_open(const struct image *image, struct bytes passphrase,
                               uint32_t max_iterations, int *slot, struct error *error);

// The number of the 512-byte sector which the vector of a byte is made from, by where that is in
// its file and on the disk.
static inline uint64_t encryption_sector(const struct image *image, uint64_t host_offset,
                                         uint64_t guest_offset)
{
    return (image->header.crypt_method == CRYPT_LUKS ? host_offset : guest_offset) / SECTOR_SIZE;
}

#endif
