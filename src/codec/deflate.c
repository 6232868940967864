// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/codec.h"
#include "codec/deflate_fast.h"

#include <stdlib.h>
#include <zlib.h>

enum { WINDOW_BITS = 15 };

struct deflate {
    z_stream stream;
#if WITH_LIBDEFLATE
    struct deflate_fast *fast;
#endif
};

static void deflate_close(void *state)
{
    struct deflate *deflate = state;
    if (deflate) {
        inflateEnd(&deflate->stream);
#if WITH_LIBDEFLATE
        deflate_fast_close(deflate->fast);
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
    deflate->fast = deflate_fast_open();
    if (!deflate->fast) {
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

// libdeflate decodes streams that end with the cluster, as all writers make them. zlib decodes or
// refuses any other stream.
static const char *deflate_decode(void *state, struct bytes stored, uint8_t *output, size_t size)
{
    struct deflate *deflate = state;
#if WITH_LIBDEFLATE
    if (deflate_fast_decode(deflate->fast, stored, output, size)) {
        return NULL;
    }
#endif
    return inflate_stream(&deflate->stream, stored, output, size);
}

const struct codec codec_deflate = {
    .name = "zlib", .open = deflate_open, .decode = deflate_decode, .close = deflate_close};
