// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/feature.h"
#include "format/layout.h"
#include "inspect/bitmap_reader.h"
#include "inspect/snapshot_reader.h"
#include "output/info_output.h"
#include "output/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    LABEL_WIDTH = 22,     // of the left column, its indentation included
    NAME_COLUMN_MAX = 40, // a longer name pushes its own line only
    EXTENSION_NAME_WIDTH = 35,
};

// --- Lines ---------------------------------------------------------------------------------------

static void label(struct writer *writer, const char *indent, const char *text)
{
    writer_format(writer, "%s%s:", indent, text);
    size_t used = strlen(indent) + strlen(text) + 1;
    text_blanks(writer, used < LABEL_WIDTH ? LABEL_WIDTH - used : 1);
}

static void line_text(struct writer *writer, const char *indent, const char *name,
                      const char *value)
{
    label(writer, indent, name);
    text_safe(writer, value);
    writer_string(writer, "\n");
}

static void line_name(struct writer *writer, const char *indent, const char *name,
                      struct bytes value)
{
    label(writer, indent, name);
    text_name(writer, value);
    writer_string(writer, "\n");
}

static void line_size(struct writer *writer, const char *indent, const char *name, uint64_t size)
{
    char text[TEXT_SIZE_MAX];
    text_size(size, text);
    line_text(writer, indent, name, text);
}

// "1 entry", "2 entries".
static void write_count(struct writer *writer, uint64_t count, const char *one, const char *many)
{
    writer_format(writer, "%" PRIu64 " %s", count, count == 1 ? one : many);
}

// "at 65536 (0x10000)"
static void write_place(struct writer *writer, uint64_t offset)
{
    writer_format(writer, "at %" PRIu64 " (0x%" PRIx64 ")", offset, offset);
}

// --- The file and the disk -----------------------------------------------------------------------

static void print_file(const struct source *source, struct writer *writer)
{
    if (source->complete) {
        line_size(writer, "", "file size", source->size);
    } else {
        char text[TEXT_SIZE_MAX];
        text_size(source->size, text);
        label(writer, "", "file size");
        writer_format(writer, "unknown: only the first %s were read\n", text);
    }
    if (source->fd >= 0) {
        line_size(writer, "", "on disk", source->allocated_size);
    }
    if (source->in_use) {
        line_text(writer, "", "in use", "yes, another process has it open for writing");
    }
}

static void print_format(const struct header *header, struct writer *writer)
{
    const char *compat = header->version == 2   ? " (compat 0.10)"
                         : header->version == 3 ? " (compat 1.1)"
                                                : "";
    label(writer, "", "format");
    writer_format(writer, "qcow2, version %" PRIu32 "%s\n", header->version, compat);
}

static void print_geometry(const struct header *header, struct writer *writer)
{
    char buffer[INFO_NAME_MAX];
    label(writer, "", "cluster size");
    if (header->geometry_known) {
        char text[TEXT_SIZE_MAX];
        text_size(header->cluster_size, text);
        writer_format(writer, "%s\n", text);
    } else {
        writer_format(writer, "unknown (cluster_bits is %" PRIu32 ")\n", header->cluster_bits);
    }
    label(writer, "", "refcounts");
    if (header->refcount_bits > 0) {
        writer_format(writer, "%" PRIu32 " bit%s\n", header->refcount_bits,
                      header->refcount_bits == 1 ? "" : "s");
    } else {
        writer_format(writer, "unknown (refcount_order is %" PRIu32 ")\n", header->refcount_order);
    }
    line_text(writer, "", "compression type",
              info_compression_type(header->compression_type, buffer));
}

static void print_backing_file(const struct info *info, struct writer *writer)
{
    struct bytes format = info->image->extensions.backing_format;
    if (!info->backing_path) {
        line_text(writer, "", "backing file", "none");
        return;
    }
    line_name(writer, "", "backing file", info->image->backing_file);
    line_text(writer, "  ", "full path", info->backing_path);
    if (format.size > 0) {
        line_name(writer, "  ", "format", format);
    } else {
        line_text(writer, "  ", "format", "not recorded: programs have to guess it");
    }
}

static void print_data_file(const struct image *image, struct writer *writer)
{
    struct bytes name = image->extensions.data_file;
    if (!image_has_feature(image, INCOMPATIBLE_DATA_FILE)) {
        return;
    }
    if (name.size > 0) {
        line_name(writer, "", "data file", name);
    } else {
        line_text(writer, "", "data file", "not named in the image");
    }
    bool raw = (image->header.autoclear_features & AUTOCLEAR_RAW_DATA_FILE) != 0;
    line_text(writer, "  ", "raw", raw ? "yes: the data file alone is the disk" : "no");
}

// --- Encryption ----------------------------------------------------------------------------------

static void print_slot(const struct luks_slot *slot, size_t number, struct writer *writer)
{
    char name[16];
    snprintf(name, sizeof name, "key slot %zu", number);
    label(writer, "  ", name);
    if (slot->active) {
        writer_format(writer,
                      "active, %" PRIu32 " iterations, %" PRIu32 " stripes, key at %" PRIu64 "\n",
                      slot->iterations, slot->stripes, slot->key_offset);
    } else {
        writer_string(writer, "free\n");
    }
}

static void print_luks(const struct luks *luks, struct writer *writer)
{
    line_text(writer, "  ", "uuid", luks->uuid);
    line_text(writer, "  ", "cipher", luks->cipher);
    line_text(writer, "  ", "mode", luks->mode);
    line_text(writer, "  ", "IV generator", luks->ivgen);
    if (luks->ivgen_hash[0] != '\0') {
        line_text(writer, "  ", "IV hash", luks->ivgen_hash);
    }
    line_text(writer, "  ", "hash", luks->hash);
    line_size(writer, "  ", "payload offset", luks->payload_offset);
    label(writer, "  ", "master key");
    writer_format(writer, "%" PRIu32 " bytes, %" PRIu32 " iterations\n", luks->key_bytes,
                  luks->master_key_iterations);
    for (size_t i = 0; i < LUKS_SLOTS; i++) {
        print_slot(&luks->slots[i], i, writer);
    }
}

static void print_encryption(const struct info *info, struct writer *writer)
{
    const struct extensions *extensions = &info->image->extensions;
    char buffer[INFO_NAME_MAX];
    uint32_t method = info->image->header.crypt_method;
    line_text(writer, "", "encryption",
              method == CRYPT_NONE ? "none" : info_crypt_method(method, buffer));
    if (extensions->has_encryption) {
        label(writer, "  ", "header");
        write_place(writer, extensions->encryption_offset);
        writer_string(writer, ", ");
        write_count(writer, extensions->encryption_length, "byte", "bytes");
        writer_string(writer, "\n");
    }
    if (info->has_luks) {
        print_luks(&info->luks, writer);
    }
    if (info->key_checked) {
        label(writer, "  ", "passphrase");
        writer_format(writer, "opens key slot %d\n", info->key_slot);
    }
}

// --- Features, tables, extensions ----------------------------------------------------------------

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

static void print_features(const struct image *image, enum feature_type type, uint64_t features,
                           struct writer *writer)
{
    const char *separator = "";
    label(writer, "  ", feature_type_name(type));
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

static void print_all_features(const struct image *image, struct writer *writer)
{
    const struct header *header = &image->header;
    if (header->version < 3) {
        line_text(writer, "", "features", "none in this version");
        return;
    }
    writer_string(writer, "features:\n");
    print_features(image, FEATURE_INCOMPATIBLE, header->incompatible_features, writer);
    print_features(image, FEATURE_COMPATIBLE, header->compatible_features, writer);
    print_features(image, FEATURE_AUTOCLEAR, header->autoclear_features, writer);
}

static void print_table(struct writer *writer, const char *name, uint64_t offset, uint64_t count,
                        const char *one, const char *many, uint64_t size)
{
    label(writer, "  ", name);
    write_place(writer, offset);
    writer_string(writer, ", ");
    write_count(writer, count, one, many);
    writer_string(writer, ", ");
    write_count(writer, size, "byte\n", "bytes\n");
}

static void print_tables(const struct info *info, struct writer *writer)
{
    const struct header *header = &info->image->header;
    const struct extensions *extensions = &info->image->extensions;
    uint64_t clusters = header->refcount_table_clusters;
    writer_string(writer, "tables:\n");
    label(writer, "  ", "header");
    write_place(writer, 0);
    writer_format(writer, ", %" PRIu32 " bytes\n", header->header_length);
    print_table(writer, "L1 table", header->l1_table_offset, header->l1_size, "entry", "entries",
                (uint64_t)header->l1_size * L1_ENTRY_SIZE);
    print_table(writer, "refcount table", header->refcount_table_offset, clusters, "cluster",
                "clusters", clusters * header->cluster_size);
    if (header->nb_snapshots > 0) {
        print_table(writer, "snapshot table", header->snapshots_offset, header->nb_snapshots,
                    "snapshot", "snapshots", info->snapshots_size);
    }
    if (extensions->has_bitmaps) {
        print_table(writer, "bitmap directory", extensions->bitmaps_directory_offset,
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
    write_count(writer, feature_table_count(table), "name", "names");
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

static void print_extensions(const struct image *image, struct writer *writer)
{
    struct extension extension;
    struct extension_walk walk = extension_walk_start(image->first_cluster, &image->header);
    if (!extension_next(&walk, &extension, NULL)) {
        line_text(writer, "", "header extensions", "none");
        return;
    }
    writer_string(writer, "header extensions:\n");
    do {
        print_extension(&extension, writer);
    } while (extension_next(&walk, &extension, NULL));
}

// --- Snapshots and bitmaps -----------------------------------------------------------------------

static void widen(size_t *width, struct bytes name)
{
    size_t needed = text_name_width(name, NAME_COLUMN_MAX);
    if (needed > *width) {
        *width = needed;
    }
}

// A cell that is filled up to `width`, and the gap behind it.
static void write_cell(struct writer *writer, struct bytes name, size_t width)
{
    size_t used = text_name_width(name, width);
    text_name(writer, name);
    text_blanks(writer, 2 + width - used);
}

static void print_snapshot(const struct snapshot *snapshot, size_t id_width, size_t name_width,
                           struct writer *writer)
{
    char vm_size[TEXT_SIZE_MAX];
    char disk_size[TEXT_SIZE_MAX];
    char date[TEXT_DATE_MAX];
    char clock[TEXT_CLOCK_MAX];
    text_short_size(snapshot->vm_state_size, vm_size);
    text_short_size(snapshot->disk_size, disk_size);
    text_date(snapshot->date_sec, date);
    text_clock(snapshot->vm_clock_nsec, clock);
    writer_string(writer, "  ");
    write_cell(writer, snapshot->id, id_width);
    write_cell(writer, snapshot->name, name_width);
    writer_format(writer, "%10s  %s  %12s  %10s  ", vm_size, date, clock, disk_size);
    if (snapshot->has_icount) {
        writer_u64(writer, snapshot->icount);
    } else {
        writer_string(writer, "-");
    }
    writer_string(writer, "\n");
}

static void measure_snapshots(const struct image *image, size_t *id_width, size_t *name_width)
{
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(image);
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        widen(id_width, snapshot.id);
        widen(name_width, snapshot.name);
    }
    snapshot_reader_free(&reader);
}

static void print_snapshots(const struct info *info, struct writer *writer)
{
    struct snapshot snapshot;
    size_t id_width = strlen("ID");
    size_t name_width = strlen("TAG");
    if (info->snapshots_found == 0) {
        line_text(writer, "", "snapshots",
                  info->image->header.nb_snapshots > 0 ? "none that can be read" : "none");
        return;
    }
    measure_snapshots(info->image, &id_width, &name_width);
    writer_format(writer, "snapshots:\n  %-*s  %-*s  %10s  %-20s  %12s  %10s  %s\n", (int)id_width,
                  "ID", (int)name_width, "TAG", "VM SIZE", "DATE", "VM CLOCK", "DISK SIZE",
                  "ICOUNT");
    struct snapshot_reader reader = snapshot_reader_start(info->image);
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        print_snapshot(&snapshot, id_width, name_width, writer);
    }
    snapshot_reader_free(&reader);
}

static void print_bitmap(const struct bitmap *bitmap, size_t width, struct writer *writer)
{
    char text[TEXT_SIZE_MAX] = "?";
    char buffer[INFO_NAME_MAX];
    const char *separator = "  ";
    uint64_t granularity;
    if (bitmap_granularity(bitmap, &granularity)) {
        text_short_size(granularity, text);
    }
    writer_string(writer, "  ");
    write_cell(writer, bitmap->name, width);
    writer_format(writer, "%11s  %-14s  %10" PRIu32, text,
                  info_name_or_number(bitmap_type_name(bitmap->type), bitmap->type, buffer),
                  bitmap->table_size);
    for (unsigned bit = 0; bit < 32; bit++) {
        if (bitmap->flags >> bit & 1) {
            writer_string(writer, separator);
            writer_string(writer, info_name_or_number(bitmap_flag_name(bit), bit, buffer));
            separator = ", ";
        }
    }
    writer_string(writer, "\n");
}

static size_t measure_bitmaps(const struct image *image)
{
    struct bitmap bitmap;
    size_t width = strlen("NAME");
    struct bitmap_reader reader = bitmap_reader_start(image);
    while (bitmap_reader_next(&reader, &bitmap, NULL)) {
        widen(&width, bitmap.name);
    }
    bitmap_reader_free(&reader);
    return width;
}

static void print_bitmaps(const struct info *info, struct writer *writer)
{
    struct bitmap bitmap;
    if (info->bitmaps_found == 0) {
        line_text(writer, "", "bitmaps",
                  info->image->extensions.has_bitmaps ? "none that can be read" : "none");
        return;
    }
    size_t width = measure_bitmaps(info->image);
    writer_format(writer, "bitmaps:\n  %-*s  %11s  %-14s  %10s  %s\n", (int)width, "NAME",
                  "GRANULARITY", "TYPE", "TABLE SIZE", "FLAGS");
    struct bitmap_reader reader = bitmap_reader_start(info->image);
    while (bitmap_reader_next(&reader, &bitmap, NULL)) {
        print_bitmap(&bitmap, width, writer);
    }
    bitmap_reader_free(&reader);
}

// --- Verdict -------------------------------------------------------------------------------------

static void print_problems(const struct problems *problems, struct writer *writer)
{
    label(writer, "", "readable");
    if (problems->unreadable) {
        writer_string(writer, "no: ");
        text_safe(writer, problems->first_unreadable.message);
        writer_string(writer, "\n");
    } else {
        writer_string(writer, "yes\n");
    }
    if (problems->count + problems->dropped == 0) {
        line_text(writer, "", "problems", "none");
        return;
    }
    writer_string(writer, "problems:\n");
    for (size_t i = 0; i < problems->count; i++) {
        const struct error *error = &problems->items[i].error;
        writer_format(writer, "  %s: ", error->code);
        text_safe(writer, error->message);
        if (error->has_offset) {
            writer_format(writer, " (at offset %" PRIu64 ")", error->offset);
        }
        writer_string(writer, "\n");
    }
    if (problems->dropped > 0) {
        writer_format(writer, "  %zu further problems are not listed\n", problems->dropped);
    }
}

void info_print_text(const struct info *info, struct writer *writer)
{
    const struct image *image = info->image;
    line_text(writer, "", "image", info->filename);
    print_format(&image->header, writer);
    line_size(writer, "", "virtual size", image->header.size);
    print_file(image->source, writer);
    print_geometry(&image->header, writer);
    print_encryption(info, writer);
    print_backing_file(info, writer);
    print_data_file(image, writer);
    print_all_features(image, writer);
    print_tables(info, writer);
    print_extensions(image, writer);
    print_snapshots(info, writer);
    print_bitmaps(info, writer);
    print_problems(&info->problems, writer);
}

void info_print_raw_text(const struct source *source, const char *filename, struct writer *writer)
{
    line_text(writer, "", "image", filename);
    line_text(writer, "", "format", "raw");
    line_size(writer, "", "virtual size", source->size);
    print_file(source, writer);
}
