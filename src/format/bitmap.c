// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/bitmap.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

_Static_assert((int)BITMAP_HEAD_SIZE == (int)BITMAP_FIXED_SIZE, "a head is the fixed part");

static const char *const flag_names[] = {"in-use", "auto", "extra-data-compatible"};

bool bitmap_parse(struct bytes head, struct bitmap *bitmap)
{
    if (head.size < BITMAP_FIXED_SIZE) {
        return false;
    }
    struct bitmap parsed = {
        .table_offset = bytes_be64(head, BITMAP_TABLE_OFFSET),
        .table_size = bytes_be32(head, BITMAP_TABLE_SIZE),
        .flags = bytes_be32(head, BITMAP_FLAGS),
        .type = bytes_u8(head, BITMAP_TYPE),
        .granularity_bits = bytes_u8(head, BITMAP_GRANULARITY_BITS),
        .name_size = bytes_be16(head, BITMAP_NAME_SIZE),
        .extra_size = bytes_be32(head, BITMAP_EXTRA_SIZE),
    };
    parsed.name_at = BITMAP_FIXED_SIZE + (uint64_t)parsed.extra_size;
    parsed.end = parsed.name_at + parsed.name_size;
    *bitmap = parsed;
    return true;
}

uint64_t bitmap_next(const struct bitmap *bitmap)
{
    return align_down(bitmap->end + RECORD_ALIGNMENT - 1, RECORD_ALIGNMENT);
}

bool bitmap_granularity(const struct bitmap *bitmap, uint64_t *granularity)
{
    *granularity = bitmap->granularity_bits < 64 ? UINT64_C(1) << bitmap->granularity_bits : 0;
    return *granularity != 0;
}

const char *bitmap_flag_name(unsigned bit)
{
    return bit < sizeof flag_names / sizeof *flag_names ? flag_names[bit] : NULL;
}

const char *bitmap_type_name(uint8_t type)
{
    return type == BITMAP_TYPE_DIRTY_TRACKING ? "dirty-tracking" : NULL;
}

static void check_kind(const struct bitmap *bitmap, uint64_t at, struct problems *problems)
{
    if (bitmap->flags & ~BITMAP_FLAGS_KNOWN) {
        problems_note(problems, PROBLEM_BITMAP_FLAGS, at + BITMAP_FLAGS,
                      "the flags of a bitmap are 0x%08" PRIx32 ", with reserved bits set",
                      bitmap->flags);
    }
    if (bitmap->flags & BITMAP_EXTRA_DATA_COMPATIBLE) {
        problems_note(problems, PROBLEM_BITMAP_EXTRA_FLAG, at + BITMAP_FLAGS,
                      "the flags of a bitmap are 0x%08" PRIx32 ", with bit 2", bitmap->flags);
    }
    if (!bitmap_type_name(bitmap->type)) {
        problems_note(problems, PROBLEM_BITMAP_TYPE, at + BITMAP_TYPE, "the type of a bitmap is %u",
                      bitmap->type);
    }
    if (bitmap->granularity_bits < MIN_BITMAP_GRANULARITY_BITS ||
        bitmap->granularity_bits > CAP_BITMAP_GRANULARITY_BITS) {
        problems_note(problems, PROBLEM_BITMAP_GRANULARITY_LIMIT, at + BITMAP_GRANULARITY_BITS,
                      "the granularity of a bitmap is 2^%u, outside 2^%d..2^%d",
                      bitmap->granularity_bits, MIN_BITMAP_GRANULARITY_BITS,
                      CAP_BITMAP_GRANULARITY_BITS);
    }
}

static void check_name_and_extra(const struct bitmap *bitmap, uint64_t at,
                                 struct problems *problems)
{
    if (bitmap->name_size == 0) {
        problems_note(problems, PROBLEM_BITMAP_NO_NAME, at + BITMAP_NAME_SIZE,
                      "a bitmap has no name");
    } else if (bitmap->name_size > CAP_BITMAP_NAME) {
        problems_note(problems, PROBLEM_BITMAP_NAME_LIMIT, at + BITMAP_NAME_SIZE,
                      "the name of a bitmap has %u bytes, above %" PRIu32, bitmap->name_size,
                      CAP_BITMAP_NAME);
    }
    if (bitmap->extra_size > 0) {
        problems_note(problems, PROBLEM_BITMAP_EXTRA_LIMIT, at + BITMAP_EXTRA_SIZE,
                      "a bitmap has %" PRIu32 " bytes of unknown extra data", bitmap->extra_size);
    }
}

// True when the clusters of bits that the table has entries for cover the whole disk.
static bool covers_disk(const struct bitmap *bitmap, const struct header *header)
{
    uint64_t granularity;
    uint64_t covered;
    uint64_t bits = ((uint64_t)bitmap->table_size << header->cluster_bits) * 8;
    return !bitmap_granularity(bitmap, &granularity) ||
           !checked_multiply(bits, granularity, &covered) || covered >= header->size;
}

// Bytes of the clusters that the table has entries for.
static uint64_t bits_size(const struct bitmap *bitmap, const struct header *header)
{
    return (uint64_t)bitmap->table_size << header->cluster_bits;
}

bool bitmap_table_limited(const struct bitmap *bitmap, const struct header *header)
{
    return bitmap->table_size <= CAP_BITMAP_TABLE_ENTRIES &&
           bits_size(bitmap, header) <= CAP_BITMAP_BYTES;
}

// QEMU opens no image with a bitmap, but one in use, whose table has not the size that it needs.
static void check_table_size(const struct bitmap *bitmap, const struct header *header, uint64_t at,
                             struct problems *problems)
{
    uint64_t granularity;
    if (!covers_disk(bitmap, header)) {
        problems_note(problems, PROBLEM_BITMAP_TABLE_SIZE, at + BITMAP_TABLE_SIZE,
                      "the table of a bitmap has %" PRIu32 " entries, too few for the disk",
                      bitmap->table_size);
        return;
    }
    if (!bitmap_granularity(bitmap, &granularity)) {
        return;
    }
    uint64_t bits = divide_up(align_down(header->size, SECTOR_SIZE), granularity);
    uint64_t needed = divide_up(divide_up(bits, 8), header->cluster_size);
    if (bitmap->table_size != needed) {
        problems_note(problems, PROBLEM_BITMAP_TABLE_SIZE, at + BITMAP_TABLE_SIZE,
                      "the table of a bitmap has %" PRIu32 " entries, and the disk needs %" PRIu64,
                      bitmap->table_size, needed);
    }
}

static void check_table(const struct bitmap *bitmap, const struct header *header, uint64_t at,
                        struct problems *problems)
{
    if (bitmap->table_offset == 0 || !is_aligned(bitmap->table_offset, header->cluster_size)) {
        problems_note(problems, PROBLEM_BITMAP_TABLE_PLACE, at + BITMAP_TABLE_OFFSET,
                      "the table of a bitmap is at %" PRIu64
                      ", which is 0 or not aligned to a cluster",
                      bitmap->table_offset);
    } else if (bitmap->table_offset >= HOST_OFFSET_LIMIT) {
        problems_note(problems, PROBLEM_BITMAP_TABLE_LIMIT, at + BITMAP_TABLE_OFFSET,
                      "the table of a bitmap is at %" PRIu64 ", not below 2^56",
                      bitmap->table_offset);
    }
    if (bitmap->table_size == 0) {
        problems_note(problems, PROBLEM_BITMAP_TABLE_SIZE, at + BITMAP_TABLE_SIZE,
                      "the table of a bitmap has no entries");
    } else if (!bitmap_table_limited(bitmap, header)) {
        problems_note(problems, PROBLEM_BITMAP_TABLE_SIZE_LIMIT, at + BITMAP_TABLE_SIZE,
                      "the table of a bitmap has %" PRIu32 " entries, for %" PRIu64
                      " bytes of bits, above %" PRIu64,
                      bitmap->table_size, bits_size(bitmap, header), CAP_BITMAP_BYTES);
    } else if (!(bitmap->flags & BITMAP_IN_USE)) {
        check_table_size(bitmap, header, at, problems);
    }
}

void bitmap_check(const struct bitmap *bitmap, const struct header *header, uint64_t at,
                  struct problems *problems)
{
    check_kind(bitmap, at, problems);
    check_name_and_extra(bitmap, at, problems);
    if (header->geometry_known) {
        check_table(bitmap, header, at, problems);
    }
}
