// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/fault.h"

_Static_assert((int)FAULTS <= 32, "a uint32_t holds a set of faults");

const struct fault_rule fault_rules[FAULTS] = {
    [FAULT_L1_RESERVED_BITS] = {"reserved bits set", false},
    [FAULT_L1_UNALIGNED] = {"an L2 table offset that is not aligned to a cluster", true},
    [FAULT_L1_NO_TABLE] = {"the COPIED flag or reserved bits without an L2 table", false},
    [FAULT_L2_RESERVED_BITS] = {"reserved bits set", false},
    [FAULT_L2_ZERO_BIT] = {"the zero bit in a version 2 image", true},
    [FAULT_L2_ZERO_BIT_EXTENDED] = {"the zero bit in an extended entry", false},
    [FAULT_SUBCLUSTERS_CONFLICT] = {"a subcluster that is both allocated and zero", true},
    [FAULT_SUBCLUSTERS_NO_CLUSTER] = {"a subcluster that is allocated without a host cluster",
                                      true},
    [FAULT_L2_UNALIGNED] = {"a host offset that is not aligned to a cluster", true},
    [FAULT_DATA_FILE_OFFSET] =
        {"a host offset in the external data file that differs from the guest offset", true},
    [FAULT_L2_COPIED] = {"the COPIED flag without a host cluster", false},
    [FAULT_COMPRESSED_COPIED] = {"the COPIED flag and a compressed cluster", false},
    [FAULT_COMPRESSED_DATA_FILE] = {"a compressed cluster in an image with an external data file",
                                    true},
    [FAULT_COMPRESSED_SUBCLUSTERS] = {"a subcluster bitmap and a compressed cluster", false},
    [FAULT_REFCOUNT_TABLE_RESERVED_BITS] = {"reserved bits set", false},
    [FAULT_REFCOUNT_TABLE_UNALIGNED] = {"a refcount block offset that is not aligned to a cluster",
                                        true},
    [FAULT_BITMAP_TABLE_RESERVED_BITS] = {"reserved bits set", true},
    [FAULT_BITMAP_TABLE_UNALIGNED] = {"a host offset that is not aligned to a cluster", true},
};

uint32_t faults_unreadable(uint32_t faults)
{
    uint32_t unreadable = 0;
    while (faults != 0) {
        enum entry_fault fault = fault_take(&faults);
        unreadable |= fault_if(fault_rules[fault].unreadable, fault);
    }
    return unreadable;
}
