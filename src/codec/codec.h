// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Decompressors by compression type.

#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include "base/bytes.h"

struct codec {
    const char *name;
    // What one thread needs to decode; NULL when it cannot be had.
    void *(*open)(void);
    // Decodes `stored` until `size` bytes of output are full. Input after that is ignored: a
    // stored extent is an upper bound. Returns NULL, or what is wrong with the stream, in words.
    const char *(*decode)(void *state, struct bytes stored, uint8_t *output, size_t size);
    void (*close)(void *state);
};

// What decode() returns when the stored bytes end before the output is full: more of them might
// have helped. Any other fault is damage.
extern const char codec_short[];

// What decode() returns when there was no memory for it, which says nothing of the stream.
extern const char codec_no_memory[];

enum { CODEC_COUNT = 2 };

// The codec of a compression type of the header; NULL when there is none.
const struct codec *codec_find(uint8_t compression_type);

// Puts `codec` in the place of the one that is there; NULL puts the built-in one back. Not while
// other threads decode.
void codec_replace(uint8_t compression_type, const struct codec *codec);

// Raw streams, RFC 1951, windows up to 32 KiB. Deflate has no checksum, so damage that still makes
// a stream goes unseen by any decoder. The verdict is zlib's, also where libdeflate is built in.
extern const struct codec codec_deflate;
extern const struct codec codec_zstd; // frames, RFC 8878, one after the other

#endif
