// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Memory for passphrases and keys: kept out of swap where this is allowed, kept out of core dumps,
// and wiped before it is freed.

#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"
#include "base/error.h"

// Owned by its creator; all zeros is an empty secret.
struct secret {
    uint8_t *data;
    size_t size;
    size_t mapped; // bytes: whole pages
};

// Makes a secret of `size` ≥ 1 zero bytes. False when there is no memory; memory that cannot be
// locked is no error.
bool secret_make(struct secret *secret, size_t size, struct error *error);

// Makes room for `size` bytes, at least as many as before, and keeps the contents.
bool secret_grow(struct secret *secret, size_t size, struct error *error);

void secret_free(struct secret *secret); // may be empty

// Lets processes that this one starts from here on have the secret too; each of them keeps it as
// its own then.
void secret_share(const struct secret *secret);
void secret_keep(const struct secret *secret);

static inline struct bytes secret_bytes(const struct secret *secret)
{
    return (struct bytes){secret->data, secret->size};
}

// Overwrites the bytes, even when the compiler sees that they are never read again.
void secret_wipe(void *data, size_t size);

// Compares in a time that does not depend on the position of the first difference.
bool secret_equal(const uint8_t *a, const uint8_t *b, size_t size);

// Disables core dumps of this process, and access to its memory from other processes of the user.
void secret_hide_process(void);

#endif
