// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints digests of disks like sha256sum, and parses lists of such lines.

#ifndef OUTPUT_DIGEST_OUTPUT_H
#define OUTPUT_DIGEST_OUTPUT_H

#include "digest/digest.h"
#include "print/writer.h"

// A disk and its digest.
struct digest_line {
    char *path; // owned if it was parsed
    uint8_t digest[DIGEST_SIZE];
};

// "DIGEST  PATH". If the path has a newline, a backslash, or characters that could control a
// terminal, they are escaped and the line begins with a backslash. False when there is no memory.
bool digest_print_text(struct writer *writer, const struct digest_line *line);

// The same as a JSON object, with `size`, the bytes that were hashed.
void digest_print_json(struct writer *writer, const struct digest_line *line, enum digest_kind kind,
                       uint64_t size);

// The result for a line of a list.
enum digest_verdict { DIGEST_MATCHES, DIGEST_DIFFERS, DIGEST_UNREADABLE };
void digest_print_verdict(struct writer *writer, const char *path, enum digest_verdict verdict,
                          bool as_json);

// Parses a line of digest_print_text(), without its newline, or "DIGEST *PATH". False for any other
// line, or when there is no memory.
bool digest_parse(struct bytes text, struct digest_line *line);

#endif
