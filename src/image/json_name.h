// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A json:{...} name of a layer: QEMU's block device options, of which those are taken that mean a
// plain file below at most one image format.

#ifndef IMAGE_JSON_NAME_H
#define IMAGE_JSON_NAME_H

#include "base/bytes.h"
#include "base/error.h"

enum { JSON_DRIVER_SIZE = 16 };

struct json_name {
    char *filename;                // owned by the caller
    char driver[JSON_DRIVER_SIZE]; // "qcow2", "raw"; empty when it is to be probed
};

// Parses what follows "json:". Options that would change what is read are refused by name
// (ERROR_UNSUPPORTED_BACKING_FILE), so that no layer is read otherwise than QEMU reads it.
bool json_name_parse(struct bytes text, struct json_name *name, struct error *error);

#endif
