// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/feature.h"

#include "format/layout.h"

static const struct {
    enum feature_type type;
    unsigned bit;
    const char *name;
} known_features[] = {
    {FEATURE_INCOMPATIBLE, 0, "dirty bit"},
    {FEATURE_INCOMPATIBLE, 1, "corrupt bit"},
    {FEATURE_INCOMPATIBLE, 2, "external data file"},
    {FEATURE_INCOMPATIBLE, 3, "compression type"},
    {FEATURE_INCOMPATIBLE, 4, "extended L2 entries"},
    {FEATURE_COMPATIBLE, 0, "lazy refcounts"},
    {FEATURE_AUTOCLEAR, 0, "bitmaps"},
    {FEATURE_AUTOCLEAR, 1, "raw external data"},
};

static const char *const type_names[] = {
    [FEATURE_INCOMPATIBLE] = "incompatible",
    [FEATURE_COMPATIBLE] = "compatible",
    [FEATURE_AUTOCLEAR] = "autoclear",
};

const char *feature_name(enum feature_type type, unsigned bit)
{
    for (size_t i = 0; i < sizeof known_features / sizeof *known_features; i++) {
        if (known_features[i].type == type && known_features[i].bit == bit) {
            return known_features[i].name;
        }
    }
    return NULL;
}

const char *feature_type_name(unsigned type)
{
    return type < sizeof type_names / sizeof *type_names ? type_names[type] : NULL;
}

static struct bytes trim_nuls(struct bytes name)
{
    while (name.size > 0 && name.data[name.size - 1] == 0) {
        name.size--;
    }
    while (name.size > 0 && name.data[0] == 0) {
        name.data++;
        name.size--;
    }
    return name;
}

size_t feature_table_count(struct bytes table)
{
    return table.size / FEATURE_NAME_ENTRY_SIZE;
}

bool feature_table_entry(struct bytes table, size_t index, struct feature_entry *entry)
{
    struct bytes whole;
    struct bytes name;
    *entry = (struct feature_entry){0};
    if (index >= feature_table_count(table) ||
        !bytes_view(table, index * FEATURE_NAME_ENTRY_SIZE, FEATURE_NAME_ENTRY_SIZE, &whole) ||
        !bytes_view(whole, FEATURE_NAME_NAME, FEATURE_NAME_SIZE, &name)) {
        return false;
    }
    entry->type = bytes_u8(whole, FEATURE_NAME_TYPE);
    entry->bit = bytes_u8(whole, FEATURE_NAME_BIT);
    entry->name = trim_nuls(name);
    return true;
}

bool feature_table_lookup(struct bytes table, enum feature_type type, unsigned bit,
                          struct bytes *name)
{
    struct feature_entry entry;
    for (size_t i = 0; feature_table_entry(table, i, &entry); i++) {
        if (entry.type == type && entry.bit == bit && entry.name.size > 0) {
            *name = entry.name;
            return true;
        }
    }
    *name = (struct bytes){0};
    return false;
}
