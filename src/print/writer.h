// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Buffered output to a descriptor, cheap for each line. After the first failure all calls do
// nothing, and writer_finish() returns the error.

#ifndef PRINT_WRITER_H
#define PRINT_WRITER_H

#include "base/bytes.h"
#include "base/error.h"

enum { WRITER_BUFFER_SIZE = 1 << 16 };

struct writer {
    int fd;
    int failed; // errno of the first failure; 0: none
    size_t used;
    char buffer[WRITER_BUFFER_SIZE];
};

void writer_init(struct writer *writer, int fd);
void writer_bytes(struct writer *writer, const void *data, size_t size);
void writer_string(struct writer *writer, const char *string);
void writer_u64(struct writer *writer, uint64_t value); // decimal

// Returns room for `size` ≤ WRITER_BUFFER_SIZE bytes in the buffer, to write a line directly into
// it. Call writer_used() afterwards with the number of bytes that were written.
char *writer_room(struct writer *writer, size_t size);
static inline void writer_used(struct writer *writer, const char *end)
{
    writer->used = (size_t)(end - writer->buffer);
}

// The digits of `value` at `to`, at most 20. Returns where they end.
char *put_u64(char *to, uint64_t value);

void writer_format(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Writes the rest of the buffer. False with ERROR_IO when any write failed.
bool writer_finish(struct writer *writer, struct error *error);

#endif
