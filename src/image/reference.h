// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How an image names another file, and the path which that means. Nothing is opened here.

#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include "base/bytes.h"
#include "base/error.h"

enum reference_kind {
    REFERENCE_FILE,     // a path, or file:path
    REFERENCE_JSON,     // json:{...}
    REFERENCE_PROTOCOL, // any other scheme:...
};

enum reference_kind reference_kind(struct bytes name);

// Remembers what the current directory is called. Afterwards reference_full_path() asks nobody.
void reference_keep_directory(void);

// The path of the file that `name`, found in the image at `image_path`, means, for people: an
// absolute one as it stands; a relative one joined to the image's directory, made absolute and
// cleaned without looking at the file system. Image path "-" is standard input: relative to the
// current directory, as every name that begins with "file:". What names no file is returned
// unchanged. The name ends at its first NUL, as it does for QEMU. Owned by the caller; NULL when
// there is no memory.
char *reference_full_path(const char *image_path, struct bytes name);

enum layer_format { LAYER_PROBE, LAYER_QCOW2, LAYER_RAW };

struct reference {
    char *path; // owned: to be opened
    enum layer_format format;
};

// Finds the file and the format of a layer below the image at `image_path`. The path is not
// cleaned: what ".." means is for the file system to say. `format_name` is that of the header
// extension, which wins over what a json: name says. ERROR_UNSUPPORTED_BACKING_FILE when it is
// not a file below qcow2 or raw.
bool reference_resolve(const char *image_path, struct bytes name, struct bytes format_name,
                       struct reference *reference, struct error *error);

// Finds the format alone, for a file that is given in the place of the one that is named.
bool reference_format(struct bytes name, struct bytes format_name, enum layer_format *format,
                      struct error *error);

#endif
