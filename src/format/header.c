// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/header.h"

#include "base/checked.h"
#include "format/extension.h"
#include "format/layout.h"

#include <inttypes.h>

static void load_fields_v2(struct bytes start, struct header *header)
{
    header->version = bytes_be32(start, HEADER_VERSION);
    header->backing_file_offset = bytes_be64(start, HEADER_BACKING_FILE_OFFSET);
    header->backing_file_size = bytes_be32(start, HEADER_BACKING_FILE_SIZE);
    header->cluster_bits = bytes_be32(start, HEADER_CLUSTER_BITS);
    header->size = bytes_be64(start, HEADER_SIZE);
    header->crypt_method = bytes_be32(start, HEADER_CRYPT_METHOD);
    header->l1_size = bytes_be32(start, HEADER_L1_SIZE);
    header->l1_table_offset = bytes_be64(start, HEADER_L1_TABLE_OFFSET);
    header->refcount_table_offset = bytes_be64(start, HEADER_REFCOUNT_TABLE_OFFSET);
    header->refcount_table_clusters = bytes_be32(start, HEADER_REFCOUNT_TABLE_CLUSTERS);
    header->nb_snapshots = bytes_be32(start, HEADER_NB_SNAPSHOTS);
    header->snapshots_offset = bytes_be64(start, HEADER_SNAPSHOTS_OFFSET);
    header->refcount_order = REFCOUNT_ORDER_V2;
    header->header_length = HEADER_LENGTH_V2;
}

static void load_fields_v3(struct bytes start, struct header *header)
{
    header->incompatible_features = bytes_be64(start, HEADER_INCOMPATIBLE_FEATURES);
    header->compatible_features = bytes_be64(start, HEADER_COMPATIBLE_FEATURES);
    header->autoclear_features = bytes_be64(start, HEADER_AUTOCLEAR_FEATURES);
    header->refcount_order = bytes_be32(start, HEADER_REFCOUNT_ORDER);
    header->header_length = bytes_be32(start, HEADER_HEADER_LENGTH);
    if (header->header_length > HEADER_COMPRESSION_TYPE) {
        header->compression_type = bytes_u8(start, HEADER_COMPRESSION_TYPE);
    }
}

static uint64_t l2_odd_bits(const struct header *header)
{
    if (header_has_data_file(header)) {
        return UINT64_MAX; // each offset is compared with its guest offset
    }
    return ENTRY_COMPRESSED | L2_ENTRY_RESERVED | (header_has_zero_bit(header) ? 0 : ENTRY_ZERO) |
           ((header->cluster_size - 1) & ENTRY_OFFSET_MASK);
}

void header_derive(struct header *header)
{
    header->refcount_bits =
        header->refcount_order <= REFCOUNT_ORDER_MAX ? 1U << header->refcount_order : 0;
    if (header->cluster_bits < CLUSTER_BITS_MIN || header->cluster_bits > CLUSTER_BITS_MAX) {
        return;
    }
    bool extended = (header->incompatible_features & INCOMPATIBLE_EXTENDED_L2) != 0;
    header->geometry_known = true;
    header->cluster_size = 1U << header->cluster_bits;
    header->l2_entry_size = extended ? L2_ENTRY_SIZE_EXTENDED : L2_ENTRY_SIZE;
    header->l2_bits = header->cluster_bits - (extended ? 4 : 3);
    header->l2_entries = 1U << header->l2_bits;
    header->l2_odd_bits = l2_odd_bits(header);
}

static void check_version(const struct header *header, struct problems *problems)
{
    if (header->version > 3) {
        problems_note(problems, PROBLEM_VERSION, HEADER_VERSION,
                      "qcow version %" PRIu32 " is unknown; the header is read as version 3",
                      header->version);
    }
}

static void check_geometry(const struct header *header, struct problems *problems)
{
    if (!header->geometry_known) {
        problems_note(problems, PROBLEM_CLUSTER_SIZE, HEADER_CLUSTER_BITS,
                      "cluster_bits is %" PRIu32 ", outside %d..%d", header->cluster_bits,
                      CLUSTER_BITS_MIN, CLUSTER_BITS_MAX);
    } else if (header_extended_l2(header) && header->cluster_bits < CLUSTER_BITS_MIN_EXTENDED_L2) {
        problems_note(problems, PROBLEM_CLUSTER_SIZE, HEADER_CLUSTER_BITS,
                      "cluster_bits is %" PRIu32 ", below %d, with extended L2 entries",
                      header->cluster_bits, CLUSTER_BITS_MIN_EXTENDED_L2);
    }
}

static void check_header_length(const struct header *header, struct bytes start,
                                struct problems *problems)
{
    uint32_t length = header->header_length;
    if (header->version >= 3 && start.size < HEADER_LENGTH_V3) {
        problems_note(problems, PROBLEM_HEADER_CUT_SHORT, start.size,
                      "the file ends within the header of a version 3 image");
        return;
    }
    if (header->version >= 3 && length < HEADER_LENGTH_V3) {
        problems_note(problems, PROBLEM_HEADER_LENGTH, HEADER_HEADER_LENGTH,
                      "header_length is %" PRIu32 ", below %d", length, HEADER_LENGTH_V3);
    } else if (length % 8 != 0) {
        problems_note(problems, PROBLEM_HEADER_PADDING, HEADER_HEADER_LENGTH,
                      "header_length is %" PRIu32 ", no multiple of 8", length);
    }
    if (header->geometry_known && length > header->cluster_size) {
        problems_note(problems, PROBLEM_HEADER_LENGTH, HEADER_HEADER_LENGTH,
                      "header_length is %" PRIu32 ", more than a cluster", length);
    }
    uint64_t known = min_u64(length, HEADER_LENGTH_KNOWN);
    if (start.size < known) {
        problems_note(problems, PROBLEM_HEADER_CUT_SHORT, start.size,
                      "the file ends within the header of %" PRIu32 " bytes", length);
    }
}

// Programs that write images end a version 3 header at one of these lengths and begin the
// extensions there.
static const uint32_t usual_lengths[] = {HEADER_LENGTH_V3, HEADER_LENGTH_KNOWN};

static bool has_extension_at(struct bytes start, uint32_t offset)
{
    return offset + sizeof(uint32_t) <= start.size &&
           extension_type_name(bytes_be32(start, offset)) != NULL;
}

// Where the extensions probably begin when header_length points elsewhere; 0 without evidence.
static uint32_t missed_extensions(const struct header *header, struct bytes start)
{
    for (size_t i = 0; i < sizeof usual_lengths / sizeof *usual_lengths; i++) {
        uint32_t length = usual_lengths[i];
        if (header->version >= 3 && header->header_length >= HEADER_LENGTH_V3 &&
            has_extension_at(start, length)) {
            return header->header_length == length ? 0 : length;
        }
    }
    return 0;
}

// The field of the compression type is then a part of an extension.
static bool takes_extension_for_fields(uint32_t missed)
{
    return missed == HEADER_LENGTH_V3;
}

static void check_header_end(const struct header *header, uint32_t missed,
                             struct problems *problems)
{
    if (missed != 0) {
        struct problem problem;
        problem_fill(&problem, PROBLEM_HEADER_END, HEADER_HEADER_LENGTH,
                     "header_length is %" PRIu32 ", but the header extensions begin at %" PRIu32,
                     header->header_length, missed);
        problem.unreadable = takes_extension_for_fields(missed);
        problems_add(problems, &problem);
    }
}

static void check_compression(const struct header *header, struct problems *problems)
{
    bool feature = (header->incompatible_features & INCOMPATIBLE_COMPRESSION) != 0;
    if (feature && header->compression_type > COMPRESSION_ZSTD) {
        problems_note(problems, PROBLEM_COMPRESSION_UNKNOWN, HEADER_COMPRESSION_TYPE,
                      "compression type %u is unknown", header->compression_type);
    } else if (!feature && header->compression_type != COMPRESSION_DEFLATE) {
        problems_note(problems, PROBLEM_COMPRESSION_BIT, HEADER_COMPRESSION_TYPE,
                      "compression_type is %u (not zlib), but incompatible feature bit 3 is off",
                      header->compression_type);
    } else if (feature && header->compression_type == COMPRESSION_DEFLATE) {
        problems_note(problems, PROBLEM_COMPRESSION_BIT, HEADER_COMPRESSION_TYPE,
                      "compression_type is 0 (zlib), but incompatible feature bit 3 is on");
    }
}

static void check_features(const struct header *header, struct problems *problems)
{
    if (header->refcount_order > REFCOUNT_ORDER_MAX) {
        problems_note(problems, PROBLEM_REFCOUNT_ORDER, HEADER_REFCOUNT_ORDER,
                      "refcount_order is %" PRIu32 ", above %d", header->refcount_order,
                      REFCOUNT_ORDER_MAX);
    }
    bool raw = (header->autoclear_features & AUTOCLEAR_RAW_DATA_FILE) != 0;
    if (raw && !(header->incompatible_features & INCOMPATIBLE_DATA_FILE)) {
        problems_note(problems, PROBLEM_RAW_DATA_FILE, HEADER_AUTOCLEAR_FEATURES,
                      "raw external data is set without an external data file");
    } else if (raw && header->backing_file_offset != 0) {
        struct problem problem;
        problem_fill(&problem, PROBLEM_RAW_DATA_FILE, HEADER_AUTOCLEAR_FEATURES,
                     "raw external data is set in an image with a backing file");
        problem.refused = false;
        problems_add(problems, &problem);
    }
}

static void check_encryption(const struct header *header, struct problems *problems)
{
    if (header->crypt_method > CRYPT_LUKS) {
        problems_note(problems, PROBLEM_ENCRYPTION_UNKNOWN, HEADER_CRYPT_METHOD,
                      "encryption method %" PRIu32 " is unknown", header->crypt_method);
    }
}

// Checks the location of a table: aligned to a cluster, and below 2^56. Only the L1 table is needed
// to read guest data.
static void check_place(const struct header *header, const char *name, uint64_t offset,
                        uint64_t field, bool needed, struct problems *problems)
{
    if (!is_aligned(offset, header->cluster_size)) {
        problems_note(problems, needed ? PROBLEM_L1_TABLE_PLACE : PROBLEM_TABLE_PLACE, field,
                      "%s is %" PRIu64 ", not aligned to a cluster", name, offset);
    } else if (offset >= HOST_OFFSET_LIMIT) {
        struct problem problem;
        problem_fill(&problem, needed ? PROBLEM_L1_TABLE_LIMIT : PROBLEM_TABLE_LIMIT, field,
                     "%s is %" PRIu64 ", not below 2^56", name, offset);
        problem.refused = offset > INT64_MAX; // else QEMU reads zeros
        problems_add(problems, &problem);
    }
}

static void check_l1(const struct header *header, struct problems *problems)
{
    uint64_t needed = divide_up(header->size, header_l2_coverage(header));
    if (header->l1_size > CAP_L1_SIZE) {
        problems_note(problems, PROBLEM_L1_SIZE_LIMIT, HEADER_L1_SIZE,
                      "l1_size is %" PRIu32 ", above %" PRIu32, header->l1_size, CAP_L1_SIZE);
    } else if (header->l1_size < needed) {
        problems_note(problems, PROBLEM_L1_SIZE, HEADER_L1_SIZE,
                      "l1_size is %" PRIu32 ", but the disk needs %" PRIu64 " entries",
                      header->l1_size, needed);
    }
    check_place(header, "l1_table_offset", header->l1_table_offset, HEADER_L1_TABLE_OFFSET,
                header->l1_size > 0, problems);
}

static void check_refcount_table(const struct header *header, struct problems *problems)
{
    uint64_t size = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    if (size > CAP_REFCOUNT_TABLE_BYTES) {
        problems_note(problems, PROBLEM_REFCOUNT_TABLE_SIZE_LIMIT, HEADER_REFCOUNT_TABLE_CLUSTERS,
                      "the refcount table has %" PRIu64 " bytes, above %" PRIu64, size,
                      CAP_REFCOUNT_TABLE_BYTES);
    } else if (size == 0) {
        problems_note(problems, PROBLEM_REFCOUNT_TABLE_EMPTY, HEADER_REFCOUNT_TABLE_CLUSTERS,
                      "the refcount table has no clusters");
    }
    check_place(header, "refcount_table_offset", header->refcount_table_offset,
                HEADER_REFCOUNT_TABLE_OFFSET, false, problems);
}

static void check_snapshot_table(const struct header *header, struct problems *problems)
{
    if (header->nb_snapshots > CAP_SNAPSHOTS) {
        problems_note(problems, PROBLEM_SNAPSHOTS_LIMIT, HEADER_NB_SNAPSHOTS,
                      "nb_snapshots is %" PRIu32 ", above %" PRIu32, header->nb_snapshots,
                      CAP_SNAPSHOTS);
    }
    // Checked without snapshots too: QEMU does not open an image with an invalid location here.
    check_place(header, "snapshots_offset", header->snapshots_offset, HEADER_SNAPSHOTS_OFFSET,
                false, problems);
}

// A name without bytes is none; but QEMU does not open an image in which it has no place.
static void check_no_backing_name(const struct header *header, struct problems *problems)
{
    if (header->backing_file_offset > header->cluster_size) {
        struct problem problem;
        problem_fill(&problem, PROBLEM_BACKING_NAME_PLACE, HEADER_BACKING_FILE_OFFSET,
                     "a backing file name without bytes at %" PRIu64 " is not in the first cluster",
                     header->backing_file_offset);
        problem.unreadable = false;
        problem.refused = true;
        problems_add(problems, &problem);
    }
}

static void check_backing_name(const struct header *header, struct problems *problems)
{
    if (header->backing_file_offset == 0) {
        return;
    }
    if (header->backing_file_size == 0) {
        check_no_backing_name(header, problems);
        return;
    }
    if (header->backing_file_size > CAP_BACKING_NAME) {
        problems_note(problems, PROBLEM_BACKING_NAME_LIMIT, HEADER_BACKING_FILE_SIZE,
                      "backing_file_size is %" PRIu32 ", above %" PRIu32, header->backing_file_size,
                      CAP_BACKING_NAME);
    } else if (!range_inside(header->backing_file_offset, header->backing_file_size,
                             header->cluster_size)) {
        problems_note(problems, PROBLEM_BACKING_NAME_PLACE, HEADER_BACKING_FILE_OFFSET,
                      "the backing file name at %" PRIu64 " is not in the first cluster",
                      header->backing_file_offset);
    }
}

static void check_size(const struct header *header, struct problems *problems)
{
    uint64_t partial = header->size % SECTOR_SIZE;
    if (partial != 0) {
        problems_note(problems, PROBLEM_PARTIAL_SECTOR, HEADER_SIZE,
                      "the virtual size is %" PRIu64
                      ", no multiple of %d: QEMU leaves out the last "
                      "%" PRIu64 " bytes",
                      header->size, SECTOR_SIZE, partial);
    }
}

static bool check_identity(struct bytes start, struct error *error)
{
    uint32_t version = bytes_be32(start, HEADER_VERSION);
    if (start.size < 4 || bytes_be32(start, HEADER_MAGIC) != QCOW2_MAGIC) {
        return error_at(error, ERROR_NOT_QCOW2, HEADER_MAGIC, "not a qcow2 image");
    }
    if (start.size < HEADER_LENGTH_V2) {
        return error_at(error, ERROR_TRUNCATED, start.size, "the file ends within the header");
    }
    if (version < 2) {
        return error_at(error, ERROR_NOT_QCOW2, HEADER_VERSION,
                        "qcow version %" PRIu32 " is not qcow2", version);
    }
    return true;
}

bool header_parse(struct bytes start, struct header *header, struct problems *problems,
                  struct error *error)
{
    struct header parsed = {0};
    if (!check_identity(start, error)) {
        return false;
    }
    load_fields_v2(start, &parsed);
    if (parsed.version >= 3) {
        load_fields_v3(start, &parsed);
    }
    header_derive(&parsed);
    check_version(&parsed, problems);
    check_geometry(&parsed, problems);
    check_header_length(&parsed, start, problems);
    uint32_t missed = missed_extensions(&parsed, start);
    check_header_end(&parsed, missed, problems);
    if (!takes_extension_for_fields(missed)) {
        check_compression(&parsed, problems);
    }
    check_features(&parsed, problems);
    check_size(&parsed, problems);
    check_encryption(&parsed, problems);
    if (parsed.geometry_known) {
        check_l1(&parsed, problems);
        check_refcount_table(&parsed, problems);
        check_snapshot_table(&parsed, problems);
        check_backing_name(&parsed, problems);
    }
    *header = parsed;
    return true;
}
