// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Blocks of deflate streams, written here bit by bit, with codes that RFC 1951 has not. zlib is the
// judge: what it refuses is never sound, and the codec refuses it, whatever it was built with.

#include "codec/deflate_blocks.h"

#include "codec/codec.h"

#include <stdlib.h>
#include <zlib.h>

#include "unit.h"

enum {
    SIZE = 4096, // bytes that each stream stands for
    STORED_MAX = 65536,
    LITERALS = 288,
    DISTANCES = 32,
};

static uint8_t stored[STORED_MAX];
static size_t bits; // written to it

static void put_bits(unsigned value, unsigned count)
{
    for (unsigned i = 0; i < count; i++, bits++) {
        uint8_t *byte = &stored[bits / 8];
        *byte = (uint8_t)((bits % 8 == 0 ? 0 : *byte) | (value >> i & 1) << bits % 8);
    }
}

// ---- Canonical codes ----------------------------------------------------------------------------

struct code {
    unsigned count; // of lengths that a block lists
    uint8_t lengths[LITERALS];
};

// Writes a symbol, the first bit of its code first.
static void put_symbol(const struct code *code, unsigned symbol)
{
    unsigned length = code->lengths[symbol];
    unsigned value = 0;
    for (unsigned i = 0; i < LITERALS; i++) {
        unsigned other = code->lengths[i];
        if (other > 0 && (other < length || (other == length && i < symbol))) {
            value += 1U << (length - other);
        }
    }
    for (unsigned bit = length; bit-- > 0;) {
        put_bits(value >> bit, 1);
    }
}

struct block {
    bool is_last;
    bool is_fixed;
    struct code literals, distances;
    unsigned overrun; // code lengths that the last repeat has too many
    unsigned length_symbol, distance_symbol;
    unsigned distance_extra; // bits behind the distance
};

static struct block fixed_block(void)
{
    struct block block = {.is_last = true, .is_fixed = true, .length_symbol = 285};
    block.literals.count = LITERALS;
    block.distances.count = DISTANCES;
    for (unsigned i = 0; i < LITERALS; i++) {
        block.literals.lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    }
    memset(block.distances.lengths, 5, DISTANCES);
    return block;
}

// 'A', 'B', the end, the length 258, of two bits each; two distances of one bit.
static struct block dynamic_block(void)
{
    struct block block = {.is_last = true, .length_symbol = 285};
    block.literals.count = 286;
    block.distances.count = 2;
    block.literals.lengths['A'] = block.literals.lengths['B'] = 2;
    block.literals.lengths[256] = block.literals.lengths[285] = 2;
    block.distances.lengths[0] = block.distances.lengths[1] = 1;
    return block;
}

// The code of code lengths: 0, 1, 2 and 18, of two bits each.
static const struct code length_code = {19, {[0] = 2, [1] = 2, [2] = 2, [18] = 2}};

static void put_code_lengths(const struct block *block)
{
    uint8_t lengths[LITERALS + DISTANCES];
    unsigned count = block->literals.count + block->distances.count;
    memcpy(lengths, block->literals.lengths, block->literals.count);
    memcpy(lengths + block->literals.count, block->distances.lengths, block->distances.count);
    for (unsigned i = 0; i < count; i++) {
        unsigned zeros = 0;
        while (i + zeros < count && zeros < 138 && lengths[i + zeros] == 0) {
            zeros++;
        }
        bool is_end = i + zeros == count;
        if (zeros < 11) {
            put_symbol(&length_code, lengths[i]);
            continue;
        }
        put_symbol(&length_code, 18);
        put_bits(zeros + (is_end ? block->overrun : 0) - 11, 7);
        i += zeros - 1;
    }
}

static void put_codes(const struct block *block)
{
    static const uint8_t order[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
    put_bits(block->literals.count - 257, 5);
    put_bits(block->distances.count - 1, 5);
    put_bits(19 - 4, 4);
    for (size_t i = 0; i < sizeof order; i++) {
        put_bits(length_code.lengths[order[i]], 3);
    }
    put_code_lengths(block);
}

// A block of `size` bytes, 258 of them by its length and distance symbol.
static void put_block(const struct block *block, unsigned size)
{
    put_bits(block->is_last, 1);
    put_bits(block->is_fixed ? 1 : 2, 2);
    if (!block->is_fixed) {
        put_codes(block);
    }
    unsigned literals = size > 258 ? size - 258 : size;
    for (unsigned i = 0; i < literals; i++) {
        put_symbol(&block->literals, i % 3 == 0 ? 'A' : 'B');
    }
    if (size > 258) {
        put_symbol(&block->literals, block->length_symbol);
        put_symbol(&block->distances, block->distance_symbol);
        put_bits(0, block->distance_extra);
    }
    put_symbol(&block->literals, 256);
}

static void put_stored_block(unsigned size)
{
    put_bits(0, 3);
    while (bits % 8 > 0) {
        put_bits(0, 1);
    }
    put_bits(size, 16);
    put_bits(~size & 0xffff, 16);
    for (unsigned i = 0; i < size; i++) {
        put_bits('s', 8);
    }
}

// ---- What is before a block ---------------------------------------------------------------------

enum before {
    BEFORE_NONE,
    BEFORE_FIXED,
    BEFORE_DYNAMIC,
    BEFORE_STORED,
    BEFORE_SHORT,
    BEFORE_COUNT
};

// Writes what is before, and returns how many bytes that is.
static unsigned put_before(enum before before)
{
    static const unsigned sizes[BEFORE_COUNT] = {0, 999, 1001, 500, 3};
    struct block block = before == BEFORE_FIXED ? fixed_block() : dynamic_block();
    block.is_last = false;
    bits = 0;
    if (before == BEFORE_STORED || before == BEFORE_SHORT) {
        put_stored_block(sizes[before]);
    } else if (before != BEFORE_NONE) {
        put_block(&block, sizes[before]);
    }
    return sizes[before];
}

static bool zlib_decodes(uint8_t *output)
{
    z_stream stream = {.next_in = stored,
                       .avail_in = (uInt)((bits + 7) / 8),
                       .next_out = output,
                       .avail_out = SIZE};
    if (inflateInit2(&stream, -15) != Z_OK) {
        return false;
    }
    bool decodes = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    return decodes;
}

// The codec and zlib agree on the stream that stands in `stored`; returns what zlib says.
static bool check_as_zlib(void)
{
    uint8_t ours[SIZE] = {0};
    uint8_t theirs[SIZE] = {0};
    struct bytes stream = {stored, (bits + 7) / 8};
    void *state = codec_deflate.open();
    bool decodes = zlib_decodes(theirs);
    CHECK((codec_deflate.decode(state, stream, ours, SIZE) == NULL) == decodes);
    CHECK(!decodes || memcmp(ours, theirs, SIZE) == 0);
    codec_deflate.close(state);
    return decodes;
}

// Reads the first `size` bytes of `stored` to the end. With complete codes every decoder reads the
// last block alike.
static bool is_known_sound(size_t size)
{
    struct bytes stream = {stored, size};
    struct deflate_block block;
    for (uint64_t start = 0; deflate_block_read(stream, start, &block);) {
        bool is_skipped = true;
        if (block.type == DEFLATE_STORED) {
            start = block.plain_end;
        } else if (!block.is_last || block.type == DEFLATE_FIXED) {
            is_skipped = deflate_block_skip(stream, &block, &start);
        }
        if (block.is_last || !is_skipped) {
            return is_skipped;
        }
    }
    return false;
}

// zlib decodes the block, or not, wherever it stands; `is_sound`: and no doubt is left.
static void check_block(const struct block *block, bool decodes, bool is_sound)
{
    for (unsigned before = 0; before < BEFORE_COUNT; before++) {
        unsigned size = put_before((enum before)before);
        put_block(block, SIZE - size);
        CHECK(check_as_zlib() == decodes);
        CHECK(is_known_sound((bits + 7) / 8) == is_sound);
    }
}

// ---- Tests --------------------------------------------------------------------------------------

static void blocks_as_they_should_be_are_sound(void)
{
    struct block block = fixed_block();
    check_block(&block, true, true);
    block = dynamic_block();
    check_block(&block, true, true);
    block.distances.count = 30;
    check_block(&block, true, true);
}

static void length_symbols_without_meaning_are_refused(void)
{
    struct block block = fixed_block();
    for (block.length_symbol = 286; block.length_symbol < 288; block.length_symbol++) {
        check_block(&block, false, false);
    }
}

static void distance_symbols_without_meaning_are_refused(void)
{
    struct block block = fixed_block();
    block.distance_extra = 13;
    for (block.distance_symbol = 30; block.distance_symbol < 32; block.distance_symbol++) {
        check_block(&block, false, false);
    }
}

static void more_literal_codes_than_there_are_are_refused(void)
{
    struct block block = dynamic_block();
    for (block.literals.count = 287; block.literals.count <= 288; block.literals.count++) {
        check_block(&block, false, false);
    }
}

static void more_distance_codes_than_there_are_are_refused(void)
{
    struct block block = dynamic_block();
    for (block.distances.count = 31; block.distances.count <= 32; block.distances.count++) {
        check_block(&block, false, false);
    }
}

static void a_repeat_past_the_code_lengths_is_refused(void)
{
    struct block block = dynamic_block();
    block.distances.count = 30;
    for (block.overrun = 1; block.overrun < 100; block.overrun += 49) {
        check_block(&block, false, false);
    }
}

// A single distance of one bit is all right, but its other bit has no meaning.
static void the_other_bit_of_a_single_distance_is_refused(void)
{
    struct block block = dynamic_block();
    block.distances.lengths[1] = 0;
    check_block(&block, true, false);
    // With two lengths of one bit the symbol 1 is written as the bit 1.
    struct block twin = dynamic_block();
    for (unsigned before = 0; before < BEFORE_COUNT; before++) {
        unsigned size = put_before((enum before)before);
        put_block(&block, SIZE - size);
        // The distance is the bit before the two of the end.
        stored[(bits - 3) / 8] |= (uint8_t)(1U << (bits - 3) % 8);
        CHECK(!check_as_zlib());
        CHECK(!is_known_sound((bits + 7) / 8));
    }
    twin.distance_symbol = 1;
    check_block(&twin, true, true);
}

static void a_length_without_any_distance_is_refused(void)
{
    struct block block = dynamic_block();
    block.distances.count = 1;
    block.distances.lengths[0] = block.distances.lengths[1] = 0;
    for (unsigned before = 0; before < BEFORE_COUNT; before++) {
        unsigned size = put_before((enum before)before);
        put_block(&block, SIZE - size);
        put_bits(0, 16); // what another decoder takes for a distance
        CHECK(!check_as_zlib());
        CHECK(!is_known_sound((bits + 7) / 8));
    }
}

static void a_code_with_a_gap_is_not_sound(void)
{
    struct block block = dynamic_block();
    block.literals.lengths['C'] = 3; // over-subscribed
    check_block(&block, false, false);
    block = dynamic_block();
    block.literals.lengths['B'] = block.literals.lengths['A'] = 0;
    block.literals.lengths['C'] = 1;
    block.literals.lengths[285] = 0; // of the end only '10' is left: '11' is nothing
    put_before(BEFORE_NONE);
    put_codes(&block);
    CHECK(!is_known_sound((bits + 7) / 8));
}

static void a_stream_that_ends_early_is_not_sound(void)
{
    for (unsigned before = BEFORE_FIXED; before < BEFORE_COUNT; before++) {
        struct block block = fixed_block();
        unsigned size = put_before((enum before)before);
        put_block(&block, SIZE - size);
        size_t whole = (bits + 7) / 8;
        CHECK(is_known_sound(whole));
        for (size_t cut = 0; cut < whole; cut++) {
            CHECK(!is_known_sound(cut));
        }
    }
}

static void fill(uint8_t *plain, size_t size, unsigned kind)
{
    uint32_t random = kind + 1;
    for (size_t i = 0; i < size; i++) {
        random = random * 1664525 + 1013904223;
        plain[i] = (uint8_t)(kind == 0 ? random >> 24 : (random >> 24) % (3 * kind) * (i % kind));
    }
}

static void compress_soundly(struct bytes plain, unsigned kind, int strategy)
{
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)plain.data,
                       .avail_in = (uInt)plain.size,
                       .next_out = stored,
                       .avail_out = sizeof stored};
    REQUIRE(deflateInit2(&stream, (int)(kind % 10), Z_DEFLATED, -15, 1 + (int)kind % 9, strategy) ==
            Z_OK);
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    CHECK(is_known_sound(stream.total_out));
    deflateEnd(&stream);
}

// Streams of several blocks, as zlib writes them with a small memory, are known to be sound: else
// they would be decoded twice.
static void what_zlib_writes_is_sound(void)
{
    static uint8_t plain[STORED_MAX / 2];
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE,
                                     Z_FILTERED};
    for (unsigned kind = 0; kind < 20; kind++) {
        fill(plain, sizeof plain, kind);
        for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
            compress_soundly((struct bytes){plain, sizeof plain}, kind, strategies[i]);
        }
    }
}

int main(void)
{
    RUN(blocks_as_they_should_be_are_sound);
    RUN(length_symbols_without_meaning_are_refused);
    RUN(distance_symbols_without_meaning_are_refused);
    RUN(more_literal_codes_than_there_are_are_refused);
    RUN(more_distance_codes_than_there_are_are_refused);
    RUN(a_repeat_past_the_code_lengths_is_refused);
    RUN(the_other_bit_of_a_single_distance_is_refused);
    RUN(a_length_without_any_distance_is_refused);
    RUN(a_code_with_a_gap_is_not_sound);
    RUN(a_stream_that_ends_early_is_not_sound);
    RUN(what_zlib_writes_is_sound);
    return unit_done();
}
