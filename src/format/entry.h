// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L1 and L2 entries, standard and extended: their rules, and what they mean for a cluster or its
// subclusters ("Cluster mapping" in the specification).

#ifndef FORMAT_ENTRY_H
#define FORMAT_ENTRY_H

#include "base/bytes.h"
#include "base/checked.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/layout.h"

// --- L1 tables -----------------------------------------------------------------------------------

// An L1 table: the active one or a snapshot's.
struct l1_table {
    uint64_t offset; // bytes
    uint32_t size;   // entries
};

static inline struct l1_table l1_table_active(const struct header *header)
{
    return (struct l1_table){header->l1_table_offset, header->l1_size};
}

// True when the offset and the size are valid for an L1 table.
static inline bool l1_table_is_sound(const struct header *header, struct l1_table l1)
{
    return l1.size <= CAP_L1_SIZE && header_is_place(header, l1.offset);
}

// Host offset of the L2 table; 0: none.
static inline uint64_t l1_entry_l2_offset(uint64_t entry)
{
    return entry & ENTRY_OFFSET_MASK;
}

// COPIED of an L1 entry, or of the first 64 bits of an L2 entry: the refcount is exactly 1.
static inline bool entry_is_copied(uint64_t entry)
{
    return (entry & ENTRY_COPIED) != 0;
}

// Set of enum entry_fault.
uint32_t l1_entry_faults(const struct header *header, uint64_t entry);

// --- L2 tables -----------------------------------------------------------------------------------

enum cluster_kind {
    CLUSTER_UNALLOCATED, // reads from the backing file, or as zeros
    CLUSTER_ZERO,
    CLUSTER_DATA,
    CLUSTER_COMPRESSED,
};

// The longest part of one cluster that is all of one kind.
struct stretch {
    enum cluster_kind kind;
    bool has_host;   // there is a host offset: always for data and compressed clusters, and for
                     // zero and unallocated clusters that keep a host cluster
    uint32_t length; // guest bytes
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

static inline bool l2_entry_is_compressed(struct l2_entry entry)
{
    return (entry.entry & ENTRY_COMPRESSED) != 0;
}

// The host cluster of an entry that is not compressed (as for the functions below); 0: none, or the
// first cluster of a data file.
static inline uint64_t l2_entry_host_offset(struct l2_entry entry)
{
    return entry.entry & ENTRY_OFFSET_MASK;
}

// The zero bit, which extended entries do not have.
static inline bool l2_entry_is_zero(const struct header *header, struct l2_entry entry)
{
    return (entry.entry & ENTRY_ZERO) != 0 && !header_extended_l2(header);
}

// True when the entry has a host cluster, for data or kept by a zero or unallocated cluster. Only
// in a data file can the cluster at 0 hold guest data; COPIED then means that it does.
static inline bool l2_entry_has_host(const struct header *header, struct l2_entry entry)
{
    return l2_entry_host_offset(entry) != 0 ||
           (header_has_data_file(header) && entry_is_copied(entry.entry) &&
            !l2_entry_is_zero(header, entry));
}

// The 32nds of the cluster that the guest reads from the host cluster, if there is one: a set of
// bits, bit 0 is the first part.
static inline uint32_t l2_entry_data_parts(const struct header *header, struct l2_entry entry)
{
    if (header_extended_l2(header)) {
        return (uint32_t)entry.subclusters;
    }
    return entry.entry & ENTRY_ZERO ? 0 : UINT32_MAX;
}

// l2_entry_faults() without its fast path.
uint32_t l2_entry_all_faults(const struct header *header, struct l2_entry entry,
                             uint64_t guest_offset);

// The faults of the entry for the cluster that contains `guest_offset`: a set of enum entry_fault.
static inline uint32_t l2_entry_faults(const struct header *header, struct l2_entry entry,
                                       uint64_t guest_offset)
{
    bool sound = (entry.entry & header->l2_odd_bits) == 0 && entry.entry != ENTRY_COPIED &&
                 entry.subclusters == 0;
    return sound ? 0 : l2_entry_all_faults(header, entry, guest_offset);
}

// True for an entry without faults for a whole cluster of data, with refcount 1, in the image
// itself.
static inline bool l2_entry_is_plain_data(const struct header *header, struct l2_entry entry)
{
    return (entry.entry & (header->l2_odd_bits | ENTRY_ZERO)) == 0 && entry.entry > ENTRY_COPIED &&
           l2_entry_data_parts(header, entry) == UINT32_MAX && entry.subclusters <= UINT32_MAX;
}

// How many entries of `table`, including the first, continue the first one in the simplest way:
// whole clusters of data that are adjacent in the file, or only clusters without data. At least 1;
// the next entry may still continue them in another way. This makes large tables quick to walk.
size_t l2_entries_plain(const struct header *header, struct bytes table);

// Sets `stretch` to the kind of data at guest offset `guest_offset` and how far it extends in its
// cluster. Returns the faults of the entry that make the cluster unreadable: `stretch` is valid
// when there are none.
uint32_t l2_entry_stretch(const struct header *header, struct l2_entry entry, uint64_t guest_offset,
                          struct stretch *stretch);

#endif
