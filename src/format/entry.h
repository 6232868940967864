// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L1 and L2 entries, standard and extended: the rules that they have to keep, and what they say of
// a cluster or its subclusters ("Cluster mapping" in the specification).

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

// Its place and its size can be those of an L1 table.
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

static inline bool l2_entry_is_compressed(struct l2_entry entry)
{
    return (entry.entry & ENTRY_COMPRESSED) != 0;
}

// Of an entry that is not compressed, as the functions below: the host cluster; 0: none, or the
// first one of a data file.
static inline uint64_t l2_entry_host_offset(struct l2_entry entry)
{
    return entry.entry & ENTRY_OFFSET_MASK;
}

// The zero bit, which extended entries do not have.
static inline bool l2_entry_is_zero(const struct header *header, struct l2_entry entry)
{
    return (entry.entry & ENTRY_ZERO) != 0 && !header_extended_l2(header);
}

// A host cluster is there, for data or kept by a zero or unallocated one. Only in a data file can
// the cluster at 0 hold guest data: COPIED says that it does.
static inline bool l2_entry_has_host(const struct header *header, struct l2_entry entry)
{
    return l2_entry_host_offset(entry) != 0 ||
           (header_has_data_file(header) && entry_is_copied(entry.entry) &&
            !l2_entry_is_zero(header, entry));
}

// The 32nds of the cluster whose data the guest reads from the host cluster, if there is one: a set
// of bits, the first part is bit 0.
static inline uint32_t l2_entry_data_parts(const struct header *header, struct l2_entry entry)
{
    if (header_extended_l2(header)) {
        return (uint32_t)entry.subclusters;
    }
    return entry.entry & ENTRY_ZERO ? 0 : UINT32_MAX;
}

// l2_entry_faults() without its short way.
uint32_t l2_entry_all_faults(const struct header *header, struct l2_entry entry,
                             uint64_t guest_offset);

// What is wrong with the entry for the cluster at or around `guest_offset`: a set of enum
// entry_fault.
static inline uint32_t l2_entry_faults(const struct header *header, struct l2_entry entry,
                                       uint64_t guest_offset)
{
    bool sound = (entry.entry & header->l2_odd_bits) == 0 && entry.entry != ENTRY_COPIED &&
                 entry.subclusters == 0;
    return sound ? 0 : l2_entry_all_faults(header, entry, guest_offset);
}

// An entry without faults for a whole cluster of data that nothing else refers to, in the image
// itself.
static inline bool l2_entry_is_plain_data(const struct header *header, struct l2_entry entry)
{
    return (entry.entry & (header->l2_odd_bits | ENTRY_ZERO)) == 0 && entry.entry > ENTRY_COPIED &&
           l2_entry_data_parts(header, entry) == UINT32_MAX && entry.subclusters <= UINT32_MAX;
}

// How many entries of `table`, the first one included, go on as the first one says in the plainest
// way: whole clusters of data side by side in the file, or nothing but clusters without any. At
// least 1; the entry after them may still go on in another way. This is what makes large tables
// quick to walk.
size_t l2_entries_plain(const struct header *header, struct bytes table);

// Says what lies at guest offset `guest_offset` and how far in its cluster it reaches. Returns the
// faults of the entry that make the cluster unreadable: `stretch` is valid when there are none.
uint32_t l2_entry_stretch(const struct header *header, struct l2_entry entry, uint64_t guest_offset,
                          struct stretch *stretch);

#endif
