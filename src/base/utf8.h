// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Reads code points from untrusted bytes.

#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/bytes.h"

// Decodes the first code point of `text`, which is not empty, and returns its length in bytes. 0
// when the first byte does not begin a valid one: a stray or cut sequence, an overlong one, a
// surrogate, or above U+10FFFF. The caller then continues at the next byte.
size_t utf8_decode(struct bytes text, uint32_t *code_point);

// True for characters that must not be sent to a terminal: control characters (C0, DEL, C1), line
// and paragraph separators, characters that change the direction of writing or are invisible
// (Default_Ignorable_Code_Point), and blanks other than U+0020.
bool utf8_is_unsafe(uint32_t code_point);

// Length of the run of plain ASCII at the start of `text`: no unsafe characters, no '"' and no
// '\\'.
size_t utf8_plain_run(struct bytes text);

#endif
