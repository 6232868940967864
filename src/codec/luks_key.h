// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// From a passphrase to the master key, through one LUKS1 key slot ("LUKS On-Disk Format
// Specification" 1.2, "Master key recovery").

#ifndef CODEC_LUKS_KEY_H
#define CODEC_LUKS_KEY_H

#include "base/secret.h"
#include "codec/cipher.h"

// A key slot, and what all slots share. Views and strings belong to the caller.
struct luks_key_slot {
    struct cipher_spec cipher; // of the data and of the key material
    const char *hash;          // "sha256"
    struct bytes salt;
    uint32_t iterations; // ≥ 1
    uint32_t stripes;    // ≥ 1

    struct bytes digest; // of the master key
    struct bytes digest_salt;
    uint32_t digest_iterations; // ≥ 1
};

// Bytes of the key material: whole sectors. It must not overflow: cap both factors.
size_t luks_key_material_size(size_t key_size, uint32_t stripes);

// Derives a key from the passphrase, decrypts with it the key material, of the size above, where it
// is, and merges its stripes. `*opens` tells whether the outcome, spec.key_size bytes in the `key`
// that it makes, is the master key; a wrong one is wiped. False when it could not be found out.
bool luks_key_open(const struct luks_key_slot *slot, struct bytes passphrase,
                   struct secret *material, struct secret *key, bool *opens, struct error *error);

// The anti-forensic merge alone: `stripes` times `size` bytes become `size` bytes at `key`. False
// when there is no memory.
bool luks_merge(const char *hash, const uint8_t *material, uint32_t stripes, size_t size,
                uint8_t *key, struct error *error);

#endif
