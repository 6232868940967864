// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The header extensions ("Header extensions" in the specification).

#ifndef FORMAT_EXTENSION_H
#define FORMAT_EXTENSION_H

#include "base/bytes.h"
#include "format/header.h"
#include "format/problem.h"

// One extension, the end marker excluded.
struct extension {
    uint32_t type;
    uint64_t offset;   // of its type field, in bytes from the start of the file
    struct bytes data; // a view, without the padding
};

// A walk over the area: start with {.area = ..., .offset = ...} from extensions_area().
struct extension_walk {
    struct bytes first_cluster;
    uint64_t next, end; // byte offsets in the file
};

// The area of the extensions: from the end of the header to the backing file name or, without one,
// to the end of the first cluster. `first_cluster` may be shorter than a cluster (a short file).
struct extension_walk extension_walk_start(struct bytes first_cluster, const struct header *header);

// Returns the next extension. False at the end marker, at the end of the area, or when the next
// extension does not fit (PROBLEM_EXTENSION_LENGTH: into the area, PROBLEM_EXTENSION_CUT_SHORT:
// into `first_cluster`); walk->next is then where the walk ended. `problems` may be NULL.
bool extension_next(struct extension_walk *walk, struct extension *extension,
                    struct problems *problems);

// The contents of the known extensions, collected by one walk. Views point into the first cluster;
// .data is NULL when the extension is absent. Of several extensions of one type the last one wins,
// as in QEMU (PROBLEM_EXTENSION_REPEATED, and PROBLEM_EXTENSION_TYPES when there are too many
// unknown types to check).
struct extensions {
    struct bytes backing_format;
    struct bytes data_file;
    struct bytes feature_names;
    bool has_encryption;
    uint64_t encryption_offset, encryption_length; // bytes
    uint64_t encryption_extension_at;              // byte offset of the extension itself
    bool has_bitmaps;
    uint32_t bitmaps_count;
    uint64_t bitmaps_directory_size, bitmaps_directory_offset; // bytes
    uint64_t bitmaps_extension_at;
};

// Walks all extensions and validates the known ones against the header (length of the fixed ones,
// encryption pointer present if and only if crypt_method is LUKS, bitmaps count and directory
// limits and alignment, ...). Each fault becomes a problem; faults that make guest data unreadable
// (a LUKS image without its pointer) are fatal.
void extensions_parse(struct bytes first_cluster, const struct header *header,
                      struct extensions *extensions, struct problems *problems);

// "Backing file format name string", ..., or NULL for an unknown type.
const char *extension_type_name(uint32_t type);

#endif
