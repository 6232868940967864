// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L1, L2 and refcount entries. An input begins with a header, and the entries follow.

#include "base/checked.h"
#include "format/entry.h"
#include "format/refcount.h"
#include "harness.h"

static bool take_geometry(struct bytes input, struct header *header, struct bytes *rest)
{
    struct problems problems = {0};
    struct error error;
    struct bytes start = {input.data, min_u64(input.size, HEADER_LENGTH_KNOWN)};
    bool parsed = header_parse(start, header, &problems, &error);
    problems_free(&problems);
    *rest = bytes_from(input, HEADER_LENGTH_KNOWN);
    return parsed && header->geometry_known;
}

static void must_be_stretch(const struct header *header, const struct stretch *stretch,
                            uint64_t guest_offset)
{
    uint64_t within = guest_offset % header->cluster_size;
    MUST(stretch->length >= 1 && stretch->length <= header->cluster_size - within);
    if (stretch->kind == CLUSTER_COMPRESSED) {
        MUST(stretch->has_host && stretch->length == header->cluster_size - within);
        MUST(stretch->host_offset < HOST_OFFSET_LIMIT << 6);
        MUST(stretch->stored_size >= 1);
        MUST(stretch->stored_size <= (UINT64_C(1) << (header->cluster_bits - 8)) * SECTOR_SIZE);
        MUST((stretch->host_offset + stretch->stored_size) % SECTOR_SIZE == 0);
        return;
    }
    MUST(stretch->kind != CLUSTER_DATA || stretch->has_host);
    MUST(!stretch->has_host || stretch->host_offset < HOST_OFFSET_LIMIT);
    MUST(!stretch->has_host || stretch->host_offset % header->cluster_size == within);
}

// The stretches of a cluster cover it, and are the same from the middle of one.
static void walk_cluster(const struct header *header, struct l2_entry entry, uint64_t guest)
{
    struct stretch stretch;
    struct stretch inner;
    uint64_t at = guest;
    uint32_t faults = l2_entry_faults(header, entry, guest);
    MUST(faults == l2_entry_all_faults(header, entry, guest));
    MUST(faults == 0 || !l2_entry_is_plain_data(header, entry));
    while (at < guest + header->cluster_size) {
        uint32_t refused = l2_entry_stretch(header, entry, at, &stretch);
        MUST(refused == faults_unreadable(faults));
        if (refused != 0) {
            return;
        }
        must_be_stretch(header, &stretch, at);
        uint64_t middle = at + stretch.length / 2;
        MUST(l2_entry_stretch(header, entry, middle, &inner) == 0);
        MUST(inner.kind == stretch.kind && inner.has_host == stretch.has_host);
        MUST(middle + inner.length == at + stretch.length);
        at += stretch.length;
    }
    MUST(at == guest + header->cluster_size);
}

// All that are said to be plain go on where the one before ends.
static void must_be_plain(const struct header *header, struct bytes table, uint64_t guest)
{
    size_t count = l2_entries_plain(header, table);
    struct stretch first;
    MUST(count >= 1 && count <= table.size / header->l2_entry_size);
    if (count == 1 ||
        l2_entry_stretch(header, l2_entry_load(header, table, 0), guest, &first) != 0) {
        return;
    }
    MUST(first.kind == CLUSTER_DATA || first.kind == CLUSTER_UNALLOCATED);
    for (size_t i = 1; i < count; i++) {
        struct stretch next;
        uint64_t at = guest + i * header->cluster_size;
        MUST(l2_entry_stretch(header, l2_entry_load(header, table, i), at, &next) == 0);
        MUST(next.kind == first.kind && next.length == header->cluster_size);
        MUST(!next.has_host || next.host_offset == first.host_offset + (at - guest));
    }
}

void run_entry(struct bytes input)
{
    struct header header;
    struct bytes table;
    if (!take_geometry(input, &header, &table)) {
        return;
    }
    size_t count = table.size / header.l2_entry_size;
    table.size = count * header.l2_entry_size;
    for (size_t i = 0; i < count; i++) {
        uint64_t guest = (uint64_t)i << header.cluster_bits;
        walk_cluster(&header, l2_entry_load(&header, table, i), guest);
        must_be_plain(&header, bytes_from(table, i * header.l2_entry_size), guest);
    }
}

// Bit by bit: the slow way to the same.
static uint64_t refcount_by_bits(struct bytes block, uint32_t bits, uint64_t index)
{
    uint64_t value = 0;
    for (uint64_t i = 0; i < bits; i++) {
        // Below a byte the least significant bit comes first, above it the first byte counts most.
        uint64_t bit = index * bits + i;
        uint64_t byte = bit / 8;
        if (byte >= block.size) {
            return 0;
        }
        uint64_t place = bits <= 8 ? i : bits - 8 - i / 8 * 8 + i % 8;
        value |= (uint64_t)(block.data[byte] >> bit % 8 & 1) << place;
    }
    return value;
}

void run_refcount(struct bytes input)
{
    struct header header;
    struct bytes block;
    if (!take_geometry(input, &header, &block) || header.refcount_bits == 0) {
        return;
    }
    uint64_t there = block.size * 8 / header.refcount_bits;
    MUST((uint64_t)refcount_block_entries(&header) * header.refcount_bits ==
         (uint64_t)header.cluster_size * 8);
    for (uint64_t i = 0; i < there; i++) {
        MUST(refcount_load(block, header.refcount_order, i) ==
             refcount_by_bits(block, header.refcount_bits, i));
    }
    MUST(refcount_load(block, header.refcount_order, there) == 0);
    MUST(refcount_load(block, header.refcount_order, UINT32_MAX) == 0);
}
