// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Copies bytes from a file to a descriptor, inside the kernel if possible, and writes exact numbers
// of bytes. Uses copy_file_range() and splice() on Linux, elsewhere a buffer.

#ifndef SOURCE_TRANSFER_H
#define SOURCE_TRANSFER_H

#include "source/source.h"

// Copies [offset, offset + length) of `source` to `to_offset` of the regular file `fd`. On failure
// `*done` bytes were copied; an error about the source has an offset, an error about the output has
// none.
bool transfer_to_file(struct source *source, uint64_t offset, uint64_t length, int fd,
                      uint64_t to_offset, uint64_t *done, struct error *error);

// Appends [offset, offset + length) of `source` to the stream `fd`. As above.
bool transfer_to_stream(struct source *source, uint64_t offset, uint64_t length, int fd,
                        uint64_t *done, struct error *error);

// Writes all of `bytes` at `offset` of `fd`, or appends them to the stream `fd`.
bool write_at(int fd, uint64_t offset, struct bytes bytes, struct error *error);
bool write_stream(int fd, struct bytes bytes, struct error *error);

// Writes `length` zeros at `offset` of `fd`, or appends them to the stream `fd`.
bool write_zeros_at(int fd, uint64_t offset, uint64_t length, struct error *error);
bool write_zeros_stream(int fd, uint64_t length, struct error *error);

#endif
