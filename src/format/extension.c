// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/extension.h"

#include "base/checked.h"
#include "format/feature.h"
#include "format/layout.h"

#include <inttypes.h>

enum {
    // This many different unknown types are checked for repetition. No program writes any.
    TYPES_WATCHED = 32,
    // This many unknown features are reported one by one; the rest are counted.
    UNKNOWN_FEATURES_REPORTED = 8,
};

// --- The walk -----------------------------------------------------------------------------------

struct extension_walk extension_walk_start(struct bytes first_cluster, const struct header *header)
{
    struct extension_walk walk = {.first_cluster = first_cluster};
    uint64_t end = header->geometry_known ? header->cluster_size : first_cluster.size;
    if (header->backing_file_offset != 0) {
        end = min_u64(end, header->backing_file_offset);
    }
    // The end of a header that is shorter than the fields of its version is unknown.
    bool length_known = header->version < 3 || header->header_length >= HEADER_LENGTH_V3;
    walk.end = end;
    walk.next = length_known ? min_u64(header->header_length, end) : end;
    return walk;
}

// Always false, because the problem ends the walk.
static bool end_with(struct problems *problems, enum problem_kind kind, uint64_t offset,
                     bool refused, const char *what)
{
    if (problems) {
        struct problem problem;
        problem_fill(&problem, kind, offset, "%s at %" PRIu64, what, offset);
        problem.refused = refused;
        problems_add(problems, &problem);
    }
    return false;
}

bool extension_next(struct extension_walk *walk, struct extension *extension,
                    struct problems *problems)
{
    struct bytes head;
    struct bytes data;
    uint64_t at = walk->next;
    uint64_t left = walk->end - at;
    if (left == 0) {
        return false;
    }
    if (left < EXTENSION_HEADER_SIZE) {
        return end_with(problems, PROBLEM_EXTENSION_LENGTH, at, true,
                        "no room for the end of the header extensions");
    }
    if (!bytes_view(walk->first_cluster, at, EXTENSION_HEADER_SIZE, &head)) {
        return end_with(problems, PROBLEM_EXTENSION_CUT_SHORT, at, false,
                        "the file ends before the header extension");
    }
    uint32_t type = bytes_be32(head, EXTENSION_TYPE);
    uint32_t length = bytes_be32(head, EXTENSION_LENGTH);
    if (type == EXTENSION_END) {
        return length != 0 &&
               end_with(problems, PROBLEM_EXTENSION_END, at, length > left - EXTENSION_HEADER_SIZE,
                        "a length in the end of the header extensions");
    }
    if (length > left - EXTENSION_HEADER_SIZE) {
        return end_with(problems, PROBLEM_EXTENSION_LENGTH, at, true,
                        "a length past the end of the area in the extension");
    }
    if (!bytes_view(walk->first_cluster, at + EXTENSION_DATA, length, &data)) {
        return end_with(problems, PROBLEM_EXTENSION_CUT_SHORT, at, false,
                        "the file ends inside the header extension");
    }
    *extension = (struct extension){.type = type, .offset = at, .data = data};
    // Both terms are below 2^33, and the area may end within the padding.
    uint64_t padded = align_down(EXTENSION_DATA + (uint64_t)length + 7, 8);
    walk->next = min_u64(at + padded, walk->end);
    return true;
}

// --- What each known extension holds -------------------------------------------------------------

// The context that the reader of one extension needs.
struct context {
    const struct header *header;
    struct extensions *found;
    struct problems *problems;
};

static void read_backing_format(const struct context *context, const struct extension *extension)
{
    context->found->backing_format = extension->data;
    if (extension->data.size > CAP_BACKING_FORMAT) {
        problems_note(context->problems, PROBLEM_BACKING_FORMAT_LIMIT, extension->offset,
                      "the backing format name has %zu bytes, above %" PRIu32, extension->data.size,
                      CAP_BACKING_FORMAT);
    }
}

static void read_data_file(const struct context *context, const struct extension *extension)
{
    context->found->data_file = extension->data;
}

static void check_feature_entries(const struct context *context, const struct extension *extension)
{
    struct feature_entry entry;
    for (size_t i = 0; feature_table_entry(extension->data, i, &entry); i++) {
        if (entry.bit >= FEATURE_BITS) {
            problems_note(context->problems, PROBLEM_FEATURE_NAMES, extension->offset,
                          "the feature name table names bit %u, but %d is the last one", entry.bit,
                          FEATURE_BITS - 1);
            return; // report one bad entry only
        }
    }
}

static void read_feature_names(const struct context *context, const struct extension *extension)
{
    context->found->feature_names = extension->data;
    if (extension->data.size % FEATURE_NAME_ENTRY_SIZE != 0) {
        problems_note(context->problems, PROBLEM_FEATURE_NAMES, extension->offset,
                      "the feature name table has %zu bytes, no multiple of %d",
                      extension->data.size, FEATURE_NAME_ENTRY_SIZE);
    }
    check_feature_entries(context, extension);
}

// Checks an offset in the file that must be aligned to a cluster.
static void check_pointer(const struct context *context, const struct extension *extension,
                          const char *name, uint64_t offset, enum problem_kind broken,
                          enum problem_kind limit)
{
    const struct header *header = context->header;
    if (offset == 0) {
        problems_note(context->problems, broken, extension->offset, "%s offset is 0", name);
    } else if (header->geometry_known && !is_aligned(offset, header->cluster_size)) {
        problems_note(context->problems, broken, extension->offset,
                      "%s offset is %" PRIu64 ", not aligned to a cluster", name, offset);
    } else if (offset >= HOST_OFFSET_LIMIT) {
        problems_note(context->problems, limit, extension->offset,
                      "%s offset is %" PRIu64 ", not below 2^56", name, offset);
    }
}

// False when the extension is too short to be used.
static bool check_fixed_size(const struct context *context, const struct extension *extension,
                             const char *name, size_t size, enum problem_kind broken)
{
    bool usable = extension->data.size >= size;
    if (extension->data.size != size) {
        problems_note(context->problems, usable ? broken : PROBLEM_EXTENSION_SHORT,
                      extension->offset, "%s has %zu bytes instead of %zu", name,
                      extension->data.size, size);
    }
    return usable;
}

static void read_encryption(const struct context *context, const struct extension *extension)
{
    struct extensions *found = context->found;
    static const char name[] = "the encryption header pointer";
    if (context->header->crypt_method != CRYPT_LUKS) {
        problems_note(context->problems, PROBLEM_ENCRYPTION_POINTER, extension->offset,
                      "%s is present in an image without LUKS encryption", name);
    }
    if (!check_fixed_size(context, extension, name, ENCRYPTION_EXTENSION_SIZE,
                          PROBLEM_ENCRYPTION_POINTER)) {
        return;
    }
    found->has_encryption = true;
    found->encryption_extension_at = extension->offset;
    found->encryption_offset = bytes_be64(extension->data, ENCRYPTION_EXTENSION_OFFSET);
    found->encryption_length = bytes_be64(extension->data, ENCRYPTION_EXTENSION_LENGTH);
    check_pointer(context, extension, name, found->encryption_offset, PROBLEM_ENCRYPTION_POINTER,
                  PROBLEM_ENCRYPTION_POINTER_LIMIT);
}

static void check_bitmaps_fields(const struct context *context, const struct extension *extension)
{
    const struct extensions *found = context->found;
    uint32_t reserved = bytes_be32(extension->data, BITMAPS_EXTENSION_RESERVED);
    if (found->bitmaps_count == 0) {
        problems_note(context->problems, PROBLEM_BITMAPS_EXTENSION, extension->offset,
                      "the bitmaps extension counts no bitmaps");
    } else if (found->bitmaps_count > CAP_BITMAPS) {
        problems_note(context->problems, PROBLEM_BITMAPS_LIMIT, extension->offset,
                      "the bitmaps extension counts %" PRIu32 " bitmaps, above %" PRIu32,
                      found->bitmaps_count, CAP_BITMAPS);
    }
    if (reserved != 0) {
        problems_note(context->problems, PROBLEM_BITMAPS_EXTENSION, extension->offset,
                      "the reserved field of the bitmaps extension is %" PRIu32, reserved);
    }
    if (found->bitmaps_directory_size > CAP_BITMAP_DIRECTORY) {
        problems_note(context->problems, PROBLEM_BITMAPS_LIMIT, extension->offset,
                      "the bitmap directory has %" PRIu64 " bytes, above %" PRIu64,
                      found->bitmaps_directory_size, CAP_BITMAP_DIRECTORY);
    }
    check_pointer(context, extension, "the bitmap directory", found->bitmaps_directory_offset,
                  PROBLEM_BITMAPS_EXTENSION, PROBLEM_BITMAPS_LIMIT);
}

// Of bitmaps that are out of date QEMU reads no field.
static void open_despite(struct problems *problems, size_t first)
{
    for (size_t i = first; i < problems->count; i++) {
        problems->items[i].refused = false;
    }
}

static void read_bitmaps(const struct context *context, const struct extension *extension)
{
    struct extensions *found = context->found;
    struct bytes data = extension->data;
    if (!check_fixed_size(context, extension, "the bitmaps extension", BITMAPS_EXTENSION_SIZE,
                          PROBLEM_BITMAPS_EXTENSION)) {
        return;
    }
    found->has_bitmaps = true;
    found->bitmaps_extension_at = extension->offset;
    found->bitmaps_count = bytes_be32(data, BITMAPS_EXTENSION_COUNT);
    found->bitmaps_directory_size = bytes_be64(data, BITMAPS_EXTENSION_DIRECTORY_SIZE);
    found->bitmaps_directory_offset = bytes_be64(data, BITMAPS_EXTENSION_DIRECTORY_OFFSET);
    size_t first = context->problems->count;
    check_bitmaps_fields(context, extension);
    if (!(context->header->autoclear_features & AUTOCLEAR_BITMAPS)) {
        open_despite(context->problems, first);
    }
}

static const struct kind {
    uint32_t type;
    const char *name;
    void (*read)(const struct context *context, const struct extension *extension);
} kinds[] = {
    {EXTENSION_BACKING_FORMAT, "Backing file format name string", read_backing_format},
    {EXTENSION_FEATURE_NAMES, "Feature name table", read_feature_names},
    {EXTENSION_BITMAPS, "Bitmaps extension", read_bitmaps},
    {EXTENSION_ENCRYPTION, "Full disk encryption header pointer", read_encryption},
    {EXTENSION_DATA_FILE, "External data file name string", read_data_file},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

// KINDS for an unknown type.
static size_t find_kind(uint32_t type)
{
    size_t kind = 0;
    while (kind < KINDS && kinds[kind].type != type) {
        kind++;
    }
    return kind;
}

const char *extension_type_name(uint32_t type)
{
    size_t kind = find_kind(type);
    return kind < KINDS ? kinds[kind].name : NULL;
}

// --- What they say together ----------------------------------------------------------------------

static void check_area(const struct header *header, struct problems *problems)
{
    if (header->backing_file_offset != 0 && header->backing_file_offset < header->header_length) {
        problems_note(problems, PROBLEM_EXTENSIONS_PLACE, HEADER_BACKING_FILE_OFFSET,
                      "the backing file name at %" PRIu64
                      " lies inside the header: no room for header extensions",
                      header->backing_file_offset);
    }
}

// The types seen so far. The first repetition of each type is reported.
struct watched {
    struct seen {
        uint32_t type;
        bool reported;
    } unknown[TYPES_WATCHED];
    size_t count;
    bool overflown;    // there are more unknown types, and this was reported
    bool known[KINDS]; // these were seen
    bool known_reported[KINDS];
};

static void report_repetition(const struct extension *extension, bool *reported,
                              struct problems *problems)
{
    if (!*reported) {
        *reported = true;
        problems_note(problems, PROBLEM_EXTENSION_REPEATED, extension->offset,
                      "header extension 0x%08" PRIx32 " occurs more than once", extension->type);
    }
}

static void watch_unknown(struct watched *watched, const struct extension *extension,
                          struct problems *problems)
{
    for (size_t i = 0; i < watched->count; i++) {
        if (watched->unknown[i].type == extension->type) {
            report_repetition(extension, &watched->unknown[i].reported, problems);
            return;
        }
    }
    if (watched->count < TYPES_WATCHED) {
        watched->unknown[watched->count++] = (struct seen){.type = extension->type};
    } else if (!watched->overflown) {
        watched->overflown = true;
        problems_note(problems, PROBLEM_EXTENSION_TYPES, extension->offset,
                      "header extensions have more than %d unknown types; the rest are not checked "
                      "for repetition",
                      TYPES_WATCHED);
    }
}

static void watch_repetition(struct watched *watched, const struct extension *extension,
                             struct problems *problems)
{
    size_t kind = find_kind(extension->type);
    if (kind == KINDS) {
        watch_unknown(watched, extension, problems);
    } else if (watched->known[kind]) {
        report_repetition(extension, &watched->known_reported[kind], problems);
    } else {
        watched->known[kind] = true;
    }
}

static void check_bitmaps_bit(const struct header *header, const struct extensions *found,
                              struct problems *problems)
{
    bool consistent = (header->autoclear_features & AUTOCLEAR_BITMAPS) != 0;
    if (found->has_bitmaps && !consistent) {
        problems_note(problems, PROBLEM_BITMAPS_STALE, found->bitmaps_extension_at,
                      "a program without bitmap support wrote to the image: no bitmap in it can "
                      "be trusted");
    } else if (!found->has_bitmaps && consistent) {
        problems_note(problems, PROBLEM_BITMAPS_BIT, HEADER_AUTOCLEAR_FEATURES,
                      "the bitmaps feature bit is set, but there is no usable bitmaps extension");
    }
}

static void check_encryption_present(const struct header *header, const struct extensions *found,
                                     struct problems *problems)
{
    if (header->crypt_method == CRYPT_LUKS && !found->has_encryption) {
        problems_note(problems, PROBLEM_ENCRYPTION_NO_POINTER, HEADER_CRYPT_METHOD,
                      "LUKS encryption without a usable encryption header pointer");
    }
}

static void report_unknown_feature(unsigned bit, struct bytes table, struct problems *problems)
{
    struct bytes name;
    if (feature_table_lookup(table, FEATURE_INCOMPATIBLE, bit, &name)) {
        problems_note(problems, PROBLEM_UNKNOWN_FEATURE, HEADER_INCOMPATIBLE_FEATURES,
                      "incompatible feature bit %u, which the image calls \"%.*s\", is unknown",
                      bit, (int)name.size, (const char *)name.data);
    } else {
        problems_note(problems, PROBLEM_UNKNOWN_FEATURE, HEADER_INCOMPATIBLE_FEATURES,
                      "incompatible feature bit %u is unknown", bit);
    }
}

static void check_unknown_features(const struct header *header, const struct extensions *found,
                                   struct problems *problems)
{
    uint64_t unknown = header->incompatible_features & ~INCOMPATIBLE_KNOWN;
    for (unsigned reported = 0; unknown != 0 && reported < UNKNOWN_FEATURES_REPORTED; reported++) {
        report_unknown_feature((unsigned)__builtin_ctzll(unknown), found->feature_names, problems);
        unknown &= unknown - 1;
    }
    if (unknown != 0) {
        problems_note(problems, PROBLEM_UNKNOWN_FEATURE, HEADER_INCOMPATIBLE_FEATURES,
                      "%d further incompatible features are unknown (0x%016" PRIx64 ")",
                      __builtin_popcountll(unknown), unknown);
    }
}

void extensions_parse(struct bytes first_cluster, const struct header *header,
                      struct extensions *extensions, struct problems *problems)
{
    struct extensions found = {0};
    struct watched watched = {.count = 0};
    struct extension last[KINDS + 1] = {0}; // the last of each kind; unknown types share one
    struct extension extension;
    const struct context context = {header, &found, problems};
    struct extension_walk walk = extension_walk_start(first_cluster, header);
    check_area(header, problems);
    while (extension_next(&walk, &extension, problems)) {
        watch_repetition(&watched, &extension, problems);
        last[find_kind(extension.type)] = extension;
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        if (last[kind].data.data) {
            kinds[kind].read(&context, &last[kind]);
        }
    }
    check_bitmaps_bit(header, &found, problems);
    check_encryption_present(header, &found, problems);
    check_unknown_features(header, &found, problems);
    *extensions = found;
}
