// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Recognizes the format of a file that is not a qcow2 image.

#ifndef IMAGE_PROBE_H
#define IMAGE_PROBE_H

#include "image/probe_mark.h"
#include "source/source.h"

// True when the file begins like a qcow2 image; image_open() checks the rest. Otherwise false, and
// `error` says what the file looks like.
bool probe_qcow2(struct source *source, struct error *error);

// The format that QEMU recognizes for a layer without a format name, by its bytes. NULL: raw or
// qcow2; otherwise the name of another disk image format, as below.
const char *probe_other_format(struct source *source, const char *path);

// Whether QEMU then takes it for qcow2.
bool probe_finds_qcow2(struct source *source);

// "a Git LFS pointer: ..." for a short text that stands for a file which was not fetched; NULL for
// any other file.
const char *probe_stand_in(struct source *source);

// "a VMDK disk", "a gzip file", ..., "raw data". Reads at most PROBE_SIZE bytes, and the last 1023;
// where nothing is found, also the places of device_marks().
enum { PROBE_SIZE = 128 * 1024 };
const char *probe_describe(struct source *source);

enum {
    PROBE_MARKS_MAX = 224,     // of one file
    PROBE_START_END = 8 << 20, // marks that do not depend on the size of the file are before this
};

// Finds all marks of other formats in a file that begins as a qcow2 image does, where programs look
// that do not begin at the start, or do not care for it: in its first PROBE_SIZE bytes and in its
// last ones, 64 KiB, as far as the comment of a zip archive can reach; and in the places of
// device_marks(). As far as the file was given. False when a read failed.
bool probe_marks(struct source *source, struct probe_mark marks[PROBE_MARKS_MAX], size_t *count,
                 struct error *error);

#endif
