// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints the snapshots and the bitmaps, one line each.

#include "output/info_output.h"
#include "output/info_text.h"
#include "print/lines.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_COLUMN_MAX = 40 }; // a longer name shifts only its own line

static void widen(size_t *width, struct bytes name)
{
    size_t needed = text_name_width(name, NAME_COLUMN_MAX);
    if (needed > *width) {
        *width = needed;
    }
}

// Prints a cell that is padded to `width`, and the gap after it.
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
    char virtual_size[TEXT_SIZE_MAX];
    char date[TEXT_DATE_MAX];
    char clock[TEXT_CLOCK_MAX];
    text_short_size(snapshot->vm_state_size, vm_size);
    text_short_size(snapshot->disk_size, virtual_size);
    text_date(snapshot->date_sec, date);
    text_clock(snapshot->vm_clock_nsec, clock);
    writer_string(writer, "  ");
    write_cell(writer, snapshot->id, id_width);
    write_cell(writer, snapshot->name, name_width);
    writer_format(writer, "%10s  %s  %12s  %12s  ", vm_size, date, clock, virtual_size);
    if (snapshot->has_icount) {
        writer_u64(writer, snapshot->icount);
    } else {
        writer_string(writer, "-");
    }
    writer_string(writer, "\n");
}

void info_text_snapshots(const struct info *info, struct writer *writer)
{
    size_t id_width = strlen("ID");
    size_t name_width = strlen("TAG");
    if (info->snapshot_count == 0) {
        line_text(writer, "snapshots",
                  info->header->nb_snapshots > 0 ? "none that can be read" : "none");
        return;
    }
    for (size_t i = 0; i < info->snapshot_count; i++) {
        widen(&id_width, info->snapshots[i].id);
        widen(&name_width, info->snapshots[i].name);
    }
    writer_format(writer, "snapshots:\n  %-*s  %-*s  %10s  %-20s  %12s  %12s  %s\n", (int)id_width,
                  "ID", (int)name_width, "TAG", "VM SIZE", "DATE", "VM CLOCK", "VIRTUAL SIZE",
                  "ICOUNT");
    for (size_t i = 0; i < info->snapshot_count; i++) {
        print_snapshot(&info->snapshots[i], id_width, name_width, writer);
    }
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

void info_text_bitmaps(const struct info *info, struct writer *writer)
{
    size_t width = strlen("NAME");
    if (info->bitmap_count == 0) {
        line_text(writer, "bitmaps",
                  info->extensions->has_bitmaps ? "none that can be read" : "none");
        return;
    }
    for (size_t i = 0; i < info->bitmap_count; i++) {
        widen(&width, info->bitmaps[i].name);
    }
    writer_format(writer, "bitmaps:\n  %-*s  %11s  %-14s  %10s  %s\n", (int)width, "NAME",
                  "GRANULARITY", "TYPE", "TABLE SIZE", "FLAGS");
    for (size_t i = 0; i < info->bitmap_count; i++) {
        print_bitmap(&info->bitmaps[i], width, writer);
    }
}
