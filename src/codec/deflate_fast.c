// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// libdeflate accepts codes that RFC 1951 does not have, so the header of each block is read before.
// Where a block begins is known only when the block before is decoded. Therefore a stream of
// several blocks is given to libdeflate block by block, each as a stream of its own: a stored block
// with the output before it, to which it refers, and a copy of the block that says it is the last
// one.

#include "codec/deflate_fast.h"

#if WITH_LIBDEFLATE

#include "base/checked.h"
#include "codec/deflate_blocks.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_MAX = 32768, // bytes to which a block can refer
    STORED_HEADER = 5,  // bytes
    BLOCK_MAX = 65536,  // bytes of a block: writers begin another one before
    BLOCK_LEAST = 4096, // bytes of a block on average: zlib is faster with smaller ones
    BLOCKS_FEW = 4,     // more than this many have to be as large on average
};

struct deflate_fast {
    struct libdeflate_decompressor *decoder;
    uint8_t input[STORED_HEADER + WINDOW_MAX + BLOCK_MAX];
};

// A stream that is being decoded.
struct stream {
    struct deflate_fast *fast;
    struct bytes stored;
    uint8_t *output;
    size_t size, done; // bytes of the output
};

struct deflate_fast *deflate_fast_open(void)
{
    struct deflate_fast *fast = malloc(sizeof *fast);
    if (fast) {
        fast->decoder = libdeflate_alloc_decompressor();
    }
    if (fast && !fast->decoder) {
        free(fast);
        return NULL;
    }
    return fast;
}

void deflate_fast_close(struct deflate_fast *fast)
{
    if (fast) {
        libdeflate_free_decompressor(fast->decoder);
        free(fast);
    }
}

// Writes a stored block with the last `size` bytes of the output, and returns its size.
static size_t put_window(const struct stream *stream, size_t size)
{
    uint8_t *input = stream->fast->input;
    input[0] = 0;
    input[1] = (uint8_t)size;
    input[2] = (uint8_t)(size >> 8);
    input[3] = (uint8_t)~input[1];
    input[4] = (uint8_t)~input[2];
    memcpy(input + STORED_HEADER, stream->output + stream->done - size, size);
    return STORED_HEADER + size;
}

// Copies the bits of the stream from a position on, up to BLOCK_MAX bytes, and returns their size.
static size_t put_bits(struct bytes stored, uint64_t position, uint8_t *to)
{
    struct bytes from = bytes_from(stored, (size_t)(position / 8));
    unsigned shift = position % 8;
    size_t size = min_u64(from.size, BLOCK_MAX);
    size_t i = 0;
    if (size >= 16) {
        uint64_t word = load_le64(from.data);
        for (; i <= size - 16; i += 8) {
            uint64_t next = load_le64(from.data + i + 8);
            store_le64(to + i, word >> shift | next << 1 << (63 - shift));
            word = next;
        }
    }
    for (; i < size; i++) {
        unsigned next = i + 1 < from.size ? from.data[i + 1] : 0;
        to[i] = (uint8_t)((from.data[i] | next << 8) >> shift);
    }
    return size;
}

// Decodes a block that is not stored. Sets `*most` to the last position where it can end.
static bool decode_block(struct stream *stream, const struct deflate_block *block, uint64_t *most)
{
    size_t window = min_u64(stream->done, WINDOW_MAX);
    size_t before = put_window(stream, window);
    uint8_t *input = stream->fast->input;
    size_t size = before + put_bits(stream->stored, block->start, input + before);
    size_t read;
    size_t made;
    input[before] |= 1; // the last block
    if (libdeflate_deflate_decompress_ex(
            stream->fast->decoder, input, size, stream->output + stream->done - window,
            window + stream->size - stream->done, &read, &made) != LIBDEFLATE_SUCCESS) {
        return false;
    }
    stream->done += made - window;
    *most = block->start + 8 * (uint64_t)(read - before);
    return true;
}

static bool copy_stored(struct stream *stream, struct bytes plain)
{
    if (plain.size > stream->size - stream->done) {
        return false;
    }
    memcpy(stream->output + stream->done, plain.data, plain.size);
    stream->done += plain.size;
    return true;
}

// Decodes a block, and sets `*end` to where the next one begins.
static bool take_block(struct stream *stream, const struct deflate_block *block, uint64_t *end)
{
    uint64_t most;
    if (block->type == DEFLATE_STORED) {
        *end = block->plain_end;
        return copy_stored(stream, block->plain);
    }
    if (!decode_block(stream, block, &most)) {
        return false;
    }
    // With complete codes every decoder reads the last block alike.
    return (block->is_last && block->type == DEFLATE_DYNAMIC) ||
           deflate_block_find_end(stream->stored, block, most, end) ||
           deflate_block_skip(stream->stored, block, end);
}

static bool decode_blocks(struct stream *stream, struct deflate_block *block)
{
    uint64_t end;
    size_t most = BLOCKS_FEW + stream->stored.size / BLOCK_LEAST;
    for (size_t i = 0; i < most && take_block(stream, block, &end); i++) {
        if (block->is_last) {
            return stream->done == stream->size;
        }
        if (!deflate_block_read(stream->stored, end, block)) {
            return false;
        }
    }
    return false;
}

bool deflate_fast_decode(struct deflate_fast *fast, struct bytes stored, uint8_t *output,
                         size_t size)
{
    struct stream stream = {.fast = fast, .stored = stored, .output = output, .size = size};
    struct deflate_block block;
    if (!deflate_block_read(stored, 0, &block)) {
        return false;
    }
    // QEMU writes most clusters of 64 KiB like this.
    if (block.is_last && block.type == DEFLATE_DYNAMIC) {
        return libdeflate_deflate_decompress(fast->decoder, stored.data, stored.size, output, size,
                                             NULL) == LIBDEFLATE_SUCCESS;
    }
    return decode_blocks(&stream, &block);
}

#endif
