// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/usage_output.h"

// Data has cold colours, tables have warm ones.
const struct chart_kind usage_kinds[USAGE_KINDS] = {
    [PART_HEADER] = {"header", 'H', COLOR_ORANGE, false},
    [PART_L1_TABLES] = {"l1-tables", '1', COLOR_OLIVE, false},
    [PART_L2_TABLES] = {"l2-tables", '2', COLOR_YELLOW, false},
    [PART_REFCOUNTS] = {"refcounts", 'R', COLOR_MAGENTA, false},
    [PART_SNAPSHOT_TABLE] = {"snapshot-table", 'S', COLOR_NAVY, false},
    [PART_ENCRYPTION_HEADER] = {"encryption-header", 'E', COLOR_BROWN, false},
    [PART_BITMAPS] = {"bitmaps", 'B', COLOR_PURPLE, false},
    [PART_ACTIVE_DATA] = {"active-data", '#', COLOR_BLUE, false},
    [PART_SHARED_DATA] = {"shared-data", '=', COLOR_CYAN, false},
    [PART_SNAPSHOT_DATA] = {"snapshot-data", 's', COLOR_GREEN, false},
    [PART_VM_STATE] = {"vm-state", 'V', COLOR_TEAL, false},
    [PART_ZERO_RESERVED] = {"zero-reserved", '0', COLOR_GRAY, false},
    [PART_LEAKED] = {"leaked", '!', COLOR_RED, false},
    [PART_FREE] = {"free", '.', COLOR_GRAY, true},
    [PART_TRAILING] = {"trailing", '~', COLOR_GRAY, true},
};

void usage_chart_add(void *chart, uint64_t offset, uint64_t length, enum usage_part part)
{
    chart_add(chart, offset, length, part);
}
