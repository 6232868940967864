// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Changes to inputs that know where the fields of an image are and which values are at their
// borders. What a seed does is the same on every machine.

#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

struct random random_make(uint64_t seed);
uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t limit); // limit ≥ 1

// Bytes to be changed, in place; they may grow to `capacity`.
struct subject {
    uint8_t *data;
    size_t size, capacity;
};

// Makes one change.
typedef void mutator(struct subject *subject, struct random *random);

// A qcow2 image, or several one after the other, as layers.h has them.
mutator mutate_image;
// A qcow2 header, and behind it numbers of any kind.
mutator mutate_headed;
// A LUKS header.
mutator mutate_luks;
// A LUKS header and key material, most of them such that a slot can be tried.
mutator mutate_key_slot;
// Numbers of any kind.
mutator mutate_numbers;
// The name of a file, which may be JSON.
mutator mutate_name;
// Compressed bytes.
mutator mutate_stream;

#endif
