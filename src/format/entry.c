// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/entry.h"

// --- Faults --------------------------------------------------------------------------------------

uint32_t l1_entry_faults(const struct header *header, uint64_t entry)
{
    uint64_t l2_offset = l1_entry_l2_offset(entry);
    if (l2_offset == 0) {
        return fault_if(entry != 0, FAULT_L1_NO_TABLE);
    }
    return fault_if(entry & L1_ENTRY_RESERVED, FAULT_L1_RESERVED_BITS) |
           fault_if(!is_aligned(l2_offset, header->cluster_size), FAULT_L1_UNALIGNED);
}

static uint32_t compressed_faults(const struct header *header, struct l2_entry entry)
{
    return fault_if(entry_is_copied(entry.entry), FAULT_COMPRESSED_COPIED) |
           fault_if(header_has_data_file(header), FAULT_COMPRESSED_DATA_FILE) |
           fault_if(entry.subclusters != 0, FAULT_COMPRESSED_SUBCLUSTERS);
}

static uint32_t subcluster_faults(uint64_t bitmap, bool has_host)
{
    uint32_t allocated = (uint32_t)bitmap;
    uint32_t zero = (uint32_t)(bitmap >> SUBCLUSTERS);
    return has_host ? fault_if(allocated & zero, FAULT_SUBCLUSTERS_CONFLICT)
                    : fault_if(allocated, FAULT_SUBCLUSTERS_NO_CLUSTER);
}

uint32_t l2_entry_all_faults(const struct header *header, struct l2_entry entry,
                             uint64_t guest_offset)
{
    if (l2_entry_is_compressed(entry)) {
        return compressed_faults(header, entry);
    }
    uint64_t host_offset = l2_entry_host_offset(entry);
    bool zero_bit = header_extended_l2(header) && entry.entry & ENTRY_ZERO;
    bool zero = l2_entry_is_zero(header, entry);
    bool has_host = l2_entry_has_host(header, entry);
    bool elsewhere = header_has_data_file(header) &&
                     host_offset != align_down(guest_offset, header->cluster_size);
    bool copied = entry_is_copied(entry.entry) && !has_host && !zero;
    return fault_if(entry.entry & L2_ENTRY_RESERVED, FAULT_L2_RESERVED_BITS) |
           fault_if(zero_bit, FAULT_L2_ZERO_BIT_EXTENDED) |
           fault_if(zero && !header_has_zero_bit(header), FAULT_L2_ZERO_BIT) |
           subcluster_faults(entry.subclusters, has_host) |
           fault_if(!is_aligned(host_offset, header->cluster_size), FAULT_L2_UNALIGNED) |
           fault_if(has_host && elsewhere, FAULT_DATA_FILE_OFFSET) |
           fault_if(copied, FAULT_L2_COPIED);
}

// --- What a cluster is ---------------------------------------------------------------------------

// "Compressed Clusters Descriptor" in the specification: bits 0..x-1 are the host offset, the rest
// up to bit 61 counts 512-byte sectors beyond the one that the offset is in.
static void compressed_stretch(const struct header *header, uint64_t entry, struct stretch *stretch)
{
    unsigned x = 62 - (header->cluster_bits - 8);
    uint64_t descriptor = entry & (ENTRY_COMPRESSED - 1);
    uint64_t sectors = (descriptor >> x) + 1;
    stretch->kind = CLUSTER_COMPRESSED;
    stretch->has_host = true;
    stretch->host_offset = descriptor & ((UINT64_C(1) << x) - 1);
    stretch->stored_size = (uint32_t)(sectors * SECTOR_SIZE - stretch->host_offset % SECTOR_SIZE);
}

// The kind of the subcluster at byte `within` of an extended entry, and how many subclusters from
// there are of this kind.
static void subcluster_stretch(const struct header *header, uint64_t bitmap, uint32_t within,
                               struct stretch *stretch)
{
    uint32_t size = header->cluster_size / SUBCLUSTERS;
    uint32_t subcluster = within / size;
    uint32_t allocated = (uint32_t)bitmap;
    uint32_t zero = (uint32_t)(bitmap >> SUBCLUSTERS);
    uint32_t same = ~(allocated | zero);
    stretch->kind = CLUSTER_UNALLOCATED;
    if (zero >> subcluster & 1) {
        stretch->kind = CLUSTER_ZERO;
        same = zero;
    } else if (allocated >> subcluster & 1) {
        stretch->kind = CLUSTER_DATA;
        same = allocated;
    }
    // The bits above the last subcluster are zeros, so the count ends at the first other kind.
    uint32_t alike = (uint32_t)__builtin_ctzll(~(uint64_t)(same >> subcluster));
    stretch->length = (subcluster + alike) * size - within;
}

uint32_t l2_entry_stretch(const struct header *header, struct l2_entry entry, uint64_t guest_offset,
                          struct stretch *stretch)
{
    uint32_t within = (uint32_t)(guest_offset & (header->cluster_size - 1));
    uint32_t faults = l2_entry_faults(header, entry, guest_offset);
    faults = faults != 0 ? faults_unreadable(faults) : 0;
    *stretch = (struct stretch){.length = header->cluster_size - within};
    if (faults != 0) {
        return faults;
    }
    if (l2_entry_is_compressed(entry)) {
        compressed_stretch(header, entry.entry, stretch);
        return 0;
    }
    stretch->has_host = l2_entry_has_host(header, entry);
    stretch->host_offset = l2_entry_host_offset(entry) + within;
    if (header_extended_l2(header)) {
        subcluster_stretch(header, entry.subclusters, within, stretch);
    } else if (l2_entry_is_zero(header, entry)) {
        stretch->kind = CLUSTER_ZERO;
    } else {
        stretch->kind = stretch->has_host ? CLUSTER_DATA : CLUSTER_UNALLOCATED;
    }
    return 0;
}

// --- Entries that are alike ----------------------------------------------------------------------

// Counts the entries at the start that each equal the entry before plus `step`.
static size_t count_steps(const uint8_t *entries, size_t count, uint64_t step)
{
    uint64_t expected = load_be64(entries);
    size_t i = 1;
    while (i < count && load_be64(entries + i * L2_ENTRY_SIZE) == (expected += step)) {
        i++;
    }
    return i;
}

// The same for extended entries, whose bitmaps must all equal the first one.
static size_t count_extended_steps(const uint8_t *entries, size_t count, uint64_t step)
{
    uint64_t expected = load_be64(entries);
    uint64_t bitmap = load_be64(entries + L2_ENTRY_SIZE);
    size_t i = 1;
    while (i < count && load_be64(entries + i * L2_ENTRY_SIZE_EXTENDED) == (expected += step) &&
           load_be64(entries + i * L2_ENTRY_SIZE_EXTENDED + L2_ENTRY_SIZE) == bitmap) {
        i++;
    }
    return i;
}

size_t l2_entries_plain(const struct header *header, struct bytes table)
{
    struct l2_entry first = l2_entry_load(header, table, 0);
    bool has_host = (first.entry & ENTRY_OFFSET_MASK) != 0;
    size_t count = table.size / header->l2_entry_size;
    if (count == 0 || (first.entry & (ENTRY_COMPRESSED | ENTRY_ZERO)) != 0 ||
        (!has_host && first.entry != 0)) {
        return 1;
    }
    uint64_t step = has_host ? header->cluster_size : 0;
    // Adding a step to a host offset never carries into the bits above it.
    uint64_t room = HOST_OFFSET_LIMIT - (first.entry & ENTRY_OFFSET_MASK);
    count = min_u64(count, divide_up(room, header->cluster_size));
    if (!header_extended_l2(header)) {
        return count_steps(table.data, count, step);
    }
    if (first.subclusters != (has_host ? UINT64_C(0xffffffff) : 0)) {
        return 1;
    }
    return count_extended_steps(table.data, count, step);
}
