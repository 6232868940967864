// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints the contents of the header: features, tables, header extensions.

#include "format/feature.h"
#include "format/layout.h"
#include "output/info_output.h"
#include "output/info_text.h"
#include "print/lines.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EXTENSION_NAME_WIDTH = 35 };

// Prints the name of a feature bit: the name that the format gives it, else that the image gives
// it, else its number.
static void write_feature(const struct info *info, enum feature_type type, unsigned bit,
                          struct writer *writer)
{
    const struct bytes *own = &info->own_names[type][bit];
    const char *name = feature_name(type, bit);
    if (name) {
        writer_string(writer, name);
        return;
    }
    writer_format(writer, "unknown-%u", bit);
    if (own->size > 0) {
        writer_string(writer, " (\"");
        text_name(writer, *own);
        writer_string(writer, "\" to the image)");
    }
}

static void print_features(const struct info *info, const char *label, enum feature_type type,
                           uint64_t features, struct writer *writer)
{
    const char *separator = "";
    line_label(writer, label);
    if (features == 0) {
        writer_string(writer, "none");
    }
    for (unsigned bit = 0; bit < FEATURE_BITS; bit++) {
        if (features >> bit & 1) {
            writer_string(writer, separator);
            write_feature(info, type, bit, writer);
            separator = ", ";
        }
    }
    writer_string(writer, "\n");
}

void info_text_features(const struct info *info, struct writer *writer)
{
    const struct header *header = info->header;
    if (header->version < 3) {
        line_text(writer, "features", "none in this version");
        return;
    }
    writer_string(writer, "features:\n");
    print_features(info, "  incompatible", FEATURE_INCOMPATIBLE, header->incompatible_features,
                   writer);
    print_features(info, "  compatible", FEATURE_COMPATIBLE, header->compatible_features, writer);
    print_features(info, "  autoclear", FEATURE_AUTOCLEAR, header->autoclear_features, writer);
}

static void print_table(struct writer *writer, const char *label, uint64_t offset, uint64_t count,
                        const char *one, const char *many, uint64_t size)
{
    line_label(writer, label);
    text_place(writer, offset);
    writer_string(writer, ", ");
    text_count(writer, count, one, many);
    writer_string(writer, ", ");
    text_count(writer, size, "byte\n", "bytes\n");
}

void info_text_tables(const struct info *info, struct writer *writer)
{
    const struct header *header = info->header;
    const struct extensions *extensions = info->extensions;
    uint64_t clusters = header->refcount_table_clusters;
    writer_string(writer, "tables:\n");
    line_label(writer, "  header");
    text_place(writer, 0);
    writer_format(writer, ", %" PRIu32 " bytes\n", header->header_length);
    print_table(writer, "  L1 table", header->l1_table_offset, header->l1_size, "entry", "entries",
                (uint64_t)header->l1_size * L1_ENTRY_SIZE);
    print_table(writer, "  refcount table", header->refcount_table_offset, clusters, "cluster",
                "clusters", clusters * header->cluster_size);
    if (header->nb_snapshots > 0) {
        print_table(writer, "  snapshot table", header->snapshots_offset, header->nb_snapshots,
                    "snapshot", "snapshots", info->snapshots_size);
    }
    if (extensions->has_bitmaps) {
        print_table(writer, "  bitmap directory", extensions->bitmaps_directory_offset,
                    extensions->bitmaps_count, "bitmap", "bitmaps",
                    extensions->bitmaps_directory_size);
    }
}

static bool is_known_name(const struct feature_entry *entry)
{
    const char *name = feature_type_name(entry->type)
                           ? feature_name((enum feature_type)entry->type, entry->bit)
                           : NULL;
    return name && strlen(name) == entry->name.size &&
           memcmp(name, entry->name.data, entry->name.size) == 0;
}

// Names of bits that the format defines are only counted.
static void write_feature_names(const struct info_extension *extension, struct writer *writer)
{
    char buffer[INFO_NAME_MAX];
    text_count(writer, extension->name_count, "name", "names");
    for (size_t i = 0; i < extension->name_count; i++) {
        const struct feature_entry *entry = &extension->names[i];
        if (is_known_name(entry)) {
            continue;
        }
        writer_format(writer, "\n    %s bit %u: ",
                      info_name_or_number(feature_type_name(entry->type), entry->type, buffer),
                      entry->bit);
        text_name(writer, entry->name);
    }
}

static void write_unknown_data(const struct info_extension *extension, struct writer *writer)
{
    enum { SHOWN_MAX = 32 };
    struct bytes data = extension->found.data;
    for (size_t i = 0; i < data.size && i < SHOWN_MAX; i++) {
        writer_format(writer, "%02x", data.data[i]);
    }
    if (data.size > SHOWN_MAX) {
        writer_string(writer, "...");
    }
}

static void write_string_data(const struct info_extension *extension, struct writer *writer)
{
    text_name(writer, extension->found.data);
}

// NULL: a pointer that is printed elsewhere.
static const struct data_writer {
    uint32_t type;
    void (*write)(const struct info_extension *extension, struct writer *writer);
} data_writers[] = {
    {EXTENSION_BACKING_FORMAT, write_string_data},
    {EXTENSION_DATA_FILE, write_string_data},
    {EXTENSION_FEATURE_NAMES, write_feature_names},
    {EXTENSION_ENCRYPTION, NULL},
    {EXTENSION_BITMAPS, NULL},
};

static void write_extension_data(const struct info_extension *extension, struct writer *writer)
{
    const struct extension *found = &extension->found;
    struct data_writer data = {found->type, write_unknown_data};
    for (size_t i = 0; i < sizeof data_writers / sizeof *data_writers; i++) {
        data = data_writers[i].type == found->type ? data_writers[i] : data;
    }
    if (!data.write || found->data.size == 0) {
        return;
    }
    writer_string(writer, "  ");
    if (found->data.size > CAP_EXTENSION_DATA) {
        writer_string(writer, "(too long to be shown)");
    } else {
        data.write(extension, writer);
    }
}

static void print_extension(const struct info_extension *extension, struct writer *writer)
{
    const struct extension *found = &extension->found;
    char unknown[INFO_NAME_MAX];
    const char *type = extension_type_name(found->type);
    if (!type) {
        snprintf(unknown, sizeof unknown, "unknown-0x%08" PRIx32, found->type);
        type = unknown;
    }
    writer_format(writer, "  at %-6" PRIu64 " %-*s  %4zu bytes", found->offset,
                  EXTENSION_NAME_WIDTH, type, found->data.size);
    write_extension_data(extension, writer);
    writer_string(writer, "\n");
}

void info_text_extensions(const struct info *info, struct writer *writer)
{
    if (info->header_extension_count == 0) {
        line_text(writer, "header extensions", "none");
        return;
    }
    writer_string(writer, "header extensions:\n");
    for (size_t i = 0; i < info->header_extension_count; i++) {
        print_extension(&info->header_extensions[i], writer);
    }
}
