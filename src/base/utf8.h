// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Reads code points from bytes of which nothing is known.

#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/bytes.h"

// The code point that `text`, which is not empty, begins with, and its length in bytes. 0 when the
// first byte begins none: a stray or cut sequence, an overlong one, a surrogate, or beyond
// U+10FFFF. Whoever reads on then does so at the next byte.
size_t utf8_decode(struct bytes text, uint32_t *code_point);

// True for what must not reach a terminal as it stands: control characters (C0, DEL, C1), line and
// paragraph separators, what changes the direction of writing, what is not seen at all
// (Default_Ignorable_Code_Point), and what looks like U+0020 and is not.
bool utf8_is_unsafe(uint32_t code_point);

// Length of the run of plain ASCII at the start of `text`: nothing that is unsafe, and neither
// '"' nor '\\'.
size_t utf8_plain_run(struct bytes text);

#endif
