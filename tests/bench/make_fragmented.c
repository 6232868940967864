// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Writes the image of a disk of 256 GiB that was filled in random order: of its 4 Mi clusters of
// 64 KiB every second one is allocated, and these 2 Mi clusters and the L2 tables stand in the file
// in shuffled order. The clusters of data are holes of the file, so that it takes up some 40 MiB.
//
//     make_fragmented FILE
//
// The file: header, refcount table, refcount blocks, L1 table, then tables and data, shuffled. All
// refcounts are 1 (16 bits each).

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPIED (UINT64_C(1) << 63)

enum {
    CLUSTER_BITS = 16,
    CLUSTER = 1 << CLUSTER_BITS,
    GUEST_CLUSTERS = 4 << 20,
    L2_ENTRIES = CLUSTER / 8,
    L2_TABLES = GUEST_CLUSTERS / L2_ENTRIES,
    BODY = L2_TABLES + GUEST_CLUSTERS / 2, // clusters in shuffled order
    BLOCK_ENTRIES = CLUSTER / 2,           // of a refcount block

    // Places, in clusters.
    REFCOUNT_TABLE = 1,
    REFCOUNT_BLOCKS_START = 2,
    // Enough blocks for the clusters before them, for themselves, for the L1 table and the body.
    REFCOUNT_BLOCKS = (BODY + REFCOUNT_BLOCKS_START + 1) / (BLOCK_ENTRIES - 1) + 1,
    L1_TABLE = REFCOUNT_BLOCKS_START + REFCOUNT_BLOCKS,
    BODY_START = L1_TABLE + 1,
    HOST_CLUSTERS = BODY_START + BODY,
};

static const char *file_name;
static int file;
static uint8_t cluster[CLUSTER];
static uint32_t body[BODY]; // the host cluster of each table, then of each guest cluster

static void fail(void)
{
    fprintf(stderr, "make_fragmented: %s: %s\n", file_name, strerror(errno));
    exit(1);
}

static void put(size_t offset, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++) {
        cluster[offset + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
}

// Writes the cluster that was put together and begins the next one.
static void write_cluster(uint32_t host)
{
    if (pwrite(file, cluster, CLUSTER, (off_t)host * CLUSTER) != CLUSTER) {
        fail();
    }
    memset(cluster, 0, sizeof cluster);
}

static uint64_t host_offset(uint32_t host)
{
    return (uint64_t)host * CLUSTER;
}

// Fisher and Yates, with the numbers of xorshift64.
static void shuffle_body(void)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t i = 0; i < BODY; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint32_t other = (uint32_t)((random >> 20) % (i + 1));
        body[i] = body[other];
        body[other] = BODY_START + i;
    }
}

static void write_header(void)
{
    put(0, 4, 0x514649fb);
    put(4, 4, 3);
    put(20, 4, CLUSTER_BITS);
    put(24, 8, (uint64_t)GUEST_CLUSTERS * CLUSTER);
    put(36, 4, L2_TABLES);
    put(40, 8, host_offset(L1_TABLE));
    put(48, 8, host_offset(REFCOUNT_TABLE));
    put(56, 4, 1);
    put(96, 4, 4);
    put(100, 4, 112);
    write_cluster(0);
}

static void write_refcounts(void)
{
    for (uint32_t i = 0; i < REFCOUNT_BLOCKS; i++) {
        put(i * 8, 8, host_offset(REFCOUNT_BLOCKS_START + i));
    }
    write_cluster(REFCOUNT_TABLE);
    for (uint32_t i = 0; i < REFCOUNT_BLOCKS; i++) {
        for (uint32_t j = 0; j < BLOCK_ENTRIES && i * BLOCK_ENTRIES + j < HOST_CLUSTERS; j++) {
            put(j * 2, 2, 1);
        }
        write_cluster(REFCOUNT_BLOCKS_START + i);
    }
}

static void write_l1(void)
{
    for (uint32_t i = 0; i < L2_TABLES; i++) {
        put(i * 8, 8, host_offset(body[i]) | COPIED);
    }
    write_cluster(L1_TABLE);
}

static void write_l2(void)
{
    const uint32_t *data = body + L2_TABLES;
    for (uint32_t i = 0; i < L2_TABLES; i++) {
        for (uint32_t j = 0; j < L2_ENTRIES; j += 2) {
            put(j * 8, 8, host_offset(*data++) | COPIED);
        }
        write_cluster(body[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: make_fragmented FILE\n", stderr);
        return 1;
    }
    file_name = argv[1];
    file = open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || ftruncate(file, (off_t)HOST_CLUSTERS * CLUSTER) != 0) {
        fail();
    }
    shuffle_body();
    write_header();
    write_refcounts();
    write_l1();
    write_l2();
    if (close(file) != 0) {
        fail();
    }
    return 0;
}
