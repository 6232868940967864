// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/xml.h"

#include "base/utf8.h"
#include "print/text.h"

#include <stdlib.h>

static const char ellipsis[] = "\xe2\x80\xa6";

static void print_character(struct writer *writer, uint32_t character, struct bytes utf8)
{
    switch (character) {
    case '&':
        writer_string(writer, "&amp;");
        break;
    case '<':
        writer_string(writer, "&lt;");
        break;
    case '>':
        writer_string(writer, "&gt;");
        break;
    case '"':
        writer_string(writer, "&quot;");
        break;
    case 0xfffe: // XML has no such characters
    case 0xffff:
        writer_format(writer, "\\u{%x}", (unsigned)character);
        break;
    default:
        writer_bytes(writer, utf8.data, utf8.size);
        break;
    }
}

// Removes the first character of `text`, which is valid UTF-8 and not empty.
static struct bytes take_character(struct bytes *text, uint32_t *character)
{
    struct bytes taken = *text;
    *character = 0xffff; // unless it is one
    taken.size = utf8_decode(*text, character);
    taken.size = taken.size > 0 ? taken.size : 1;
    *text = bytes_from(*text, taken.size);
    return taken;
}

static size_t count_characters(struct bytes text)
{
    uint32_t character;
    size_t count = 0;
    for (; text.size > 0; count++) {
        take_character(&text, &character);
    }
    return count;
}

static void print_end(struct writer *writer, struct bytes text, size_t columns)
{
    uint32_t character;
    size_t left = count_characters(text);
    if (left > columns) {
        writer_string(writer, ellipsis);
    }
    for (bool cut = left > columns; text.size > 0; left--) {
        struct bytes utf8 = take_character(&text, &character);
        if (!cut || left < columns) {
            print_character(writer, character, utf8);
        }
    }
}

void xml_safe(struct writer *writer, const char *string, size_t columns)
{
    struct writer *safe = malloc(sizeof *safe);
    if (!safe) {
        writer_string(writer, "?");
        return;
    }
    writer_init(safe, -1);
    text_safe(safe, string);
    if (safe->failed) { // longer than any path
        writer_string(writer, "?");
    } else {
        print_end(writer, (struct bytes){(const uint8_t *)safe->buffer, safe->used}, columns);
    }
    free(safe);
}
