// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The blocks of a deflate stream, without what they decode to. A fast decoder may accept codes that
// RFC 1951 does not have; these are found here.

#ifndef CODEC_DEFLATE_BLOCKS_H
#define CODEC_DEFLATE_BLOCKS_H

#include "base/bytes.h"

// True when all codes of the stream that a decoder has accepted are those of RFC 1951: at most 286
// literal and length codes and 30 distance codes, complete, their lengths within their table, and
// no symbol that has no meaning. False when there is doubt: a decoder that refuses such codes
// decides.
//
// A stream of one block with codes of its own, as QEMU writes most clusters of 64 KiB, costs the
// header of that block. Fixed codes and each block before the last are read through, which takes as
// long as to decode them.
bool deflate_blocks_sound(struct bytes stored);

#endif
