// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/utf8.h"

#include "base/unseen_ranges.h"

// One row for each length: the bits of the first byte, and the smallest code point that needs this
// length.
static const struct {
    uint8_t mask, lead;
    uint32_t minimum;
} sequences[] = {
    {0x80, 0x00, 0x0},
    {0xe0, 0xc0, 0x80},
    {0xf0, 0xe0, 0x800},
    {0xf8, 0xf0, 0x10000},
};

// Reads the bytes after the first, six bits each. False when one is missing.
static bool decode_rest(struct bytes text, size_t length, uint32_t *value)
{
    if (length > text.size) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return false;
        }
        *value = *value << 6 | (text.data[i] & 0x3f);
    }
    return true;
}

size_t utf8_decode(struct bytes text, uint32_t *code_point)
{
    uint8_t first = text.data[0];
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        if ((first & sequences[i].mask) != sequences[i].lead) {
            continue;
        }
        uint32_t value = (uint8_t)(first & ~sequences[i].mask);
        bool valid = decode_rest(text, i + 1, &value) && value >= sequences[i].minimum &&
                     value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
        *code_point = value;
        return valid ? i + 1 : 0;
    }
    return 0;
}

bool utf8_is_unsafe(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof unseen_ranges / sizeof *unseen_ranges; i++) {
        if (code_point >= unseen_ranges[i].first && code_point <= unseen_ranges[i].last) {
            return true;
        }
    }
    return false;
}

size_t utf8_plain_run(struct bytes text)
{
    size_t length = 0;
    while (length < text.size && text.data[length] >= 0x20 && text.data[length] < 0x7f &&
           text.data[length] != '"' && text.data[length] != '\\') {
        length++;
    }
    return length;
}
