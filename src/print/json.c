// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/json.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_init(struct json *json, struct writer *writer, enum json_style style)
{
    *json = (struct json){.writer = writer, .style = style};
}

static void put(struct json *json, const char *text, size_t size)
{
    writer_bytes(json->writer, text, size);
}

// Starts the line of an item or of a closing bracket, after a comma if an item precedes it.
static void new_line(struct json *json, bool comma)
{
    // A comma, a newline and the blanks of the deepest level.
    static const char line[] = ",\n                                ";
    _Static_assert(sizeof line == 2 + 2 * JSON_DEPTH_MAX + 1, "two blanks for every level");
    size_t start = comma ? 0 : 1;
    size_t end = json->style == JSON_PRETTY ? 2 + 2 * (size_t)json->depth : 1;
    if (end > start) {
        put(json, line + start, end - start);
    }
}

// Writes the separator between the previous item and this one.
static void begin_item(struct json *json)
{
    if (json->after_key) {
        json->after_key = false;
    } else if (json->depth > 0) {
        new_line(json, json->filled);
        json->filled = true;
    }
}

static void begin_level(struct json *json, const char *opening, char closing)
{
    if (json->depth == JSON_DEPTH_MAX) {
        abort(); // a bug: our nesting exceeds JSON_DEPTH_MAX
    }
    begin_item(json);
    put(json, opening, 1);
    json->closing[json->depth++] = closing;
    json->filled = false;
}

void json_object(struct json *json)
{
    begin_level(json, "{", '}');
}

void json_array(struct json *json)
{
    begin_level(json, "[", ']');
}

void json_end(struct json *json)
{
    if (json->depth == 0) {
        return;
    }
    json->depth--;
    if (json->filled) {
        new_line(json, false);
    }
    put(json, &json->closing[json->depth], 1);
    json->filled = json->depth > 0;
}

void json_key(struct json *json, const char *key)
{
    begin_item(json);
    put(json, "\"", 1);
    put(json, key, strlen(key));
    if (json->style == JSON_PRETTY) {
        put(json, "\": ", 3);
    } else {
        put(json, "\":", 2);
    }
    json->after_key = true;
}

// Characters that have an escape of their own.
static const char *short_escape(uint32_t code_point)
{
    switch (code_point) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static void put_unit(struct json *json, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    const char escape[] = {
        '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
    put(json, escape, sizeof escape);
}

// RFC 8259, section 7: above 16 bits, a surrogate pair is needed.
static void put_escaped(struct json *json, uint32_t code_point)
{
    if (code_point > 0xffff) {
        put_unit(json, 0xd800 + ((code_point - 0x10000) >> 10));
        code_point = 0xdc00 + ((code_point - 0x10000) & 0x3ff);
    }
    put_unit(json, code_point);
}

static void put_code_point(struct json *json, struct bytes encoded, uint32_t code_point)
{
    const char *escape = short_escape(code_point);
    if (escape) {
        put(json, escape, 2);
    } else if (utf8_is_unsafe(code_point)) {
        put_escaped(json, code_point);
    } else {
        put(json, (const char *)encoded.data, encoded.size);
    }
}

void json_string(struct json *json, struct bytes string)
{
    begin_item(json);
    put(json, "\"", 1);
    while (string.size > 0) {
        uint32_t code_point;
        size_t size = utf8_plain_run(string);
        if (size > 0) {
            put(json, (const char *)string.data, size);
        } else if ((size = utf8_decode(string, &code_point)) > 0) {
            put_code_point(json, (struct bytes){string.data, size}, code_point);
        } else {
            put(json, "\xef\xbf\xbd", 3);
            size = 1;
        }
        string = bytes_from(string, size);
    }
    put(json, "\"", 1);
}

void json_text(struct json *json, const char *string)
{
    json_string(json, (struct bytes){(const uint8_t *)string, strlen(string)});
}

void json_base64(struct json *json, struct bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    begin_item(json);
    put(json, "\"", 1);
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        // Loads past the end are 0, as the padding requires.
        uint32_t group = (uint32_t)bytes_u8(bytes, i) << 16 |
                         (uint32_t)bytes_u8(bytes, i + 1) << 8 | bytes_u8(bytes, i + 2);
        char quantum[4] = {digits[group >> 18], digits[group >> 12 & 63],
                           left > 1 ? digits[group >> 6 & 63] : '=',
                           left > 2 ? digits[group & 63] : '='};
        put(json, quantum, sizeof quantum);
    }
    put(json, "\"", 1);
}

void json_u64(struct json *json, uint64_t value)
{
    begin_item(json);
    writer_u64(json->writer, value);
}

static void put_word(struct json *json, const char *word)
{
    begin_item(json);
    put(json, word, strlen(word));
}

void json_bool(struct json *json, bool value)
{
    put_word(json, value ? "true" : "false");
}

void json_null(struct json *json)
{
    put_word(json, "null");
}

void json_format(struct json *json, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_text(json, text);
}

void json_key_string(struct json *json, const char *key, struct bytes string)
{
    json_key(json, key);
    json_string(json, string);
}

void json_key_text(struct json *json, const char *key, const char *string)
{
    json_key(json, key);
    json_text(json, string);
}

void json_key_u64(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_u64(json, value);
}

void json_key_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    json_bool(json, value);
}

void json_key_null(struct json *json, const char *key)
{
    json_key(json, key);
    json_null(json);
}

void json_key_object(struct json *json, const char *key)
{
    json_key(json, key);
    json_object(json);
}

void json_key_array(struct json *json, const char *key)
{
    json_key(json, key);
    json_array(json);
}

void json_finish(struct json *json)
{
    if (json->after_key) {
        json_null(json);
    }
    while (json->depth > 0) {
        json_end(json);
    }
    json->filled = false;
    put(json, "\n", 1);
}
