// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/codec.h"
#include "codec/deflate_blocks.h"

#include <stdlib.h>
#include <zlib.h>

#if WITH_LIBDEFLATE
#include <libdeflate.h>
#endif

enum { WINDOW_BITS = 15 };

struct deflate {
    z_stream stream;
#if WITH_LIBDEFLATE
    struct libdeflate_decompressor *one_shot;
#endif
};

static void deflate_close(void *state)
{
    struct deflate *deflate = state;
    if (deflate) {
        inflateEnd(&deflate->stream);
#if WITH_LIBDEFLATE
        libdeflate_free_decompressor(deflate->one_shot);
#endif
        free(deflate);
    }
}

static void *deflate_open(void)
{
    struct deflate *deflate = calloc(1, sizeof *deflate);
    if (!deflate) {
        return NULL;
    }
    // A negative number of window bits asks for a raw stream, without the zlib header.
    if (inflateInit2(&deflate->stream, -WINDOW_BITS) != Z_OK) {
        free(deflate);
        return NULL;
    }
#if WITH_LIBDEFLATE
    deflate->one_shot = libdeflate_alloc_decompressor();
    if (!deflate->one_shot) {
        deflate_close(deflate);
        return NULL;
    }
#endif
    return deflate;
}

static const char *inflate_stream(z_stream *stream, struct bytes stored, uint8_t *output,
                                  size_t size)
{
    stream->next_in = (z_const Bytef *)(uintptr_t)stored.data;
    stream->avail_in = (uInt)stored.size;
    stream->next_out = output;
    stream->avail_out = (uInt)size;
    if (inflateReset(stream) != Z_OK) {
        return "the decoder cannot be reset";
    }
    int status = inflate(stream, Z_FINISH);
    if (status == Z_DATA_ERROR) {
        return "the deflate stream is damaged";
    }
    if (status == Z_MEM_ERROR) {
        return codec_no_memory;
    }
    if (stream->avail_out > 0) {
        return codec_short;
    }
    return NULL;
}

#if WITH_LIBDEFLATE
// libdeflate accepts codes that RFC 1951 does not have and zlib refuses.
static bool decodes_at_once(const struct deflate *deflate, struct bytes stored, uint8_t *output,
                            size_t size)
{
    return libdeflate_deflate_decompress(deflate->one_shot, stored.data, stored.size, output, size,
                                         NULL) == LIBDEFLATE_SUCCESS &&
           deflate_blocks_sound(stored);
}
#endif

// One shot where the stream ends with the cluster, as all writers make it. What is not that gets
// its verdict from zlib.
static const char *deflate_decode(void *state, struct bytes stored, uint8_t *output, size_t size)
{
    struct deflate *deflate = state;
#if WITH_LIBDEFLATE
    if (decodes_at_once(deflate, stored, output, size)) {
        return NULL;
    }
#endif
    return inflate_stream(&deflate->stream, stored, output, size);
}

const struct codec codec_deflate = {
    .name = "zlib", .open = deflate_open, .decode = deflate_decode, .close = deflate_close};
