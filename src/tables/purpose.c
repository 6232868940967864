// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/purpose.h"

const char *purpose_name(enum purpose purpose)
{
    static const char *const names[PURPOSES] = {
        [PURPOSE_NONE] = "nothing",
        [PURPOSE_HEADER] = "the header",
        [PURPOSE_L1_TABLE] = "an L1 table",
        [PURPOSE_L2_TABLE] = "an L2 table",
        [PURPOSE_DATA] = "guest data",
        [PURPOSE_COMPRESSED] = "compressed guest data",
        [PURPOSE_SNAPSHOT_TABLE] = "the snapshot table",
        [PURPOSE_REFCOUNT_TABLE] = "the refcount table",
        [PURPOSE_REFCOUNT_BLOCK] = "a refcount block",
        [PURPOSE_ENCRYPTION] = "the encryption header",
        [PURPOSE_BITMAP_DIRECTORY] = "the bitmap directory",
        [PURPOSE_BITMAP_TABLE] = "a bitmap table",
        [PURPOSE_BITMAP_DATA] = "bitmap data",
    };
    return names[purpose];
}
