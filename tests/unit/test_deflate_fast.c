// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Streams of several blocks; zlib is the judge. test_deflate_blocks has the codes that RFC 1951
// does not have.

#include "codec/deflate_fast.h"

#include "codec/codec.h"

#include <zlib.h>

#include "unit.h"

enum { PLAIN = 1 << 20, DAMAGED_PLAIN = 1 << 18 };

static uint8_t plain[PLAIN], ours[PLAIN];
static uint8_t packed[2 * PLAIN];

// Noise, repeats from up to 32 KiB before, and letters, in turn: for blocks of all types.
static void make_plain(void)
{
    uint32_t random = 7;
    for (size_t i = 0; i < PLAIN; i++) {
        random = random * 1664525 + 1013904223;
        unsigned part = (unsigned)(i / 20000 % 4);
        size_t back = 1 + (i / 500 * 7919) % 32768;
        plain[i] = (uint8_t)(part == 0                ? random >> 24
                             : part == 1 && back <= i ? plain[i - back]
                                                      : 'a' + (random >> 24) % (3 + 8 * part));
    }
}

// Compresses the first `size` bytes.
static struct bytes compress_plain(size_t size, int level, int window_bits, int strategy)
{
    z_stream stream = {
        .next_in = plain, .avail_in = (uInt)size, .next_out = packed, .avail_out = sizeof packed};
    CHECK(deflateInit2(&stream, level, Z_DEFLATED, -window_bits, 9, strategy) == Z_OK);
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&stream);
    return (struct bytes){packed, stream.total_out};
}

// Calls `check` with a stream for each strategy and some levels.
static void check_streams(void (*check)(struct bytes stored))
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE};
    for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
        for (int level = 0; level <= 9; level += 3) {
            struct bytes stored = compress_plain(PLAIN, level, level == 6 ? 12 : 15, strategies[i]);
            memset(ours, 0, PLAIN);
            check(stored);
        }
    }
}

static void check_codec(struct bytes stored)
{
    void *state = codec_deflate.open();
    CHECK(codec_deflate.decode(state, stored, ours, PLAIN) == NULL);
    CHECK(memcmp(ours, plain, PLAIN) == 0);
    stored.size /= 2;
    CHECK(codec_deflate.decode(state, stored, ours, PLAIN) == codec_short);
    codec_deflate.close(state);
}

static void what_zlib_writes_is_decoded(void)
{
    check_streams(check_codec);
}

#if WITH_LIBDEFLATE

static struct deflate_fast *fast;
static uint8_t theirs[PLAIN];

static void check_fast(struct bytes stored)
{
    CHECK(deflate_fast_decode(fast, stored, ours, PLAIN));
    CHECK(memcmp(ours, plain, PLAIN) == 0);
    CHECK(!deflate_fast_decode(fast, stored, ours, PLAIN - 1));
    stored.size /= 2;
    CHECK(!deflate_fast_decode(fast, stored, ours, PLAIN));
}

static void what_zlib_writes_needs_no_other_decoder(void)
{
    check_streams(check_fast);
}

static bool zlib_decodes(struct bytes stored, size_t size)
{
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)stored.data,
                       .avail_in = (uInt)stored.size,
                       .next_out = theirs,
                       .avail_out = (uInt)size};
    CHECK(inflateInit2(&stream, -15) == Z_OK);
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return status == Z_STREAM_END && stream.avail_out == 0;
}

// Damage in a header, a code or a length: what is decoded fast, zlib decodes to the same bytes.
static void damaged_streams_are_left_to_zlib(void)
{
    struct bytes stored = compress_plain(DAMAGED_PLAIN, 6, 15, Z_DEFAULT_STRATEGY);
    uint32_t random = 1;
    unsigned decoded = 0;
    for (unsigned i = 0; i < 300; i++) {
        random = random * 1664525 + 1013904223;
        uint8_t *byte = &packed[random % stored.size];
        *byte ^= (uint8_t)(1U << i % 8);
        if (deflate_fast_decode(fast, stored, ours, DAMAGED_PLAIN)) {
            decoded++;
            CHECK(zlib_decodes(stored, DAMAGED_PLAIN));
            CHECK(memcmp(ours, theirs, DAMAGED_PLAIN) == 0);
        }
        *byte ^= (uint8_t)(1U << i % 8);
    }
    CHECK(decoded > 0 && decoded < 300); // damage in stored blocks goes unseen
    CHECK(deflate_fast_decode(fast, stored, ours, DAMAGED_PLAIN));
    CHECK(memcmp(ours, plain, DAMAGED_PLAIN) == 0);
}

// A flush writes an empty stored block.
static void empty_blocks_are_nothing(void)
{
    z_stream stream = {.next_in = plain, .next_out = packed, .avail_out = sizeof packed};
    CHECK(deflateInit2(&stream, 6, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    for (unsigned i = 1; i <= 4; i++) {
        stream.avail_in = PLAIN / 4;
        CHECK(deflate(&stream, i < 4 ? Z_SYNC_FLUSH : Z_FINISH) >= Z_OK);
    }
    deflateEnd(&stream);
    CHECK(deflate_fast_decode(fast, (struct bytes){packed, stream.total_out}, ours, PLAIN));
    CHECK(memcmp(ours, plain, PLAIN) == 0);
}

// Many empty blocks would cost a window each.
static void small_blocks_are_left_to_zlib(void)
{
    z_stream stream = {
        .next_in = plain, .next_out = packed, .avail_out = sizeof packed, .avail_in = 1};
    CHECK(deflateInit2(&stream, 6, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    for (size_t i = 1; i <= 1000; i++, stream.avail_in = 1) {
        CHECK(deflate(&stream, i < 1000 ? Z_SYNC_FLUSH : Z_FINISH) >= Z_OK);
    }
    deflateEnd(&stream);
    struct bytes stored = {packed, stream.total_out};
    CHECK(zlib_decodes(stored, 1000));
    CHECK(memcmp(theirs, plain, 1000) == 0);
    CHECK(!deflate_fast_decode(fast, stored, ours, 1000));
}

static void run_fast(void)
{
    fast = deflate_fast_open();
    if (CHECK(fast != NULL)) {
        RUN(what_zlib_writes_needs_no_other_decoder);
        RUN(damaged_streams_are_left_to_zlib);
        RUN(empty_blocks_are_nothing);
        RUN(small_blocks_are_left_to_zlib);
    }
    deflate_fast_close(fast);
}

#endif

int main(void)
{
    make_plain();
    RUN(what_zlib_writes_is_decoded);
#if WITH_LIBDEFLATE
    run_fast();
#endif
    return unit_done();
}
