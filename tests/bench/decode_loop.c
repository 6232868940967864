// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How fast can it be? Reads all deflate-compressed clusters of an image into memory, then decodes
// one after the other with libdeflate into the same buffer, and prints the nanoseconds which that
// alone took.
//
//     decode_loop IMAGE
//
// A reader of its own, so that nothing in it is shared with the program that it is compared with.
// Images made by qemu-img, without backing file or snapshots; nothing is checked but the decoding.

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define COMPRESSED  (UINT64_C(1) << 62)

enum { SECTOR = 512 };

struct stored {
    uint8_t *data;
    size_t size;
};

struct image {
    const char *name;
    int fd;
    unsigned cluster_bits;
    uint32_t l1_size;
    uint64_t l1_offset;
    struct stored *clusters;
    size_t count, room;
};

static void fail(const struct image *image, const char *what)
{
    fprintf(stderr, "decode_loop: %s: %s\n", image->name, what);
    exit(1);
}

static uint64_t load(const uint8_t *bytes, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

// What lies past the end of the file counts as zeros.
static uint8_t *read_bytes(const struct image *image, uint64_t offset, size_t size)
{
    uint8_t *bytes = calloc(1, size);
    if (!bytes || pread(image->fd, bytes, size, (off_t)offset) < 0) {
        fail(image, strerror(errno));
    }
    return bytes;
}

static void open_image(struct image *image)
{
    image->fd = open(image->name, O_RDONLY);
    if (image->fd < 0) {
        fail(image, strerror(errno));
    }
    uint8_t *header = read_bytes(image, 0, 112);
    image->cluster_bits = (unsigned)load(header + 20, 4);
    image->l1_size = (uint32_t)load(header + 36, 4);
    image->l1_offset = load(header + 40, 8);
    free(header);
}

static void add_cluster(struct image *image, uint64_t entry)
{
    unsigned x = 62 - (image->cluster_bits - 8);
    uint64_t offset = entry & ((UINT64_C(1) << x) - 1);
    uint64_t sectors = ((entry & (COMPRESSED - 1)) >> x) + 1;
    if (image->count == image->room) {
        image->room = image->room ? image->room * 2 : 1024;
        image->clusters = realloc(image->clusters, image->room * sizeof *image->clusters);
        if (!image->clusters) {
            fail(image, "out of memory");
        }
    }
    struct stored *stored = &image->clusters[image->count++];
    stored->size = (size_t)(sectors * SECTOR - offset % SECTOR);
    stored->data = read_bytes(image, offset, stored->size);
}

static void read_clusters(struct image *image)
{
    size_t table_size = (size_t)1 << image->cluster_bits;
    uint8_t *l1 = read_bytes(image, image->l1_offset, (size_t)image->l1_size * 8);
    for (uint32_t i = 0; i < image->l1_size; i++) {
        uint64_t l2_offset = load(l1 + (size_t)i * 8, 8) & OFFSET_MASK;
        if (l2_offset == 0) {
            continue;
        }
        uint8_t *l2 = read_bytes(image, l2_offset, table_size);
        for (size_t j = 0; j < table_size; j += 8) {
            uint64_t entry = load(l2 + j, 8);
            if (entry & COMPRESSED) {
                add_cluster(image, entry);
            }
        }
        free(l2);
    }
    free(l1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static bool decode_clusters(const struct image *image)
{
    size_t size = (size_t)1 << image->cluster_bits;
    struct libdeflate_decompressor *decoder = libdeflate_alloc_decompressor();
    uint8_t *output = calloc(1, size);
    bool decoded = decoder && output;
    for (size_t i = 0; decoded && i < image->count; i++) {
        const struct stored *stored = &image->clusters[i];
        decoded = libdeflate_deflate_decompress(decoder, stored->data, stored->size, output, size,
                                                NULL) == LIBDEFLATE_SUCCESS;
    }
    free(output);
    libdeflate_free_decompressor(decoder);
    return decoded;
}

int main(int argc, char **argv)
{
    struct image image = {.name = argv[1]};
    if (argc != 2) {
        fputs("usage: decode_loop IMAGE\n", stderr);
        return 1;
    }
    open_image(&image);
    read_clusters(&image);
    int64_t start = now();
    bool decoded = decode_clusters(&image);
    printf("%" PRId64 "\n", now() - start);
    for (size_t i = 0; i < image.count; i++) {
        free(image.clusters[i].data);
    }
    free(image.clusters);
    if (!decoded) {
        fail(&image, "a cluster cannot be decoded");
    }
    return 0;
}
