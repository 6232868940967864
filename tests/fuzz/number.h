// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Integers of an input, and new values for them.

#ifndef TESTS_FUZZ_NUMBER_H
#define TESTS_FUZZ_NUMBER_H

#include "mutate.h"

struct field {
    uint16_t offset;
    uint8_t width; // bytes: 1, 2, 4 or 8
};

// A big-endian integer; outside the subject it is 0, and nothing is put.
uint64_t get_number(const struct subject *subject, uint64_t at, unsigned width);
void put_number(const struct subject *subject, uint64_t at, unsigned width, uint64_t value);

// 0, 1, the powers of two at which integers and signs end, the largest number, or a neighbour.
uint64_t boundary(struct random *random);

// An offset that is a multiple of `cluster`: in the subject, its first one, at its end, behind it.
uint64_t cluster_place(const struct subject *subject, uint64_t cluster, struct random *random);

// A new value for a number that is `old`: at a border, near the old one, a place, anything.
uint64_t new_number(const struct subject *subject, uint64_t old, uint64_t cluster,
                    struct random *random);

// Gives the integer at byte `at` a new value.
void change_number(const struct subject *subject, uint64_t at, unsigned width, uint64_t cluster,
                   struct random *random);

// The same with one of `count` fields of a record at byte `at`.
void change_field(const struct subject *subject, uint64_t at, const struct field *fields,
                  size_t count, uint64_t cluster, struct random *random);

// The fields of a qcow2 header.
extern const struct field header_fields[];
extern const size_t header_field_count;

// The fields of a LUKS header.
extern const struct field luks_fields[];
extern const size_t luks_field_count;

#endif
