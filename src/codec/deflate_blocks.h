// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The blocks of a deflate stream (RFC 1951), without what they decode to. A fast decoder may accept
// codes that the RFC does not have; these are found here. Positions are bits from the start of the
// stream, the lowest bit of a byte first.

#ifndef CODEC_DEFLATE_BLOCKS_H
#define CODEC_DEFLATE_BLOCKS_H

#include "base/bytes.h"

enum deflate_block_type { DEFLATE_STORED, DEFLATE_FIXED, DEFLATE_DYNAMIC };

struct deflate_block {
    uint64_t start; // of its header
    bool is_last;
    enum deflate_block_type type;
    struct bytes plain;          // of a stored block: a view,
    uint64_t plain_end;          // ... and where it ends
    unsigned end_bits, end_code; // of a dynamic block: the code that ends it, its first bit lowest
};

// Reads the header of the block at `start`. False unless its codes are those of the RFC: at most
// 286 literal and length codes and 30 distance codes, complete, their lengths within their table.
bool deflate_block_read(struct bytes stored, uint64_t start, struct deflate_block *block);

// Finds the end of a dynamic block that was decoded: the position from `most` - 7 to `most` that
// follows the code which ends the block. False when several of them do, and for other blocks.
bool deflate_block_find_end(struct bytes stored, const struct deflate_block *block, uint64_t most,
                            uint64_t *end);

// Reads a block that is not stored to its end, which takes as long as to decode it. False when a
// symbol has no meaning or the stream ends first.
bool deflate_block_skip(struct bytes stored, const struct deflate_block *block, uint64_t *end);

#endif
