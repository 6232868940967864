// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the header says: features, tables, header extensions.

#include "format/feature.h"
#include "format/layout.h"
#include "output/info_output.h"
#include "output/info_text.h"
#include "output/lines.h"
#include "output/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EXTENSION_NAME_WIDTH = 35 };

// A bit's name: the format's, else the image's, else its number.
static void write_feature(const struct image *image, enum feature_type type, unsigned bit,
                          struct writer *writer)
{
    struct bytes own;
    const char *name = feature_name(type, bit);
    if (name) {
        writer_string(writer, name);
        return;
    }
    writer_format(writer, "unknown-%u", bit);
    if (feature_table_lookup(image->extensions.feature_names, type, bit, &own)) {
        writer_string(writer, " (\"");
        text_name(writer, own);
        writer_string(writer, "\" to the image)");
    }
}

static void print_features(const struct image *image, const char *label, enum feature_type type,
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
            write_feature(image, type, bit, writer);
            separator = ", ";
        }
    }
    writer_string(writer, "\n");
}

void info_text_features(const struct image *image, struct writer *writer)
{
    const struct header *header = &image->header;
    if (header->version < 3) {
        line_text(writer, "features", "none in this version");
        return;
    }
    writer_string(writer, "features:\n");
    print_features(image, "  incompatible", FEATURE_INCOMPATIBLE, header->incompatible_features,
                   writer);
    print_features(image, "  compatible", FEATURE_COMPATIBLE, header->compatible_features, writer);
    print_features(image, "  autoclear", FEATURE_AUTOCLEAR, header->autoclear_features, writer);
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
    const struct header *header = &info->image->header;
    const struct extensions *extensions = &info->image->extensions;
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

// Names that the format gives as well are only counted.
static void write_feature_names(struct bytes table, struct writer *writer)
{
    struct feature_entry entry;
    char buffer[INFO_NAME_MAX];
    text_count(writer, feature_table_count(table), "name", "names");
    for (size_t i = 0; feature_table_entry(table, i, &entry); i++) {
        if (is_known_name(&entry)) {
            continue;
        }
        const char *type = info_name_or_number(feature_type_name(entry.type), entry.type, buffer);
        writer_format(writer, "\n    %s bit %u: ", type, entry.bit);
        text_name(writer, entry.name);
    }
}

static void write_unknown_data(struct bytes data, struct writer *writer)
{
    enum { SHOWN_MAX = 32 };
    for (size_t i = 0; i < data.size && i < SHOWN_MAX; i++) {
        writer_format(writer, "%02x", data.data[i]);
    }
    if (data.size > SHOWN_MAX) {
        writer_string(writer, "...");
    }
}

static void write_string_data(struct bytes data, struct writer *writer)
{
    text_name(writer, data);
}

// NULL: a pointer to what is told elsewhere.
static const struct {
    uint32_t type;
    void (*write)(struct bytes data, struct writer *writer);
} data_writers[] = {
    {EXTENSION_BACKING_FORMAT, write_string_data},
    {EXTENSION_DATA_FILE, write_string_data},
    {EXTENSION_FEATURE_NAMES, write_feature_names},
    {EXTENSION_ENCRYPTION, NULL},
    {EXTENSION_BITMAPS, NULL},
};

static void write_extension_data(const struct extension *extension, struct writer *writer)
{
    void (*write)(struct bytes data, struct writer * writer) = write_unknown_data;
    for (size_t i = 0; i < sizeof data_writers / sizeof *data_writers; i++) {
        if (data_writers[i].type == extension->type) {
            write = data_writers[i].write;
        }
    }
    if (!write || extension->data.size == 0) {
        return;
    }
    writer_string(writer, "  ");
    if (extension->data.size > CAP_EXTENSION_DATA) {
        writer_string(writer, "(too long to be shown)");
    } else {
        write(extension->data, writer);
    }
}

static void print_extension(const struct extension *extension, struct writer *writer)
{
    char unknown[INFO_NAME_MAX];
    const char *type = extension_type_name(extension->type);
    if (!type) {
        snprintf(unknown, sizeof unknown, "unknown-0x%08" PRIx32, extension->type);
        type = unknown;
    }
    writer_format(writer, "  at %-6" PRIu64 " %-*s  %4zu bytes", extension->offset,
                  EXTENSION_NAME_WIDTH, type, extension->data.size);
    write_extension_data(extension, writer);
    writer_string(writer, "\n");
}

void info_text_extensions(const struct image *image, struct writer *writer)
{
    struct extension extension;
    struct extension_walk walk = extension_walk_start(image->first_cluster, &image->header);
    if (!extension_next(&walk, &extension, NULL)) {
        line_text(writer, "header extensions", "none");
        return;
    }
    writer_string(writer, "header extensions:\n");
    do {
        print_extension(&extension, writer);
    } while (extension_next(&walk, &extension, NULL));
}
