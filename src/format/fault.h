// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Faults of a single entry of an L1 table, an L2 table, a refcount table or a bitmap table. The
// functions that check an entry return a set of faults: bit n of a uint32_t is fault n.

#ifndef FORMAT_FAULT_H
#define FORMAT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

// When an entry has several faults, an error message names the first.
enum entry_fault {
    FAULT_L1_RESERVED_BITS,
    FAULT_L1_UNALIGNED,
    FAULT_L1_NO_TABLE, // flags or reserved bits without an L2 table offset
    FAULT_L2_RESERVED_BITS,
    FAULT_L2_ZERO_BIT,          // in version 2
    FAULT_L2_ZERO_BIT_EXTENDED, // where subclusters have bits of their own
    FAULT_SUBCLUSTERS_CONFLICT,
    FAULT_SUBCLUSTERS_NO_CLUSTER,
    FAULT_L2_UNALIGNED,
    FAULT_DATA_FILE_OFFSET,
    FAULT_L2_COPIED, // without a host cluster
    FAULT_COMPRESSED_COPIED,
    FAULT_COMPRESSED_DATA_FILE,
    FAULT_COMPRESSED_SUBCLUSTERS,
    FAULT_REFCOUNT_TABLE_RESERVED_BITS,
    FAULT_REFCOUNT_TABLE_UNALIGNED,
    FAULT_BITMAP_TABLE_RESERVED_BITS,
    FAULT_BITMAP_TABLE_UNALIGNED,
    FAULTS,
};

struct fault_rule {
    const char *words; // completes "the entry has ..."
    bool unreadable;   // the data or table that the entry refers to cannot be read
};

extern const struct fault_rule fault_rules[FAULTS];

// The subset of `faults` that makes the data or table behind the entry unreadable.
uint32_t faults_unreadable(uint32_t faults);

// The set with only `fault` when `wrong`, else the empty set.
static inline uint32_t fault_if(bool wrong, enum entry_fault fault)
{
    return wrong ? UINT32_C(1) << fault : 0;
}

// The first of `faults`, which is not empty.
static inline enum entry_fault fault_first(uint32_t faults)
{
    return (enum entry_fault)__builtin_ctz(faults);
}

// Removes the first of `faults`, which is not empty, and returns it.
static inline enum entry_fault fault_take(uint32_t *faults)
{
    enum entry_fault first = fault_first(*faults);
    *faults &= *faults - 1;
    return first;
}

#endif
