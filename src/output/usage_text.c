// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/checked.h"
#include "output/usage_output.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_COLUMN_MAX = 40, // a longer name shifts only its own line
    NAME_WIDTH = 17,      // of the longest code
    BEFORE_BAR = NAME_WIDTH + 2 + 10 + 2 + 7 + 2,
    BAR_MAX = 100,
    ADVICE_MAX = 2, // sentences
};

// --- Parts ---------------------------------------------------------------------------------------

// Sorts the parts, the largest first.
static void sort_parts(const struct part *parts, size_t order[static PARTS])
{
    memset(order, 0, PARTS * sizeof order[0]);
    for (size_t i = 0; i < PARTS; i++) {
        size_t at = i;
        for (; at > 0 && parts[order[at - 1]].bytes < parts[i].bytes; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static void print_bar(size_t part, uint64_t bytes, uint64_t largest, unsigned columns,
                      struct writer *writer)
{
    unsigned room = columns > BEFORE_BAR + 10 ? columns - BEFORE_BAR : 10;
    double share = largest > 0 ? (double)bytes / (double)largest : 0.0;
    unsigned length = (unsigned)(share * (room < BAR_MAX ? room : BAR_MAX) + 0.5);
    char bar[BAR_MAX + 1];
    memset(bar, '#', length);
    bar[length] = '\0';
    color_text(writer, usage_kinds[part].color, bar);
}

static void print_part(size_t part, uint64_t bytes, uint64_t largest, uint64_t file_size,
                       unsigned columns, struct writer *writer)
{
    char size[TEXT_SIZE_MAX];
    double percent = file_size > 0 ? 100.0 * (double)bytes / (double)file_size : 0.0;
    text_short_size(bytes, size);
    writer_format(writer, "%-*s  %10s  %6.2f%%  ", NAME_WIDTH, part_rules[part].code, size,
                  percent);
    print_bar(part, bytes, largest, columns, writer);
    writer_string(writer, "\n");
}

static void print_parts(const struct part *parts, uint64_t file_size, unsigned columns,
                        struct writer *writer)
{
    size_t order[PARTS];
    sort_parts(parts, order);
    for (size_t i = 0; i < PARTS && parts[order[i]].bytes > 0; i++) {
        print_part(order[i], parts[order[i]].bytes, parts[order[0]].bytes, file_size, columns,
                   writer);
    }
    if (parts[PART_CONFLICTING].clusters > 0) {
        text_count(writer, parts[PART_CONFLICTING].clusters, "cluster is", "clusters are");
        writer_string(writer, " used for two purposes; qcow2-info check reports where\n");
    }
}

// --- Snapshots -----------------------------------------------------------------------------------

static void print_cell(struct writer *writer, struct bytes name, size_t width)
{
    size_t used = text_name_width(name, width);
    text_name(writer, name);
    text_blanks(writer, 2 + width - used);
}

static void print_snapshot(const struct usage_snapshot *snapshot, size_t id_width,
                           size_t name_width, struct writer *writer)
{
    char refers[TEXT_SIZE_MAX];
    char freed[TEXT_SIZE_MAX];
    char date[TEXT_DATE_MAX];
    text_short_size(snapshot->referenced_bytes, refers);
    text_short_size(snapshot->exclusive_bytes, freed);
    text_date(snapshot->date_sec, date);
    print_cell(writer, snapshot->id, id_width);
    print_cell(writer, snapshot->name, name_width);
    writer_format(writer, "%-20s  %10s  %16s\n", date, refers, freed);
}

static void print_snapshots(const struct usage *usage, struct writer *writer)
{
    size_t id_width = strlen("ID");
    size_t name_width = strlen("TAG");
    if (usage->snapshot_count == 0) {
        return;
    }
    for (size_t i = 0; i < usage->snapshot_count; i++) {
        const struct usage_snapshot *snapshot = &usage->snapshots[i];
        id_width = max_u64(id_width, text_name_width(snapshot->id, NAME_COLUMN_MAX));
        name_width = max_u64(name_width, text_name_width(snapshot->name, NAME_COLUMN_MAX));
    }
    writer_format(writer, "\n%-*s  %-*s  %-20s  %10s  %16s\n", (int)id_width, "ID", (int)name_width,
                  "TAG", "DATE", "REFERS", "FREED IF DELETED");
    for (size_t i = 0; i < usage->snapshot_count; i++) {
        print_snapshot(&usage->snapshots[i], id_width, name_width, writer);
    }
}

// --- What would help -----------------------------------------------------------------------------

static const struct usage_snapshot *largest_snapshot(const struct usage *usage)
{
    const struct usage_snapshot *largest = NULL;
    for (size_t i = 0; i < usage->snapshot_count; i++) {
        const struct usage_snapshot *snapshot = &usage->snapshots[i];
        if (!largest || snapshot->exclusive_bytes > largest->exclusive_bytes) {
            largest = snapshot;
        }
    }
    return largest;
}

static bool is_tag_unique(const struct usage *usage, const struct usage_snapshot *snapshot)
{
    size_t count = 0;
    for (size_t i = 0; i < usage->snapshot_count; i++) {
        struct bytes name = usage->snapshots[i].name;
        count += name.size == snapshot->name.size &&
                 (name.size == 0 || memcmp(name.data, snapshot->name.data, name.size) == 0);
    }
    return count == 1;
}

// qemu-img finds a snapshot by its tag alone, and deletes the first one that has it.
static void advise_snapshot(const struct usage *usage, const char *size, struct writer *writer)
{
    const struct usage_snapshot *largest = largest_snapshot(usage);
    writer_string(writer, "Deleting snapshot ");
    text_name(writer, largest->id);
    writer_string(writer, " (");
    text_name(writer, largest->name);
    writer_format(writer, ") frees %s inside the file: %s.\n", size,
                  is_tag_unique(usage, largest)
                      ? "qemu-img snapshot -d TAG"
                      : "others have its tag, and qemu-img deletes the first of them");
}

static void advise_all_snapshots(const struct usage *usage, const char *size, struct writer *writer)
{
    writer_format(writer, "Deleting all %zu snapshots frees %s inside the file.\n",
                  usage->snapshot_count, size);
}

static void advise_leaks(const struct usage *usage, const char *size, struct writer *writer)
{
    (void)usage;
    writer_format(writer,
                  "%s is leaked: if qcow2-info check finds no data in it, qemu-img check -r leaks "
                  "frees it.\n",
                  size);
}

static void advise_copy(const struct usage *usage, const char *size, struct writer *writer)
{
    writer_format(writer,
                  "%s is free inside the file: the guest can use it, but only a copy%s makes the "
                  "file smaller (qemu-img convert).\n",
                  size, usage->snapshot_count > 0 ? " without snapshots" : "");
}

static void advise_trim(const struct usage *usage, const char *size, struct writer *writer)
{
    (void)usage, (void)size;
    writer_string(writer, "Files that the guest has deleted look like its data until the guest "
                          "trims its file systems (fstrim).\n");
}

struct advice {
    uint64_t bytes; // that it frees
    void (*print)(const struct usage *usage, const char *size, struct writer *writer);
};

enum { ADVICES = 5 };

// Sorts the advice, the one that frees most first, and drops advice that frees nothing. Returns how
// many are left.
static size_t collect_advice(const struct usage *usage, struct advice sorted[static ADVICES])
{
    const struct usage_snapshot *largest = largest_snapshot(usage);
    const struct advice all[ADVICES] = {
        {largest ? largest->exclusive_bytes : 0, advise_snapshot},
        {usage->snapshot_count > 1 ? usage->all_snapshots_exclusive_bytes : 0,
         advise_all_snapshots},
        {usage->parts[PART_LEAKED].bytes, advise_leaks},
        {usage->parts[PART_FREE].bytes, advise_copy},
        {usage->parts[PART_ACTIVE_DATA].bytes > 0 ? 1 : 0, advise_trim},
    };
    size_t count = 0;
    for (size_t i = 0; i < ADVICES; i++) {
        size_t at = count;
        if (all[i].bytes == 0) {
            continue;
        }
        for (; at > 0 && sorted[at - 1].bytes < all[i].bytes; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = all[i];
        count++;
    }
    return count;
}

static void print_advice(const struct usage *usage, struct writer *writer)
{
    struct advice sorted[ADVICES];
    size_t count = collect_advice(usage, sorted);
    if (usage->error_count > 0) {
        writer_string(writer, "\nWhat an unreadable table refers to is counted as leaked or free: "
                              "copy the file before any repair.\n");
        return;
    }
    if (count > 0) {
        writer_string(writer, "\n");
    }
    for (size_t i = 0; i < count && i < ADVICE_MAX; i++) {
        char size[TEXT_SIZE_MAX];
        text_short_size(sorted[i].bytes, size);
        sorted[i].print(usage, size, writer);
    }
}

// --- The report ----------------------------------------------------------------------------------

static void print_sizes(const struct usage *usage, const char *filename, struct writer *writer)
{
    char file[TEXT_SIZE_MAX];
    char disk[TEXT_SIZE_MAX];
    char allocated[TEXT_SIZE_MAX];
    text_short_size(usage->file_size, file);
    text_short_size(usage->allocated_size, allocated);
    text_short_size(usage->virtual_size, disk);
    text_safe(writer, filename);
    writer_format(writer, ": file size %s, allocated %s, virtual size %s\n\n", file,
                  usage->allocated_known ? allocated : "unknown", disk);
}

static void print_compressed(const struct usage *usage, struct writer *writer)
{
    char host[TEXT_SIZE_MAX];
    char guest[TEXT_SIZE_MAX];
    if (usage->compressed_host_bytes == 0) {
        return;
    }
    text_short_size(usage->compressed_host_bytes, host);
    text_short_size(usage->compressed_guest_bytes, guest);
    writer_format(writer, "\ncompressed clusters: %s of the disk in %s of the file, ratio %.2f\n",
                  guest, host,
                  (double)usage->compressed_guest_bytes / (double)usage->compressed_host_bytes);
}

static void print_measure(const struct measure_sizes *measure, struct writer *writer)
{
    char required[TEXT_SIZE_MAX];
    char full[TEXT_SIZE_MAX];
    if (measure->qcow2_known) {
        text_short_size(measure->required, required);
        text_short_size(measure->fully_allocated, full);
        writer_format(writer,
                      "\na new qcow2 copy of the active disk: %s, %s when fully allocated\n",
                      required, full);
    }
}

void usage_print_text(const struct usage *usage, const char *filename, unsigned columns,
                      struct writer *writer)
{
    print_sizes(usage, filename, writer);
    print_parts(usage->parts, usage->file_size, columns, writer);
    print_snapshots(usage, writer);
    print_compressed(usage, writer);
    print_measure(&usage->measure, writer);
    print_advice(usage, writer);
}

void usage_sum_print_text(const struct usage_sum *sum, unsigned columns, struct writer *writer)
{
    char file[TEXT_SIZE_MAX];
    char allocated[TEXT_SIZE_MAX];
    text_short_size(sum->file_size, file);
    text_short_size(sum->allocated_size, allocated);
    writer_string(writer, "\n");
    text_count(writer, sum->layers, "layer", "layers");
    writer_format(writer, ": file size %s, allocated %s\n\n", file, allocated);
    print_parts(sum->parts, sum->file_size, columns, writer);
}
