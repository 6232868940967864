// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Memory for passphrases and keys: kept out of swap where that is allowed, out of core dumps, and
// wiped before it is given back.

#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"
#include "base/error.h"

// Owned by whoever made it; all zeros is an empty one.
struct secret {
    uint8_t *data;
    size_t size;
    size_t mapped; // bytes: whole pages
};

// `size` ≥ 1 bytes, all zeros. False when there is no memory; that it cannot be locked is fine.
bool secret_make(struct secret *secret, size_t size, struct error *error);

// Makes room for `size` bytes, at least as many as before; what was there stays.
bool secret_grow(struct secret *secret, size_t size, struct error *error);

void secret_free(struct secret *secret); // an empty one is fine

static inline struct bytes secret_bytes(const struct secret *secret)
{
    return (struct bytes){secret->data, secret->size};
}

// Overwrites, also where a compiler sees that nobody reads it any more.
void secret_wipe(void *data, size_t size);

// Compares in a time that does not depend on where the first difference is.
bool secret_equal(const uint8_t *a, const uint8_t *b, size_t size);

// No core dumps of this process from here on, and no look into it for other processes of its user.
void secret_hide_process(void);

#endif
