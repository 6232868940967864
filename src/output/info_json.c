// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/feature.h"
#include "format/layout.h"
#include "output/info_output.h"
#include "output/text.h"
#include "tables/bitmap_reader.h"
#include "tables/snapshot_reader.h"

#include <inttypes.h>
#include <string.h>

static void print_features(struct json *json, const char *key, enum feature_type type,
                           uint64_t features)
{
    char buffer[INFO_NAME_MAX];
    json_key(json, key);
    if (features == 0) {
        json_null(json);
        return;
    }
    json_object(json);
    json_key_u64(json, "raw", features);
    json_key_array(json, "names");
    for (unsigned bit = 0; bit < FEATURE_BITS; bit++) {
        if (features >> bit & 1) {
            json_text(json, info_name_or_number(feature_name(type, bit), bit, buffer));
        }
    }
    json_end(json);
    json_end(json);
}

static void print_header_v3(const struct header *header, struct json *json)
{
    char buffer[INFO_NAME_MAX];
    print_features(json, "incompatible_features", FEATURE_INCOMPATIBLE,
                   header->incompatible_features);
    print_features(json, "compatible_features", FEATURE_COMPATIBLE, header->compatible_features);
    print_features(json, "autoclear_features", FEATURE_AUTOCLEAR, header->autoclear_features);
    json_key_u64(json, "refcount_order", header->refcount_order);
    json_key_u64(json, "header_length", header->header_length);
    json_key_text(json, "compression_type",
                  info_compression_type(header->compression_type, buffer));
}

static void print_header(const struct header *header, struct json *json)
{
    static const uint8_t magic[] = {'Q', 'F', 'I', 0xfb};
    char buffer[INFO_NAME_MAX];
    json_key_object(json, "header");
    json_key_string(json, "magic", (struct bytes){magic, sizeof magic});
    json_key_u64(json, "version", header->version);
    json_key_u64(json, "backing_file_offset", header->backing_file_offset);
    json_key_u64(json, "backing_file_size", header->backing_file_size);
    json_key_u64(json, "cluster_bits", header->cluster_bits);
    json_key_u64(json, "size", header->size);
    json_key_text(json, "crypt_method", info_crypt_method(header->crypt_method, buffer));
    json_key_u64(json, "l1_size", header->l1_size);
    json_key_u64(json, "l1_table_offset", header->l1_table_offset);
    json_key_u64(json, "refcount_table_offset", header->refcount_table_offset);
    json_key_u64(json, "refcount_table_clusters", header->refcount_table_clusters);
    json_key_u64(json, "nb_snapshots", header->nb_snapshots);
    json_key_u64(json, "snapshots_offset", header->snapshots_offset);
    if (header->version >= 3) {
        print_header_v3(header, json);
    }
    json_end(json);
}

// --- Header extensions ---------------------------------------------------------------------------

static void print_string_data(struct bytes data, struct json *json)
{
    json_key_string(json, "data", data);
}

static void print_feature_names(struct bytes data, struct json *json)
{
    struct feature_entry entry;
    char buffer[INFO_NAME_MAX];
    json_key(json, "data");
    if (feature_table_count(data) == 0) {
        json_null(json);
        return;
    }
    json_array(json);
    for (size_t i = 0; feature_table_entry(data, i, &entry); i++) {
        const char *type = feature_type_name(entry.type);
        json_object(json);
        json_key_text(json, "type", info_name_or_number(type, entry.type, buffer));
        json_key_u64(json, "bit", entry.bit);
        json_key_string(json, "name", entry.name);
        json_end(json);
    }
    json_end(json);
}

static void print_encryption_pointer(struct bytes data, struct json *json)
{
    if (data.size < ENCRYPTION_EXTENSION_SIZE) {
        return;
    }
    json_key_object(json, "data");
    json_key_u64(json, "offset", bytes_be64(data, ENCRYPTION_EXTENSION_OFFSET));
    json_key_u64(json, "length", bytes_be64(data, ENCRYPTION_EXTENSION_LENGTH));
    json_end(json);
}

static void print_nothing(struct bytes data, struct json *json)
{
    (void)data;
    (void)json;
}

static void print_unknown_data(struct bytes data, struct json *json)
{
    json_key(json, "data");
    json_base64(json, data);
}

static const struct {
    uint32_t type;
    void (*print)(struct bytes data, struct json *json);
} printers[] = {
    {EXTENSION_BACKING_FORMAT, print_string_data},
    {EXTENSION_DATA_FILE, print_string_data},
    {EXTENSION_FEATURE_NAMES, print_feature_names},
    {EXTENSION_ENCRYPTION, print_encryption_pointer},
    {EXTENSION_BITMAPS, print_nothing},
};

static void print_extension(const struct extension *extension, struct json *json)
{
    const char *type = extension_type_name(extension->type);
    void (*print)(struct bytes data, struct json * json) = print_unknown_data;
    json_object(json);
    json_key(json, "type");
    if (type) {
        json_text(json, type);
    } else {
        json_format(json, "unknown-0x%08" PRIx32, extension->type);
    }
    json_key_u64(json, "length", extension->data.size);
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) {
        if (printers[i].type == extension->type) {
            print = printers[i].print;
        }
    }
    if (extension->data.size <= CAP_EXTENSION_DATA) {
        print(extension->data, json);
    }
    json_end(json);
}

static void print_extensions(const struct image *image, struct json *json)
{
    struct extension extension;
    struct extension_walk walk = extension_walk_start(image->first_cluster, &image->header);
    json_key(json, "header_extensions");
    if (!extension_next(&walk, &extension, NULL)) {
        json_null(json);
        return;
    }
    json_array(json);
    do {
        print_extension(&extension, json);
    } while (extension_next(&walk, &extension, NULL));
    json_end(json);
}

// --- Names and sizes -----------------------------------------------------------------------------

static void print_backing_file(const struct info *info, struct json *json)
{
    json_key_string(json, "backing_file", info->image->backing_file);
    json_key_text(json, "backing_file_full_path", info->backing_path ? info->backing_path : "");
    json_key_string(json, "backing_file_format", info->image->extensions.backing_format);
}

static void key_u64_or_null(struct json *json, const char *key, bool known, uint64_t value)
{
    json_key(json, key);
    if (known) {
        json_u64(json, value);
    } else {
        json_null(json);
    }
}

static void print_file(const struct source *source, struct json *json)
{
    key_u64_or_null(json, "file_size", source_complete(source), source->size);
    key_u64_or_null(json, "allocated_size", source_has_descriptor(source), source->allocated_size);
}

static void print_data_file(const struct image *image, struct json *json)
{
    json_key(json, "data_file");
    if (!image_has_feature(image, INCOMPATIBLE_DATA_FILE)) {
        json_null(json);
        return;
    }
    json_object(json);
    json_key_string(json, "name", image->extensions.data_file);
    json_key_bool(json, "raw", (image->header.autoclear_features & AUTOCLEAR_RAW_DATA_FILE) != 0);
    json_end(json);
}

static void print_luks(const struct luks *luks, struct json *json)
{
    json_key_u64(json, "version", luks->version);
    json_key_text(json, "uuid", luks->uuid);
    json_key_text(json, "cipher", luks->cipher);
    json_key_text(json, "mode", luks->mode);
    json_key_text(json, "ivgen", luks->ivgen);
    json_key(json, "ivgen_hash");
    if (luks->ivgen_hash[0] != '\0') {
        json_text(json, luks->ivgen_hash);
    } else {
        json_null(json);
    }
    json_key_text(json, "hash", luks->hash);
    json_key_u64(json, "payload_offset", luks->payload_offset);
    json_key_u64(json, "key_bytes", luks->key_bytes);
    json_key_u64(json, "master_key_iterations", luks->master_key_iterations);
    json_key_array(json, "slots");
    for (size_t i = 0; i < LUKS_SLOTS; i++) {
        json_object(json);
        json_key_bool(json, "active", luks->slots[i].active);
        json_key_u64(json, "iterations", luks->slots[i].iterations);
        json_key_u64(json, "stripes", luks->slots[i].stripes);
        json_key_u64(json, "key_offset", luks->slots[i].key_offset);
        json_end(json);
    }
    json_end(json);
}

static void print_encryption(const struct info *info, struct json *json)
{
    char buffer[INFO_NAME_MAX];
    uint32_t method = info->image->header.crypt_method;
    json_key(json, "encryption");
    if (method == CRYPT_NONE) {
        json_null(json);
        return;
    }
    json_object(json);
    json_key_text(json, "method", info_crypt_method(method, buffer));
    if (info->has_luks) {
        print_luks(&info->luks, json);
    }
    if (info->key_checked) {
        json_key_u64(json, "key_slot", (uint64_t)info->key_slot);
    }
    json_end(json);
}

// --- Tables --------------------------------------------------------------------------------------

static void print_snapshot(const struct snapshot *snapshot, struct json *json)
{
    char date[TEXT_DATE_MAX];
    text_date(snapshot->date_sec, date);
    json_object(json);
    json_key_string(json, "id", snapshot->id);
    json_key_string(json, "name", snapshot->name);
    json_key_text(json, "date", date);
    json_key_u64(json, "date_sec", snapshot->date_sec);
    json_key_u64(json, "date_nsec", snapshot->date_nsec);
    json_key_u64(json, "vm_clock_nsec", snapshot->vm_clock_nsec);
    json_key_u64(json, "vm_state_size", snapshot->vm_state_size);
    json_key_u64(json, "disk_size", snapshot->disk_size);
    key_u64_or_null(json, "icount", snapshot->has_icount, snapshot->icount);
    json_key_u64(json, "l1_size", snapshot->l1_size);
    json_key_u64(json, "l1_table_offset", snapshot->l1_table_offset);
    json_end(json);
}

static void print_snapshots(const struct image *image, struct json *json)
{
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(image);
    json_key_array(json, "snapshots");
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        print_snapshot(&snapshot, json);
    }
    json_end(json);
    snapshot_reader_free(&reader);
}

static void print_bitmap(const struct bitmap *bitmap, struct json *json)
{
    char buffer[INFO_NAME_MAX];
    uint64_t granularity;
    bool known = bitmap_granularity(bitmap, &granularity);
    json_object(json);
    json_key_string(json, "name", bitmap->name);
    key_u64_or_null(json, "granularity", known, granularity);
    json_key_text(json, "type",
                  info_name_or_number(bitmap_type_name(bitmap->type), bitmap->type, buffer));
    json_key_array(json, "flags");
    for (unsigned bit = 0; bit < 32; bit++) {
        if (bitmap->flags >> bit & 1) {
            json_text(json, info_name_or_number(bitmap_flag_name(bit), bit, buffer));
        }
    }
    json_end(json);
    json_key_u64(json, "table_size", bitmap->table_size);
    json_end(json);
}

static void print_bitmaps(const struct image *image, struct json *json)
{
    struct bitmap bitmap;
    struct bitmap_reader reader = bitmap_reader_start(image);
    json_key_array(json, "bitmaps");
    while (bitmap_reader_next(&reader, &bitmap, NULL)) {
        print_bitmap(&bitmap, json);
    }
    json_end(json);
    bitmap_reader_free(&reader);
}

static void print_problem(const struct problem *problem, struct json *json)
{
    const struct error *error = &problem->error;
    json_object(json);
    json_key_text(json, "code", error->code);
    json_key_text(json, "message", error->message);
    if (error->has_offset) {
        json_key_u64(json, "offset", error->offset);
    }
    json_end(json);
}

static void print_problems(const struct problems *problems, struct json *json)
{
    struct problem problem;
    json_key_bool(json, "readable", !problems->unreadable);
    json_key_array(json, "problems");
    for (size_t i = 0; problems_get(problems, i, &problem); i++) {
        print_problem(&problem, json);
    }
    json_end(json);
}

void info_print_json(const struct info *info, bool in_chain, struct json *json)
{
    const struct image *image = info->image;
    const struct header *header = &image->header;
    json_object(json);
    print_header(header, json);
    print_extensions(image, json);
    print_backing_file(info, json);
    json_key_text(json, "filename", info->filename);
    print_file(image->source, json);
    json_key_bool(json, "in_use", image->source->in_use);
    key_u64_or_null(json, "cluster_size", header->geometry_known, header->cluster_size);
    key_u64_or_null(json, "refcount_bits", header->refcount_bits > 0, header->refcount_bits);
    print_data_file(image, json);
    print_encryption(info, json);
    print_snapshots(image, json);
    print_bitmaps(image, json);
    print_problems(&info->problems, json);
    if (in_chain) {
        json_key_text(json, "format", "qcow2");
    }
    json_end(json);
}

void info_print_raw_json(const struct source *source, const char *filename, struct json *json)
{
    json_object(json);
    json_key_text(json, "filename", filename);
    json_key_text(json, "format", "raw");
    json_key_u64(json, "size", source->size);
    print_file(source, json);
    json_key_bool(json, "in_use", source->in_use);
    json_end(json);
}
