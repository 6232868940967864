// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// From a passphrase to the master key, through one LUKS1 key slot ("LUKS On-Disk Format
// Specification" 1.2, "Master key recovery").

#ifndef CODEC_LUKS_KEY_H
#define CODEC_LUKS_KEY_H

#include "base/secret.h"
#include "codec/cipher.h"

// A key slot, and the fields that all slots share. Views and strings are borrowed.
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

// Bytes of the key material: whole sectors. The caller caps both factors to prevent an overflow.
size_t luks_key_material_size(size_t key_size, uint32_t stripes);

// Derives a key from the passphrase, decrypts the key material (of the size above) with it, in
// place, and merges its stripes. `*opens`: the result, spec.key_size bytes in the new secret `key`,
// is the master key; a wrong key is wiped. False on an error.
bool luks_key_open(const struct luks_key_slot *slot, struct bytes passphrase,
                   struct secret *material, struct secret *key, bool *opens, struct error *error);

// Only the anti-forensic merge: `stripes` times `size` bytes become `size` bytes at `key`. False
// when there is no memory.
bool luks_merge(const char *hash, const uint8_t *material, uint32_t stripes, size_t size,
                uint8_t *key, struct error *error);

#endif
