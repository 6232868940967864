// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What a bitmap that is drawn here says of the disk.

#include "tables/dirty.h"

#include "drawn.h"
#include "unit.h"
#include "watched.h"

enum {
    CLUSTER = 512,
    GRAIN = 1024,                   // guest bytes of one bit
    COVERAGE = CLUSTER * 8 * GRAIN, // of one cluster of bits: 4 MiB
    TABLE = 20,                     // clusters of the file: the table, and
    BITS = 30,                      // the bits of its entries
    FILE_SIZE = 100 * CLUSTER,
};

static struct drawn drawn;
static struct watched file;
static struct image *image;
static struct bitmap bitmap;
static struct dirty_walk walk;

static struct dirty_extent found;
static struct error error;

static void draw_bitmap(uint32_t table_size)
{
    draw_image(&drawn, &(struct drawing){.version = 3,
                                         .cluster_bits = 9,
                                         .disk_size = (uint64_t)table_size * COVERAGE,
                                         .l1_size = 512});
    bitmap = (struct bitmap){
        .table_offset = TABLE * CLUSTER, .table_size = table_size, .granularity_bits = 10};
}

static void draw_entry(uint64_t index, uint64_t entry)
{
    draw(&drawn, TABLE * CLUSTER + 8 * index, 8, entry);
}

// Bit n of a byte is bit n of the bitmap, from the least significant one on.
static void set_bits(uint64_t cluster, uint64_t first, uint64_t count)
{
    for (uint64_t bit = first; bit < first + count; bit++) {
        drawn.bytes[cluster * CLUSTER + bit / 8] |= (uint8_t)(1 << bit % 8);
    }
}

static bool open_drawn(void)
{
    file = watched_make(drawn.bytes, sizeof drawn.bytes);
    file.base.size = FILE_SIZE;
    image = image_open(&file.base, "image", &error);
    return CHECK(image != NULL);
}

static bool start(void)
{
    return open_drawn() && CHECK(dirty_walk_start(&walk, image, &bitmap, TABLE_WINDOW_MAX, &error));
}

static void end(void)
{
    dirty_walk_end(&walk);
    image_close(image);
}

static bool look(uint64_t offset, uint64_t limit)
{
    return dirty_at(&walk, offset, limit, &found, &error);
}

static bool says(uint64_t offset, uint64_t limit, bool dirty, uint64_t length)
{
    return CHECK(look(offset, limit)) && CHECK_EQ_U64(found.start, offset) &&
           CHECK_EQ_U64(found.length, length) && CHECK(found.dirty == dirty);
}

static bool fails(uint64_t offset, const char *code, uint64_t at)
{
    return CHECK(!look(offset, GRAIN)) && CHECK_STR(error.code, code) && CHECK(error.has_offset) &&
           CHECK_EQ_U64(error.offset, at);
}

// Without an offset, bit 0 of an entry says which all bits are.
static void entries_without_bits_are_all_alike(void)
{
    draw_bitmap(3);
    draw_entry(1, 1);
    REQUIRE(start());
    CHECK(says(0, UINT64_MAX, false, COVERAGE));
    CHECK(says(COVERAGE - 1, UINT64_MAX, false, 1));
    CHECK(says(COVERAGE, UINT64_MAX, true, COVERAGE));
    CHECK(says(COVERAGE + 5, 100, true, 100));
    CHECK(says(2 * COVERAGE, UINT64_MAX, false, COVERAGE));
    end();
}

static void each_bit_is_a_grain_of_the_disk(void)
{
    draw_bitmap(2);
    draw_entry(1, BITS * CLUSTER);
    set_bits(BITS, 3, 1);
    set_bits(BITS, 6, 30); // over the ends of bytes
    set_bits(BITS, CLUSTER * 8 - 1, 1);
    REQUIRE(start());
    CHECK(says(COVERAGE, UINT64_MAX, false, 3 * GRAIN));
    CHECK(says(COVERAGE + 3 * GRAIN, UINT64_MAX, true, GRAIN));
    CHECK(says(COVERAGE + 3 * GRAIN + 1000, UINT64_MAX, true, GRAIN - 1000));
    CHECK(says(COVERAGE + 4 * GRAIN, UINT64_MAX, false, 2 * GRAIN));
    CHECK(says(COVERAGE + 6 * GRAIN, UINT64_MAX, true, 30 * GRAIN));
    CHECK(says(COVERAGE + 16 * GRAIN, UINT64_MAX, true, 20 * GRAIN));
    CHECK(says(COVERAGE + 20 * GRAIN + 1, 7, true, 7));
    CHECK(says(COVERAGE + 36 * GRAIN, UINT64_MAX, false, (CLUSTER * 8 - 1 - 36) * GRAIN));
    CHECK(says(2 * COVERAGE - GRAIN, UINT64_MAX, true, GRAIN));
    CHECK(says(100, GRAIN, false, GRAIN)); // back again
    end();
}

static void bits_drawn_by_chance_are_read_as_drawn(void)
{
    uint64_t state = 1;
    bool bits[CLUSTER * 8] = {false};
    draw_bitmap(1);
    draw_entry(0, BITS * CLUSTER);
    for (uint64_t i = 0; i < CLUSTER * 8; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        bits[i] = i > 0 && state >> 60 ? bits[i - 1] : (state >> 59 & 1) != 0;
        set_bits(BITS, i, bits[i]);
    }
    REQUIRE(start());
    for (uint64_t i = 0; i < CLUSTER * 8; i++) {
        uint64_t last = i;
        while (last + 1 < CLUSTER * 8 && bits[last + 1] == bits[i]) {
            last++;
        }
        REQUIRE(says(i * GRAIN + 9, UINT64_MAX, bits[i], (last + 1 - i) * GRAIN - 9));
    }
    end();
}

static void a_disk_that_the_table_does_not_cover_is_corrupt(void)
{
    draw_bitmap(2);
    REQUIRE(start());
    CHECK(says(2 * COVERAGE - 1, UINT64_MAX, false, 1));
    CHECK(fails(2 * COVERAGE, "corrupt", TABLE * CLUSTER));
    CHECK(fails(UINT64_MAX - GRAIN, "corrupt", TABLE * CLUSTER));
    end();
}

// Bits 1 to 8 and 56 to 63 are reserved, and bit 0 next to an offset.
static void entries_with_reserved_bits_are_corrupt(void)
{
    const uint64_t entries[] = {2,
                                UINT64_C(1) << 8,
                                UINT64_C(1) << 56,
                                UINT64_C(1) << 63,
                                BITS * CLUSTER | 1,
                                BITS * CLUSTER | UINT64_C(1) << 62};
    draw_bitmap(6);
    for (size_t i = 0; i < 6; i++) {
        draw_entry(i, entries[i]);
    }
    REQUIRE(start());
    for (size_t i = 0; i < 6; i++) {
        CHECK(fails(i * COVERAGE, "corrupt", TABLE * CLUSTER + 8 * i));
    }
    end();
}

static void parts_past_the_end_of_the_file_are_distinguished(void)
{
    draw_bitmap(3);
    draw_entry(0, FILE_SIZE); // past the end
    draw_entry(1, BITS * CLUSTER);
    draw_entry(2, 1);
    REQUIRE(start());
    CHECK(fails(0, "truncated", FILE_SIZE));
    file.bad_start = BITS * CLUSTER;
    file.bad_end = (BITS + 1) * CLUSTER;
    CHECK(fails(COVERAGE, "io-error", BITS * CLUSTER));
    CHECK(says(2 * COVERAGE, GRAIN, true, GRAIN));
    end();
    draw_bitmap(1);
    REQUIRE(start());
    file.base.size = TABLE * CLUSTER;
    CHECK(fails(0, "truncated", TABLE * CLUSTER));
    end();
}

static void refused(const char *code)
{
    CHECK(!dirty_walk_start(&walk, image, &bitmap, TABLE_WINDOW_MAX, &error));
    CHECK_STR(error.code, code);
    dirty_walk_end(&walk);
}

// QEMU takes 2^9 to 2^31.
static void bitmaps_that_cannot_be_walked_are_refused(void)
{
    draw_bitmap(1);
    REQUIRE(open_drawn());
    bitmap.granularity_bits = 8;
    refused("limit");
    bitmap.granularity_bits = 32;
    refused("limit");
    bitmap.granularity_bits = 31;
    bitmap.table_offset += 8;
    refused("corrupt");
    bitmap.table_offset = UINT64_C(1) << 56;
    refused("corrupt");
    bitmap.table_offset = TABLE * CLUSTER;
    REQUIRE(dirty_walk_start(&walk, image, &bitmap, TABLE_WINDOW_MAX, &error));
    CHECK(says(0, UINT64_MAX, false, CLUSTER * 8 * (UINT64_C(1) << 31)));
    end();
}

int main(void)
{
    RUN(entries_without_bits_are_all_alike);
    RUN(each_bit_is_a_grain_of_the_disk);
    RUN(bits_drawn_by_chance_are_read_as_drawn);
    RUN(a_disk_that_the_table_does_not_cover_is_corrupt);
    RUN(entries_with_reserved_bits_are_corrupt);
    RUN(parts_past_the_end_of_the_file_are_distinguished);
    RUN(bitmaps_that_cannot_be_walked_are_refused);
    return unit_done();
}
