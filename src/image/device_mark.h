// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds marks that programs search for on block devices at special places: far from the start, or
// counted from the end. Members of RAIDs and pools, volumes, file systems. Not the second copy of a
// GPT, which programs read only after the first: guest disks end with one, and so do files with
// guest disks.

#ifndef IMAGE_DEVICE_MARK_H
#define IMAGE_DEVICE_MARK_H

#include "image/probe_mark.h"
#include "source/source.h"

enum { DEVICE_MARKS_MAX = 64 }; // of one file

// Finds all marks in the part of the file that was read. False when a read failed.
bool device_marks(struct source *source, struct probe_mark marks[DEVICE_MARKS_MAX], size_t *count,
                  struct error *error);

#endif
