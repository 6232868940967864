// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "where/where.h"

const char *where_purpose_code(enum purpose purpose)
{
    static const char *const codes[PURPOSES] = {
        [PURPOSE_NONE] = "none",
        [PURPOSE_HEADER] = "header",
        [PURPOSE_L1_TABLE] = "l1-table",
        [PURPOSE_L2_TABLE] = "l2-table",
        [PURPOSE_DATA] = "data",
        [PURPOSE_COMPRESSED] = "compressed",
        [PURPOSE_SNAPSHOT_TABLE] = "snapshot-table",
        [PURPOSE_REFCOUNT_TABLE] = "refcount-table",
        [PURPOSE_REFCOUNT_BLOCK] = "refcount-block",
        [PURPOSE_ENCRYPTION] = "encryption-header",
        [PURPOSE_BITMAP_DIRECTORY] = "bitmap-directory",
        [PURPOSE_BITMAP_TABLE] = "bitmap-table",
        [PURPOSE_BITMAP_DATA] = "bitmap-data",
    };
    return codes[purpose];
}

const char *where_purpose(const struct where_host *host)
{
    if (host->count > 0) {
        return where_purpose_code(host->references[0].purpose);
    }
    return host->past_end ? "past-end" : host->refcount > 0 ? "leaked" : "free";
}

static const struct {
    const char *code, *words;
} tables[WHERE_TABLES] = {
    [WHERE_FORMAT] = {"format", "the format"},
    [WHERE_HEADER] = {"header", "header field"},
    [WHERE_EXTENSION] = {"extension", "header extension"},
    [WHERE_L1_TABLE] = {"l1-table", "L1 entry"},
    [WHERE_L2_TABLE] = {"l2-table", "L2 entry"},
    [WHERE_REFCOUNT_TABLE] = {"refcount-table", "refcount table entry"},
    [WHERE_SNAPSHOT_TABLE] = {"snapshot-table", "snapshot table entry"},
    [WHERE_BITMAP_DIRECTORY] = {"bitmap-directory", "bitmap directory entry"},
    [WHERE_BITMAP_TABLE] = {"bitmap-table", "bitmap table entry"},
};

const char *where_table_code(enum where_table table)
{
    return tables[table].code;
}

const char *where_table_words(enum where_table table)
{
    return tables[table].words;
}
