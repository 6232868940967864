// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/entry.h"

#include "base/checked.h"

static bool has_data_file(const struct header *header)
{
    return (header->incompatible_features & INCOMPATIBLE_DATA_FILE) != 0;
}

// "Compressed Clusters Descriptor" in the specification: bits 0..x-1 are the host offset, the rest
// up to bit 61 counts 512-byte sectors beyond the one that the offset is in.
static const char *compressed_stretch(const struct header *header, uint64_t entry, uint32_t within,
                                      struct stretch *stretch)
{
    unsigned x = 62 - (header->cluster_bits - 8);
    uint64_t descriptor = entry & (ENTRY_COMPRESSED - 1);
    uint64_t host_offset = descriptor & ((UINT64_C(1) << x) - 1);
    uint64_t sectors = (descriptor >> x) + 1;
    if (has_data_file(header)) {
        return "a compressed cluster in an image with an external data file";
    }
    stretch->kind = CLUSTER_COMPRESSED;
    stretch->has_host = true;
    stretch->length = header->cluster_size - within;
    stretch->host_offset = host_offset;
    stretch->stored_size = (uint32_t)(sectors * SECTOR_SIZE - host_offset % SECTOR_SIZE);
    return NULL;
}

// What an entry that is not extended says of its whole cluster.
static const char *standard_kind(const struct header *header, uint64_t entry, bool has_host,
                                 enum cluster_kind *kind)
{
    if (entry & ENTRY_ZERO) {
        *kind = CLUSTER_ZERO;
        return header->version < 3 ? "the zero bit in a version 2 image" : NULL;
    }
    *kind = has_host ? CLUSTER_DATA : CLUSTER_UNALLOCATED;
    return NULL;
}

// What an extended entry says of a subcluster, and how many from there are alike.
static const char *subcluster_kind(uint64_t bitmap, bool has_host, unsigned subcluster,
                                   enum cluster_kind *kind, unsigned *alike)
{
    uint32_t allocated = (uint32_t)bitmap;
    uint32_t zero = (uint32_t)(bitmap >> SUBCLUSTERS);
    if (has_host && (allocated & zero) != 0) {
        return "a subcluster is both allocated and zero";
    }
    if (!has_host && allocated != 0) {
        return "a subcluster is allocated without a host cluster";
    }
    uint32_t same = ~(allocated | zero);
    *kind = CLUSTER_UNALLOCATED;
    if (zero >> subcluster & 1) {
        *kind = CLUSTER_ZERO;
        same = zero;
    } else if (allocated >> subcluster & 1) {
        *kind = CLUSTER_DATA;
        same = allocated;
    }
    // The bits above the last subcluster are zeros, so the first other kind ends the count.
    uint64_t other = ~(uint64_t)(same >> subcluster);
    *alike = (unsigned)__builtin_ctzll(other);
    return NULL;
}

static const char *extended_length(const struct header *header, uint64_t bitmap, uint32_t within,
                                   struct stretch *stretch)
{
    uint32_t size = header->cluster_size / SUBCLUSTERS;
    unsigned alike = 0;
    const char *fault =
        subcluster_kind(bitmap, stretch->has_host, within / size, &stretch->kind, &alike);
    if (!fault) {
        stretch->length = (within / size + alike) * size - within;
    }
    return fault;
}

const char *l2_entry_stretch(const struct header *header, struct l2_entry entry,
                             uint64_t guest_offset, struct stretch *stretch)
{
    uint32_t within = (uint32_t)(guest_offset & (header->cluster_size - 1));
    uint64_t host_cluster = entry.entry & ENTRY_OFFSET_MASK;
    *stretch = (struct stretch){0};
    if (entry.entry & ENTRY_COMPRESSED) {
        return compressed_stretch(header, entry.entry, within, stretch);
    }

    // Only in a data file can the first cluster hold guest data: COPIED tells that it does.
    bool zero_is_valid = has_data_file(header) && (entry.entry & ENTRY_COPIED) != 0;
    stretch->has_host = host_cluster != 0 || zero_is_valid;
    stretch->host_offset = host_cluster + within;
    stretch->length = header->cluster_size - within;

    const char *fault;
    if (header_extended_l2(header)) {
        fault = extended_length(header, entry.subclusters, within, stretch);
    } else {
        // A zero cluster at offset 0 keeps no host cluster, COPIED or not.
        if (entry.entry & ENTRY_ZERO) {
            stretch->has_host = host_cluster != 0;
        }
        fault = standard_kind(header, entry.entry, stretch->has_host, &stretch->kind);
    }
    if (!fault && stretch->has_host && !is_aligned(host_cluster, header->cluster_size)) {
        fault = "a host offset that is not aligned to a cluster";
    }
    if (!fault && stretch->has_host && has_data_file(header) &&
        stretch->host_offset != guest_offset) {
        fault = "a host offset in the external data file that differs from the guest offset";
    }
    return fault;
}

// Entries from the first on of which each is the one before plus `step`.
static size_t count_steps(const uint8_t *entries, size_t count, uint64_t step)
{
    uint64_t expected = load_be64(entries);
    size_t i = 1;
    while (i < count && load_be64(entries + i * L2_ENTRY_SIZE) == (expected += step)) {
        i++;
    }
    return i;
}

// The same for extended entries, whose bitmaps must all be that of the first one.
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
    // No host offset carries into the bits above it.
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
