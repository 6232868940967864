// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What L2 entries, standard, extended and compressed, say of a cluster and its subclusters; and
// each fault that an entry of an L1, L2, refcount or bitmap table can have.

#include "format/bitmap.h"
#include "format/entry.h"
#include "format/refcount.h"

#include "unit.h"

#define COPIED     (UINT64_C(1) << 63)
#define COMPRESSED (UINT64_C(1) << 62)
#define ZERO       UINT64_C(1)
#define CLUSTER    UINT64_C(65536)
#define SUBCLUSTER (CLUSTER / 32)

static struct header header_of(uint32_t version, unsigned cluster_bits, uint64_t features)
{
    struct header header = {
        .version = version,
        .cluster_bits = cluster_bits,
        .incompatible_features = features,
    };
    header_derive(&header);
    return header;
}

static uint32_t look(const struct header *header, uint64_t entry, uint64_t subclusters,
                     uint64_t guest_offset, struct stretch *stretch)
{
    return l2_entry_stretch(header, (struct l2_entry){entry, subclusters}, guest_offset, stretch);
}

// The entry says: this kind, to the end of its cluster, with this host offset (0: none).
static void check_standard(const struct header *header, uint64_t entry, uint64_t guest_offset,
                           enum cluster_kind kind, uint64_t host_offset)
{
    struct stretch stretch;
    CHECK_EQ_U64(look(header, entry, 0, guest_offset, &stretch), 0);
    CHECK_EQ_U64(stretch.kind, kind);
    CHECK_EQ_U64(stretch.length, header->cluster_size - guest_offset % header->cluster_size);
    CHECK_EQ_U64(stretch.has_host, host_offset != 0);
    if (host_offset != 0) {
        CHECK_EQ_U64(stretch.host_offset, host_offset);
    }
}

static void an_empty_entry_is_unallocated(void)
{
    struct header header = header_of(3, 16, 0);
    check_standard(&header, 0, 0, CLUSTER_UNALLOCATED, 0);
    check_standard(&header, 0, 5 * CLUSTER + 123, CLUSTER_UNALLOCATED, 0);
    header = header_of(2, 16, 0);
    check_standard(&header, 0, 0, CLUSTER_UNALLOCATED, 0);
}

static void an_entry_with_an_offset_is_data(void)
{
    struct header header = header_of(2, 16, 0);
    check_standard(&header, COPIED | 0x50000, 0, CLUSTER_DATA, 0x50000);
    check_standard(&header, 0x50000, 3 * CLUSTER + 777, CLUSTER_DATA, 0x50000 + 777);
    check_standard(&header, COPIED | 0x50000, 4 * CLUSTER - 1, CLUSTER_DATA, 0x5ffff);
}

static void the_offset_has_bits_9_to_55(void)
{
    struct header header = header_of(3, 9, 0);
    check_standard(&header, UINT64_C(0x00fffffffffffe00), 0, CLUSTER_DATA,
                   UINT64_C(0x00fffffffffffe00));
    check_standard(&header, UINT64_C(0x200), 0, CLUSTER_DATA, 0x200);
}

static void reserved_bits_are_ignored(void)
{
    struct header header = header_of(3, 16, 0);
    const uint64_t reserved = UINT64_C(0x3f000000000001fe); // 56..61 and 1..8
    check_standard(&header, reserved | 0x50000, 0, CLUSTER_DATA, 0x50000);
    check_standard(&header, reserved, 0, CLUSTER_UNALLOCATED, 0);
    check_standard(&header, reserved | ZERO, 0, CLUSTER_ZERO, 0);
}

static void the_zero_bit_reads_as_zero_with_or_without_an_offset(void)
{
    struct header header = header_of(3, 16, 0);
    check_standard(&header, ZERO, 10, CLUSTER_ZERO, 0);
    check_standard(&header, COPIED | ZERO | 0x50000, 10, CLUSTER_ZERO, 0x5000a);
}

static void the_zero_bit_in_version_2_is_a_fault(void)
{
    struct header header = header_of(2, 16, 0);
    struct stretch stretch;
    CHECK(look(&header, ZERO, 0, 0, &stretch) != 0);
    CHECK(look(&header, COPIED | ZERO | 0x50000, 0, 0, &stretch) != 0);
}

static void copied_without_an_offset_is_unallocated(void)
{
    struct header header = header_of(3, 16, 0);
    check_standard(&header, COPIED, 0, CLUSTER_UNALLOCATED, 0);
}

static void an_offset_inside_a_cluster_is_a_fault(void)
{
    struct header header = header_of(3, 16, 0);
    struct stretch stretch;
    CHECK(look(&header, COPIED | 0x50200, 0, 0, &stretch) != 0);
    CHECK(look(&header, 0x200, 0, 0, &stretch) != 0);
    CHECK(look(&header, ZERO | 0x50200, 0, 0, &stretch) != 0);
    header = header_of(3, 9, 0);
    CHECK_EQ_U64(look(&header, COPIED | 0x50200, 0, 0, &stretch), 0);
}

// For every cluster size: the host offset has 62 - (bits - 8) bits, the sectors the rest up to 61.
static void a_compressed_entry_has_an_offset_and_a_number_of_sectors(void)
{
    for (unsigned bits = 9; bits <= 21; bits++) {
        struct header header = header_of(3, bits, 0);
        unsigned x = 62 - (bits - 8);
        uint64_t sectors = (UINT64_C(1) << (62 - x)) - 1;
        uint64_t host_offset = (UINT64_C(1) << x) - 1 - 100; // ends in 512 - 101
        struct stretch stretch;
        CHECK_EQ_U64(look(&header, COMPRESSED | sectors << x | host_offset, 0, 0, &stretch), 0);
        CHECK_EQ_U64(stretch.kind, CLUSTER_COMPRESSED);
        CHECK(stretch.has_host);
        CHECK_EQ_U64(stretch.host_offset, host_offset);
        CHECK_EQ_U64(stretch.stored_size, (sectors + 1) * 512 - 411);
        CHECK_EQ_U64(stretch.length, header.cluster_size);
    }
}

static void a_compressed_cluster_in_one_sector_ends_with_it(void)
{
    struct header header = header_of(2, 16, 0);
    struct stretch stretch;
    CHECK_EQ_U64(look(&header, COMPRESSED | 0x50000, 0, 0, &stretch), 0);
    CHECK_EQ_U64(stretch.stored_size, 512);
    CHECK_EQ_U64(look(&header, COMPRESSED | 0x501ff, 0, 0, &stretch), 0);
    CHECK_EQ_U64(stretch.host_offset, 0x501ff);
    CHECK_EQ_U64(stretch.stored_size, 1);
}

static void a_compressed_cluster_keeps_its_offset_from_any_guest_offset(void)
{
    struct header header = header_of(3, 16, 0);
    struct stretch stretch;
    CHECK_EQ_U64(look(&header, COMPRESSED | 0x50123, 0, 7 * CLUSTER + 1000, &stretch), 0);
    CHECK_EQ_U64(stretch.host_offset, 0x50123);
    CHECK_EQ_U64(stretch.length, CLUSTER - 1000);
}

// Bit 0 belongs to the offset there, and COPIED means nothing.
static void in_a_compressed_entry_the_zero_bit_is_none(void)
{
    struct header header = header_of(2, 16, 0);
    struct stretch stretch;
    CHECK_EQ_U64(look(&header, COPIED | COMPRESSED | 0x50001, 0, 0, &stretch), 0);
    CHECK_EQ_U64(stretch.kind, CLUSTER_COMPRESSED);
    CHECK_EQ_U64(stretch.host_offset, 0x50001);
}

static void a_data_file_has_no_compressed_clusters(void)
{
    struct header header = header_of(3, 16, 4);
    struct stretch stretch;
    CHECK(look(&header, COMPRESSED | 0x50000, 0, 0, &stretch) != 0);
}

static void in_a_data_file_host_offset_0_is_data_when_copied(void)
{
    struct header header = header_of(3, 16, 4);
    struct stretch stretch;
    CHECK_EQ_U64(look(&header, COPIED, 0, 100, &stretch), 0);
    CHECK_EQ_U64(stretch.kind, CLUSTER_DATA);
    CHECK(stretch.has_host);
    CHECK_EQ_U64(stretch.host_offset, 100);
    check_standard(&header, 0, 0, CLUSTER_UNALLOCATED, 0);
}

static void in_a_data_file_host_and_guest_offset_are_equal_or_a_fault(void)
{
    struct header header = header_of(3, 16, 4);
    struct stretch stretch;
    check_standard(&header, COPIED | 0x50000, 5 * CLUSTER + 9, CLUSTER_DATA, 0x50009);
    CHECK(look(&header, COPIED | 0x50000, 0, 4 * CLUSTER, &stretch) != 0);
    CHECK(look(&header, COPIED, 0, 4 * CLUSTER, &stretch) != 0);
    CHECK(look(&header, COPIED | ZERO | 0x50000, 0, 4 * CLUSTER, &stretch) != 0);
    check_standard(&header, ZERO, 4 * CLUSTER, CLUSTER_ZERO, 0);
    check_standard(&header, COPIED | ZERO | 0x40000, 4 * CLUSTER, CLUSTER_ZERO, 0x40000);
}

// ---- Extended entries: bits 0..31 allocated, 32..63 zero
// ------------------------------------------

static void check_extended(uint64_t entry, uint64_t bitmap, uint64_t guest_offset,
                           enum cluster_kind kind, uint64_t length)
{
    struct header header = header_of(3, 16, 16);
    struct stretch stretch;
    CHECK_EQ_U64(look(&header, entry, bitmap, guest_offset, &stretch), 0);
    CHECK_EQ_U64(stretch.kind, kind);
    CHECK_EQ_U64(stretch.length, length);
    CHECK_EQ_U64(stretch.has_host, entry != 0);
    if (entry != 0) {
        CHECK_EQ_U64(stretch.host_offset,
                     (entry & UINT64_C(0x00fffffffffffe00)) + guest_offset % CLUSTER);
    }
}

static void all_subclusters_alike_are_one_stretch(void)
{
    check_extended(COPIED | 0x50000, UINT64_C(0x00000000ffffffff), 0, CLUSTER_DATA, CLUSTER);
    check_extended(COPIED | 0x50000, UINT64_C(0xffffffff00000000), 0, CLUSTER_ZERO, CLUSTER);
    check_extended(COPIED | 0x50000, 0, 0, CLUSTER_UNALLOCATED, CLUSTER);
    check_extended(0, UINT64_C(0xffffffff00000000), 0, CLUSTER_ZERO, CLUSTER);
    check_extended(0, 0, 0, CLUSTER_UNALLOCATED, CLUSTER);
}

// Subclusters 0..3 data, 4..5 unallocated, 6..30 zero, 31 data.
static const uint64_t mixed = UINT64_C(0x7fffffc08000000f);

static void a_stretch_ends_where_the_subclusters_change(void)
{
    const uint64_t host = COPIED | 0x50000;
    const uint64_t guest = 9 * CLUSTER;
    check_extended(host, mixed, guest, CLUSTER_DATA, 4 * SUBCLUSTER);
    check_extended(host, mixed, guest + 3 * SUBCLUSTER, CLUSTER_DATA, SUBCLUSTER);
    check_extended(host, mixed, guest + 4 * SUBCLUSTER, CLUSTER_UNALLOCATED, 2 * SUBCLUSTER);
    check_extended(host, mixed, guest + 6 * SUBCLUSTER, CLUSTER_ZERO, 25 * SUBCLUSTER);
    check_extended(host, mixed, guest + 31 * SUBCLUSTER, CLUSTER_DATA, SUBCLUSTER);
}

static void a_stretch_begins_within_a_subcluster(void)
{
    const uint64_t host = COPIED | 0x50000;
    check_extended(host, mixed, SUBCLUSTER + 1, CLUSTER_DATA, 3 * SUBCLUSTER - 1);
    check_extended(host, mixed, 5 * SUBCLUSTER + 2047, CLUSTER_UNALLOCATED, 1);
    check_extended(host, mixed, 32 * SUBCLUSTER - 1, CLUSTER_DATA, 1);
}

static void zero_subclusters_need_no_host_cluster(void)
{
    check_extended(0, UINT64_C(0x8000000100000000), 0, CLUSTER_ZERO, SUBCLUSTER);
    check_extended(0, UINT64_C(0x8000000100000000), SUBCLUSTER, CLUSTER_UNALLOCATED,
                   30 * SUBCLUSTER);
    check_extended(0, UINT64_C(0x8000000100000000), 31 * SUBCLUSTER, CLUSTER_ZERO, SUBCLUSTER);
}

static void subclusters_scale_with_the_cluster(void)
{
    for (unsigned bits = 14; bits <= 21; bits++) {
        struct header header = header_of(3, bits, 16);
        uint64_t subcluster = (UINT64_C(1) << bits) / 32;
        struct stretch stretch;
        CHECK_EQ_U64(look(&header, UINT64_C(1) << 30, 6, 2 * subcluster, &stretch), 0);
        CHECK_EQ_U64(stretch.kind, CLUSTER_DATA);
        CHECK_EQ_U64(stretch.length, subcluster);
        CHECK_EQ_U64(stretch.host_offset, (UINT64_C(1) << 30) + 2 * subcluster);
    }
}

static void a_subcluster_that_is_allocated_and_zero_spoils_the_whole_entry(void)
{
    struct header header = header_of(3, 16, 16);
    struct stretch stretch;
    CHECK(look(&header, COPIED | 0x50000, UINT64_C(0x0000000100000001), 0, &stretch) != 0);
    CHECK(look(&header, COPIED | 0x50000, UINT64_C(0x8000000080000001), 0, &stretch) != 0);
    CHECK(look(&header, COPIED | 0x50000, UINT64_C(0xffffffffffffffff), 0, &stretch) != 0);
}

static void an_allocated_subcluster_without_a_host_cluster_spoils_the_whole_entry(void)
{
    struct header header = header_of(3, 16, 16);
    struct stretch stretch;
    CHECK(look(&header, 0, 1, 31 * SUBCLUSTER, &stretch) != 0);
    CHECK(look(&header, 0, UINT64_C(0x80000000), 0, &stretch) != 0);
    CHECK(look(&header, COPIED, 1, 0, &stretch) != 0);
}

static void bit_0_of_an_extended_entry_is_reserved(void)
{
    check_extended(COPIED | 0x50000 | ZERO, UINT64_C(0xffffffff), 0, CLUSTER_DATA, CLUSTER);
}

static void the_bitmap_of_a_compressed_cluster_is_ignored(void)
{
    struct header header = header_of(3, 16, 16);
    struct stretch stretch;
    CHECK_EQ_U64(look(&header, COMPRESSED | 0x50001, UINT64_MAX, 3 * SUBCLUSTER, &stretch), 0);
    CHECK_EQ_U64(stretch.kind, CLUSTER_COMPRESSED);
    CHECK_EQ_U64(stretch.length, 29 * SUBCLUSTER);
    CHECK_EQ_U64(stretch.host_offset, 0x50001);
}

static void an_extended_entry_with_an_unaligned_offset_is_a_fault(void)
{
    struct header header = header_of(3, 16, 16);
    struct stretch stretch;
    CHECK(look(&header, COPIED | 0x50800, UINT64_C(0xffffffff), 0, &stretch) != 0);
}

static void in_a_data_file_subclusters_lie_at_their_guest_offset(void)
{
    struct header header = header_of(3, 16, 4 | 16);
    struct stretch stretch;
    CHECK_EQ_U64(look(&header, COPIED, 2, SUBCLUSTER, &stretch), 0);
    CHECK_EQ_U64(stretch.kind, CLUSTER_DATA);
    CHECK_EQ_U64(stretch.host_offset, SUBCLUSTER);
    CHECK(look(&header, COPIED, 2, CLUSTER + SUBCLUSTER, &stretch) != 0);
}

// ---- Faults
// --------------------------------------------------------------------------------------

#define SET(fault) (UINT32_C(1) << (fault))

enum table { L1, L2, REFCOUNT_TABLE, BITMAP_TABLE };

enum { DATA_FILE = 4, EXTENDED = 16 }; // incompatible features

struct fault_case {
    uint64_t entry, subclusters, guest_offset;
    uint32_t version;
    uint32_t features;
    enum table table;
    bool unreadable;
    uint32_t faults;
};

#define ALLOCATED UINT64_C(1)
#define ZEROED    (UINT64_C(1) << 32)

// Clusters of 64 KiB.
static const struct fault_case fault_cases[] = {
    {0x50000 | UINT64_C(1) << 56, 0, 0, 3, 0, L1, false, SET(FAULT_L1_RESERVED_BITS)},
    {0x50000 | COMPRESSED, 0, 0, 3, 0, L1, false, SET(FAULT_L1_RESERVED_BITS)},
    {UINT64_C(1) << 8, 0, 0, 3, 0, L1, false, SET(FAULT_L1_NO_TABLE)},
    {0x50000 | ZERO, 0, 0, 3, 0, L1, false, SET(FAULT_L1_RESERVED_BITS)},
    {0x50200, 0, 0, 3, 0, L1, true, SET(FAULT_L1_UNALIGNED)},
    {0x5fe00 | COPIED, 0, 0, 2, 0, L1, true, SET(FAULT_L1_UNALIGNED)},
    {COPIED, 0, 0, 3, 0, L1, false, SET(FAULT_L1_NO_TABLE)},
    {COPIED, 0, 0, 3, DATA_FILE, L1, false, SET(FAULT_L1_NO_TABLE)},
    {UINT64_C(1) << 56, 0, 0, 3, 0, L1, false, SET(FAULT_L1_NO_TABLE)},

    {0x50000 | 2, 0, 0, 3, 0, L2, false, SET(FAULT_L2_RESERVED_BITS)},
    {UINT64_C(1) << 8, 0, 0, 2, 0, L2, false, SET(FAULT_L2_RESERVED_BITS)},
    {COPIED | 0x50000 | UINT64_C(1) << 56, 0, 0, 3, 0, L2, false, SET(FAULT_L2_RESERVED_BITS)},
    {UINT64_C(1) << 61 | ZERO, 0, 0, 3, 0, L2, false, SET(FAULT_L2_RESERVED_BITS)},
    {COPIED | 0x50000 | ZERO, ALLOCATED, 0, 3, EXTENDED, L2, false,
     SET(FAULT_L2_ZERO_BIT_EXTENDED)},
    {ZERO, 0, 0, 3, EXTENDED, L2, false, SET(FAULT_L2_ZERO_BIT_EXTENDED)},
    {ZERO, 0, 0, 2, 0, L2, true, SET(FAULT_L2_ZERO_BIT)},
    {COPIED | 0x50000 | ZERO, 0, 0, 2, 0, L2, true, SET(FAULT_L2_ZERO_BIT)},
    {0x50000, ALLOCATED | ZEROED, 0, 3, EXTENDED, L2, true, SET(FAULT_SUBCLUSTERS_CONFLICT)},
    {0x50000, UINT64_MAX, 0, 3, EXTENDED, L2, true, SET(FAULT_SUBCLUSTERS_CONFLICT)},
    {0, ALLOCATED, 0, 3, EXTENDED, L2, true, SET(FAULT_SUBCLUSTERS_NO_CLUSTER)},
    {0, ALLOCATED | ZEROED, 0, 3, EXTENDED, L2, true, SET(FAULT_SUBCLUSTERS_NO_CLUSTER)},
    {0, ALLOCATED, 0, 3, EXTENDED | DATA_FILE, L2, true, SET(FAULT_SUBCLUSTERS_NO_CLUSTER)},
    {COPIED | 0x50200, 0, 0, 3, 0, L2, true, SET(FAULT_L2_UNALIGNED)},
    {0x200 | ZERO, 0, 0, 3, 0, L2, true, SET(FAULT_L2_UNALIGNED)},
    {0x58000, 0, 0, 3, EXTENDED, L2, true, SET(FAULT_L2_UNALIGNED)},
    {COPIED | 0x50000, 0, 0x40000, 3, DATA_FILE, L2, true, SET(FAULT_DATA_FILE_OFFSET)},
    {COPIED, 0, 0x40000, 3, DATA_FILE, L2, true, SET(FAULT_DATA_FILE_OFFSET)},
    {0x50000 | ZERO, 0, 0x40000, 3, DATA_FILE, L2, true, SET(FAULT_DATA_FILE_OFFSET)},
    {COPIED, 0, 0x40000, 3, DATA_FILE | EXTENDED, L2, true, SET(FAULT_DATA_FILE_OFFSET)},
    {COPIED, 0, 0, 3, 0, L2, false, SET(FAULT_L2_COPIED)},
    {COPIED, ZEROED, 0, 3, EXTENDED, L2, false, SET(FAULT_L2_COPIED)},
    {COPIED | COMPRESSED | 0x50001, 0, 0, 3, 0, L2, false, SET(FAULT_COMPRESSED_COPIED)},
    {COMPRESSED | 0x50000, 0, 0x50000, 3, DATA_FILE, L2, true, SET(FAULT_COMPRESSED_DATA_FILE)},
    {COMPRESSED | 0x50000, ZEROED, 0, 3, EXTENDED, L2, false, SET(FAULT_COMPRESSED_SUBCLUSTERS)},

    {0x50000 | 1, 0, 0, 3, 0, REFCOUNT_TABLE, false, SET(FAULT_REFCOUNT_TABLE_RESERVED_BITS)},
    {0x100, 0, 0, 2, 0, REFCOUNT_TABLE, false, SET(FAULT_REFCOUNT_TABLE_RESERVED_BITS)},
    {0x50200, 0, 0, 3, 0, REFCOUNT_TABLE, true, SET(FAULT_REFCOUNT_TABLE_UNALIGNED)},

    {0x50000 | 1, 0, 0, 3, 0, BITMAP_TABLE, true, SET(FAULT_BITMAP_TABLE_RESERVED_BITS)},
    {2, 0, 0, 3, 0, BITMAP_TABLE, true, SET(FAULT_BITMAP_TABLE_RESERVED_BITS)},
    {UINT64_C(1) << 56, 0, 0, 3, 0, BITMAP_TABLE, true, SET(FAULT_BITMAP_TABLE_RESERVED_BITS)},
    {0x50200, 0, 0, 3, 0, BITMAP_TABLE, true, SET(FAULT_BITMAP_TABLE_UNALIGNED)},

    // Several at once.
    {COPIED | 0x50200 | 2, 0, 0, 3, 0, L2, true,
     SET(FAULT_L2_RESERVED_BITS) | SET(FAULT_L2_UNALIGNED)},
    {0x50200 | 1, 0, 0, 3, 0, REFCOUNT_TABLE, true,
     SET(FAULT_REFCOUNT_TABLE_RESERVED_BITS) | SET(FAULT_REFCOUNT_TABLE_UNALIGNED)},
    {0x50200, 0, 0x40000, 3, DATA_FILE, L2, true,
     SET(FAULT_L2_UNALIGNED) | SET(FAULT_DATA_FILE_OFFSET)},
    {COPIED | COMPRESSED, ALLOCATED, 0, 3, DATA_FILE | EXTENDED, L2, true,
     SET(FAULT_COMPRESSED_COPIED) | SET(FAULT_COMPRESSED_DATA_FILE) |
         SET(FAULT_COMPRESSED_SUBCLUSTERS)},

    // None.
    {0, 0, 0, 2, 0, L1, false, 0},
    {COPIED | UINT64_C(0x00ffffffffff0000), 0, 0, 2, 0, L1, false, 0},
    {0, 0, 0x40000, 3, DATA_FILE, L2, false, 0},
    {COPIED | UINT64_C(0x00ffffffffff0000), 0, 0, 2, 0, L2, false, 0},
    {COPIED | ZERO, 0, 0, 3, 0, L2, false, 0},
    {COPIED | ZERO, 0, 0x40000, 3, DATA_FILE, L2, false, 0},
    {COPIED, 0, 0xffff, 3, DATA_FILE, L2, false, 0},
    {COPIED | 0x50000, 0, 0x5ffff, 3, DATA_FILE, L2, false, 0},
    {COPIED, ALLOCATED, 0, 3, DATA_FILE | EXTENDED, L2, false, 0},
    {COPIED | 0x50000, UINT64_C(0x0ffffffff0000000), 0, 3, EXTENDED, L2, false, 0},
    {0, UINT64_C(0xffffffff00000000), 0, 3, EXTENDED, L2, false, 0},
    {COMPRESSED | UINT64_C(0x3fffffffffffffff), 0, 0, 2, 0, L2, false, 0},
    {0, 0, 0, 3, 0, REFCOUNT_TABLE, false, 0},
    {UINT64_C(0xffffffffffff0000), 0, 0, 3, 0, REFCOUNT_TABLE, false, 0},
    {1, 0, 0, 3, 0, BITMAP_TABLE, false, 0},
    {UINT64_C(0x00ffffffffff0000), 0, 0, 3, 0, BITMAP_TABLE, false, 0},
};

enum { FAULT_CASES = sizeof fault_cases / sizeof *fault_cases };

static uint32_t faults_of(const struct fault_case *one, const struct header *header)
{
    switch (one->table) {
    case L1:
        return l1_entry_faults(header, one->entry);
    case L2:
        return l2_entry_faults(header, (struct l2_entry){one->entry, one->subclusters},
                               one->guest_offset);
    case REFCOUNT_TABLE:
        return refcount_table_faults(header, one->entry);
    default:
        return bitmap_table_faults(header, one->entry);
    }
}

static void each_fault_is_found_and_makes_unreadable_or_does_not(void)
{
    for (size_t i = 0; i < FAULT_CASES; i++) {
        const struct fault_case *one = &fault_cases[i];
        struct header header = header_of(one->version, 16, one->features);
        uint32_t faults = faults_of(one, &header);
        if (!CHECK_EQ_U64(faults, one->faults) ||
            !CHECK_EQ_U64(faults_unreadable(faults) != 0, one->unreadable)) {
            printf("# case %zu, entry 0x%016" PRIx64 "\n", i, one->entry);
        }
    }
}

static void a_stretch_is_refused_for_faults_that_make_unreadable_alone(void)
{
    for (size_t i = 0; i < FAULT_CASES; i++) {
        const struct fault_case *one = &fault_cases[i];
        struct header header = header_of(one->version, 16, one->features);
        struct stretch stretch;
        if (one->table == L2) {
            uint32_t refused =
                look(&header, one->entry, one->subclusters, one->guest_offset, &stretch);
            CHECK_EQ_U64(refused != 0, one->unreadable);
            CHECK_EQ_U64(refused & ~one->faults, 0);
        }
    }
}

static void every_fault_has_a_case_and_words(void)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < FAULT_CASES; i++) {
        seen |= fault_cases[i].faults;
    }
    CHECK_EQ_U64(seen, (UINT64_C(1) << FAULTS) - 1);
    for (size_t i = 0; i < FAULTS; i++) {
        CHECK(fault_rules[i].words != NULL && strlen(fault_rules[i].words) > 10);
    }
}

static void plain_data_is_a_whole_aligned_cluster_with_copied_alone(void)
{
    struct header header = header_of(3, 16, 0);
    const struct l2_entry plain = {COPIED | 0x50000, 0};
    CHECK(l2_entry_is_plain_data(&header, plain));
    for (unsigned bit = 0; bit < 64; bit++) {
        struct l2_entry other = {plain.entry ^ UINT64_C(1) << bit, 0};
        bool of_offset = bit >= 16 && bit <= 55; // and what remains is not 0
        CHECK_EQ_U64(l2_entry_is_plain_data(&header, other), of_offset);
    }
    CHECK(!l2_entry_is_plain_data(&header, (struct l2_entry){COPIED, 0}));
    header = header_of(3, 16, EXTENDED);
    CHECK(l2_entry_is_plain_data(&header, (struct l2_entry){COPIED | 0x50000, UINT32_MAX}));
    CHECK(!l2_entry_is_plain_data(&header, (struct l2_entry){COPIED | 0x50000, UINT32_MAX >> 1}));
    CHECK(!l2_entry_is_plain_data(&header, (struct l2_entry){COPIED | 0x50000, UINT64_MAX}));
    header = header_of(3, 16, DATA_FILE);
    CHECK(!l2_entry_is_plain_data(&header, plain));
}

static void an_l1_table_is_aligned_below_2_to_the_56_and_no_larger_than_32_mib(void)
{
    struct header header = header_of(3, 16, 0);
    CHECK(l1_table_is_sound(&header, (struct l1_table){0x30000, 4194304}));
    CHECK(l1_table_is_sound(&header, (struct l1_table){UINT64_C(0x00ffffffffff0000), 0}));
    CHECK(!l1_table_is_sound(&header, (struct l1_table){0x30000, 4194305}));
    CHECK(!l1_table_is_sound(&header, (struct l1_table){0x30200, 1}));
    CHECK(!l1_table_is_sound(&header, (struct l1_table){UINT64_C(1) << 56, 1}));
}

// ---- Loading
// --------------------------------------------------------------------------------------

static void entries_are_loaded_by_index(void)
{
    uint8_t bytes[32];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    struct bytes table = {bytes, sizeof bytes};
    struct header header = header_of(3, 16, 0);
    struct l2_entry entry = l2_entry_load(&header, table, 2);
    CHECK_EQ_U64(entry.entry, UINT64_C(0x1112131415161718));
    CHECK_EQ_U64(entry.subclusters, 0);
    header = header_of(3, 16, 16);
    entry = l2_entry_load(&header, table, 1);
    CHECK_EQ_U64(entry.entry, UINT64_C(0x1112131415161718));
    CHECK_EQ_U64(entry.subclusters, UINT64_C(0x191a1b1c1d1e1f20));
}

static void run_standard(void)
{
    RUN(an_empty_entry_is_unallocated);
    RUN(an_entry_with_an_offset_is_data);
    RUN(the_offset_has_bits_9_to_55);
    RUN(reserved_bits_are_ignored);
    RUN(the_zero_bit_reads_as_zero_with_or_without_an_offset);
    RUN(the_zero_bit_in_version_2_is_a_fault);
    RUN(copied_without_an_offset_is_unallocated);
    RUN(an_offset_inside_a_cluster_is_a_fault);
    RUN(a_compressed_entry_has_an_offset_and_a_number_of_sectors);
    RUN(a_compressed_cluster_in_one_sector_ends_with_it);
    RUN(a_compressed_cluster_keeps_its_offset_from_any_guest_offset);
    RUN(in_a_compressed_entry_the_zero_bit_is_none);
    RUN(a_data_file_has_no_compressed_clusters);
    RUN(in_a_data_file_host_offset_0_is_data_when_copied);
    RUN(in_a_data_file_host_and_guest_offset_are_equal_or_a_fault);
}

static void run_extended(void)
{
    RUN(all_subclusters_alike_are_one_stretch);
    RUN(a_stretch_ends_where_the_subclusters_change);
    RUN(a_stretch_begins_within_a_subcluster);
    RUN(zero_subclusters_need_no_host_cluster);
    RUN(subclusters_scale_with_the_cluster);
    RUN(a_subcluster_that_is_allocated_and_zero_spoils_the_whole_entry);
    RUN(an_allocated_subcluster_without_a_host_cluster_spoils_the_whole_entry);
    RUN(bit_0_of_an_extended_entry_is_reserved);
    RUN(the_bitmap_of_a_compressed_cluster_is_ignored);
    RUN(an_extended_entry_with_an_unaligned_offset_is_a_fault);
    RUN(in_a_data_file_subclusters_lie_at_their_guest_offset);
}

int main(void)
{
    run_standard();
    run_extended();
    RUN(each_fault_is_found_and_makes_unreadable_or_does_not);
    RUN(a_stretch_is_refused_for_faults_that_make_unreadable_alone);
    RUN(every_fault_has_a_case_and_words);
    RUN(plain_data_is_a_whole_aligned_cluster_with_copied_alone);
    RUN(an_l1_table_is_aligned_below_2_to_the_56_and_no_larger_than_32_mib);
    RUN(entries_are_loaded_by_index);
    return unit_done();
}
