// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints what `info` collected, as JSON and as text.

#ifndef OUTPUT_INFO_OUTPUT_H
#define OUTPUT_INFO_OUTPUT_H

#include "info/info.h"
#include "print/json.h"
#include "print/writer.h"

// One object. `in_chain` adds the key "format", which raw layers of a chain have too.
void info_print_json(const struct info *info, bool in_chain, struct json *json);
void info_print_text(const struct info *info, struct writer *writer);

// The table of problems. The code is "any" for a problem that has the code of its error.
void info_print_problems(bool as_json, struct writer *writer);

// A layer that is a raw file.
void info_print_raw_json(const struct info_file *file, struct json *json);
void info_print_raw_text(const struct info_file *file, struct writer *writer);

// A value from a table of names, or "unknown-N".
enum { INFO_NAME_MAX = 32 };
const char *info_name_or_number(const char *name, uint64_t number,
                                char buffer[static INFO_NAME_MAX]);

const char *info_crypt_method(uint32_t method, char buffer[static INFO_NAME_MAX]);
const char *info_compression_type(uint32_t type, char buffer[static INFO_NAME_MAX]);

#endif
