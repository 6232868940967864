// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The LUKS1 header of an encrypted image ("LUKS On-Disk Format Specification" 1.2). It contains
// nothing secret that can be used without the passphrase.

#ifndef FORMAT_LUKS_H
#define FORMAT_LUKS_H

#include "base/bytes.h"
#include "format/layout.h"
#include "format/problem.h"

// Strings are copies and always end with a NUL.
struct luks_slot {
    bool active;
    uint32_t iterations;
    uint32_t stripes;
    uint64_t key_offset; // bytes from the start of the LUKS header
    uint8_t salt[LUKS_SALT_SIZE];
};

struct luks {
    uint16_t version;
    char cipher_name[LUKS_NAME_SIZE + 1]; // "aes"
    char cipher_mode[LUKS_NAME_SIZE + 1]; // "xts-plain64"
    char hash[LUKS_NAME_SIZE + 1];        // "sha256"
    char uuid[LUKS_UUID_SIZE + 1];
    uint64_t payload_offset; // bytes
    uint32_t key_bytes;
    uint32_t master_key_iterations;
    uint8_t master_key_digest[LUKS_DIGEST_SIZE];
    uint8_t master_key_salt[LUKS_SALT_SIZE];
    struct luks_slot slots[LUKS_SLOTS];

    // Derived, as QEMU names them.
    char cipher[LUKS_NAME_SIZE +
                16]; // "aes-256": with the bits of the key, or of one of the two keys of mode xts
    char mode[LUKS_NAME_SIZE + 1];       // "xts"
    char ivgen[LUKS_NAME_SIZE + 1];      // "plain64"; "" when the mode names none
    char ivgen_hash[LUKS_NAME_SIZE + 1]; // of "essiv:sha256"; mostly ""
};

// Parses the first LUKS_HEADER_SIZE bytes of a LUKS header at byte `at` of the file, `length` bytes
// long with its key material. False, with a problem, when it is not a LUKS header; all other faults
// are added to `problems`.
bool luks_parse(struct bytes start, uint64_t at, uint64_t length, struct luks *luks,
                struct problems *problems);

// False, with a problem, when the fields of an active slot make it impossible to get a key from it.
// `at` and `length` as above; a slot that is not active is sound.
bool luks_slot_sound(const struct luks *luks, size_t number, uint64_t at, uint64_t length,
                     struct problem *fault);

// The same for the fields that all slots share.
bool luks_master_key_sound(const struct luks *luks, uint64_t at, struct problem *fault);

#endif
