// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Decodes deflate streams with libdeflate, and refuses what zlib refuses. Only in builds with
// libdeflate.

#ifndef CODEC_DEFLATE_FAST_H
#define CODEC_DEFLATE_FAST_H

#include "base/bytes.h"

// The state of one thread.
struct deflate_fast;

struct deflate_fast *deflate_fast_open(void); // NULL: out of memory
void deflate_fast_close(struct deflate_fast *fast);

// Decodes a stream of exactly `size` bytes. False when the stream is damaged or longer, or when
// there is doubt: zlib decides then.
bool deflate_fast_decode(struct deflate_fast *fast, struct bytes stored, uint8_t *output,
                         size_t size);

#endif
