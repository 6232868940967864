// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/refcount.h"

enum { BYTE_ORDER_LOG2 = 3 }; // refcounts of 8 bits and more are whole bytes

uint64_t refcount_load(struct bytes block, uint32_t refcount_order, uint64_t index)
{
    if (refcount_order >= BYTE_ORDER_LOG2) {
        size_t width = (size_t)1 << (refcount_order - BYTE_ORDER_LOG2);
        return bytes_load(block, index * width, width);
    }
    unsigned bits = 1U << refcount_order;
    unsigned per_byte = 8 / bits;
    uint8_t byte = bytes_u8(block, index / per_byte);
    return (uint64_t)(byte >> index % per_byte * bits) & ((1U << bits) - 1);
}
