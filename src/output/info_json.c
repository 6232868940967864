// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/feature.h"
#include "format/layout.h"
#include "output/info_output.h"
#include "print/finding_json.h"
#include "print/text.h"

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

static void print_string_data(const struct info_extension *extension, struct json *json)
{
    json_key_string(json, "data", extension->found.data);
}

static void print_feature_names(const struct info_extension *extension, struct json *json)
{
    char buffer[INFO_NAME_MAX];
    json_key(json, "data");
    if (extension->name_count == 0) {
        json_null(json);
        return;
    }
    json_array(json);
    for (size_t i = 0; i < extension->name_count; i++) {
        const struct feature_entry *entry = &extension->names[i];
        const char *type = feature_type_name(entry->type);
        json_object(json);
        json_key_text(json, "type", info_name_or_number(type, entry->type, buffer));
        json_key_u64(json, "bit", entry->bit);
        json_key_string(json, "name", entry->name);
        json_end(json);
    }
    json_end(json);
}

static void print_encryption_pointer(const struct info_extension *extension, struct json *json)
{
    if (extension->has_pointer) {
        json_key_object(json, "data");
        json_key_u64(json, "offset", extension->pointer_offset);
        json_key_u64(json, "length", extension->pointer_length);
        json_end(json);
    }
}

static void print_nothing(const struct info_extension *extension, struct json *json)
{
    (void)extension;
    (void)json;
}

static void print_unknown_data(const struct info_extension *extension, struct json *json)
{
    json_key(json, "data");
    json_base64(json, extension->found.data);
}

static const struct printer {
    uint32_t type;
    void (*print)(const struct info_extension *extension, struct json *json);
} printers[] = {
    {EXTENSION_BACKING_FORMAT, print_string_data},
    {EXTENSION_DATA_FILE, print_string_data},
    {EXTENSION_FEATURE_NAMES, print_feature_names},
    {EXTENSION_ENCRYPTION, print_encryption_pointer},
    {EXTENSION_BITMAPS, print_nothing},
};

static void print_extension(const struct info_extension *extension, struct json *json)
{
    const struct extension *found = &extension->found;
    const char *type = extension_type_name(found->type);
    struct printer printer = {found->type, print_unknown_data};
    json_object(json);
    json_key(json, "type");
    if (type) {
        json_text(json, type);
    } else {
        json_format(json, "unknown-0x%08" PRIx32, found->type);
    }
    json_key_u64(json, "length", found->data.size);
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) {
        printer = printers[i].type == found->type ? printers[i] : printer;
    }
    if (found->data.size <= CAP_EXTENSION_DATA) {
        printer.print(extension, json);
    }
    json_end(json);
}

static void print_extensions(const struct info *info, struct json *json)
{
    json_key(json, "header_extensions");
    if (info->header_extension_count == 0) {
        json_null(json);
        return;
    }
    json_array(json);
    for (size_t i = 0; i < info->header_extension_count; i++) {
        print_extension(&info->header_extensions[i], json);
    }
    json_end(json);
}

// --- Names and sizes -----------------------------------------------------------------------------

static void print_backing_file(const struct info *info, struct json *json)
{
    json_key_string(json, "backing_file", info->backing_file);
    json_key_text(json, "backing_file_full_path", info->backing_path ? info->backing_path : "");
    json_key_string(json, "backing_file_format", info->extensions->backing_format);
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

static void print_file(const struct info_file *file, struct json *json)
{
    key_u64_or_null(json, "file_size", file->complete, file->size);
    key_u64_or_null(json, "allocated_size", file->allocated_known, file->allocated_size);
    json_key_bool(json, "in_use", file->in_use);
}

static void print_data_file(const struct info *info, struct json *json)
{
    const struct header *header = info->header;
    json_key(json, "data_file");
    if (!header_has_data_file(header)) {
        json_null(json);
        return;
    }
    json_object(json);
    json_key_string(json, "name", info->extensions->data_file);
    json_key_bool(json, "raw", (header->autoclear_features & AUTOCLEAR_RAW_DATA_FILE) != 0);
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
    uint32_t method = info->header->crypt_method;
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

static void print_problem(const struct problem *problem, struct json *json)
{
    const struct error *error = &problem->error;
    json_object(json);
    finding_json(json, &(struct finding_keys){.code = error->code,
                                              .severity = problem_severity(problem),
                                              .message = error->message,
                                              .meaning = problem_rules[problem->kind].meaning,
                                              .count = problem->count,
                                              .offset = error->has_offset ? &error->offset : NULL});
    json_end(json);
}

static void print_lists(const struct info *info, struct json *json)
{
    struct problem problem;
    json_key_array(json, "snapshots");
    for (size_t i = 0; i < info->snapshot_count; i++) {
        print_snapshot(&info->snapshots[i], json);
    }
    json_end(json);
    json_key_array(json, "bitmaps");
    for (size_t i = 0; i < info->bitmap_count; i++) {
        print_bitmap(&info->bitmaps[i], json);
    }
    json_end(json);
    json_key_bool(json, "readable", !info->problems.unreadable);
    json_key_array(json, "problems");
    for (size_t i = 0; problems_get(&info->problems, i, &problem); i++) {
        print_problem(&problem, json);
    }
    json_end(json);
}

void info_print_json(const struct info *info, bool in_chain, struct json *json)
{
    const struct header *header = info->header;
    json_object(json);
    print_header(header, json);
    print_extensions(info, json);
    print_backing_file(info, json);
    json_key_text(json, "filename", info->file.name);
    print_file(&info->file, json);
    key_u64_or_null(json, "cluster_size", header->geometry_known, header->cluster_size);
    key_u64_or_null(json, "refcount_bits", header->refcount_bits > 0, header->refcount_bits);
    print_data_file(info, json);
    print_encryption(info, json);
    print_lists(info, json);
    if (in_chain) {
        json_key_text(json, "format", "qcow2");
    }
    json_end(json);
}

void info_print_raw_json(const struct info_file *file, struct json *json)
{
    json_object(json);
    json_key_text(json, "filename", file->name);
    json_key_text(json, "format", "raw");
    json_key_u64(json, "size", file->size);
    print_file(file, json);
    json_end(json);
}
