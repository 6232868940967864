// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Which code points a reader does not see, or takes for others.

#include "base/utf8.h"

#include "unit.h"

static void what_is_not_seen_is_unsafe(void)
{
    // First and last of each kind, as Unicode lists them.
    static const uint32_t unseen[] = {
        0x0,     0x1f,    0x7f,    0x9f,    0xad,    0x34f,   0x61c,   0x115f,  0x1160, 0x17b4,
        0x17b5,  0x180b,  0x180e,  0x180f,  0x200b,  0x200f,  0x2028,  0x202e,  0x2060, 0x2065,
        0x206f,  0x3164,  0xfe00,  0xfe0f,  0xfeff,  0xffa0,  0xfff0,  0xfff9,  0xfffb, 0x1bca0,
        0x1bca3, 0x1d173, 0x1d17a, 0xe0000, 0xe0001, 0xe007f, 0xe0100, 0xe01ef, 0xe0fff};
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++) {
        CHECK_EQ_U64(utf8_is_unsafe(unseen[i]) ? unseen[i] : 0, unseen[i]);
    }
}

static void blanks_other_than_the_space_are_unsafe(void)
{
    static const uint32_t blanks[] = {0xa0, 0x1680, 0x2000, 0x200a, 0x202f, 0x205f, 0x2800, 0x3000};
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        CHECK(utf8_is_unsafe(blanks[i]));
    }
    CHECK(!utf8_is_unsafe(' '));
}

static void letters_and_signs_of_all_scripts_are_not(void)
{
    static const uint32_t seen[] = {'!',    '~',    0xa1,   0xac,   0xae,   0xe9,    0x300,
                                    0x3b1,  0x5d0,  0x627,  0x905,  0x1100, 0x1161,  0x17b6,
                                    0x2010, 0x2027, 0x2030, 0x2801, 0x3001, 0x4e2d,  0x3163,
                                    0xac00, 0xff21, 0xff9f, 0xffa1, 0xfffd, 0x1f600, 0x20000};
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        CHECK_EQ_U64(utf8_is_unsafe(seen[i]) ? seen[i] : 0, 0);
    }
}

int main(void)
{
    RUN(what_is_not_seen_is_unsafe);
    RUN(blanks_other_than_the_space_are_unsafe);
    RUN(letters_and_signs_of_all_scripts_are_not);
    return unit_done();
}
