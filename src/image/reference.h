// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How an image names another file, and the path which that means. Nothing is opened here.

#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include "base/bytes.h"

enum reference_kind {
    REFERENCE_FILE,     // a path, or file:path
    REFERENCE_JSON,     // json:{...}
    REFERENCE_PROTOCOL, // any other scheme:...
};

enum reference_kind reference_kind(struct bytes name);

// The path of the file that `name`, found in the image at `image_path`, means: an absolute one as
// it stands; a relative one joined to the image's directory, made absolute and cleaned without
// looking at the file system. Image path "-" is standard input: relative to the current directory.
// What names no file is returned unchanged. The name ends at its first NUL, as it does for QEMU.
// Owned by the caller; NULL when there is no memory.
char *reference_full_path(const char *image_path, struct bytes name);

#endif
