// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A window: a bounded buffer over a table of records of different lengths, which is walked forward.
// It reads large pieces of the file and keeps only one.

#ifndef SOURCE_RECORD_WINDOW_H
#define SOURCE_RECORD_WINDOW_H

#include "source/source.h"

// Larger than any part of a record that is read: two names of 65535 bytes.
enum { RECORD_WINDOW_SIZE = 256 * 1024 };

struct record_window {
    uint8_t *buffer; // owned; NULL until the first use
    uint64_t start;  // byte offset in the file
    size_t size;     // bytes of the file in it
};

// A view of the bytes [offset, offset + size) of the file, with a size of at most
// RECORD_WINDOW_SIZE; valid until the next call. ERROR_TRUNCATED or ERROR_UNSEEN when they reach
// past the end.
bool record_window_view(struct record_window *window, struct source *source, uint64_t offset,
                        size_t size, struct bytes *view, struct error *error);

void record_window_free(struct record_window *window);

#endif
