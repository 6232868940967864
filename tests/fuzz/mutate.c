// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "mutate.h"

#include "base/checked.h"
#include "format/layout.h"
#include "number.h"

#include <string.h>

enum { SMALLEST_CLUSTER = 1 << CLUSTER_BITS_MIN };

// An integer where integers stand: at a multiple of its width, most of the time.
static void change_any_number(struct subject *subject, size_t from, struct random *random)
{
    unsigned width = 1U << random_below(random, 4);
    if (subject->size < from + width) {
        return;
    }
    uint64_t at = random_below(random, subject->size - from - width + 1);
    at = random_below(random, 8) > 0 ? align_down(at, width) : at;
    change_number(subject, from + at, width, SMALLEST_CLUSTER, random);
}

// Cuts bytes off or adds some: zeros, or those that the subject begins with.
static void change_size(struct subject *subject, struct random *random)
{
    size_t size = (size_t)random_below(random, subject->size + 64);
    if (size > subject->capacity) {
        size = subject->capacity;
    }
    for (size_t at = subject->size; at < size; at++) {
        subject->data[at] = random_below(random, 2) == 0 ? 0 : subject->data[at % 64];
    }
    subject->size = size;
}

static void copy_piece(struct subject *subject, struct random *random)
{
    if (subject->size < 2) {
        return;
    }
    size_t from = (size_t)random_below(random, subject->size);
    size_t to = (size_t)random_below(random, subject->size);
    size_t most = subject->size - (from > to ? from : to);
    memmove(subject->data + to, subject->data + from, (size_t)random_below(random, most) + 1);
}

void mutate_numbers(struct subject *subject, struct random *random)
{
    switch (random_below(random, 12)) {
    case 0:
        change_size(subject, random);
        break;
    case 1:
        copy_piece(subject, random);
        break;
    default:
        change_any_number(subject, 0, random);
    }
}

void mutate_headed(struct subject *subject, struct random *random)
{
    if (random_below(random, 3) == 0) {
        change_field(subject, 0, header_fields, header_field_count, SMALLEST_CLUSTER, random);
    } else if (random_below(random, 12) == 0) {
        change_size(subject, random);
    } else {
        change_any_number(subject, subject->size > HEADER_LENGTH_KNOWN ? HEADER_LENGTH_KNOWN : 0,
                          random);
    }
}

void mutate_luks(struct subject *subject, struct random *random)
{
    if (random_below(random, 12) == 0) {
        change_size(subject, random);
    } else {
        change_field(subject, 0, luks_fields, luks_field_count, SECTOR_SIZE, random);
    }
}

static void put_luks_word(const struct subject *subject, struct random *random)
{
    static const struct {
        size_t at;
        const char *word;
    } words[] = {
        {LUKS_CIPHER_NAME, "aes"},
        {LUKS_CIPHER_NAME, "serpent"},
        {LUKS_CIPHER_NAME, "twofish"},
        {LUKS_CIPHER_NAME, "cast5"},
        {LUKS_CIPHER_MODE, "xts-plain64"},
        {LUKS_CIPHER_MODE, "xts-essiv:sha256"},
        {LUKS_CIPHER_MODE, "cbc-plain"},
        {LUKS_CIPHER_MODE, "cbc-essiv:md5"},
        {LUKS_CIPHER_MODE, "ctr-plain64"},
        {LUKS_CIPHER_MODE, "ecb"},
        {LUKS_HASH, "md5"},
        {LUKS_HASH, "sha1"},
        {LUKS_HASH, "sha224"},
        {LUKS_HASH, "sha256"},
        {LUKS_HASH, "sha512"},
        {LUKS_HASH, "ripemd160"},
    };
    size_t chosen = (size_t)random_below(random, sizeof words / sizeof words[0]);
    size_t at = words[chosen].at;
    if (range_inside(at, LUKS_NAME_SIZE, subject->size)) {
        memset(subject->data + at, 0, LUKS_NAME_SIZE);
        memcpy(subject->data + at, words[chosen].word, strlen(words[chosen].word));
    }
}

static void put_luks_number(const struct subject *subject, struct random *random)
{
    static const uint8_t key_sizes[] = {16, 24, 32, 48, 64};
    uint64_t slot = LUKS_SLOT_TABLE + random_below(random, LUKS_SLOTS) * LUKS_SLOT_SIZE;
    uint64_t few = 1 + random_below(random, 16);
    const struct {
        uint64_t at, value;
    } numbers[] = {
        {slot + LUKS_SLOT_ACTIVE, LUKS_SLOT_IS_ENABLED},
        {slot + LUKS_SLOT_ITERATIONS, few},
        {slot + LUKS_SLOT_KEY_OFFSET, 2 + few % 4},
        {slot + LUKS_SLOT_STRIPES, few},
        {LUKS_MASTER_KEY_ITERATIONS, few},
        {LUKS_KEY_BYTES, key_sizes[few % sizeof key_sizes]},
    };
    size_t chosen = (size_t)random_below(random, sizeof numbers / sizeof numbers[0]);
    if (range_inside(numbers[chosen].at, 4, subject->size)) {
        put_number(subject, numbers[chosen].at, 4, numbers[chosen].value);
    }
}

// What a sound header has, as often as what breaks it, or else no slot would ever be tried.
void mutate_key_slot(struct subject *subject, struct random *random)
{
    switch (random_below(random, 4)) {
    case 0:
        put_luks_word(subject, random);
        break;
    case 1:
        put_luks_number(subject, random);
        break;
    case 2:
        change_any_number(subject, LUKS_HEADER_SIZE, random);
        break;
    default:
        mutate_luks(subject, random);
    }
}

// A stream has no fields at whole bytes: bits are turned, most of them near its start.
void mutate_stream(struct subject *subject, struct random *random)
{
    if (subject->size == 0 || random_below(random, 8) == 0) {
        mutate_numbers(subject, random);
        return;
    }
    uint64_t limit = random_below(random, 2) == 0 && subject->size > 16 ? 16 : subject->size;
    subject->data[random_below(random, limit)] ^= (uint8_t)(1U << random_below(random, 8));
}

// Puts a word in the place of what is there, or between.
void mutate_name(struct subject *subject, struct random *random)
{
    static const char *const words[] = {
        "json:",       "{",
        "}",           "\"",
        ":",           ",",
        "\"file\":{",  "\"file.",
        "\"driver\":", "\"filename\":",
        "\"qcow2\"",   "\"raw\"",
        "\"file\"",    "\"node-name\":",
        "null",        "\\u0000",
        "[",           "]",
        "file:",       "nbd://",
        "../",         "/",
        "./",          "\n",
        "\xff",
    };
    const char *word = words[random_below(random, sizeof words / sizeof words[0])];
    size_t size = strlen(word);
    size_t at = (size_t)random_below(random, subject->size + 1);
    if (random_below(random, 6) == 0) {
        change_size(subject, random);
        return;
    }
    if (random_below(random, 3) > 0 && size <= subject->capacity - subject->size) {
        memmove(subject->data + at + size, subject->data + at, subject->size - at);
        subject->size += size;
    }
    memcpy(subject->data + at, word, min_u64(size, subject->size - at));
}
