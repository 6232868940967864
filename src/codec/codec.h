// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A decompressor.

#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include "base/bytes.h"

struct codec {
    const char *name;
    // The state of one thread for decoding; NULL when it cannot be made.
    void *(*open)(void);
    // Decodes `stored` until the output has `size` bytes. Further input is ignored, because the
    // stored size is an upper bound. Returns NULL, or a text that says what is wrong with the
    // stream.
    const char *(*decode)(void *state, struct bytes stored, uint8_t *output, size_t size);
    void (*close)(void *state);
};

// decode() returns this when the stored bytes end before the output is full: more bytes might help.
// Any other fault is damage.
extern const char codec_short[];

// decode() returns this when there is no memory: the stream may be good.
extern const char codec_no_memory[];

// Raw streams, RFC 1951, windows up to 32 KiB. Deflate has no checksum, so damage that still makes
// a stream goes unseen by any decoder. The verdict is zlib's, also where libdeflate is built in.
extern const struct codec codec_deflate;
extern const struct codec codec_zstd; // frames, RFC 8878, one after another

#endif
