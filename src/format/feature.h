// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Feature bits: those that the format names, and the table in which an image names its own
// ("Feature name table" in the specification).

#ifndef FORMAT_FEATURE_H
#define FORMAT_FEATURE_H

#include "base/bytes.h"

// As in the first byte of an entry of the table.
enum feature_type {
    FEATURE_INCOMPATIBLE = 0,
    FEATURE_COMPATIBLE = 1,
    FEATURE_AUTOCLEAR = 2,
    FEATURE_TYPES,
};

enum { FEATURE_BITS = 64 };

// Names that the format gives: "dirty bit", ... NULL for a bit that it does not know.
const char *feature_name(enum feature_type type, unsigned bit);

// "incompatible", "compatible", "autoclear"; NULL for any other value.
const char *feature_type_name(unsigned type);

// One entry of an image's feature name table.
struct feature_entry {
    uint8_t type; // enum feature_type, or anything else that stands there
    uint8_t bit;
    struct bytes name; // a view into the table, without the NULs around it
};

// Whole entries in `table`, the data of the extension.
size_t feature_table_count(struct bytes table);

// The entry at `index`, which is below the count; false, and an empty entry, when it is not.
bool feature_table_entry(struct bytes table, size_t index, struct feature_entry *entry);

// What the image calls a bit. False when its table does not name it, or names it "".
bool feature_table_lookup(struct bytes table, enum feature_type type, unsigned bit,
                          struct bytes *name);

#endif
