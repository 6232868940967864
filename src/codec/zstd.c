// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/codec.h"

// For ZSTD_d_stableOutBuffer, which some versions of libzstd lack.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

static const char damaged[] = "the zstd stream is damaged";
// libzstd accepts any window in a frame that is complete.
static const char large_window[] = "the zstd frame asks for a window of more than 128 MiB";
static const char goes_on[] = "the zstd frame continues past the end of the cluster";

// The output buffer does not move while a cluster is decoded. With this setting libzstd reads
// earlier output from it and needs no window of its own, which a frame could make 128 MiB long.
static void *zstd_open(void)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
#ifdef ZSTD_d_stableOutBuffer
    if (context) {
        ZSTD_DCtx_setParameter(context, ZSTD_d_stableOutBuffer, 1);
    }
#endif
    return context;
}

static void zstd_close(void *state)
{
    ZSTD_freeDCtx(state);
}

// False when no frame of RFC 8878 begins here. libzstd may also have decoders for older formats: no
// image uses them, and their code is old and little tested.
static bool may_be_frame(struct bytes stored)
{
    struct bytes magic;
    if (!bytes_view(stored, 0, sizeof(uint32_t), &magic)) {
        return true; // too short to decide
    }
    uint32_t number = __builtin_bswap32(bytes_be32(magic, 0));
    return number == ZSTD_MAGICNUMBER ||
           (number & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

// One frame for the whole cluster, as all programs write it.
static bool decode_one_frame(ZSTD_DCtx *context, struct bytes stored, uint8_t *output, size_t size)
{
    if (ZSTD_getFrameContentSize(stored.data, stored.size) != size) {
        return false;
    }
    size_t frame = ZSTD_findFrameCompressedSize(stored.data, stored.size);
    return !ZSTD_isError(frame) &&
           ZSTD_decompressDCtx(context, output, size, stored.data, frame) == size;
}

static const char *error_text(size_t status)
{
    switch (ZSTD_getErrorCode(status)) {
    case ZSTD_error_dstSize_tooSmall:
        return goes_on;
    case ZSTD_error_frameParameter_windowTooLarge:
        return large_window;
    case ZSTD_error_memory_allocation:
        return codec_no_memory;
    default:
        return damaged;
    }
}

static const char *decode_stream(ZSTD_DCtx *context, struct bytes stored, uint8_t *output,
                                 size_t size)
{
    ZSTD_inBuffer in = {stored.data, stored.size, 0};
    ZSTD_outBuffer out = {output, size, 0};
    size_t status = 0;
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    while (out.pos < out.size) {
        size_t consumed = in.pos;
        size_t produced = out.pos;
        if (status == 0 && !may_be_frame(bytes_from(stored, in.pos))) {
            return damaged;
        }
        status = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(status)) {
            return error_text(status);
        }
        if (in.pos == consumed && out.pos == produced) {
            return codec_short;
        }
    }
    return status == 0 ? NULL : goes_on;
}

static const char *zstd_decode(void *state, struct bytes stored, uint8_t *output, size_t size)
{
    if (may_be_frame(stored) && decode_one_frame(state, stored, output, size)) {
        return NULL;
    }
    return decode_stream(state, stored, output, size);
}

const struct codec codec_zstd = {
    .name = "zstd", .open = zstd_open, .decode = zstd_decode, .close = zstd_close};
