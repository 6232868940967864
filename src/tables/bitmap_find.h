// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TABLES_BITMAP_FIND_H
#define TABLES_BITMAP_FIND_H

#include "format/bitmap.h"
#include "image/image.h"

// Finds a bitmap by its name. ERROR_NOT_FOUND, with a list of all bitmaps, when there is none;
// ERROR_CORRUPT when several have the name. The name in `found` is not valid.
bool bitmap_find(const struct image *image, const char *name, struct bitmap *found,
                 struct error *error);

// True when the bits of a bitmap can be trusted. Otherwise `error` has the reason.
bool bitmap_trusted(const struct image *image, const struct bitmap *bitmap, struct error *error);

#endif
