// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// One entry of the bitmap directory ("Bitmaps extension" in the specification), parsed in two steps
// like a snapshot: the numbers in its head first, then the name at the place that they give. Also
// the entries of a bitmap table.

#ifndef FORMAT_BITMAP_H
#define FORMAT_BITMAP_H

#include "base/bytes.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/layout.h"
#include "format/problem.h"

// Host offset of the cluster of bits that a bitmap table entry refers to; 0: none, its bits are all
// the same.
static inline uint64_t bitmap_table_offset(uint64_t entry)
{
    return entry & ENTRY_OFFSET_MASK;
}

// For an entry without a cluster of bits: true when its bits are all ones, false when all zeros.
static inline bool bitmap_table_all_ones(uint64_t entry)
{
    return entry == BITMAP_TABLE_ALL_ONES;
}

// The faults of a bitmap table entry: a set of enum entry_fault.
static inline uint32_t bitmap_table_faults(const struct header *header, uint64_t entry)
{
    uint64_t offset = bitmap_table_offset(entry);
    uint64_t flags = entry & ~ENTRY_OFFSET_MASK;
    bool reserved = flags > (offset == 0 ? BITMAP_TABLE_ALL_ONES : 0);
    return fault_if(reserved, FAULT_BITMAP_TABLE_RESERVED_BITS) |
           fault_if(!is_aligned(offset, header->cluster_size), FAULT_BITMAP_TABLE_UNALIGNED);
}

struct bitmap {
    uint64_t table_offset; // bytes
    uint32_t table_size;   // entries
    uint32_t flags;        // BITMAP_IN_USE, ...
    uint8_t type;          // BITMAP_TYPE_DIRTY_TRACKING or any other value
    uint8_t granularity_bits;
    uint32_t extra_size;

    // Where the name is and where the entry ends (its padding excluded), in bytes from its start.
    uint64_t name_at, end;
    uint16_t name_size;

    struct bytes name; // a view; empty until the caller sets it
};

enum { BITMAP_HEAD_SIZE = 24 };

// Parses the first BITMAP_HEAD_SIZE bytes of an entry. False when `head` has fewer.
bool bitmap_parse(struct bytes head, struct bitmap *bitmap);

// Where the next entry begins, from the start of this one.
uint64_t bitmap_next(const struct bitmap *bitmap);

// Bytes of the disk that one bit stands for. False when the number exceeds 64 bits.
bool bitmap_granularity(const struct bitmap *bitmap, uint64_t *granularity);

// "in-use", ... by bit number; NULL for a reserved flag.
const char *bitmap_flag_name(unsigned bit);

// "dirty-tracking"; NULL for an unknown type.
const char *bitmap_type_name(uint8_t type);

// False when the bitmap table has more entries, or its clusters more bytes of bits, than any
// program reads (PROBLEM_BITMAP_TABLE_SIZE_LIMIT). Call it only when the geometry of the header is
// known.
bool bitmap_table_limited(const struct bitmap *bitmap, const struct header *header);

// Adds all problems of an entry at byte `at` of the file to `problems`.
void bitmap_check(const struct bitmap *bitmap, const struct header *header, uint64_t at,
                  struct problems *problems);

#endif
