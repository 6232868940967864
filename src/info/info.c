// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "info/info.h"

#include "base/checked.h"
#include "format/layout.h"
#include "image/encryption.h"
#include "image/reference.h"
#include "tables/bitmap_reader.h"
#include "tables/snapshot_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// So many faults of the entries of one table are told; the rest are counted. A table of rubbish
// would hide everything else that is wrong.
enum { TOLD_OF_A_TABLE = 16 };

static void add_of_image(struct problems *to, const struct image *image)
{
    const struct problems *from = &image->problems;
    for (size_t i = 0; i < from->count; i++) {
        struct problem problem = from->items[i];
        // What a parser calls cut short was not cut when the rest of it was only never given.
        if (problem.error.code == ERROR_TRUNCATED && !source_complete(image->source)) {
            problem.error.code = ERROR_UNSEEN;
        }
        problems_add(to, &problem);
    }
    to->dropped += from->dropped;
    // The fatal one may be among those that were dropped.
    if (from->unreadable && !to->unreadable) {
        to->unreadable = true;
        to->first_unreadable = from->first_unreadable;
    }
}

// A table of entries that have problems of their own.
struct table {
    const char *name;
    uint64_t offset;
    enum problem_kind more; // of its entries than are told
    enum problem_kind end;  // what ended the walk over it
};

static void add_of_table(struct problems *to, const struct problems *entries,
                         const struct error *ended, const struct table *table)
{
    for (size_t i = 0; i < entries->count && i < TOLD_OF_A_TABLE; i++) {
        problems_add(to, &entries->items[i]);
    }
    size_t found = entries->count + entries->dropped;
    if (found > TOLD_OF_A_TABLE) {
        struct problem more;
        problem_fill(&more, table->more, table->offset, "%zu further problems in the entries of %s",
                     found - TOLD_OF_A_TABLE, table->name);
        more.count = found - TOLD_OF_A_TABLE;
        problems_add(to, &more);
    }
    if (ended->code) {
        struct problem end = problem_of_error(table->end, ended);
        problems_add(to, &end);
    }
}

// A table that the file is too short for. Beyond the bytes of a pipe nothing is known.
static void check_inside(const struct source *source, enum problem_kind cut_short, const char *name,
                         uint64_t offset, uint64_t size, uint64_t at, struct problems *problems)
{
    if (source_complete(source) && !range_inside(offset, size, source->size)) {
        problems_note(problems, cut_short, at,
                      "%s at %" PRIu64 " reaches past the end of the file at %" PRIu64, name,
                      offset, source->size);
    }
}

static void collect_snapshots(struct info *info)
{
    struct snapshot snapshot;
    struct problems problems = {0};
    const struct image *image = info->image;
    struct snapshot_reader reader = snapshot_reader_start(image);
    uint64_t at = reader.at;
    while (snapshot_reader_next(&reader, &snapshot, &problems)) {
        check_inside(image->source, PROBLEM_SNAPSHOT_L1_CUT_SHORT, "the L1 table of a snapshot",
                     snapshot.l1_table_offset, (uint64_t)snapshot.l1_size * L1_ENTRY_SIZE, at,
                     &problems);
        info->snapshots_size = at - image->header.snapshots_offset + snapshot.end;
        at = reader.at;
    }
    info->snapshots_found = reader.next;
    add_of_table(&info->problems, &problems, &reader.ended,
                 &(struct table){"the snapshot table", image->header.snapshots_offset,
                                 PROBLEM_SNAPSHOTS_MORE, PROBLEM_SNAPSHOTS_END});
    problems_free(&problems);
    snapshot_reader_free(&reader);
}

static void collect_bitmaps(struct info *info)
{
    struct bitmap bitmap;
    struct problems problems = {0};
    const struct image *image = info->image;
    struct bitmap_reader reader = bitmap_reader_start(image);
    uint64_t at = reader.at;
    while (bitmap_reader_next(&reader, &bitmap, &problems)) {
        check_inside(image->source, PROBLEM_BITMAP_TABLE_CUT_SHORT, "the table of a bitmap",
                     bitmap.table_offset, (uint64_t)bitmap.table_size * BITMAP_TABLE_ENTRY_SIZE, at,
                     &problems);
        at = reader.at;
    }
    info->bitmaps_found = reader.next;
    add_of_table(&info->problems, &problems, &reader.ended,
                 &(struct table){"the bitmap directory", image->extensions.bitmaps_directory_offset,
                                 PROBLEM_BITMAPS_MORE, PROBLEM_BITMAPS_END});
    problems_free(&problems);
    bitmap_reader_free(&reader);
}

// Adds what is wrong with the encryption header, but not what is told anyway.
static void add_of_luks(struct problems *to, const struct problems *from,
                        const struct problem *told)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct problem *problem = &from->items[i];
        if (problem->kind != told->kind || problem->error.offset != told->error.offset) {
            problems_add(to, problem);
        }
    }
}

static void collect_encryption(struct info *info)
{
    const struct image *image = info->image;
    const struct extensions *extensions = &image->extensions;
    struct problems problems = {0};
    struct problem fault = {0};
    bool luks = image->header.crypt_method == CRYPT_LUKS;
    // An unknown method, and a pointer that is missing, are told with the header.
    if (!image_encrypted(image) || image->header.crypt_method > CRYPT_LUKS ||
        (luks && !extensions->has_encryption)) {
        return;
    }
    if (!encryption_check(image, CAP_LUKS_ITERATIONS, &fault)) {
        struct problem ignored;
        bool with_more = encryption_check(image, UINT32_MAX, &ignored); // iterations
        fault.unreadable = fault.error.code != ERROR_UNSEEN && !with_more;
        problems_add(&info->problems, &fault);
    }
    info->has_luks = encryption_load_luks(image, &info->luks, &problems);
    add_of_luks(&info->problems, &problems, &fault);
    problems_free(&problems);
    if (info->has_luks) {
        check_inside(image->source, PROBLEM_LUKS_CUT_SHORT, "the encryption header",
                     extensions->encryption_offset, extensions->encryption_length,
                     extensions->encryption_extension_at, &info->problems);
    }
}

// What is said of the backing file without opening it.
static void check_backing_file(struct info *info)
{
    const struct image *image = info->image;
    struct bytes name = image->backing_file;
    struct reference reference = {0};
    struct error error;
    uint64_t at = image->header.backing_file_offset;
    if (memchr(name.data, '\0', name.size)) {
        problems_note(&info->problems, PROBLEM_BACKING_NAME_NUL, at,
                      "a NUL stands in the backing file name, which ends there for most programs");
    }
    if (!reference_resolve(image->path, name, image->extensions.backing_format, &reference,
                           &error)) {
        error_prefix(&error, "the backing file");
        error.has_offset = true;
        error.offset = at;
        struct problem refused = problem_of_error(PROBLEM_BACKING_FILE, &error);
        problems_add(&info->problems, &refused);
    }
    free(reference.path);
}

static bool collect_backing_file(struct info *info, struct error *error)
{
    const struct image *image = info->image;
    struct bytes name = image->backing_file;
    if (!name.data) {
        return true;
    }
    info->backing_path = reference_full_path(image->path, name);
    if (!info->backing_path) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    check_backing_file(info);
    return true;
}

// Less than the whole image was given: say so, even when nothing that was looked for lies beyond.
static void note_unseen(struct info *info)
{
    const struct source *source = info->image->source;
    if (!source_complete(source)) {
        problems_note(&info->problems, PROBLEM_UNSEEN, source->size,
                      "the image comes from a pipe: beyond its %" PRIu64 " bytes nothing was seen",
                      source->size);
    }
}

bool info_collect(const struct image *image, const char *filename, struct info *info,
                  struct error *error)
{
    *info = (struct info){.image = image, .filename = filename};
    add_of_image(&info->problems, image);
    if (!collect_backing_file(info, error)) {
        info_free(info);
        return false;
    }
    collect_encryption(info);
    collect_snapshots(info);
    collect_bitmaps(info);
    note_unseen(info);
    return true;
}

void info_free(struct info *info)
{
    free(info->backing_path);
    problems_free(&info->problems);
    *info = (struct info){0};
}
