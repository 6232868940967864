// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/digest_output.h"

#include "print/color.h"
#include "print/json.h"
#include "print/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_SIZE = 2 * DIGEST_SIZE };

static void put_hex(const uint8_t digest[static DIGEST_SIZE], char hex[static HEX_SIZE + 1])
{
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

// --- Printing ------------------------------------------------------------------------------------

// Newlines are escaped like in sha256sum, other characters as in any text.
static void print_escaped(struct writer *writer, const char *path)
{
    while (*path) {
        size_t size = strcspn(path, "\n\r");
        text_name(writer, (struct bytes){(const uint8_t *)path, size});
        path += size;
        if (*path) {
            writer_string(writer, *path == '\n' ? "\\n" : "\\r");
            path++;
        }
    }
}

static void print_line(struct writer *writer, const char *hex, const char *escaped, size_t size,
                       bool plain)
{
    writer_string(writer, plain ? "" : "\\");
    writer_string(writer, hex);
    writer_string(writer, "  ");
    writer_bytes(writer, escaped, size);
    writer_string(writer, "\n");
}

bool digest_print_text(struct writer *writer, const struct digest_line *line)
{
    char hex[HEX_SIZE + 1];
    struct writer *escaped = malloc(sizeof *escaped);
    if (!escaped) {
        return false;
    }
    writer_init(escaped, -1);
    print_escaped(escaped, line->path);
    put_hex(line->digest, hex);
    bool plain = escaped->used == strlen(line->path) &&
                 memcmp(escaped->buffer, line->path, escaped->used) == 0;
    bool fits = !escaped->failed;
    if (fits) {
        print_line(writer, hex, escaped->buffer, escaped->used, plain);
    }
    free(escaped);
    return fits;
}

void digest_print_json(struct writer *writer, const struct digest_line *line, enum digest_kind kind,
                       uint64_t size)
{
    char hex[HEX_SIZE + 1];
    struct json json;
    put_hex(line->digest, hex);
    json_init(&json, writer, JSON_COMPACT);
    json_object(&json);
    json_key_text(&json, "filename", line->path);
    json_key_text(&json, "digest", hex);
    json_key_text(&json, "algorithm", kind == DIGEST_FLAT ? "sha256" : "blkhash-sha256");
    json_key_u64(&json, "size", size);
    json_finish(&json);
}

void digest_print_verdict(struct writer *writer, const char *path, enum digest_verdict verdict,
                          bool as_json)
{
    static const char *const texts[] = {[DIGEST_MATCHES] = "OK",
                                        [DIGEST_DIFFERS] = "FAILED",
                                        [DIGEST_UNREADABLE] = "FAILED open or read"};
    static const enum color colors[] = {[DIGEST_MATCHES] = COLOR_GREEN,
                                        [DIGEST_DIFFERS] = COLOR_RED,
                                        [DIGEST_UNREADABLE] = COLOR_RED};
    static const char *const words[] = {[DIGEST_MATCHES] = "matches",
                                        [DIGEST_DIFFERS] = "differs",
                                        [DIGEST_UNREADABLE] = "unreadable"};
    if (as_json) {
        struct json json;
        json_init(&json, writer, JSON_COMPACT);
        json_object(&json);
        json_key_text(&json, "filename", path);
        json_key_text(&json, "result", words[verdict]);
        json_finish(&json);
        return;
    }
    text_safe(writer, path);
    writer_string(writer, ": ");
    color_text(writer, colors[verdict], texts[verdict]);
    writer_string(writer, "\n");
}

// --- Parsing -------------------------------------------------------------------------------------

// -1: no hexadecimal digit.
static int hex_digit(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f'   ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

static bool parse_hex(const uint8_t *hex, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

// UTF-8 of a character below 0x110000.
static size_t put_utf8(uint32_t character, char *to)
{
    if (character < 0x80) {
        to[0] = (char)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    for (size_t i = size - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    to[0] = (char)(marks[size] | character);
    return size;
}

// "{N}" at the start of `text`. Returns its size, 0 when it is none.
static size_t parse_character(struct bytes text, uint32_t *character)
{
    *character = 0;
    size_t i = 1;
    for (; i < text.size && i <= 6 && hex_digit(text.data[i]) >= 0; i++) {
        *character = *character << 4 | (uint32_t)hex_digit(text.data[i]);
    }
    bool closed = text.size > 0 && text.data[0] == '{' && i > 1 && i < text.size &&
                  text.data[i] == '}' && *character != 0 && *character < 0x110000;
    return closed ? i + 1 : 0;
}

// Decodes the escape after a backslash: writes `*put` bytes to `to`, at most as many as it reads.
// Returns the bytes read; 0: not an escape.
static size_t parse_escape(struct bytes text, char *to, size_t *put)
{
    static const char letters[] = "\\nr";
    static const char meanings[] = "\\\n\r";
    const char *letter = text.size > 0 && text.data[0] ? strchr(letters, text.data[0]) : NULL;
    uint8_t byte;
    uint32_t character;
    *put = 1;
    if (letter) {
        *to = meanings[letter - letters];
        return 1;
    }
    if (text.size >= 3 && text.data[0] == 'x' && parse_hex(text.data + 1, &byte, 1) && byte != 0) {
        *to = (char)byte;
        return 3;
    }
    size_t size =
        text.size > 0 && text.data[0] == 'u' ? parse_character(bytes_from(text, 1), &character) : 0;
    if (size > 0) {
        *put = put_utf8(character, to);
    }
    return size > 0 ? size + 1 : 0;
}

// Owned by the caller; NULL when it cannot be a path.
static char *parse_path(struct bytes text, bool escaped)
{
    char *path = malloc(text.size + 1);
    size_t used = 0;
    for (size_t i = 0; path && i < text.size;) {
        size_t put = 1;
        size_t taken = 1;
        path[used] = (char)text.data[i];
        if (escaped && text.data[i] == '\\') {
            taken = parse_escape(bytes_from(text, i + 1), path + used, &put);
            i++;
        }
        if (taken == 0 || path[used] == '\0') {
            free(path);
            return NULL;
        }
        i += taken;
        used += put;
    }
    if (path) {
        path[used] = '\0';
    }
    return path;
}

bool digest_parse(struct bytes text, struct digest_line *line)
{
    bool escaped = text.size > 0 && text.data[0] == '\\';
    text = bytes_from(text, escaped ? 1 : 0);
    *line = (struct digest_line){0};
    if (text.size < HEX_SIZE + 3 || !parse_hex(text.data, line->digest, DIGEST_SIZE) ||
        text.data[HEX_SIZE] != ' ' ||
        (text.data[HEX_SIZE + 1] != ' ' && text.data[HEX_SIZE + 1] != '*')) {
        return false;
    }
    line->path = parse_path(bytes_from(text, HEX_SIZE + 2), escaped);
    return line->path != NULL;
}
