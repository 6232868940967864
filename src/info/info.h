// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Everything that there is to say about an image without reading its data. Memory stays bounded:
// snapshots and bitmaps are gone through here to find faults, and again by whoever prints them.

#ifndef INFO_INFO_H
#define INFO_INFO_H

#include "image/encryption.h"

struct info {
    const struct image *image; // borrowed
    const char *filename;      // borrowed: as the user gave it

    char *backing_path; // owned: the full path; NULL when there is no backing file

    bool has_luks; // the encryption header could be read
    struct luks luks;
    bool key_checked; // a passphrase opens this key slot; whoever tried it sets both
    int key_slot;

    uint32_t snapshots_found; // entries that could be read, of header.nb_snapshots
    uint64_t snapshots_size;  // bytes of the table, as far as it could be read
    uint32_t bitmaps_found;

    struct problems problems; // owned: those of the image and all that was found since
};

// Looks at everything. What is wrong becomes a problem; false only when there is no memory.
bool info_collect(const struct image *image, const char *filename, struct info *info,
                  struct error *error);
void info_free(struct info *info);

#endif
