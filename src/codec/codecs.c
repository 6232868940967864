// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/codecs.h"

static const struct codec *const built_in[CODEC_COUNT] = {&codec_deflate, &codec_zstd};
static const struct codec *replaced[CODEC_COUNT];

const struct codec *codec_find(uint8_t compression_type)
{
    if (compression_type >= CODEC_COUNT) {
        return NULL;
    }
    const struct codec *codec = replaced[compression_type];
    return codec ? codec : built_in[compression_type];
}

void codec_replace(uint8_t compression_type, const struct codec *codec)
{
    if (compression_type < CODEC_COUNT) {
        replaced[compression_type] = codec;
    }
}
