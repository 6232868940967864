// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The header of versions 2 and 3 and the geometry that follows from it ("Header" in the
// specification).

#ifndef FORMAT_HEADER_H
#define FORMAT_HEADER_H

#include "base/bytes.h"
#include "base/checked.h"
#include "format/layout.h"
#include "format/problem.h"

// Fields in the order of the file, with the values of the file.
struct header {
    uint32_t version; // 2, 3 or any other value
    uint64_t backing_file_offset;
    uint32_t backing_file_size;
    uint32_t cluster_bits;
    uint64_t size; // bytes
    uint32_t crypt_method;
    uint32_t l1_size; // entries
    uint64_t l1_table_offset;
    uint64_t refcount_table_offset;
    uint32_t refcount_table_clusters;
    uint32_t nb_snapshots;
    uint64_t snapshots_offset;
    uint64_t incompatible_features; // version 2: 0, like the next two
    uint64_t compatible_features;
    uint64_t autoclear_features;
    uint32_t refcount_order; // version 2: 4
    uint32_t header_length;  // version 2: 72
    uint8_t compression_type;

    // Derived. Valid only when `geometry_known`: the version and the cluster size are valid.
    bool geometry_known;
    uint32_t cluster_size;  // bytes
    uint32_t l2_entry_size; // bytes: 8, or 16 with extended L2 entries
    uint32_t l2_entries;    // in one L2 table: 2 to the power of
    uint32_t l2_bits;       // this
    uint32_t refcount_bits; // 0 when refcount_order is out of range
    uint64_t l2_odd_bits;   // an L2 entry without any of these bits seldom has a fault
};

// Parses `start`, the first bytes of a file (at least HEADER_PARSED, unless the file is shorter).
// False, with `error`, only when this is not a qcow2 image or the header is incomplete. All other
// faults of fields are added to `problems`, and the result is true. A version above 3 is parsed as
// 3, with a fatal problem.
bool header_parse(struct bytes start, struct header *header, struct problems *problems,
                  struct error *error);

// Sets the derived fields.
void header_derive(struct header *header);

static inline bool header_extended_l2(const struct header *header)
{
    return header->l2_entry_size == 16;
}

// True when L2 entries have the zero bit.
static inline bool header_has_zero_bit(const struct header *header)
{
    return header->version >= 3 && !header_extended_l2(header);
}

static inline bool header_has_data_file(const struct header *header)
{
    return (header->incompatible_features & INCOMPATIBLE_DATA_FILE) != 0;
}

// True when a table can begin at `offset` of the file: aligned to a cluster, below 2^56. When the
// cluster size is unknown, any offset below 2^56 is accepted.
static inline bool header_is_place(const struct header *header, uint64_t offset)
{
    return offset < HOST_OFFSET_LIMIT &&
           (!header->geometry_known || is_aligned(offset, header->cluster_size));
}

// Guest bytes that one L2 table maps. At most 2^39.
static inline uint64_t header_l2_coverage(const struct header *header)
{
    return (uint64_t)header->l2_entries << header->cluster_bits;
}

#endif
