// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Everything that there is to say about an image without reading its data, collected before any of
// it is printed. Memory is bounded: 65536 snapshots with 8 MiB of names, as many bitmaps, and the
// extensions in the first cluster.

#ifndef INFO_INFO_H
#define INFO_INFO_H

#include "format/bitmap.h"
#include "format/extension.h"
#include "format/feature.h"
#include "format/luks.h"
#include "format/snapshot.h"
#include "image/image.h"

struct info_file {
    const char *name; // borrowed: as the user gave it
    bool complete; // false: `size` counts only the first bytes, which a pipe gave, and no end was
                   // seen
    bool allocated_known;
    bool in_use;
    uint64_t size, allocated_size; // bytes
};

struct info_extension {
    struct extension found; // its data is a view into the image
    // Of a feature name table that is short enough to be listed.
    const struct feature_entry *names;
    size_t name_count;
    // Of an encryption header pointer.
    bool has_pointer;
    uint64_t pointer_offset, pointer_length; // bytes
};

struct info {
    struct info_file file;
    const struct header *header; // borrowed from the image, as the next two
    const struct extensions *extensions;
    struct bytes backing_file;
    char *backing_path; // owned: the full path; NULL when there is no backing file

    // What the image calls its features, by their bits; without data where it gives no name.
    struct bytes own_names[FEATURE_TYPES][FEATURE_BITS];

    struct info_extension *header_extensions; // owned
    size_t header_extension_count;
    struct feature_entry *feature_names; // owned: of all tables

    bool has_luks; // the encryption header could be read
    struct luks luks;
    bool key_checked; // a passphrase opens this key slot; whoever tried it sets both
    int key_slot;

    struct snapshot *snapshots; // owned: those that could be read, of header->nb_snapshots
    size_t snapshot_count;
    uint64_t snapshots_size; // bytes of the table, as far as it could be read
    struct bitmap *bitmaps;  // owned: those that could be read
    size_t bitmap_count;
    uint8_t *snapshot_names, *bitmap_names; // owned: their names lie here

    struct problems problems; // owned: those of the image and all that was found since
};

struct info_file info_file(const struct source *source, const char *filename);

// Collects all of it from an image that stays open. What is wrong becomes a problem; false only
// when there is no memory.
bool info_collect(const struct image *image, const char *filename, struct info *info,
                  struct error *error);
void info_free(struct info *info);

#endif
