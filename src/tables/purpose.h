// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The purpose of a host cluster: what it is used for.

#ifndef TABLES_PURPOSE_H
#define TABLES_PURPOSE_H

enum purpose {
    PURPOSE_NONE,
    PURPOSE_HEADER,
    PURPOSE_L1_TABLE,
    PURPOSE_L2_TABLE,
    PURPOSE_DATA,
    PURPOSE_COMPRESSED,
    PURPOSE_SNAPSHOT_TABLE,
    PURPOSE_REFCOUNT_TABLE,
    PURPOSE_REFCOUNT_BLOCK,
    PURPOSE_ENCRYPTION,
    PURPOSE_BITMAP_DIRECTORY,
    PURPOSE_BITMAP_TABLE,
    PURPOSE_BITMAP_DATA,
    PURPOSES,
};

// The purpose in words: "an L2 table", ...
const char *purpose_name(enum purpose purpose);

#endif
