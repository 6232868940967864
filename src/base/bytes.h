// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The only access to the bytes of a file: a bounded view, and loads that cannot leave it.

#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A view of `size` bytes; borrowed.
struct bytes {
    const uint8_t *data;
    size_t size;
};

// Narrows `whole` to [offset, offset + length). False, with an empty `view`, when the range is not
// inside.
static inline bool bytes_view(struct bytes whole, uint64_t offset, uint64_t length,
                              struct bytes *view)
{
    if (length > whole.size || offset > whole.size - length) {
        *view = (struct bytes){0};
        return false;
    }
    // An empty view may have the pointer NULL, and adding even 0 to NULL is undefined.
    *view = (struct bytes){length > 0 ? whole.data + offset : whole.data, (size_t)length};
    return true;
}

// Narrows `whole` to the bytes from `offset` on; empty when `offset` is past the end.
static inline struct bytes bytes_from(struct bytes whole, size_t offset)
{
    if (offset >= whole.size) {
        return (struct bytes){0};
    }
    return (struct bytes){whole.data + offset, whole.size - offset};
}

// Loads a big-endian integer at `data`; the caller has checked the view.
static inline uint64_t load_be64(const uint8_t *data)
{
    return (uint64_t)data[0] << 56 | (uint64_t)data[1] << 48 | (uint64_t)data[2] << 40 |
           (uint64_t)data[3] << 32 | (uint64_t)data[4] << 24 | (uint64_t)data[5] << 16 |
           (uint64_t)data[6] << 8 | (uint64_t)data[7];
}

// Loads a little-endian integer at `data`; the caller has checked the view.
static inline uint64_t load_le64(const uint8_t *data)
{
    return (uint64_t)data[7] << 56 | (uint64_t)data[6] << 48 | (uint64_t)data[5] << 40 |
           (uint64_t)data[4] << 32 | (uint64_t)data[3] << 24 | (uint64_t)data[2] << 16 |
           (uint64_t)data[1] << 8 | (uint64_t)data[0];
}

// Stores a little-endian integer at `data`, which has 8 bytes.
static inline void store_le64(uint8_t *data, uint64_t value)
{
    data[0] = (uint8_t)(value);
    data[1] = (uint8_t)(value >> 8);
    data[2] = (uint8_t)(value >> 16);
    data[3] = (uint8_t)(value >> 24);
    data[4] = (uint8_t)(value >> 32);
    data[5] = (uint8_t)(value >> 40);
    data[6] = (uint8_t)(value >> 48);
    data[7] = (uint8_t)(value >> 56);
}

// Loads an integer at `offset`. The result is 0 unless all its bytes are inside the view: in the
// format, a field that a shorter header lacks means the same as zero.
static inline uint64_t bytes_load(struct bytes view, size_t offset, size_t width)
{
    struct bytes field;
    uint64_t value = 0;
    if (!bytes_view(view, offset, width, &field)) {
        return 0;
    }
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | field.data[i];
    }
    return value;
}

static inline uint8_t bytes_u8(struct bytes view, size_t offset)
{
    return (uint8_t)bytes_load(view, offset, 1);
}

static inline uint16_t bytes_be16(struct bytes view, size_t offset)
{
    struct bytes field;
    return bytes_view(view, offset, 2, &field)
               ? (uint16_t)((unsigned)field.data[0] << 8 | field.data[1])
               : 0;
}

static inline uint32_t bytes_be32(struct bytes view, size_t offset)
{
    return (uint32_t)bytes_load(view, offset, 4);
}

static inline uint64_t bytes_be64(struct bytes view, size_t offset)
{
    struct bytes field;
    return bytes_view(view, offset, 8, &field) ? load_be64(field.data) : 0;
}

#endif
