// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A qcow2 file that a test draws in memory, field by field, in the places of the specification.
//
//     static struct drawn drawn;
//     draw_image(&drawn, &(struct drawing){.version = 3, .cluster_bits = 9, .disk_size = MIB,
//                                          .l1_size = 32});
//     draw_l1(&drawn, 0, 8 * 512);                           // its L2 table is in cluster 8
//     draw_l2(&drawn, 8, 5, COPIED | 20 * 512);              // where entry 5 is data of cluster 20
//
// The header is in cluster 0 and the L1 table begins in cluster 1; refcounts are not drawn.

#ifndef QCOW2_INFO_TESTS_DRAWN_H
#define QCOW2_INFO_TESTS_DRAWN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COPIED     (UINT64_C(1) << 63)
#define COMPRESSED (UINT64_C(1) << 62)
#define ZERO       UINT64_C(1)

struct drawing {
    uint32_t version;
    unsigned cluster_bits;
    uint64_t incompatible_features;
    uint64_t disk_size; // bytes
    uint32_t l1_size;   // entries
};

enum { DRAWN_SIZE = 512 * 1024, EXTENDED_L2 = 1 << 4, DATA_FILE = 1 << 2 };

struct drawn {
    uint8_t bytes[DRAWN_SIZE];
    uint64_t cluster; // bytes
    bool extended;    // L2 entries of 16 bytes
};

// A big-endian field.
static inline void draw(struct drawn *drawn, uint64_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        drawn->bytes[offset + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
}

static inline void draw_image(struct drawn *drawn, const struct drawing *drawing)
{
    memset(drawn->bytes, 0, sizeof drawn->bytes);
    drawn->cluster = UINT64_C(1) << drawing->cluster_bits;
    drawn->extended = (drawing->incompatible_features & EXTENDED_L2) != 0;
    draw(drawn, 0, 4, 0x514649fb);
    draw(drawn, 4, 4, drawing->version);
    draw(drawn, 20, 4, drawing->cluster_bits);
    draw(drawn, 24, 8, drawing->disk_size);
    draw(drawn, 36, 4, drawing->l1_size);
    draw(drawn, 40, 8, drawn->cluster);
    draw(drawn, 48, 8, 7 * drawn->cluster);
    draw(drawn, 56, 4, 1);
    if (drawing->version >= 3) {
        draw(drawn, 72, 8, drawing->incompatible_features);
        draw(drawn, 96, 4, 4);
        draw(drawn, 100, 4, 104);
    }
}

static inline void draw_l1(struct drawn *drawn, uint64_t index, uint64_t entry)
{
    draw(drawn, drawn->cluster + 8 * index, 8, entry);
}

// An entry of the L2 table that is in this cluster of the file.
static inline void draw_l2(struct drawn *drawn, uint64_t cluster, uint64_t index, uint64_t entry)
{
    draw(drawn, cluster * drawn->cluster + (drawn->extended ? 16 : 8) * index, 8, entry);
}

// The bitmap of an extended one: bit n is subcluster n.
static inline void draw_subclusters(struct drawn *drawn, uint64_t cluster, uint64_t index,
                                    uint32_t allocated, uint32_t zero)
{
    draw(drawn, cluster * drawn->cluster + 16 * index + 8, 4, zero);
    draw(drawn, cluster * drawn->cluster + 16 * index + 12, 4, allocated);
}

#endif
