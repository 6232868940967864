// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Feature bits: the names that the format gives them, and the table in which an image names its own
// ("Feature name table" in the specification).

#ifndef FORMAT_FEATURE_H
#define FORMAT_FEATURE_H

#include "base/bytes.h"

// The values of the first byte of a table entry.
enum feature_type {
    FEATURE_INCOMPATIBLE = 0,
    FEATURE_COMPATIBLE = 1,
    FEATURE_AUTOCLEAR = 2,
    FEATURE_TYPES,
};

enum { FEATURE_BITS = 64 };

// The name that the format gives a bit: "dirty bit", ... NULL for a bit that it does not define.
const char *feature_name(enum feature_type type, unsigned bit);

// "incompatible", "compatible", "autoclear"; NULL for any other value.
const char *feature_type_name(unsigned type);

// One entry of an image's feature name table.
struct feature_entry {
    uint8_t type; // enum feature_type, or any other value
    uint8_t bit;
    struct bytes name; // a view into the table, without the NULs around it
};

// The number of whole entries in `table`, the data of the extension.
size_t feature_table_count(struct bytes table);

// Returns the entry at `index`. False, and an empty entry, when `index` is not below the count.
bool feature_table_entry(struct bytes table, size_t index, struct feature_entry *entry);

// The name that the image gives a bit. False when its table has no name for the bit, or "".
bool feature_table_lookup(struct bytes table, enum feature_type type, unsigned bit,
                          struct bytes *name);

#endif
