// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Digests of disks as sha256sum prints them, and lists of such lines.

#ifndef OUTPUT_DIGEST_OUTPUT_H
#define OUTPUT_DIGEST_OUTPUT_H

#include "digest/digest.h"
#include "print/writer.h"

// A disk and its digest.
struct digest_line {
    char *path; // owned, by what parses it
    uint8_t digest[DIGEST_SIZE];
};

// "DIGEST  PATH". Where the path has a newline, a backslash, or what could steer a terminal, these
// are escaped, and a backslash stands before the line. False when there is no memory.
bool digest_print_text(struct writer *writer, const struct digest_line *line);

// The same as a JSON object, with `size`, the bytes that were hashed.
void digest_print_json(struct writer *writer, const struct digest_line *line, enum digest_kind kind,
                       uint64_t size);

// What became of a line of a list.
enum digest_verdict { DIGEST_MATCHES, DIGEST_DIFFERS, DIGEST_UNREADABLE };
void digest_print_verdict(struct writer *writer, const char *path, enum digest_verdict verdict,
                          bool as_json);

// Parses what digest_print_text() prints, without its newline, and "DIGEST *PATH". False when the
// line is another one, or when there is no memory.
bool digest_parse(struct bytes text, struct digest_line *line);

#endif
