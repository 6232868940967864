// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "number.h"

#include "base/checked.h"
#include "format/layout.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// splitmix64: any state is a good one.
struct random random_make(uint64_t seed)
{
    return (struct random){seed};
}

uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

uint64_t random_below(struct random *random, uint64_t limit)
{
    return random_next(random) % limit;
}

uint64_t get_number(const struct subject *subject, uint64_t at, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; range_inside(at, width, subject->size) && i < width; i++) {
        value = value << 8 | subject->data[at + i];
    }
    return value;
}

void put_number(const struct subject *subject, uint64_t at, unsigned width, uint64_t value)
{
    for (unsigned i = 0; range_inside(at, width, subject->size) && i < width; i++) {
        subject->data[at + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    }
}

uint64_t boundary(struct random *random)
{
    static const uint64_t values[] = {
        0,
        1,
        UINT64_C(1) << 7,
        UINT64_C(1) << 8,
        UINT64_C(1) << 15,
        UINT64_C(1) << 16,
        UINT64_C(1) << 31,
        UINT64_C(1) << 32,
        UINT64_C(1) << 56, // where host offsets end
        UINT64_C(1) << 63,
        UINT64_MAX,
    };
    return values[random_below(random, COUNT(values))] + random_below(random, 3) - 1;
}

uint64_t cluster_place(const struct subject *subject, uint64_t cluster, struct random *random)
{
    uint64_t clusters = divide_up(subject->size, cluster);
    switch (random_below(random, 8)) {
    case 0:
        return 0;
    case 1: // the first one that is not there, and those after it
        return (clusters + random_below(random, 3)) * cluster;
    case 2:
        return boundary(random) * cluster;
    default:
        return random_below(random, clusters + 1) * cluster;
    }
}

uint64_t new_number(const struct subject *subject, uint64_t old, uint64_t cluster,
                    struct random *random)
{
    switch (random_below(random, 8)) {
    case 0:
    case 1:
        return boundary(random);
    case 2:
        return old + 1 + random_below(random, 16);
    case 3:
        return old - 1 - random_below(random, 16);
    case 4:
        return old ^ UINT64_C(1) << random_below(random, 64);
    case 5:
        return cluster_place(subject, cluster, random);
    case 6: // anywhere in the file, and a little behind it
        return random_below(random, subject->size + 64);
    default:
        return random_next(random) >> random_below(random, 64);
    }
}

void change_number(const struct subject *subject, uint64_t at, unsigned width, uint64_t cluster,
                   struct random *random)
{
    uint64_t old = get_number(subject, at, width);
    uint64_t value = new_number(subject, old, cluster, random);
    // Of the largest numbers the upper bytes are what makes them large.
    bool shortened = width < 8 && value >> (8 * width) != 0 && random_below(random, 2) == 0;
    put_number(subject, at, width, shortened ? value >> (64 - 8 * width) : value);
}

void change_field(const struct subject *subject, uint64_t at, const struct field *fields,
                  size_t count, uint64_t cluster, struct random *random)
{
    const struct field *field = &fields[random_below(random, count)];
    change_number(subject, at + field->offset, field->width, cluster, random);
}

const struct field header_fields[] = {
    {HEADER_MAGIC, 4},
    {HEADER_VERSION, 4},
    {HEADER_BACKING_FILE_OFFSET, 8},
    {HEADER_BACKING_FILE_SIZE, 4},
    {HEADER_CLUSTER_BITS, 4},
    {HEADER_SIZE, 8},
    {HEADER_CRYPT_METHOD, 4},
    {HEADER_L1_SIZE, 4},
    {HEADER_L1_TABLE_OFFSET, 8},
    {HEADER_REFCOUNT_TABLE_OFFSET, 8},
    {HEADER_REFCOUNT_TABLE_CLUSTERS, 4},
    {HEADER_NB_SNAPSHOTS, 4},
    {HEADER_SNAPSHOTS_OFFSET, 8},
    {HEADER_INCOMPATIBLE_FEATURES, 8},
    {HEADER_COMPATIBLE_FEATURES, 8},
    {HEADER_AUTOCLEAR_FEATURES, 8},
    {HEADER_REFCOUNT_ORDER, 4},
    {HEADER_HEADER_LENGTH, 4},
    {HEADER_COMPRESSION_TYPE, 1},
};
const size_t header_field_count = COUNT(header_fields);

const struct field luks_fields[] = {
    {LUKS_MAGIC, 4},
    {LUKS_VERSION_AT, 2},
    {LUKS_CIPHER_NAME + LUKS_NAME_SIZE - 1, 1}, // the NUL of a name
    {LUKS_CIPHER_MODE, 8},
    {LUKS_CIPHER_MODE + LUKS_NAME_SIZE - 1, 1},
    {LUKS_HASH + LUKS_NAME_SIZE - 1, 1},
    {LUKS_PAYLOAD_OFFSET, 4},
    {LUKS_KEY_BYTES, 4},
    {LUKS_MASTER_KEY_ITERATIONS, 4},
    {LUKS_UUID + LUKS_UUID_SIZE - 1, 1},
    {LUKS_SLOT_TABLE + LUKS_SLOT_ACTIVE, 4},
    {LUKS_SLOT_TABLE + LUKS_SLOT_ITERATIONS, 4},
    {LUKS_SLOT_TABLE + LUKS_SLOT_KEY_OFFSET, 4},
    {LUKS_SLOT_TABLE + LUKS_SLOT_STRIPES, 4},
    {LUKS_SLOT_TABLE + (LUKS_SLOTS - 1) * LUKS_SLOT_SIZE + LUKS_SLOT_ACTIVE, 4},
    {LUKS_SLOT_TABLE + (LUKS_SLOTS - 1) * LUKS_SLOT_SIZE + LUKS_SLOT_KEY_OFFSET, 4},
    {LUKS_SLOT_TABLE + (LUKS_SLOTS - 1) * LUKS_SLOT_SIZE + LUKS_SLOT_STRIPES, 4},
};
const size_t luks_field_count = COUNT(luks_fields);
