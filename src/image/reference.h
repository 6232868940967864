// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The name of another file in an image, and the path that it means. This opens no files.

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

// Remembers the name of the current directory. Afterwards reference_full_path() makes no system
// calls.
void reference_keep_directory(void);

// The full path of the file that `name` in the image at `image_path` means, for output: an absolute
// path unchanged; a relative path joined to the directory of the image, made absolute and cleaned
// without reading the file system. If `image_path` is "-" (standard input) or the name begins with
// "file:", it is relative to the current directory. A name that is not a file name is returned
// unchanged. A name ends at its first NUL, as in QEMU. Owned by the caller; NULL when there is no
// memory.
char *reference_full_path(const char *image_path, struct bytes name);

// The same name as a path in itself, whatever it begins with. Owned by the caller; NULL when there
// is no memory.
char *reference_literal(struct bytes name);

enum layer_format { LAYER_PROBE, LAYER_QCOW2, LAYER_RAW };

struct reference {
    char *path; // owned: the path to open
    enum layer_format format;
};

// Finds the file and the format of a layer below the image at `image_path`. The path is not
// cleaned: the file system resolves "..". `format_name`, from the header extension, takes
// precedence over the driver of a json: name. ERROR_UNSUPPORTED_BACKING_FILE when it is not a file
// below qcow2 or raw.
bool reference_resolve(const char *image_path, struct bytes name, struct bytes format_name,
                       struct reference *reference, struct error *error);

// The same for an image at a web address: the name is resolved as in RFC 3986 and must be at
// the same origin, else ERROR_OUTSIDE.
bool reference_resolve_remote(const char *image_address, struct bytes name,
                              struct bytes format_name, struct reference *reference,
                              struct error *error);

// The same for a file that may name web addresses, and names one.
bool reference_resolve_address(struct bytes name, struct bytes format_name,
                               struct reference *reference, struct error *error);

// Whether the name is a web address.
bool reference_is_address(struct bytes name);

// Finds only the format, for a file that is given instead of the named one.
bool reference_format(struct bytes name, struct bytes format_name, enum layer_format *format,
                      struct error *error);

#endif
