// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/bitmap_reader.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

struct bitmap_reader bitmap_reader_start(const struct image *image)
{
    const struct extensions *extensions = &image->extensions;
    uint64_t offset = extensions->bitmaps_directory_offset;
    struct bitmap_reader reader = {.image = image, .names_max = CAP_NAMES_BYTES};
    // An invalid location was reported with the extension.
    if (extensions->has_bitmaps && offset != 0 && header_is_place(&image->header, offset)) {
        reader.at = offset;
        reader.end = offset + min_u64(extensions->bitmaps_directory_size, CAP_BITMAP_DIRECTORY);
        reader.count = (uint32_t)min_u64(extensions->bitmaps_count, CAP_BITMAPS);
    }
    return reader;
}

static bool read_entry(struct bitmap_reader *reader, struct bitmap *bitmap, struct error *error)
{
    struct source *source = reader->image->source;
    struct bytes head;
    uint64_t left = reader->end - reader->at;
    if (left < BITMAP_FIXED_SIZE) {
        return error_at(error, ERROR_CORRUPT, reader->at,
                        "the directory ends at %" PRIu64 ", inside the entry", reader->end);
    }
    if (!record_window_view(&reader->window, source, reader->at, BITMAP_HEAD_SIZE, &head, error)) {
        return false;
    }
    // QEMU refuses an image whose last entry is not padded.
    if (!bitmap_parse(head, bitmap) || bitmap_next(bitmap) > left) {
        return error_at(error, ERROR_CORRUPT, reader->at,
                        "the entry, with its padding, reaches past the end of the directory at "
                        "%" PRIu64,
                        reader->end);
    }
    return record_window_view(&reader->window, source, reader->at + bitmap->name_at,
                              bitmap->name_size, &bitmap->name, error);
}

static void check_name(struct bitmap_reader *reader, const struct bitmap *bitmap,
                       struct problems *problems)
{
    if (name_set_has_or_add(&reader->names, bitmap->name)) {
        problems_note(problems, PROBLEM_BITMAP_NAME_TWICE, reader->at + bitmap->name_at,
                      "bitmap %" PRIu32 " has the name of an earlier one", reader->next + 1);
    }
}

// The directory must be exactly as long as its entries.
static void check_end(struct bitmap_reader *reader)
{
    if (!reader->ended.code && reader->at < reader->end) {
        error_at(&reader->ended, ERROR_CORRUPT, reader->at,
                 "the bitmap directory has %" PRIu64 " bytes after its last entry",
                 reader->end - reader->at);
    }
}

bool bitmap_reader_next(struct bitmap_reader *reader, struct bitmap *bitmap,
                        struct problems *problems)
{
    if (reader->next == reader->count || reader->ended.code) {
        check_end(reader);
        return false;
    }
    if (reader->names_bytes > reader->names_max) {
        error_at(&reader->ended, ERROR_LIMIT, reader->at,
                 "the names of the bitmaps have more than %" PRIu64
                 " bytes; they are read up to bitmap %" PRIu32 " of %" PRIu32,
                 reader->names_max, reader->next, reader->count);
        return false;
    }
    if (!read_entry(reader, bitmap, &reader->ended)) {
        error_prefix(&reader->ended, "bitmap %" PRIu32 " of %" PRIu32 " at %" PRIu64,
                     reader->next + 1, reader->count, reader->at);
        return false;
    }
    if (problems) {
        bitmap_check(bitmap, &reader->image->header, reader->at, problems);
        check_name(reader, bitmap, problems);
    }
    reader->next++;
    reader->names_bytes += bitmap->name_size;
    reader->at += bitmap_next(bitmap);
    return true;
}

void bitmap_reader_free(struct bitmap_reader *reader)
{
    record_window_free(&reader->window);
    name_set_free(&reader->names);
}
