// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Sizes, dates and names for people.

#ifndef PRINT_TEXT_H
#define PRINT_TEXT_H

#include "base/bytes.h"
#include "print/writer.h"

// Buffer sizes for the functions below, including the NUL.
enum { TEXT_SIZE_MAX = 48, TEXT_DATE_MAX = 24, TEXT_CLOCK_MAX = 24 };

// "20 KiB": at most three significant digits. Below 1024: "512 bytes".
void text_short_size(uint64_t size, char text[static TEXT_SIZE_MAX]);

// "20 KiB (20480 bytes)"; below 1024 just "512 bytes".
void text_size(uint64_t size, char text[static TEXT_SIZE_MAX]);

// RFC 3339 in UTC: "2026-01-31T23:59:59Z". `seconds` since 1970.
void text_date(uint32_t seconds, char text[static TEXT_DATE_MAX]);

// "HH:MM:SS.mmm", with as many digits of hours as it takes.
void text_clock(uint64_t nanoseconds, char text[static TEXT_CLOCK_MAX]);

// Writes a name that comes from outside. Characters that could control a terminal, break the line
// or be invisible are written as \xNN or \u{N}, bytes that are not UTF-8 as \xNN, a backslash is
// doubled, and a blank at an end of the name or next to another blank is written as \x20.
void text_name(struct writer *writer, struct bytes name);

// The same for a string.
void text_safe(struct writer *writer, const char *string);

// Columns that text_name() writes, counting each character as one; stops at `enough`.
size_t text_name_width(struct bytes name, size_t enough);

// Writes "1 entry", "2 entries".
void text_count(struct writer *writer, uint64_t count, const char *one, const char *many);

// Writes "at 65536 (0x10000)".
void text_place(struct writer *writer, uint64_t offset);

// Writes `count` blanks.
void text_blanks(struct writer *writer, size_t count);

// A line of a table of sums: "data         12.50%  1 MiB (1048576 bytes)", of `size` bytes in all.
void text_total(struct writer *writer, const char *name, uint64_t bytes, uint64_t size);

#endif
