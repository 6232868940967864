// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Arithmetic with overflow checks, for numbers that come from a file.

#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

// False on overflow; do not use `sum` then.
static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

// UINT64_MAX when the sum does not fit.
static inline uint64_t add_clipped(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return checked_add(a, b, &sum) ? sum : UINT64_MAX;
}

static inline bool checked_multiply(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

// `alignment` is a power of two, here and below.
static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
    return value & ~(alignment - 1);
}

static inline bool checked_align_up(uint64_t value, uint64_t alignment, uint64_t *aligned)
{
    if (!checked_add(value, alignment - 1, aligned)) {
        return false;
    }
    *aligned = align_down(*aligned, alignment);
    return true;
}

static inline bool is_aligned(uint64_t value, uint64_t alignment)
{
    return (value & (alignment - 1)) == 0;
}

static inline uint64_t divide_up(uint64_t value, uint64_t divisor)
{
    return value / divisor + (value % divisor != 0);
}

// True when [offset, offset + length) lies in [0, size).
static inline bool range_inside(uint64_t offset, uint64_t length, uint64_t size)
{
    return length <= size && offset <= size - length;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
