// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L1 and L2 entries, standard and extended, and what they say of a cluster or its subclusters
// ("Cluster mapping" in the specification).

#ifndef FORMAT_ENTRY_H
#define FORMAT_ENTRY_H

#include "base/bytes.h"
#include "format/header.h"
#include "format/layout.h"

enum cluster_kind {
    CLUSTER_UNALLOCATED, // what the backing file has, or zeros
    CLUSTER_ZERO,
    CLUSTER_DATA,
    CLUSTER_COMPRESSED,
};

// The longest part of one cluster that is all of one kind.
struct stretch {
    enum cluster_kind kind;
    bool has_host;        // a host offset is there: always for data and compressed ones, and for
                          // zero and unallocated ones that keep a host cluster
    uint32_t length;      // guest bytes
    uint64_t host_offset; // of the first guest byte; of the stored bytes of a compressed cluster
    uint32_t stored_size; // bytes of a compressed cluster in the file: an upper bound
};

struct l2_entry {
    uint64_t entry;
    uint64_t subclusters; // the bitmap of an extended entry, 0 otherwise
};

// The entry at `index` of a view of an L2 table.
static inline struct l2_entry l2_entry_load(const struct header *header, struct bytes table,
                                            size_t index)
{
    if (header_extended_l2(header)) {
        return (struct l2_entry){bytes_be64(table, index * L2_ENTRY_SIZE_EXTENDED),
                                 bytes_be64(table, index * L2_ENTRY_SIZE_EXTENDED + 8)};
    }
    return (struct l2_entry){bytes_be64(table, index * L2_ENTRY_SIZE), 0};
}

// How many entries of `table`, the first one included, go on as the first one says in the plainest
// way: whole clusters of data side by side in the file, or nothing but clusters without any. At
// least 1; the entry after them may still go on in another way. This is what makes large tables
// quick to walk.
size_t l2_entries_plain(const struct header *header, struct bytes table);

// Says what lies at guest offset `guest_offset` and how far in its cluster it reaches. Returns
// NULL, or what is wrong with the entry, in words: the cluster is then unreadable.
const char *l2_entry_stretch(const struct header *header, struct l2_entry entry,
                             uint64_t guest_offset, struct stretch *stretch);

#endif
