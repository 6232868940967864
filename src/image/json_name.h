// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A json:{...} name of a layer: QEMU's block device options. Only options that describe a plain
// file below at most one image format are accepted.

#ifndef IMAGE_JSON_NAME_H
#define IMAGE_JSON_NAME_H

#include "base/bytes.h"
#include "base/error.h"

enum { JSON_DRIVER_SIZE = 16 };

struct json_name {
    char *filename;                // owned by the caller
    char driver[JSON_DRIVER_SIZE]; // "qcow2", "raw"; empty: probe the file
};

// Parses the text after "json:". Refuses options that would change the data
// (ERROR_UNSUPPORTED_BACKING_FILE, with the name of the option), so that each layer reads as in
// QEMU.
bool json_name_parse(struct bytes text, struct json_name *name, struct error *error);

#endif
