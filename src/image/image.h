// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// One open qcow2 file: its header and the names and places that the header extensions give.
// Immutable once open.

#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "format/extension.h"
#include "format/header.h"
#include "source/source.h"

struct image {
    struct source *source; // owned
    char *path;            // owned: as the user or an overlay names it; for messages
    struct header header;

    // The first cluster, as far as the file has it: where extensions and the backing name lie.
    struct bytes first_cluster; // owned

    // Views into first_cluster; data == NULL when the image has none. No NUL ends them.
    struct bytes backing_file;
    struct extensions extensions;

    // All that is wrong with the header, the extensions and the names.
    struct problems problems;
};

// Takes over `source`, also on failure. NULL only when the file is no qcow2 image of version 2 or
// 3 or cannot be read at all; what is merely wrong in it goes to image->problems.
struct image *image_open(struct source *source, const char *path, struct error *error);

void image_close(struct image *image); // NULL is fine

// False, with the first problem that makes the image unreadable, unless all of them are among
// `tolerated`, which PROBLEM_NONE ends; `tolerated` may be NULL itself.
bool image_readable(const struct image *image, const enum problem_kind *tolerated,
                    struct error *error);

static inline bool image_has_feature(const struct image *image, uint64_t incompatible_bit)
{
    return (image->header.incompatible_features & incompatible_bit) != 0;
}

#endif
