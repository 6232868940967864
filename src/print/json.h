// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A streaming JSON writer: it keeps nothing in memory, however long the document is. Integers are
// exact, and the output is always valid UTF-8 and harmless on a terminal.

#ifndef PRINT_JSON_H
#define PRINT_JSON_H

#include "base/bytes.h"
#include "print/writer.h"

enum json_style {
    JSON_PRETTY,  // two blanks a level
    JSON_COMPACT, // one line
};

enum { JSON_DEPTH_MAX = 16 };

struct json {
    struct writer *writer;
    enum json_style style;
    unsigned depth;               // open levels
    char closing[JSON_DEPTH_MAX]; // '}' or ']' of each
    bool filled;                  // the innermost level is not empty
    bool after_key;
};

void json_init(struct json *json, struct writer *writer, enum json_style style);

// At most JSON_DEPTH_MAX levels; the nesting depends on our code, never on an image.
void json_object(struct json *json);
void json_array(struct json *json);
void json_end(struct json *json); // closes the innermost object or array

// `key` is plain ASCII; a value follows.
void json_key(struct json *json, const char *key);

// Values. Each byte of a string that is not part of valid UTF-8 becomes U+FFFD.
void json_string(struct json *json, struct bytes string);
void json_text(struct json *json, const char *string);
void json_base64(struct json *json, struct bytes bytes);
void json_u64(struct json *json, uint64_t value);
void json_bool(struct json *json, bool value);
void json_null(struct json *json);

// A formatted string of at most 127 bytes.
void json_format(struct json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A key with its value.
void json_key_string(struct json *json, const char *key, struct bytes string);
void json_key_text(struct json *json, const char *key, const char *string);
void json_key_u64(struct json *json, const char *key, uint64_t value);
void json_key_bool(struct json *json, const char *key, bool value);
void json_key_null(struct json *json, const char *key);
void json_key_object(struct json *json, const char *key);
void json_key_array(struct json *json, const char *key);

// Closes all open levels and ends the line. Another document may follow.
void json_finish(struct json *json);

#endif
