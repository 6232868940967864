// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Writes the image of a disk that is full, with snapshots, in seconds: all tables and refcounts are
// written, and the clusters of data are holes of the file.
//
//     make_full FILE SIZE CLUSTER_BITS REFCOUNT_ORDER [SNAPSHOTS [OWN]]
//
// SIZE is in bytes, with a suffix K, M, G or T: a multiple of what one L2 table maps. Without OWN
// every snapshot shares all L2 tables with the disk. With OWN, a snapshot has one L2 table of its
// own in every OWN L1 entries, in which the first cluster is its own too.
//
// The file: header, refcount table, refcount blocks, L1 tables, snapshot table, then each L2 table
// with the data that it maps behind it, then each L2 table that a snapshot has of its own with its
// one cluster behind it.

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPIED (UINT64_C(1) << 63)

enum { SNAPSHOT_ENTRY = 72, PIECE = 2 << 20 };

static const char *file_name;
static int file;
static uint8_t piece[PIECE]; // a cluster, or more
static uint64_t size, cluster_size, l2_entries, l2_tables, snapshots, own, refcount_bits;

// Places, in clusters.
static uint64_t l1_clusters, refcount_table_clusters, refcount_blocks;
static uint64_t l1_start, snapshot_table, body_start, own_start, end;

static void fail(const char *what)
{
    fprintf(stderr, "make_full: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void put(uint8_t *to, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++) {
        to[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
}

static void write_at(uint64_t offset, size_t length)
{
    if (pwrite(file, piece, length, (off_t)offset) != (ssize_t)length) {
        fail(file_name);
    }
    memset(piece, 0, length);
}

static uint64_t divide_up(uint64_t value, uint64_t divisor)
{
    return (value + divisor - 1) / divisor;
}

// --- What lies where -----------------------------------------------------------------------------

// Snapshots take turns: with OWN 4, snapshot 5 has tables of its own at the L1 entries 1, 5, 9, ...
static uint64_t own_tables_of(uint64_t snapshot)
{
    uint64_t first = own > 0 ? snapshot % own : l2_tables;
    return first < l2_tables ? (l2_tables - first - 1) / own + 1 : 0;
}

// How many snapshots have a table of their own at this L1 entry.
static uint64_t owners_of(uint64_t table)
{
    uint64_t first = own > 0 ? table % own : snapshots;
    return first < snapshots ? (snapshots - first - 1) / own + 1 : 0;
}

static uint64_t l2_place(uint64_t table)
{
    return body_start + table * (l2_entries + 1);
}

static void plan(void)
{
    uint64_t own_tables = 0;
    for (uint64_t i = 0; i < snapshots; i++) {
        own_tables += own_tables_of(i);
    }
    uint64_t body = l2_tables * (l2_entries + 1) + own_tables * 2;
    uint64_t a_block = cluster_size * 8 / refcount_bits;
    uint64_t table_clusters = divide_up(snapshots * SNAPSHOT_ENTRY, cluster_size);
    l1_clusters = divide_up(l2_tables * 8, cluster_size);
    uint64_t fixed = 1 + l1_clusters * (snapshots + 1) + table_clusters + body;
    // Each round adds the blocks that count those of the round before.
    for (uint64_t before = UINT64_MAX; before != refcount_blocks;) {
        before = refcount_blocks;
        refcount_table_clusters = divide_up(refcount_blocks * 8 + 8, cluster_size);
        refcount_blocks = divide_up(fixed + refcount_table_clusters + refcount_blocks, a_block);
    }
    l1_start = 1 + refcount_table_clusters + refcount_blocks;
    snapshot_table = l1_start + l1_clusters * (snapshots + 1);
    body_start = snapshot_table + table_clusters;
    own_start = l2_place(l2_tables);
    end = body_start + body;
}

static uint64_t refcount_of(uint64_t cluster)
{
    if (cluster < body_start || cluster >= own_start) {
        return cluster < end;
    }
    uint64_t table = (cluster - body_start) / (l2_entries + 1);
    uint64_t within = (cluster - body_start) % (l2_entries + 1);
    return snapshots + 1 - (within <= 1 ? owners_of(table) : 0);
}

// --- Writing -------------------------------------------------------------------------------------

static void write_header(void)
{
    put(piece, 4, 0x514649fb);
    put(piece + 4, 4, 3);
    put(piece + 20, 4, (uint64_t)__builtin_ctzll(cluster_size));
    put(piece + 24, 8, size);
    put(piece + 36, 4, l2_tables);
    put(piece + 40, 8, l1_start * cluster_size);
    put(piece + 48, 8, cluster_size); // the refcount table
    put(piece + 56, 4, refcount_table_clusters);
    put(piece + 60, 4, snapshots);
    put(piece + 64, 8, snapshots > 0 ? snapshot_table * cluster_size : 0);
    put(piece + 96, 4, (uint64_t)__builtin_ctzll(refcount_bits));
    put(piece + 100, 4, 112);
    write_at(0, cluster_size);
}

static void write_refcount_block(uint64_t block)
{
    uint64_t entries = cluster_size * 8 / refcount_bits;
    for (uint64_t i = 0; i < entries && block * entries + i < end; i++) {
        uint64_t count = refcount_of(block * entries + i);
        if (refcount_bits < 8) {
            uint64_t bit = i * refcount_bits;
            piece[bit / 8] |= (uint8_t)(count << bit % 8);
        } else {
            put(piece + i * refcount_bits / 8, (unsigned)refcount_bits / 8, count);
        }
    }
    write_at((1 + refcount_table_clusters + block) * cluster_size, cluster_size);
}

// `count` entries of 8 bytes at cluster `place`, in pieces.
static void write_entries(uint64_t place, uint64_t count, uint64_t (*entry)(uint64_t, uint64_t),
                          uint64_t of)
{
    for (uint64_t done = 0; done < count;) {
        uint64_t part = count - done < PIECE / 8 ? count - done : PIECE / 8;
        for (uint64_t i = 0; i < part; i++) {
            put(piece + i * 8, 8, entry(of, done + i));
        }
        write_at(place * cluster_size + done * 8, part * 8);
        done += part;
    }
}

static uint64_t refcount_table_entry(uint64_t unused, uint64_t index)
{
    (void)unused;
    return (1 + refcount_table_clusters + index) * cluster_size;
}

// What cluster `place` is named by, in the active tables.
static uint64_t active_entry(uint64_t place)
{
    return place * cluster_size | (refcount_of(place) == 1 ? COPIED : 0);
}

static uint64_t l1_entry(uint64_t unused, uint64_t index)
{
    (void)unused;
    return active_entry(l2_place(index));
}

static uint64_t own_place; // of the next table that a snapshot has of its own

static uint64_t snapshot_l1_entry(uint64_t snapshot, uint64_t index)
{
    if (own == 0 || index % own != snapshot % own) {
        return l2_place(index) * cluster_size;
    }
    own_place += 2;
    return (own_place - 2) * cluster_size;
}

static uint64_t l2_entry(uint64_t table, uint64_t index)
{
    return active_entry(l2_place(table) + 1 + index);
}

static uint64_t own_l2_entry(uint64_t table, uint64_t index)
{
    uint64_t place = index == 0 ? own_place + 1 : l2_place(table) + 1 + index;
    return place * cluster_size;
}

static void write_snapshot_table(void)
{
    for (uint64_t i = 0; i < snapshots; i++) {
        char id[21];
        snprintf(id, sizeof id, "%" PRIu64, 10001 + i); // 5 digits
        put(piece, 8, (l1_start + (i + 1) * l1_clusters) * cluster_size);
        put(piece + 8, 4, l2_tables);
        put(piece + 12, 2, 5); // the id; no name
        put(piece + 36, 4, 24);
        put(piece + 48, 8, size);
        put(piece + 56, 8, UINT64_MAX);
        memcpy(piece + 64, id, 5);
        write_at(snapshot_table * cluster_size + i * SNAPSHOT_ENTRY, SNAPSHOT_ENTRY);
    }
}

static void write_l2_tables(void)
{
    for (uint64_t i = 0; i < l2_tables; i++) {
        write_entries(l2_place(i), l2_entries, l2_entry, i);
    }
    own_place = own_start;
    for (uint64_t i = 0; own > 0 && i < snapshots; i++) {
        for (uint64_t table = i % own; table < l2_tables; table += own) {
            write_entries(own_place, l2_entries, own_l2_entry, table);
            own_place += 2;
        }
    }
}

static void write_image(void)
{
    write_header();
    write_entries(1, refcount_blocks, refcount_table_entry, 0);
    for (uint64_t i = 0; i < refcount_blocks; i++) {
        write_refcount_block(i);
    }
    write_entries(l1_start, l2_tables, l1_entry, 0);
    own_place = own_start;
    for (uint64_t i = 0; i < snapshots; i++) {
        write_entries(l1_start + (i + 1) * l1_clusters, l2_tables, snapshot_l1_entry, i);
    }
    write_snapshot_table();
    write_l2_tables();
}

static uint64_t number(const char *text)
{
    char *suffix;
    uint64_t value = strtoull(text, &suffix, 10);
    const char *found = *suffix ? strchr("KMGT", *suffix) : NULL;
    return found ? value << (10 * (found - "KMGT" + 1)) : value;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("usage: make_full FILE SIZE CLUSTER_BITS REFCOUNT_ORDER [SNAPSHOTS [OWN]]\n", stderr);
        return 1;
    }
    file_name = argv[1];
    size = number(argv[2]);
    cluster_size = UINT64_C(1) << number(argv[3]);
    refcount_bits = UINT64_C(1) << number(argv[4]);
    snapshots = argc > 5 ? number(argv[5]) : 0;
    own = argc > 6 ? number(argv[6]) : 0;
    l2_entries = cluster_size / 8;
    l2_tables = size / (l2_entries * cluster_size);
    plan();
    file = open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || ftruncate(file, (off_t)(end * cluster_size)) != 0) {
        fail(file_name);
    }
    write_image();
    if (close(file) != 0) {
        fail(file_name);
    }
    return 0;
}
