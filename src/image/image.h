// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// One open qcow2 file: its header, and the names and offsets in the header extensions. It does not
// change after opening.

#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "format/extension.h"
#include "format/header.h"
#include "source/source.h"

struct image {
    struct source *source; // owned
    char *path;            // owned: for messages, as the user or an overlay names the file
    struct header header;

    // The first cluster, or the part that the file has: it contains the extensions and the name of
    // the backing file.
    struct bytes first_cluster; // owned

    // Views into first_cluster, without a NUL at the end; data == NULL when the image has none.
    struct bytes backing_file;
    struct extensions extensions;

    // All problems of the header, the extensions and the names.
    struct problems problems;
};

// Takes over `source`, also on failure. NULL only when the file is not a qcow2 image of version 2
// or 3, or cannot be read at all; other faults become image->problems.
struct image *image_open(struct source *source, const char *path, struct error *error);

void image_close(struct image *image); // NULL is allowed

// False, with the first problem that makes guest data unreadable, unless all such problems are
// among `tolerated`, a list that ends with PROBLEM_NONE; it may be NULL.
bool image_readable(const struct image *image, const enum problem_kind *tolerated,
                    struct error *error);

// True when the file has at most CAP_HOST_CLUSTERS, holes included; else sets `error`. For an image
// whose cluster size is known.
bool image_countable(const struct image *image, struct error *error);

static inline bool image_has_feature(const struct image *image, uint64_t incompatible_bit)
{
    return (image->header.incompatible_features & incompatible_bit) != 0;
}

#endif
