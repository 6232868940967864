// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A bounded buffer over a table of records of different lengths, which is walked forward: what a
// record needs is read in large pieces, and no more than one piece is ever kept.

#ifndef SOURCE_RECORD_WINDOW_H
#define SOURCE_RECORD_WINDOW_H

#include "source/source.h"

// More than any part of a record that is looked at: two names of 65535 bytes.
enum { RECORD_WINDOW_SIZE = 256 * 1024 };

struct record_window {
    uint8_t *buffer; // owned; NULL until the first use
    uint64_t start;  // byte offset in the file
    size_t size;     // bytes of the file in it
};

// The bytes [offset, offset + size) of the file, with a size of at most RECORD_WINDOW_SIZE; valid
// until the next call. ERROR_TRUNCATED or ERROR_UNSEEN when they reach past its end.
bool record_window_view(struct record_window *window, struct source *source, uint64_t offset,
                        size_t size, struct bytes *view, struct error *error);

void record_window_free(struct record_window *window);

#endif
