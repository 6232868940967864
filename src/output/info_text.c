// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/info_text.h"

#include "format/layout.h"
#include "output/info_output.h"
#include "print/lines.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>

// --- The file and the disk -----------------------------------------------------------------------

static void print_file(const struct info_file *file, struct writer *writer)
{
    if (file->complete) {
        line_size(writer, "file size", file->size);
    } else {
        char text[TEXT_SIZE_MAX];
        text_size(file->size, text);
        line_label(writer, "file size");
        writer_format(writer, "unknown: only the first %s were read\n", text);
    }
    if (file->allocated_known) {
        line_size(writer, "on disk", file->allocated_size);
    } else {
        line_text(writer, "on disk", "unknown");
    }
    if (file->in_use) {
        line_text(writer, "in use", "yes, another process has it open for writing");
    }
}

static void print_format(const struct header *header, struct writer *writer)
{
    const char *compat = header->version == 2   ? " (compat 0.10)"
                         : header->version == 3 ? " (compat 1.1)"
                                                : "";
    line_label(writer, "format");
    writer_format(writer, "qcow2, version %" PRIu32 "%s\n", header->version, compat);
}

static void print_geometry(const struct header *header, struct writer *writer)
{
    char buffer[INFO_NAME_MAX];
    line_label(writer, "cluster size");
    if (header->geometry_known) {
        char text[TEXT_SIZE_MAX];
        text_size(header->cluster_size, text);
        writer_format(writer, "%s\n", text);
    } else {
        writer_format(writer, "unknown (cluster_bits is %" PRIu32 ")\n", header->cluster_bits);
    }
    line_label(writer, "refcounts");
    if (header->refcount_bits > 0) {
        writer_format(writer, "%" PRIu32 " bit%s\n", header->refcount_bits,
                      header->refcount_bits == 1 ? "" : "s");
    } else {
        writer_format(writer, "unknown (refcount_order is %" PRIu32 ")\n", header->refcount_order);
    }
    line_text(writer, "compression type", info_compression_type(header->compression_type, buffer));
}

static void print_backing_file(const struct info *info, struct writer *writer)
{
    struct bytes format = info->extensions->backing_format;
    if (!info->backing_path) {
        line_text(writer, "backing file", "none");
        return;
    }
    line_name(writer, "backing file", info->backing_file);
    line_text(writer, "  full path", info->backing_path);
    if (format.size > 0) {
        line_name(writer, "  format", format);
    } else {
        line_text(writer, "  format", "not recorded: programs have to guess it");
    }
}

static void print_data_file(const struct info *info, struct writer *writer)
{
    struct bytes name = info->extensions->data_file;
    if (!header_has_data_file(info->header)) {
        return;
    }
    if (name.size > 0) {
        line_name(writer, "data file", name);
    } else {
        line_text(writer, "data file", "not named in the image");
    }
    bool raw = (info->header->autoclear_features & AUTOCLEAR_RAW_DATA_FILE) != 0;
    line_text(writer, "  raw", raw ? "yes: the data file alone is the disk" : "no");
}

// --- Encryption ----------------------------------------------------------------------------------

static void print_slot(const struct luks_slot *slot, size_t number, struct writer *writer)
{
    char name[24];
    snprintf(name, sizeof name, "  key slot %zu", number);
    line_label(writer, name);
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
    line_text(writer, "  uuid", luks->uuid);
    line_text(writer, "  cipher", luks->cipher);
    line_text(writer, "  mode", luks->mode);
    line_text(writer, "  IV generator", luks->ivgen);
    if (luks->ivgen_hash[0] != '\0') {
        line_text(writer, "  IV hash", luks->ivgen_hash);
    }
    line_text(writer, "  hash", luks->hash);
    line_size(writer, "  payload offset", luks->payload_offset);
    line_label(writer, "  master key");
    writer_format(writer, "%" PRIu32 " bytes, %" PRIu32 " iterations\n", luks->key_bytes,
                  luks->master_key_iterations);
    for (size_t i = 0; i < LUKS_SLOTS; i++) {
        print_slot(&luks->slots[i], i, writer);
    }
}

static void print_encryption(const struct info *info, struct writer *writer)
{
    const struct extensions *extensions = info->extensions;
    char buffer[INFO_NAME_MAX];
    uint32_t method = info->header->crypt_method;
    line_text(writer, "encryption",
              method == CRYPT_NONE ? "none" : info_crypt_method(method, buffer));
    if (extensions->has_encryption) {
        line_label(writer, "  header");
        text_place(writer, extensions->encryption_offset);
        writer_string(writer, ", ");
        text_count(writer, extensions->encryption_length, "byte", "bytes");
        writer_string(writer, "\n");
    }
    if (info->has_luks) {
        print_luks(&info->luks, writer);
    }
    if (info->key_checked) {
        line_label(writer, "  passphrase");
        writer_format(writer, "opens key slot %d\n", info->key_slot);
    }
}

// --- Verdict -------------------------------------------------------------------------------------

static void print_problems(const struct problems *problems, struct writer *writer)
{
    line_label(writer, "readable");
    if (problems->unreadable) {
        color_text(writer, COLOR_RED, "no");
        writer_string(writer, ": ");
        text_safe(writer, problems->first_unreadable.message);
        writer_string(writer, "\n");
    } else {
        color_text(writer, COLOR_GREEN, "yes");
        writer_string(writer, "\n");
    }
    if (problems->count + problems->dropped == 0) {
        line_colored(writer, "problems", COLOR_GREEN, "none");
        return;
    }
    writer_string(writer, "problems:\n");
    for (size_t i = 0; i < problems->count; i++) {
        const struct error *error = &problems->items[i].error;
        writer_string(writer, "  ");
        color_text(writer, COLOR_YELLOW, error->code);
        writer_string(writer, ": ");
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
    line_text(writer, "image", info->file.name);
    print_format(info->header, writer);
    line_size(writer, "virtual size", info->header->size);
    print_file(&info->file, writer);
    print_geometry(info->header, writer);
    print_encryption(info, writer);
    print_backing_file(info, writer);
    print_data_file(info, writer);
    info_text_features(info, writer);
    info_text_tables(info, writer);
    info_text_extensions(info, writer);
    info_text_snapshots(info, writer);
    info_text_bitmaps(info, writer);
    print_problems(&info->problems, writer);
}

void info_print_raw_text(const struct info_file *file, struct writer *writer)
{
    line_text(writer, "image", file->name);
    line_text(writer, "format", "raw");
    line_size(writer, "virtual size", file->size);
    print_file(file, writer);
}
