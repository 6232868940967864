// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Files in memory for what is printed or exported, and what always holds for text and JSON.

#ifndef TESTS_FUZZ_CAPTURE_H
#define TESTS_FUZZ_CAPTURE_H

#include "base/bytes.h"
#include "print/writer.h"

#include <cjson/cJSON.h>

// A descriptor of an empty file; close() ends it.
int capture_open(void);

// All bytes of the file, owned by the caller. A NUL follows them.
struct bytes capture_read(int fd);

// Begins to print into a file in memory, and takes what was printed.
struct writer *capture_start(void);
struct bytes capture_end(struct writer *writer);

// Whole lines of valid UTF-8 with nothing in it that steers a terminal.
void must_be_text(struct bytes printed);

// JSON documents, one after the other, in such text; the last one is returned, owned by the caller.
// `count` is the number of them.
cJSON *must_be_json(struct bytes printed, size_t *count);

// The number of a key, which must be there.
double json_number(const cJSON *object, const char *key);
// How many items the array of a key has.
size_t json_items(const cJSON *object, const char *key);

#endif
