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

// This many problems of the entries of one table are listed; the rest are counted. Otherwise a
// table of random bytes would hide all other problems.
enum { TOLD_OF_A_TABLE = 16 };

static void add_of_image(struct problems *to, const struct image *image)
{
    const struct problems *from = &image->problems;
    for (size_t i = 0; i < from->count; i++) {
        struct problem problem = from->items[i];
        // A part that a parser calls cut short may only lie beyond the bytes that were read from a
        // pipe.
        if (problem.error.code == ERROR_TRUNCATED && !source_complete(image->source)) {
            problem.error.code = ERROR_UNSEEN;
        }
        problems_add(to, &problem);
    }
    to->dropped += from->dropped;
    // A fatal problem may be among the dropped ones.
    if (from->unreadable && !to->unreadable) {
        to->unreadable = true;
        to->first_unreadable = from->first_unreadable;
    }
}

// A table whose entries can have problems.
struct table {
    const char *name;
    uint64_t offset;
    enum problem_kind more; // stands for the problems of entries that are not listed
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

// Adds a problem when a table reaches past the end of the file. Beyond the bytes of a pipe nothing
// is known.
static void check_inside(const struct source *source, enum problem_kind cut_short, const char *name,
                         uint64_t offset, uint64_t size, uint64_t at, struct problems *problems)
{
    if (source_complete(source) && !range_inside(offset, size, source->size)) {
        problems_note(problems, cut_short, at,
                      "%s at %" PRIu64 " reaches past the end of the file at %" PRIu64, name,
                      offset, source->size);
    }
}

// --- Header extensions ---------------------------------------------------------------------------

static size_t listed_names(const struct extension *extension)
{
    return extension->type == EXTENSION_FEATURE_NAMES && extension->data.size <= CAP_EXTENSION_DATA
               ? feature_table_count(extension->data)
               : 0;
}

static bool make_extensions(const struct image *image, struct info *info)
{
    struct extension extension;
    struct extension_walk walk = extension_walk_start(image->first_cluster, &image->header);
    size_t extensions = 0;
    size_t names = 0;
    for (; extension_next(&walk, &extension, NULL); extensions++) {
        names += listed_names(&extension);
    }
    info->header_extensions = calloc(extensions + 1, sizeof *info->header_extensions);
    info->feature_names = calloc(names + 1, sizeof *info->feature_names);
    return info->header_extensions && info->feature_names;
}

static bool collect_extensions(const struct image *image, struct info *info)
{
    struct extension extension;
    struct extension_walk walk = extension_walk_start(image->first_cluster, &image->header);
    if (!make_extensions(image, info)) {
        return false;
    }
    struct feature_entry *name = info->feature_names;
    while (extension_next(&walk, &extension, NULL)) {
        struct bytes data = extension.data;
        info->header_extensions[info->header_extension_count++] = (struct info_extension){
            .found = extension,
            .names = name,
            .name_count = listed_names(&extension),
            .has_pointer =
                extension.type == EXTENSION_ENCRYPTION && data.size >= ENCRYPTION_EXTENSION_SIZE,
            .pointer_offset = bytes_be64(data, ENCRYPTION_EXTENSION_OFFSET),
            .pointer_length = bytes_be64(data, ENCRYPTION_EXTENSION_LENGTH),
        };
        for (size_t i = 0; i < listed_names(&extension); i++) {
            feature_table_entry(data, i, name++);
        }
    }
    return true;
}

// The first name of a feature counts.
static void collect_own_names(const struct image *image, struct info *info)
{
    struct feature_entry entry;
    struct bytes table = image->extensions.feature_names;
    for (size_t i = 0; feature_table_entry(table, i, &entry); i++) {
        if (entry.type < FEATURE_TYPES && entry.bit < FEATURE_BITS && entry.name.size > 0 &&
            !info->own_names[entry.type][entry.bit].data) {
            info->own_names[entry.type][entry.bit] = entry.name;
        }
    }
}

// --- Snapshots and bitmaps -----------------------------------------------------------------------

// Room for the entries of a table at `at`, or for their names: never more than the file can
// contain. The last names that a reader returns may exceed the cap.
static size_t entries_room(const struct source *source, uint64_t at, uint32_t count, uint32_t size)
{
    return (size_t)min_u64(count, (source->size - min_u64(at, source->size)) / size) + 1;
}

static size_t names_room(const struct source *source, uint64_t at, uint32_t count, uint32_t longest)
{
    uint64_t left = count > 0 ? source->size - min_u64(at, source->size) : 0;
    return (size_t)min_u64(left, CAP_NAMES_BYTES + longest) + 1;
}

// Copies a name to `*room` and moves `*room` past it.
static struct bytes keep_name(uint8_t **room, struct bytes name)
{
    struct bytes kept = {*room, name.size};
    if (name.size > 0) {
        memcpy(*room, name.data, name.size);
    }
    *room += name.size;
    return kept;
}

static bool collect_snapshots(const struct image *image, struct info *info)
{
    struct snapshot snapshot;
    struct problems problems = {0};
    struct snapshot_reader reader = snapshot_reader_start(image);
    uint64_t at = reader.at;
    info->snapshots = calloc(entries_room(image->source, at, reader.count, SNAPSHOT_FIXED_SIZE),
                             sizeof *info->snapshots);
    info->snapshot_names = malloc(names_room(image->source, at, reader.count, 2 * UINT16_MAX));
    uint8_t *room = info->snapshot_names;
    bool made = info->snapshots && room;
    while (made && snapshot_reader_next(&reader, &snapshot, &problems)) {
        check_inside(image->source, PROBLEM_SNAPSHOT_L1_CUT_SHORT, "the L1 table of a snapshot",
                     snapshot.l1_table_offset, (uint64_t)snapshot.l1_size * L1_ENTRY_SIZE, at,
                     &problems);
        info->snapshots_size = at - image->header.snapshots_offset + snapshot.end;
        snapshot.id = keep_name(&room, snapshot.id);
        snapshot.name = keep_name(&room, snapshot.name);
        info->snapshots[info->snapshot_count++] = snapshot;
        at = reader.at;
    }
    add_of_table(&info->problems, &problems, &reader.ended,
                 &(struct table){"the snapshot table", image->header.snapshots_offset,
                                 PROBLEM_SNAPSHOTS_MORE, PROBLEM_SNAPSHOTS_END});
    problems_free(&problems);
    snapshot_reader_free(&reader);
    return made;
}

static bool collect_bitmaps(const struct image *image, struct info *info)
{
    struct bitmap bitmap;
    struct problems problems = {0};
    struct bitmap_reader reader = bitmap_reader_start(image);
    uint64_t at = reader.at;
    info->bitmaps = calloc(entries_room(image->source, at, reader.count, BITMAP_FIXED_SIZE),
                           sizeof *info->bitmaps);
    info->bitmap_names = malloc(names_room(image->source, at, reader.count, UINT16_MAX));
    uint8_t *room = info->bitmap_names;
    bool made = info->bitmaps && room;
    while (made && bitmap_reader_next(&reader, &bitmap, &problems)) {
        check_inside(image->source, PROBLEM_BITMAP_TABLE_CUT_SHORT, "the table of a bitmap",
                     bitmap.table_offset, (uint64_t)bitmap.table_size * BITMAP_TABLE_ENTRY_SIZE, at,
                     &problems);
        bitmap.name = keep_name(&room, bitmap.name);
        info->bitmaps[info->bitmap_count++] = bitmap;
        at = reader.at;
    }
    add_of_table(&info->problems, &problems, &reader.ended,
                 &(struct table){"the bitmap directory", image->extensions.bitmaps_directory_offset,
                                 PROBLEM_BITMAPS_MORE, PROBLEM_BITMAPS_END});
    problems_free(&problems);
    bitmap_reader_free(&reader);
    return made;
}

// --- Encryption and other files ------------------------------------------------------------------

// Adds the problems of the encryption header, except one that was added before.
static void add_of_luks(struct problems *to, const struct problems *from,
                        const struct problem *reported)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct problem *problem = &from->items[i];
        if (problem->kind != reported->kind || problem->error.offset != reported->error.offset) {
            problems_add(to, problem);
        }
    }
}

static void collect_encryption(const struct image *image, struct info *info)
{
    const struct extensions *extensions = &image->extensions;
    struct problems problems = {0};
    struct problem fault = {0};
    bool luks = image->header.crypt_method == CRYPT_LUKS;
    // An unknown method or a missing pointer is reported with the header.
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

// Checks the name and format of the backing file, without opening it.
static void check_backing_file(const struct image *image, struct problems *problems)
{
    struct bytes name = image->backing_file;
    struct reference reference = {0};
    struct error error;
    uint64_t at = image->header.backing_file_offset;
    if (memchr(name.data, '\0', name.size)) {
        problems_note(problems, PROBLEM_BACKING_NAME_NUL, at,
                      "the backing file name contains a NUL: most programs ignore the rest of it");
    }
    if (!reference_resolve(image->path, name, image->extensions.backing_format, &reference,
                           &error)) {
        error_prefix(&error, "the backing file");
        error.has_offset = true;
        error.offset = at;
        struct problem refused = problem_of_error(PROBLEM_BACKING_FILE, &error);
        problems_add(problems, &refused);
    }
    free(reference.path);
}

static bool collect_backing_file(const struct image *image, struct info *info)
{
    struct bytes name = image->backing_file;
    info->backing_path = name.data ? reference_full_path(image->path, name) : NULL;
    if (info->backing_path) {
        check_backing_file(image, &info->problems);
    }
    return !name.data || info->backing_path;
}

// --- All of it -----------------------------------------------------------------------------------

// Only a part of the image was read: report it, even when no table lies beyond it.
static void note_unseen(const struct source *source, struct problems *problems)
{
    if (!source_complete(source)) {
        problems_note(problems, PROBLEM_UNSEEN, source->size,
                      "the image comes from a pipe: only its first %" PRIu64 " bytes were read",
                      source->size);
    }
}

struct info_file info_file(const struct source *source, const char *filename)
{
    return (struct info_file){
        .name = filename,
        .complete = source_complete(source) || source->given > 0,
        .allocated_known = source_knows_allocated(source),
        .in_use = source->in_use,
        .size = source->given > 0 ? source->given : source->size,
        .allocated_size = source->allocated_size,
    };
}

bool info_collect(const struct image *image, const char *filename, struct info *info,
                  struct error *error)
{
    *info = (struct info){
        .file = info_file(image->source, filename),
        .header = &image->header,
        .extensions = &image->extensions,
        .backing_file = image->backing_file,
    };
    add_of_image(&info->problems, image);
    bool made = collect_backing_file(image, info) && collect_extensions(image, info);
    collect_own_names(image, info);
    collect_encryption(image, info);
    made = made && collect_snapshots(image, info) && collect_bitmaps(image, info);
    note_unseen(image->source, &info->problems);
    if (!made) {
        info_free(info);
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    return true;
}

void info_free(struct info *info)
{
    free(info->backing_path);
    free(info->header_extensions);
    free(info->feature_names);
    free(info->snapshots);
    free(info->snapshot_names);
    free(info->bitmaps);
    free(info->bitmap_names);
    problems_free(&info->problems);
    *info = (struct info){0};
}
