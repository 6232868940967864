// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// All information about an image that does not need its data, collected before anything is printed.
// Memory is limited: 65536 snapshots with 8 MiB of names, as many bitmaps, and the extensions in
// the first cluster.

#ifndef INFO_INFO_H
#define INFO_INFO_H

#include "format/bitmap.h"
#include "format/extension.h"
#include "format/feature.h"
#include "format/luks.h"
#include "format/snapshot.h"
#include "image/image.h"

struct info_file {
    const char *name; // borrowed: as the user wrote it
    bool complete;    // false: `size` counts only the first bytes of a pipe, and its end was not
                      // reached
    bool allocated_known;
    bool in_use;
    uint64_t size, allocated_size; // bytes
};

struct info_extension {
    struct extension found; // its data is a view into the image
    // For a feature name table that is short enough to be listed.
    const struct feature_entry *names;
    size_t name_count;
    // For an encryption header pointer.
    bool has_pointer;
    uint64_t pointer_offset, pointer_length; // bytes
};

struct info {
    struct info_file file;
    const struct header *header; // borrowed from the image, like the next two
    const struct extensions *extensions;
    struct bytes backing_file;
    char *backing_path; // owned: the full path; NULL when there is no backing file

    // The image's own names of its features, by bit; empty without a name.
    struct bytes own_names[FEATURE_TYPES][FEATURE_BITS];

    struct info_extension *header_extensions; // owned
    size_t header_extension_count;
    struct feature_entry *feature_names; // owned: of all tables

    bool has_luks; // the encryption header could be read
    struct luks luks;
    bool key_checked; // a passphrase opens this key slot; set by the caller that tried it
    int key_slot;

    struct snapshot *snapshots; // owned: the readable ones of header->nb_snapshots
    size_t snapshot_count;
    uint64_t snapshots_size; // bytes of the table that could be read
    struct bitmap *bitmaps;  // owned: the readable ones
    size_t bitmap_count;
    uint8_t *snapshot_names, *bitmap_names; // owned: the bytes of their names

    struct problems problems; // owned: the problems of the image and all that were found later
};

struct info_file info_file(const struct source *source, const char *filename);

// Collects everything from an image, which stays open. Faults become problems; false only when
// there is no memory.
bool info_collect(const struct image *image, const char *filename, struct info *info,
                  struct error *error);
void info_free(struct info *info);

#endif
