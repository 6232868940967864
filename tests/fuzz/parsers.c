// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parsers of what stands in the first cluster, and of records. An input for those that need a
// header begins with one.

#include "base/checked.h"
#include "format/bitmap.h"
#include "format/extension.h"
#include "format/feature.h"
#include "format/header.h"
#include "format/layout.h"
#include "format/luks.h"
#include "format/snapshot.h"
#include "harness.h"

#include <string.h>

// Errors are complete: a code, and a message that ends with a NUL.
static void must_be_reported(const struct error *error)
{
    MUST(error->code);
    MUST(error->message[0] != '\0');
    MUST(memchr(error->message, '\0', sizeof error->message));
}

static void must_be_sound(const struct problems *problems)
{
    bool unreadable = false;
    MUST(problems->count <= PROBLEMS_MAX);
    MUST(problems->dropped == 0 || problems->count == PROBLEMS_MAX);
    for (size_t i = 0; i < problems->count; i++) {
        must_be_reported(&problems->items[i].error);
        unreadable = unreadable || problems->items[i].unreadable;
    }
    MUST(problems->unreadable == unreadable || problems->dropped > 0);
    if (problems->unreadable) {
        must_be_reported(&problems->first_unreadable);
    }
}

// ---- Header -----------------------------------------------------------------------------------

static void must_have_geometry(const struct header *header)
{
    MUST(header->cluster_bits >= CLUSTER_BITS_MIN && header->cluster_bits <= CLUSTER_BITS_MAX);
    MUST(header->cluster_size == UINT32_C(1) << header->cluster_bits);
    MUST(header->l2_entry_size == L2_ENTRY_SIZE || header->l2_entry_size == L2_ENTRY_SIZE_EXTENDED);
    MUST((uint64_t)header->l2_entries * header->l2_entry_size == header->cluster_size);
    MUST(header->l2_entries == UINT32_C(1) << header->l2_bits);
}

// The code that reads guest data relies on this.
static void must_be_readable(const struct header *header)
{
    MUST(header->geometry_known);
    MUST(header->version == 2 || header->version == 3);
    MUST(header->crypt_method <= CRYPT_LUKS);
    MUST(header->compression_type <= COMPRESSION_ZSTD);
    MUST(header->header_length <= header->cluster_size);
    MUST(header->l1_size <= CAP_L1_SIZE);
    MUST(header->l1_size >= divide_up(header->size, header_l2_coverage(header)));
    MUST(header->l1_size == 0 || is_aligned(header->l1_table_offset, header->cluster_size));
    MUST(header->l1_size == 0 || header->l1_table_offset < HOST_OFFSET_LIMIT);
    MUST(!header_extended_l2(header) || header->cluster_bits >= CLUSTER_BITS_MIN_EXTENDED_L2);
}

// True when the bytes begin with a header at all.
static bool parse_header(struct bytes start, struct header *header)
{
    struct problems problems = {0};
    struct error error;
    bool parsed = header_parse(start, header, &problems, &error);
    must_be_sound(&problems);
    if (!parsed) {
        must_be_reported(&error);
        MUST(problems.count == 0);
        return false;
    }
    MUST(start.size >= HEADER_LENGTH_V2 && header->version >= 2);
    MUST(header->refcount_bits == 0 || header->refcount_bits == 1U << header->refcount_order);
    if (header->geometry_known) {
        must_have_geometry(header);
    }
    if (!problems.unreadable) {
        must_be_readable(header);
    }
    problems_free(&problems);
    return true;
}

void run_header(struct bytes input)
{
    struct header header;
    struct header again;
    struct bytes known = {input.data, min_u64(input.size, HEADER_LENGTH_KNOWN)};
    bool parsed = parse_header(input, &header);
    MUST(parse_header(known, &again) == parsed);
    if (parsed) {
        MUST(header.size == again.size && header.l1_size == again.l1_size &&
             header.geometry_known == again.geometry_known);
    }
}

// The header at the start of an input, and the rest of it. False when there is none to go on with.
static bool take_header(struct bytes input, struct header *header, struct bytes *rest)
{
    struct bytes start = {input.data, min_u64(input.size, HEADER_LENGTH_KNOWN)};
    *rest = bytes_from(input, HEADER_LENGTH_KNOWN);
    return parse_header(start, header);
}

static void must_be_inside(struct bytes view, struct bytes whole)
{
    MUST(view.size <= whole.size);
    MUST(view.size == 0 ||
         (view.data >= whole.data && view.data + view.size <= whole.data + whole.size));
}

// ---- Feature names ----------------------------------------------------------------------------

void run_feature(struct bytes input)
{
    struct feature_entry entry;
    struct bytes name;
    size_t count = feature_table_count(input);
    MUST(count == input.size / FEATURE_NAME_ENTRY_SIZE);
    MUST(!feature_table_entry(input, count, &entry));
    MUST(!feature_table_entry(input, SIZE_MAX, &entry));
    for (size_t i = 0; i < count; i++) {
        MUST(feature_table_entry(input, i, &entry));
        must_be_inside(entry.name, input);
        MUST(entry.name.size <= FEATURE_NAME_SIZE);
        MUST(entry.name.size == 0 || (entry.name.data[0] && entry.name.data[entry.name.size - 1]));
        bool named = feature_table_lookup(input, (enum feature_type)entry.type, entry.bit, &name);
        MUST(named || entry.name.size == 0);
        must_be_inside(name, input);
        feature_type_name(entry.type);
        feature_name((enum feature_type)entry.type, entry.bit);
    }
}

// ---- Extensions -------------------------------------------------------------------------------

// The input is a first cluster, or as much as a file has of it.
void run_extension(struct bytes input)
{
    struct header header;
    struct bytes rest;
    struct extension extension;
    struct extensions found;
    struct problems problems = {0};
    if (!take_header(input, &header, &rest)) {
        return;
    }
    if (header.geometry_known) {
        input.size = min_u64(input.size, header.cluster_size);
    }
    struct extension_walk walk = extension_walk_start(input, &header);
    uint64_t at = walk.next;
    while (extension_next(&walk, &extension, NULL)) {
        MUST(extension.offset == at && extension.type != EXTENSION_END);
        must_be_inside(extension.data, input);
        MUST(walk.next >= at + EXTENSION_HEADER_SIZE + extension.data.size);
        at = walk.next;
        MUST(at <= walk.end);
        extension_type_name(extension.type);
    }
    extensions_parse(input, &header, &found, &problems);
    must_be_sound(&problems);
    must_be_inside(found.backing_format, input);
    must_be_inside(found.data_file, input);
    must_be_inside(found.feature_names, input);
    MUST(header.crypt_method != CRYPT_LUKS || found.has_encryption || problems.unreadable);
    MUST((header.incompatible_features & ~INCOMPATIBLE_KNOWN) == 0 || problems.unreadable);
    problems_free(&problems);
}

// ---- Records ----------------------------------------------------------------------------------

static void must_check_snapshot(const struct snapshot *snapshot, const struct header *header)
{
    struct problems problems = {0};
    snapshot_check(snapshot, header, 4096, &problems);
    must_be_sound(&problems);
    if (header->geometry_known && problems.count == 0) {
        MUST(snapshot->l1_size <= CAP_L1_SIZE && snapshot->l1_table_offset < HOST_OFFSET_LIMIT);
        MUST(snapshot->extra_size <= CAP_SNAPSHOT_EXTRA);
        MUST(snapshot->l1_size >= divide_up(snapshot->disk_size, header_l2_coverage(header)));
    }
    problems_free(&problems);
}

void run_snapshot(struct bytes input)
{
    struct header header;
    struct snapshot snapshot;
    struct bytes rest;
    struct bytes names;
    if (!take_header(input, &header, &rest)) {
        return;
    }
    struct bytes head = {rest.data, min_u64(rest.size, SNAPSHOT_HEAD_SIZE)};
    if (!snapshot_parse(head, &header, &snapshot)) {
        MUST(head.size < SNAPSHOT_HEAD_SIZE);
        return;
    }
    MUST(snapshot.names_at == SNAPSHOT_FIXED_SIZE + (uint64_t)snapshot.extra_size);
    MUST(snapshot.end == snapshot.names_at + snapshot.id_size + snapshot.name_size);
    MUST(snapshot_next(&snapshot) >= snapshot.end);
    MUST(snapshot_next(&snapshot) % RECORD_ALIGNMENT == 0);
    must_check_snapshot(&snapshot, &header);
    if (bytes_view(rest, snapshot.names_at, (uint64_t)snapshot.id_size + snapshot.name_size,
                   &names)) {
        MUST(snapshot_set_names(&snapshot, names));
        must_be_inside(snapshot.id, rest);
        must_be_inside(snapshot.name, rest);
        MUST(snapshot.id.size == snapshot.id_size && snapshot.name.size == snapshot.name_size);
    } else {
        names = bytes_from(rest, SNAPSHOT_FIXED_SIZE);
        names.size = min_u64(names.size, snapshot.id_size);
        MUST(snapshot_set_names(&snapshot, names) ==
             (snapshot.name_size == 0 && names.size == snapshot.id_size));
    }
}

static void must_check_bitmap(const struct bitmap *bitmap, const struct header *header)
{
    struct problems problems = {0};
    bitmap_check(bitmap, header, 4096, &problems);
    must_be_sound(&problems);
    if (header->geometry_known && problems.count == 0) {
        uint64_t granularity;
        MUST(bitmap_granularity(bitmap, &granularity));
        MUST(bitmap->table_size <= CAP_BITMAP_TABLE_ENTRIES && bitmap->table_size > 0);
        MUST(bitmap->name_size > 0 && bitmap->name_size <= CAP_BITMAP_NAME);
        MUST(is_aligned(bitmap->table_offset, header->cluster_size));
    }
    problems_free(&problems);
}

void run_bitmap(struct bytes input)
{
    struct header header;
    struct bitmap bitmap;
    struct bytes rest;
    if (!take_header(input, &header, &rest)) {
        return;
    }
    struct bytes head = {rest.data, min_u64(rest.size, BITMAP_HEAD_SIZE)};
    if (!bitmap_parse(head, &bitmap)) {
        MUST(head.size < BITMAP_HEAD_SIZE);
        return;
    }
    MUST(bitmap.name_at == BITMAP_FIXED_SIZE + (uint64_t)bitmap.extra_size);
    MUST(bitmap.end == bitmap.name_at + bitmap.name_size);
    MUST(bitmap_next(&bitmap) >= bitmap.end && bitmap_next(&bitmap) % RECORD_ALIGNMENT == 0);
    must_check_bitmap(&bitmap, &header);
    bitmap_type_name(bitmap.type);
    for (unsigned bit = 0; bit < 32; bit++) {
        MUST((bitmap_flag_name(bit) != NULL) == (BITMAP_FLAGS_KNOWN >> bit & 1));
    }
    for (size_t at = 0; header.geometry_known && at + 8 <= rest.size; at += 8) {
        uint64_t entry = bytes_be64(rest, at);
        MUST(bitmap_table_faults(&header, entry) != 0 || entry == BITMAP_TABLE_ALL_ONES ||
             (entry < HOST_OFFSET_LIMIT && is_aligned(entry, header.cluster_size)));
    }
}

// ---- LUKS -------------------------------------------------------------------------------------

static void must_end(const char *text, size_t size)
{
    MUST(memchr(text, '\0', size));
}

void run_luks(struct bytes input)
{
    struct luks luks;
    struct problems problems = {0};
    uint64_t length = max_u64(input.size, bytes_be32(input, LUKS_PAYLOAD_OFFSET));
    if (luks_parse(input, UINT64_C(1) << 40, length, &luks, &problems)) {
        MUST(input.size >= LUKS_HEADER_SIZE && luks.version == LUKS_VERSION);
        must_end(luks.cipher_name, sizeof luks.cipher_name);
        must_end(luks.cipher_mode, sizeof luks.cipher_mode);
        must_end(luks.hash, sizeof luks.hash);
        must_end(luks.uuid, sizeof luks.uuid);
        must_end(luks.cipher, sizeof luks.cipher);
        must_end(luks.mode, sizeof luks.mode);
        must_end(luks.ivgen, sizeof luks.ivgen);
        must_end(luks.ivgen_hash, sizeof luks.ivgen_hash);
        MUST(strncmp(luks.cipher, luks.cipher_name, strlen(luks.cipher_name)) == 0);
        MUST(strncmp(luks.mode, luks.cipher_mode, strlen(luks.mode)) == 0);
    } else {
        MUST(problems.count == 1);
    }
    must_be_sound(&problems);
    problems_free(&problems);
}
