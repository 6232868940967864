// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Decompressors by compression type.

#ifndef CODEC_CODECS_H
#define CODEC_CODECS_H

#include "codec/codec.h"

enum { CODEC_COUNT = 2 };

// The codec for a compression type of the header; NULL: none.
const struct codec *codec_find(uint8_t compression_type);

// Replaces the codec of a compression type; NULL restores the built-in one. Do not call it while
// other threads decode.
void codec_replace(uint8_t compression_type, const struct codec *codec);

#endif
