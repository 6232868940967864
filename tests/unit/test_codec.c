// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Decompressors, with streams made here by the libraries themselves. For damaged streams the
// verdict is compared with plain loops around zlib and libzstd that stand in this file: they do
// what QEMU does, so a faster path in the program must give the same result.

#include "codec/codecs.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "unit.h"

#define CLUSTER ((size_t)65536)

enum {
    STORED_MAX = 4 * 65536,
    MUTATIONS = 2000, // of each stream
};

// A cluster's plain bytes, and a stream that stands for them.
static uint8_t plain[2 * CLUSTER];
static uint8_t stored[STORED_MAX];
static uint8_t output[CLUSTER];
static uint8_t expected[CLUSTER];

// ---- Random numbers, the same in every run
// -------------------------------------------------------

static uint64_t random_state;

static void random_seed(uint64_t seed)
{
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

// ---- Plain bytes of several kinds
// -----------------------------------------------------------------

enum plain_kind { PLAIN_ZEROS, PLAIN_TEXT, PLAIN_NOISE, PLAIN_FAR, PLAIN_MIXED, PLAIN_KINDS };

static void fill_text(uint8_t *bytes, size_t size)
{
    static const char *const words[] = {"cluster ", "table ", "of ",   "the ",
                                        "image",    ", ",     "byte\n"};
    for (size_t used = 0; used < size;) {
        const char *word = words[random_below(7)];
        for (; *word && used < size; word++) {
            bytes[used++] = (uint8_t)*word;
        }
    }
}

static void fill_noise(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_below(256);
    }
}

static void fill_plain(enum plain_kind kind)
{
    random_seed(kind + 1);
    memset(plain, 0, sizeof plain);
    switch (kind) {
    case PLAIN_TEXT:
        fill_text(plain, sizeof plain);
        break;
    case PLAIN_NOISE:
        fill_noise(plain, sizeof plain);
        break;
    case PLAIN_FAR: // what repeats lies 32 KiB - 262 back: as far as zlib looks
        fill_noise(plain, 32506);
        for (size_t i = 32506; i < sizeof plain; i++) {
            plain[i] = plain[i - 32506];
        }
        break;
    case PLAIN_MIXED:
        fill_text(plain, CLUSTER / 2);
        fill_noise(plain + CLUSTER / 2, CLUSTER / 4);
        break;
    default:
        break;
    }
}

// ---- Streams ------------------------------------------------------------------------------------

// Deflates `size` plain bytes to `at`. Returns the size of the stream, 0 on failure.
static size_t deflate_to(uint8_t *at, size_t size, int level, int window_bits, int strategy)
{
    z_stream stream = {.next_in = plain,
                       .avail_in = (uInt)size,
                       .next_out = at,
                       .avail_out = (uInt)(stored + STORED_MAX - at)};
    if (deflateInit2(&stream, level, Z_DEFLATED, -window_bits, 9, strategy) != Z_OK) {
        return 0;
    }
    int status = deflate(&stream, Z_FINISH);
    size_t made = stream.total_out;
    deflateEnd(&stream);
    return status == Z_STREAM_END ? made : 0;
}

struct zstd_frame {
    bool content_size, checksum;
    int level;
};

static const struct zstd_frame usual_frame = {.content_size = true, .level = 3};

// Makes a frame of the plain bytes [from, from + size) at `at`; returns its size.
static size_t zstd_to(uint8_t *at, size_t from, size_t size, struct zstd_frame frame)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, frame.level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, frame.checksum);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, frame.content_size);
    size_t made =
        ZSTD_compress2(context, at, (size_t)(stored + STORED_MAX - at), plain + from, size);
    ZSTD_freeCCtx(context);
    return ZSTD_isError(made) ? 0 : made;
}

// ---- Checks -------------------------------------------------------------------------------------

static const char *decode_with(const struct codec *codec, void *state, size_t stored_size,
                               size_t size)
{
    if (stored_size > STORED_MAX) {
        return "this test's buffer is too small";
    }
    // Buffers of just these sizes, so that a sanitizer sees a step beyond them.
    uint8_t *in = malloc(stored_size + 1);
    uint8_t *out = malloc(size > 0 ? size : 1);
    const char *fault = "out of memory";
    if (state && in && out) {
        memcpy(in + 1, stored, stored_size);
        memset(out, 0xaa, size);
        fault = codec->decode(state, (struct bytes){in + 1, stored_size}, out, size);
        memcpy(output, out, size);
    }
    free(in);
    free(out);
    return fault;
}

static const char *decode(const struct codec *codec, size_t stored_size, size_t size)
{
    void *state = codec->open();
    const char *fault = decode_with(codec, state, stored_size, size);
    codec->close(state);
    return fault;
}

static void check_decodes(const struct codec *codec, size_t stored_size, size_t size)
{
    CHECK(stored_size > 0);
    CHECK_STR(decode(codec, stored_size, size), NULL);
    CHECK_MEM(output, plain, size);
}

static void check_fails(const struct codec *codec, size_t stored_size, size_t size)
{
    CHECK(decode(codec, stored_size, size) != NULL);
}

// ---- The loops that say what is right ----------------------------------------------------------

static bool reference_deflate(size_t stored_size, size_t size)
{
    z_stream stream = {.next_in = stored,
                       .avail_in = (uInt)stored_size,
                       .next_out = expected,
                       .avail_out = (uInt)size};
    if (inflateInit2(&stream, -15) != Z_OK) {
        return false;
    }
    int status = inflate(&stream, Z_FINISH);
    bool full = stream.avail_out == 0;
    inflateEnd(&stream);
    return (status == Z_STREAM_END || status == Z_BUF_ERROR || status == Z_OK) && full;
}

static bool reference_zstd(size_t stored_size, size_t size)
{
    static ZSTD_DCtx *context; // made once: that is what takes most of the time
    ZSTD_inBuffer in = {stored, stored_size, 0};
    ZSTD_outBuffer out = {expected, size, 0};
    size_t status = 0;
    context = context ? context : ZSTD_createDCtx();
    ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters);
    while (out.pos < out.size) {
        size_t in_pos = in.pos;
        size_t out_pos = out.pos;
        status = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(status) || (in.pos == in_pos && out.pos == out_pos)) {
            status = 1;
            break;
        }
    }
    return status == 0 && out.pos == out.size;
}

typedef bool reference_fn(size_t stored_size, size_t size);

static bool check_like_reference(const struct codec *codec, void *state, reference_fn *reference,
                                 size_t stored_size, size_t size)
{
    bool want = reference(stored_size, size);
    const char *fault = decode_with(codec, state, stored_size, size);
    if ((fault == NULL) != want) {
        CHECK_STR(fault, want ? NULL : "a fault");
        return false;
    }
    return !want || CHECK_MEM(output, expected, size);
}

// Changes a few bits, cuts the stream, puts garbage behind it or exchanges a part of it.
static size_t mutate(size_t stored_size)
{
    uint32_t count = 1 + random_below(3);
    while (count-- > 0 && stored_size > 0) {
        uint32_t near_start = stored_size < 64 ? (uint32_t)stored_size : 64;
        uint32_t at = random_below(random_below(2) ? near_start : (uint32_t)stored_size);
        switch (random_below(5)) {
        case 0:
            stored[at] = (uint8_t)random_below(256);
            break;
        case 1:
            stored_size = at;
            break;
        case 2:
            fill_noise(stored + stored_size, 512);
            stored_size += random_below(512);
            break;
        default:
            stored[at] ^= (uint8_t)(1U << random_below(8));
        }
    }
    return stored_size;
}

// Mutations of the stream that stands in `stored`, each from the whole one, all with one state.
static void check_mutations(const struct codec *codec, reference_fn *reference, size_t stored_size,
                            size_t size)
{
    static uint8_t whole[STORED_MAX];
    void *state = codec->open();
    memcpy(whole, stored, stored_size);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        memcpy(stored, whole, stored_size);
        random_seed(i);
        if (!check_like_reference(codec, state, reference, mutate(stored_size), size)) {
            printf("# mutation %u of a stream of %zu bytes\n", i, stored_size);
            break;
        }
    }
    codec->close(state);
}

// ---- Deflate
// --------------------------------------------------------------------------------------

static const int levels[] = {0, 1, 6, 9};
static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE};

static void deflate_decodes_what_zlib_writes(void)
{
    for (unsigned kind = 0; kind < PLAIN_KINDS; kind++) {
        fill_plain(kind);
        for (size_t level = 0; level < 4; level++) {
            for (size_t strategy = 0; strategy < 4; strategy++) {
                size_t made = deflate_to(stored, CLUSTER, levels[level], 15, strategies[strategy]);
                check_decodes(&codec_deflate, made, CLUSTER);
            }
        }
    }
}

static void deflate_decodes_every_cluster_size(void)
{
    fill_plain(PLAIN_MIXED);
    for (size_t size = 512; size <= CLUSTER; size *= 2) {
        check_decodes(&codec_deflate, deflate_to(stored, size, 6, 12, Z_DEFAULT_STRATEGY), size);
    }
}

static void deflate_knows_windows_of_32_kib(void)
{
    fill_plain(PLAIN_FAR);
    size_t narrow = deflate_to(stored, CLUSTER, 9, 12, Z_DEFAULT_STRATEGY);
    size_t made = deflate_to(stored, CLUSTER, 9, 15, Z_DEFAULT_STRATEGY);
    CHECK(made < narrow * 3 / 4); // it does reach that far back
    check_decodes(&codec_deflate, made, CLUSTER);
}

static void deflate_ignores_what_follows_the_stream(void)
{
    fill_plain(PLAIN_TEXT);
    size_t made = deflate_to(stored, CLUSTER, 6, 12, Z_DEFAULT_STRATEGY);
    memset(stored + made, 0, 1000);
    check_decodes(&codec_deflate, made + 1000, CLUSTER);
    memset(stored + made, 0xff, 1000);
    check_decodes(&codec_deflate, made + 1000, CLUSTER);
    fill_noise(stored + made, 1000);
    check_decodes(&codec_deflate, made + 1000, CLUSTER);
}

static void deflate_cuts_a_stream_that_goes_on(void)
{
    fill_plain(PLAIN_TEXT);
    size_t made = deflate_to(stored, CLUSTER + 1, 6, 15, Z_DEFAULT_STRATEGY);
    check_decodes(&codec_deflate, made, CLUSTER);
    made = deflate_to(stored, 2 * CLUSTER, 6, 15, Z_DEFAULT_STRATEGY);
    check_decodes(&codec_deflate, made, CLUSTER);
}

static void deflate_refuses_a_stream_that_is_too_short(void)
{
    fill_plain(PLAIN_TEXT);
    size_t made = deflate_to(stored, CLUSTER - 1, 6, 15, Z_DEFAULT_STRATEGY);
    check_fails(&codec_deflate, made, CLUSTER);
    memset(stored + made, 0, 512);
    check_fails(&codec_deflate, made + 512, CLUSTER);
    made = deflate_to(stored, 0, 6, 15, Z_DEFAULT_STRATEGY);
    check_fails(&codec_deflate, made, CLUSTER);
}

static void deflate_refuses_a_stream_that_was_cut(void)
{
    fill_plain(PLAIN_TEXT);
    size_t made = deflate_to(stored, CLUSTER, 6, 15, Z_DEFAULT_STRATEGY);
    check_fails(&codec_deflate, made / 2, CLUSTER);
    check_fails(&codec_deflate, 1, CLUSTER);
    check_fails(&codec_deflate, 0, CLUSTER);
}

static void deflate_refuses_damage(void)
{
    memset(stored, 0xff, 512); // block type 3 does not exist
    check_fails(&codec_deflate, 512, CLUSTER);
    memset(stored, 0, 512); // a stored block whose two lengths disagree
    check_fails(&codec_deflate, 512, CLUSTER);
}

// The wrapper that the name "zlib" suggests is none of the format.
static void deflate_refuses_a_zlib_header(void)
{
    uLongf made = STORED_MAX;
    fill_plain(PLAIN_TEXT);
    REQUIRE(compress2(stored, &made, plain, CLUSTER, 6) == Z_OK);
    check_fails(&codec_deflate, made, CLUSTER);
}

static void deflate_decodes_on_after_a_failure(void)
{
    struct bytes garbage = {(const uint8_t *)"\xff\xff\xff", 3};
    fill_plain(PLAIN_TEXT);
    size_t made = deflate_to(stored, CLUSTER, 6, 15, Z_DEFAULT_STRATEGY);
    void *state = codec_deflate.open();
    REQUIRE(state != NULL);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(codec_deflate.decode(state, garbage, output, CLUSTER) != NULL);
        memset(output, 0, CLUSTER);
        CHECK_STR(codec_deflate.decode(state, (struct bytes){stored, made}, output, CLUSTER), NULL);
        CHECK_MEM(output, plain, CLUSTER);
    }
    codec_deflate.close(state);
}

static void deflate_judges_damage_as_zlib_does(void)
{
    const size_t size = 4096;
    for (unsigned kind = 0; kind < PLAIN_KINDS; kind++) {
        for (size_t strategy = 0; strategy < 4; strategy++) {
            fill_plain(kind);
            size_t made = deflate_to(stored, size, 6, 15, strategies[strategy]);
            check_mutations(&codec_deflate, reference_deflate, made, size);
        }
    }
}

static void deflate_judges_noise_as_zlib_does(void)
{
    void *state = codec_deflate.open();
    for (unsigned i = 0; i < 20 * MUTATIONS; i++) {
        random_seed(i);
        size_t size = 1 + random_below(512);
        fill_noise(stored, size);
        if (!check_like_reference(&codec_deflate, state, reference_deflate, size,
                                  1 + random_below(600))) {
            printf("# noise %u\n", i);
            break;
        }
    }
    codec_deflate.close(state);
}

// ---- Deflate blocks written bit by bit -------------------------------------------------------

struct bit_writer {
    size_t bits;
};

static void put_bits(struct bit_writer *writer, unsigned value, unsigned count)
{
    for (unsigned i = 0; i < count; i++, writer->bits++) {
        if (writer->bits % 8 == 0) {
            stored[writer->bits / 8] = 0;
        }
        stored[writer->bits / 8] |= (uint8_t)((value >> i & 1) << (writer->bits % 8));
    }
}

// A last block with codes of its own: of literals only 'A' and 'B', each of `literal_bits` bits,
// and the end of block if `with_end`; `literals` and `distances` are how many lengths it lists.
static size_t put_dynamic_block(unsigned literals, unsigned distances, bool with_end)
{
    static const uint8_t order[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
    struct bit_writer writer = {0};
    put_bits(&writer, 1, 1); // the last block
    put_bits(&writer, 2, 2); // dynamic codes
    put_bits(&writer, literals - 257, 5);
    put_bits(&writer, distances - 1, 5);
    put_bits(&writer, 19 - 4, 4);
    // Lengths of the code length code: 0, 1 and 2 have two bits each, 18 has too.
    for (size_t i = 0; i < sizeof order; i++) {
        bool used = order[i] <= 2 || order[i] == 18;
        put_bits(&writer, used ? 2 : 0, 3);
    }
    // Its codes in order of value: 0 → 00, 1 → 01, 2 → 10, 18 → 11, written with the first bit
    // first.
    const unsigned code0 = 0;
    const unsigned code1 = 2;
    const unsigned code2 = 1;
    for (unsigned i = 0; i < literals + distances; i++) {
        unsigned code = code0;
        if (i == 'A') {
            code = code1; // one bit: 0
        } else if (i == 'B') {
            code = with_end ? code2 : code1; // two bits: 10, or one: 1
        } else if (i == 256 && with_end) {
            code = code2; // 11
        }
        put_bits(&writer, code, 2);
    }
    for (unsigned i = 0; i < 512; i++) {
        put_bits(&writer, 0, 1); // 'A'
    }
    if (with_end) {
        put_bits(&writer, 3, 2);
    }
    return (writer.bits + 7) / 8;
}

static void deflate_decodes_codes_written_by_hand(void)
{
    memset(plain, 'A', 512);
    check_decodes(&codec_deflate, put_dynamic_block(257, 1, true), 512);
    check_decodes(&codec_deflate, put_dynamic_block(286, 30, true), 512);
}

static void check_block_like_zlib(unsigned literals, unsigned distances, bool with_end)
{
    void *state = codec_deflate.open();
    size_t made = put_dynamic_block(literals, distances, with_end);
    CHECK(check_like_reference(&codec_deflate, state, reference_deflate, made, 512));
    codec_deflate.close(state);
}

static void deflate_judges_codes_written_by_hand_as_zlib_does(void)
{
    check_block_like_zlib(257, 1, true);
    check_block_like_zlib(286, 30, true);
}

static void deflate_judges_too_many_codes_as_zlib_does(void)
{
    check_block_like_zlib(287, 1, true);
    check_block_like_zlib(288, 1, true);
    check_block_like_zlib(257, 31, true);
    check_block_like_zlib(257, 32, true);
}

static void deflate_judges_a_block_without_an_end_as_zlib_does(void)
{
    check_block_like_zlib(257, 1, false);
}

// ---- Zstandard
// --------------------------------------------------------------------------------------

static void zstd_decodes_what_libzstd_writes(void)
{
    for (unsigned kind = 0; kind < PLAIN_KINDS; kind++) {
        fill_plain(kind);
        for (unsigned flags = 0; flags < 4; flags++) {
            for (int level = -5; level <= 19; level += 8) {
                struct zstd_frame frame = {(flags & 1) != 0, (flags & 2) != 0, level};
                check_decodes(&codec_zstd, zstd_to(stored, 0, CLUSTER, frame), CLUSTER);
            }
        }
    }
}

static void zstd_decodes_every_cluster_size(void)
{
    fill_plain(PLAIN_MIXED);
    for (size_t size = 512; size <= CLUSTER; size *= 2) {
        check_decodes(&codec_zstd, zstd_to(stored, 0, size, usual_frame), size);
    }
}

static void zstd_decodes_frames_that_follow_each_other(void)
{
    const struct zstd_frame unsized = {.checksum = true, .level = 1};
    fill_plain(PLAIN_TEXT);
    size_t made = zstd_to(stored, 0, 1000, usual_frame);
    made += zstd_to(stored + made, 1000, 30000, unsized);
    made += zstd_to(stored + made, 31000, 0, usual_frame);
    made += zstd_to(stored + made, 31000, CLUSTER - 31000, usual_frame);
    check_decodes(&codec_zstd, made, CLUSTER);
}

static void zstd_skips_frames_that_are_to_be_skipped(void)
{
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'};
    fill_plain(PLAIN_TEXT);
    memcpy(stored, skippable, sizeof skippable);
    size_t made = sizeof skippable;
    made += zstd_to(stored + made, 0, CLUSTER, usual_frame);
    check_decodes(&codec_zstd, made, CLUSTER);
}

static void zstd_ignores_what_follows_the_last_frame(void)
{
    fill_plain(PLAIN_TEXT);
    size_t made = zstd_to(stored, 0, CLUSTER, usual_frame);
    memset(stored + made, 0, 1000);
    check_decodes(&codec_zstd, made + 1000, CLUSTER);
    memset(stored + made, 0xff, 1000);
    check_decodes(&codec_zstd, made + 1000, CLUSTER);
    zstd_to(stored + made, 0, 100, usual_frame);
    check_decodes(&codec_zstd, made + 10, CLUSTER);
}

static void zstd_refuses_a_stream_that_is_too_short(void)
{
    fill_plain(PLAIN_TEXT);
    size_t made = zstd_to(stored, 0, CLUSTER - 1, usual_frame);
    check_fails(&codec_zstd, made, CLUSTER);
    memset(stored + made, 0, 512);
    check_fails(&codec_zstd, made + 512, CLUSTER);
    made = zstd_to(stored, 0, 0, usual_frame);
    check_fails(&codec_zstd, made, CLUSTER);
}

static void zstd_refuses_a_stream_that_was_cut(void)
{
    const struct zstd_frame unsized = {.level = 3};
    fill_plain(PLAIN_MIXED);
    size_t made = zstd_to(stored, 0, CLUSTER, usual_frame);
    check_fails(&codec_zstd, made - 1, CLUSTER);
    check_fails(&codec_zstd, made / 2, CLUSTER);
    check_fails(&codec_zstd, 3, CLUSTER);
    check_fails(&codec_zstd, 0, CLUSTER);
    made = zstd_to(stored, 0, CLUSTER, unsized);
    check_fails(&codec_zstd, made / 2, CLUSTER);
}

// A frame longer than the cluster leaves bytes that were never flushed: the cluster is not its own.
static void zstd_refuses_a_frame_that_goes_on(void)
{
    const struct zstd_frame unsized = {.level = 3};
    fill_plain(PLAIN_TEXT);
    check_fails(&codec_zstd, zstd_to(stored, 0, CLUSTER + 1, usual_frame), CLUSTER);
    check_fails(&codec_zstd, zstd_to(stored, 0, 2 * CLUSTER, unsized), CLUSTER);
}

static void zstd_refuses_damage(void)
{
    const struct zstd_frame checked = {.content_size = true, .checksum = true, .level = 3};
    fill_noise(stored, 512);
    check_fails(&codec_zstd, 512, CLUSTER);
    memset(stored, 0, 512);
    check_fails(&codec_zstd, 512, CLUSTER);
    fill_plain(PLAIN_NOISE);
    size_t made = zstd_to(stored, 0, CLUSTER, checked);
    stored[made / 2] ^= 1; // a literal: only the checksum shows it
    check_fails(&codec_zstd, made, CLUSTER);
}

// A frame may ask for a window of 128 MiB, and a cluster has 2 MiB at most.
static void zstd_needs_no_memory_for_a_large_window(void)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_outBuffer out = {stored, STORED_MAX, 0};
    ZSTD_inBuffer in = {plain, CLUSTER, 0};
    fill_plain(PLAIN_MIXED);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
    // In two steps, so that the encoder does not know how little is to come.
    CHECK_EQ_U64(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush), 0);
    CHECK_EQ_U64(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
    CHECK_EQ_U64(stored[5] >> 3, 27 - 10); // of the frame's window descriptor
    void *state = codec_zstd.open();
    CHECK_STR(decode_with(&codec_zstd, state, out.pos, CLUSTER), NULL);
    CHECK_MEM(output, plain, CLUSTER);
    CHECK(ZSTD_sizeof_DCtx(state) < 1 << 20);
    CHECK(decode_with(&codec_zstd, state, out.pos - 1, CLUSTER) != NULL);
    CHECK(ZSTD_sizeof_DCtx(state) < 1 << 20);
    codec_zstd.close(state);
    ZSTD_freeCCtx(context);
}

// libzstd may know formats older than RFC 8878: here a frame of version 0.7, of 512 equal bytes.
static void zstd_refuses_formats_before_the_standard(void)
{
    static const uint8_t frame[] = {0x27, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x01,
                                    0x80, 0x02, 0x00, 'x',  0xc0, 0x00, 0x00};
    memcpy(stored, frame, sizeof frame);
    if (ZSTD_decompress(expected, 512, stored, sizeof frame) != 512) {
        printf("# this libzstd does not know them\n");
    }
    check_fails(&codec_zstd, sizeof frame, 512);
    // Behind a frame of today, too.
    size_t made = zstd_to(stored, 0, 512, usual_frame);
    memcpy(stored + made, frame, sizeof frame);
    check_fails(&codec_zstd, made + sizeof frame, 1024);
}

static void zstd_decodes_on_after_a_failure(void)
{
    fill_plain(PLAIN_TEXT);
    size_t made = zstd_to(stored, 0, CLUSTER, usual_frame);
    void *state = codec_zstd.open();
    REQUIRE(state != NULL);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(codec_zstd.decode(state, (struct bytes){stored, made / 2}, output, CLUSTER) != NULL);
        memset(output, 0, CLUSTER);
        CHECK_STR(codec_zstd.decode(state, (struct bytes){stored, made}, output, CLUSTER), NULL);
        CHECK_MEM(output, plain, CLUSTER);
    }
    codec_zstd.close(state);
}

static void zstd_judges_damage_as_libzstd_does(void)
{
    const size_t size = 4096;
    for (unsigned kind = 0; kind < PLAIN_KINDS; kind++) {
        for (unsigned flags = 0; flags < 4; flags++) {
            struct zstd_frame frame = {(flags & 1) != 0, (flags & 2) != 0, 3};
            fill_plain(kind);
            size_t made = zstd_to(stored, 0, size, frame);
            check_mutations(&codec_zstd, reference_zstd, made, size);
            fill_plain(kind);
            made = zstd_to(stored, 0, 1000, frame);
            made += zstd_to(stored + made, 1000, size - 1000, usual_frame);
            check_mutations(&codec_zstd, reference_zstd, made, size);
        }
    }
}

// ---- The table of codecs
// ------------------------------------------------------------------------------

static const char *refuse(void *state, struct bytes input, uint8_t *out, size_t size)
{
    (void)state, (void)input, (void)out, (void)size;
    return "refused";
}

static void codecs_are_found_by_compression_type(void)
{
    CHECK(codec_find(0) == &codec_deflate);
    CHECK(codec_find(1) == &codec_zstd);
    CHECK(codec_find(2) == NULL);
    CHECK(codec_find(255) == NULL);
    CHECK_STR(codec_find(0)->name, "zlib");
    CHECK_STR(codec_find(1)->name, "zstd");
}

static void a_codec_can_be_replaced_and_put_back(void)
{
    struct codec mine = codec_zstd;
    mine.decode = refuse;
    codec_replace(1, &mine);
    CHECK(codec_find(1) == &mine);
    CHECK(codec_find(0) == &codec_deflate);
    codec_replace(1, NULL);
    CHECK(codec_find(1) == &codec_zstd);
    codec_replace(2, &mine); // there is no such row
    CHECK(codec_find(2) == NULL);
}

static void closing_no_state_is_fine(void)
{
    codec_deflate.close(NULL);
    codec_zstd.close(NULL);
}

static void run_deflate(void)
{
    RUN(deflate_decodes_what_zlib_writes);
    RUN(deflate_decodes_every_cluster_size);
    RUN(deflate_knows_windows_of_32_kib);
    RUN(deflate_ignores_what_follows_the_stream);
    RUN(deflate_cuts_a_stream_that_goes_on);
    RUN(deflate_refuses_a_stream_that_is_too_short);
    RUN(deflate_refuses_a_stream_that_was_cut);
    RUN(deflate_refuses_damage);
    RUN(deflate_refuses_a_zlib_header);
    RUN(deflate_decodes_on_after_a_failure);
    RUN(deflate_judges_damage_as_zlib_does);
    RUN(deflate_judges_noise_as_zlib_does);
    RUN(deflate_decodes_codes_written_by_hand);
    RUN(deflate_judges_codes_written_by_hand_as_zlib_does);
    RUN(deflate_judges_too_many_codes_as_zlib_does);
    RUN(deflate_judges_a_block_without_an_end_as_zlib_does);
}

static void run_zstd(void)
{
    RUN(zstd_decodes_what_libzstd_writes);
    RUN(zstd_decodes_every_cluster_size);
    RUN(zstd_decodes_frames_that_follow_each_other);
    RUN(zstd_skips_frames_that_are_to_be_skipped);
    RUN(zstd_ignores_what_follows_the_last_frame);
    RUN(zstd_refuses_a_stream_that_is_too_short);
    RUN(zstd_refuses_a_stream_that_was_cut);
    RUN(zstd_refuses_a_frame_that_goes_on);
    RUN(zstd_refuses_damage);
    RUN(zstd_needs_no_memory_for_a_large_window);
    RUN(zstd_refuses_formats_before_the_standard);
    RUN(zstd_decodes_on_after_a_failure);
    RUN(zstd_judges_damage_as_libzstd_does);
}

int main(void)
{
    run_deflate();
    run_zstd();
    RUN(codecs_are_found_by_compression_type);
    RUN(a_codec_can_be_replaced_and_put_back);
    RUN(closing_no_state_is_fine);
    return unit_done();
}
