// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/bitmap_find.h"

#include "format/layout.h"
#include "tables/bitmap_reader.h"
#include "tables/name_list.h"

bool bitmap_find(const struct image *image, const char *name, struct bitmap *found,
                 struct error *error)
{
    struct name_list list = {0};
    struct bitmap bitmap;
    struct bitmap_reader reader = bitmap_reader_start(image);
    size_t count = 0;
    while (bitmap_reader_next(&reader, &bitmap, NULL)) {
        if (name_is(bitmap.name, name)) {
            *found = bitmap;
            found->name = (struct bytes){0};
            count++;
        }
        name_list_add(&list, bitmap.name, (struct bytes){0});
    }
    struct error ended = reader.ended;
    bitmap_reader_free(&reader);

    if (count > 0) {
        return count == 1 ||
               error_set(error, ERROR_CORRUPT, "%zu bitmaps have the name \"%s\"", count, name);
    }
    if (ended.code) {
        *error = ended;
        return error_prefix(error, "bitmap \"%s\" was not found, and the directory ends early",
                            name);
    }
    return error_set(error, ERROR_NOT_FOUND, "there is no bitmap \"%s\"; %s", name,
                     name_list_text(&list));
}

#define FULL_COPY "; back up the whole disk, or read the bits as they are with --force"

bool bitmap_trusted(const struct image *image, const struct bitmap *bitmap, struct error *error)
{
    if (!(image->header.autoclear_features & AUTOCLEAR_BITMAPS)) {
        return error_at(
            error, ERROR_CORRUPT, HEADER_AUTOCLEAR_FEATURES,
            "the bitmaps are stale: the autoclear bit for bitmaps is not set" FULL_COPY);
    }
    if (bitmap->flags & BITMAP_IN_USE) {
        return error_at(error, ERROR_CORRUPT, bitmap->table_offset,
                        "the bitmap is in use: its stored bits cannot be trusted" FULL_COPY);
    }
    return true;
}
