// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The decoders. The first byte of an input says how large a cluster is, the rest is what is stored.

#include "codec/codec.h"
#include "deflate_zlib.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

struct decoded {
    const char *fault;
    uint8_t *output; // owned, of exactly
    size_t size;     // bytes
};

static size_t cluster_size(struct bytes input)
{
    return (size_t)512 << bytes_u8(input, 0) % 6; // up to 16 KiB
}

static struct decoded decode(const struct codec *codec, void *state, struct bytes stored,
                             size_t size, int fill)
{
    struct decoded decoded = {.output = malloc(size), .size = size};
    MUST(decoded.output);
    memset(decoded.output, fill, size);
    decoded.fault = codec->decode(state, stored, decoded.output, size);
    return decoded;
}

// Any verdict is fine, if it is the same the next time, whatever was decoded in between and
// whatever was in the output before.
static struct decoded must_decode_alike(const struct codec *codec, struct bytes input)
{
    size_t size = cluster_size(input);
    struct bytes stored = bytes_from(input, 1);
    void *state = codec->open();
    MUST(state);
    struct decoded first = decode(codec, state, stored, size, 0);
    stored.size /= 2;
    struct decoded half = decode(codec, state, stored, size, 0);
    // Half of a sound stream is too short, or fills the cluster, but has no damage.
    if (!first.fault) {
        MUST(!half.fault || !strstr(half.fault, "damaged"));
        MUST(half.fault || memcmp(first.output, half.output, size) == 0);
    }
    struct decoded again = decode(codec, state, bytes_from(input, 1), size, 0xa5);
    MUST(first.fault == again.fault);
    MUST(first.fault || memcmp(first.output, again.output, size) == 0);
    codec->close(state);
    free(half.output);
    free(again.output);
    return first;
}

// Bytes after the cluster are ignored.
static void must_ignore_rest(const struct codec *codec, struct bytes input,
                             const struct decoded *sound)
{
    size_t size = input.size + 100;
    uint8_t *longer = malloc(size);
    void *state = codec->open();
    MUST(longer && state);
    memset(longer, 0xff, size);
    memcpy(longer, input.data, input.size);
    struct bytes stored = {longer + 1, size - 1};
    struct decoded decoded = decode(codec, state, stored, sound->size, 0);
    MUST(!decoded.fault && memcmp(decoded.output, sound->output, sound->size) == 0);
    codec->close(state);
    free(decoded.output);
    free(longer);
}

void run_zstd(struct bytes input)
{
    struct decoded decoded = must_decode_alike(&codec_zstd, input);
    if (!decoded.fault) {
        must_ignore_rest(&codec_zstd, input, &decoded);
    }
    free(decoded.output);
}

void run_deflate_zlib(struct bytes input)
{
    free(must_decode_alike(&codec_deflate_zlib, input).output);
}

void run_deflate(struct bytes input)
{
    size_t size = cluster_size(input);
    void *state = codec_deflate.open();
    MUST(state);
    struct decoded first = decode(&codec_deflate, state, bytes_from(input, 1), size, 0);
    struct decoded again = decode(&codec_deflate, state, bytes_from(input, 1), size, 0xa5);
    MUST(first.fault == again.fault);
    MUST(first.fault || memcmp(first.output, again.output, size) == 0);
    codec_deflate.close(state);
    free(first.output);
    free(again.output);
}

// One verdict, with libdeflate and without.
void run_deflate_both(struct bytes input)
{
    struct bytes stored = bytes_from(input, 1);
    size_t size = cluster_size(input);
    void *ours = codec_deflate.open();
    void *zlib = codec_deflate_zlib.open();
    MUST(ours && zlib);
    struct decoded built = decode(&codec_deflate, ours, stored, size, 0);
    struct decoded plain = decode(&codec_deflate_zlib, zlib, stored, size, 0);
    MUST(built.fault == plain.fault || (built.fault && plain.fault));
    MUST(built.fault || memcmp(built.output, plain.output, size) == 0);
    codec_deflate.close(ours);
    codec_deflate_zlib.close(zlib);
    free(built.output);
    free(plain.output);
}
