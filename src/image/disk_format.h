// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The formats of disk images that QEMU finds by probing, where no format is named.

#ifndef IMAGE_DISK_FORMAT_H
#define IMAGE_DISK_FORMAT_H

#include "base/bytes.h"
#include "image/probe_mark.h"

enum { DISK_FORMAT_SIZE = 512 }; // bytes at the start of a file that are probed

// The format, other than raw and qcow2 of version 2 or later, that QEMU takes a file for whose
// first DISK_FORMAT_SIZE bytes, filled up with zeros, are `start`. False when there is none.
bool disk_format_find(struct bytes start, struct probe_mark *mark);

// The same, for the format of which QEMU knows only the end of the file's name. NULL: none.
const char *disk_format_of_name(const char *path);

#endif
