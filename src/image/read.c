// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/read.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    // Compressed clusters are fetched together up to this many bytes of the file.
    FETCH_MAX = 1 << 20,
    // ... which may be twice the bytes that are needed, plus this many: small gaps are cheaper to
    // read than to skip.
    FETCH_GAP = 16 * 1024,
    // Encrypted data is read and decrypted in pieces that fit into a processor cache.
    DECRYPT_MAX = 128 * 1024,
};

struct reader reader_make(const struct chain *chain)
{
    return (struct reader){.chain = chain};
}

void reader_free(struct reader *reader)
{
    for (size_t type = 0; type < CODEC_COUNT; type++) {
        if (reader->codec_states[type]) {
            codec_find((uint8_t)type)->close(reader->codec_states[type]);
        }
    }
    for (size_t depth = 0; reader->ciphers && depth < reader->chain->count; depth++) {
        cipher_state_close(reader->ciphers[depth]);
    }
    free(reader->ciphers);
    free(reader->stored);
    free(reader->cluster);
    *reader = (struct reader){0};
}

static bool reserve(uint8_t **buffer, size_t *capacity, size_t size, struct error *error)
{
    if (size <= *capacity) {
        return true;
    }
    uint8_t *grown = malloc(size);
    if (!grown) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    free(*buffer);
    *buffer = grown;
    *capacity = size;
    return true;
}

static struct source *stored_source(const struct reader *reader, const struct extent *extent)
{
    return reader->chain->layers[extent->depth].image->source;
}

// Reads [start, start + size) of the layer's file, or as much as there is: the size of a compressed
// cluster is an upper bound, rounded up to sectors. Missing bytes are not replaced by zeros,
// because a decoder could turn them into wrong data.
static bool fetch(struct reader *reader, const struct extent *extent, uint64_t start, size_t size,
                  struct error *error)
{
    struct source *source = stored_source(reader, extent);
    size_t there = (size_t)min_u64(size, source->size - min_u64(start, source->size));
    reader->stored_size = 0;
    if (!reserve(&reader->stored, &reader->stored_capacity, size, error) ||
        !source_read(source, start, reader->stored, there, error)) {
        return false;
    }
    reader->stored_start = start;
    reader->stored_size = there;
    reader->stored_depth = extent->depth;
    return true;
}

static bool find_stored(const struct reader *reader, const struct extent *extent,
                        struct bytes *stored)
{
    struct bytes whole = {reader->stored, reader->stored_size};
    return reader->stored_size > 0 && reader->stored_depth == extent->depth &&
           extent->host_offset >= reader->stored_start &&
           bytes_view(whole, extent->host_offset - reader->stored_start, extent->stored_size,
                      stored);
}

static const char *decode(struct reader *reader, uint8_t type, struct bytes stored, uint8_t *output,
                          size_t size)
{
    const struct codec *codec = codec_find(type);
    if (!codec) {
        return "its compression type is unknown";
    }
    if (!reader->codec_states[type]) {
        reader->codec_states[type] = codec->open();
    }
    if (!reader->codec_states[type]) {
        return codec_no_memory;
    }
    return codec->decode(reader->codec_states[type], stored, output, size);
}

// `cut`: the file ends before the stored bytes do.
static bool undecodable(const struct reader *reader, const struct extent *extent, bool cut,
                        const char *fault, struct error *error)
{
    const struct source *source = stored_source(reader, extent);
    if (fault == codec_no_memory) {
        return error_set(error, ERROR_MEMORY, "%s", fault);
    }
    if (!cut) {
        return error_at(error, ERROR_UNDECODABLE, extent->host_offset,
                        "the compressed cluster cannot be decoded: %s", fault);
    }
    return error_at(
        error, source_complete(source) ? ERROR_TRUNCATED : ERROR_UNSEEN, extent->host_offset,
        "the compressed cluster cannot be decoded: it continues past the %s at %" PRIu64,
        source_complete(source) ? "end of the file" : "bytes that were read", source->size);
}

// Decodes the whole cluster that contains `extent`.
static bool decode_cluster(struct reader *reader, const struct extent *extent, uint8_t *output,
                           struct error *error)
{
    const struct header *header = &reader->chain->layers[extent->depth].image->header;
    struct bytes stored;
    if (!find_stored(reader, extent, &stored)) {
        if (!fetch(reader, extent, extent->host_offset, extent->stored_size, error)) {
            return false;
        }
        stored = (struct bytes){reader->stored, reader->stored_size};
    }
    const char *fault =
        decode(reader, header->compression_type, stored, output, header->cluster_size);
    if (fault) {
        bool cut = fault == codec_short && stored.size < extent->stored_size;
        return undecodable(reader, extent, cut, fault, error);
    }
    return true;
}

static bool is_decoded(const struct reader *reader, const struct extent *extent)
{
    const struct decoded *decoded = &reader->decoded;
    return decoded->valid && decoded->depth == extent->depth &&
           decoded->host_offset == extent->host_offset &&
           decoded->stored_size == extent->stored_size;
}

// A range of a layer's file, and the bytes of compressed clusters in it.
struct span {
    uint64_t start, end;
    uint64_t wanted; // bytes; a cluster that repeats in a row counts once
};

// True when reading the whole range is faster than reading cluster by cluster.
static bool is_dense(const struct span *span)
{
    uint64_t size = span->end - span->start;
    return size <= FETCH_MAX && size <= 2 * span->wanted + FETCH_GAP;
}

// The range around the first of `extents` and the next extents, as many as keep it dense. Programs
// that write with several threads leave clusters near each other, but not in order.
static struct span dense_span(const struct extent *extents, size_t count)
{
    uint64_t last = extents[0].host_offset;
    struct span dense = {last, last + extents[0].stored_size, extents[0].stored_size};
    struct span span = dense;
    for (size_t i = 1; i < count; i++) {
        const struct extent *next = &extents[i];
        if (!extent_compressed(next) || next->host_offset == last) {
            continue;
        }
        if (next->depth != extents[0].depth) {
            break;
        }
        last = next->host_offset;
        span.start = min_u64(span.start, last);
        span.end = max_u64(span.end, last + next->stored_size);
        span.wanted += next->stored_size;
        if (is_dense(&span)) {
            dense = span;
        }
    }
    return dense;
}

void reader_fetch(struct reader *reader, const struct extent *extents, size_t count)
{
    struct bytes stored;
    struct error error;
    if (count == 0 || !extent_compressed(&extents[0]) || is_decoded(reader, &extents[0]) ||
        find_stored(reader, &extents[0], &stored)) {
        return;
    }
    struct span span = dense_span(extents, count);
    fetch(reader, &extents[0], span.start, (size_t)(span.end - span.start), &error);
}

// The other parts of the cluster are often needed next: keep it, so that it is decoded once.
static bool keep_decoded(struct reader *reader, const struct extent *extent, struct error *error)
{
    size_t size = reader->chain->layers[extent->depth].image->header.cluster_size;
    if (is_decoded(reader, extent)) {
        return true;
    }
    reader->decoded.valid = false;
    if (!reserve(&reader->cluster, &reader->cluster_capacity, size, error) ||
        !decode_cluster(reader, extent, reader->cluster, error)) {
        return false;
    }
    reader->decoded =
        (struct decoded){true, extent->depth, extent->host_offset, extent->stored_size};
    return true;
}

static bool read_compressed(struct reader *reader, const struct extent *extent, uint8_t *buffer,
                            struct error *error)
{
    if (extent->length == reader->chain->layers[extent->depth].image->header.cluster_size) {
        return decode_cluster(reader, extent, buffer, error);
    }
    if (!keep_decoded(reader, extent, error)) {
        return false;
    }
    memcpy(buffer, reader->cluster + (extent->start - extent->cluster), extent->length);
    return true;
}

static struct cipher_state *find_cipher(struct reader *reader, size_t depth, struct error *error)
{
    if (!reader->ciphers) {
        reader->ciphers = calloc(reader->chain->count, sizeof(struct cipher_state *));
    }
    if (reader->ciphers && !reader->ciphers[depth]) {
        reader->ciphers[depth] = cipher_state_open(reader->chain->layers[depth].cipher);
    }
    if (!reader->ciphers || !reader->ciphers[depth]) {
        error_set(error, ERROR_MEMORY, "cannot start the cipher");
        return NULL;
    }
    return reader->ciphers[depth];
}

// Reads whole sectors of the layer of `extent`.
static bool read_sectors(struct reader *reader, const struct extent *extent, uint64_t host_offset,
                         uint64_t guest_offset, uint8_t *buffer, size_t size, struct error *error)
{
    const struct layer *layer = &reader->chain->layers[extent->depth];
    struct cipher_state *cipher = find_cipher(reader, extent->depth, error);
    if (!cipher || !source_read(layer_data(layer), host_offset, buffer, size, error)) {
        return false;
    }
    uint64_t sector = encryption_sector(layer->image, host_offset, guest_offset);
    return cipher_decrypt(cipher, sector, buffer, size)
               ? true
               : error_at(error, ERROR_IO, host_offset, "cannot decrypt the data");
}

// Whole sectors are decrypted, even if only a part of the first or the last one is needed.
static bool read_encrypted(struct reader *reader, const struct extent *extent, uint8_t *buffer,
                           struct error *error)
{
    uint8_t sector[SECTOR_SIZE] = {0};
    for (uint64_t done = 0; done < extent->length;) {
        uint64_t host = extent->host_offset + done;
        uint64_t guest = extent->start + done;
        uint64_t rest = min_u64(extent->length - done, DECRYPT_MAX);
        size_t skipped = host % SECTOR_SIZE;
        size_t size = (size_t)align_down(rest, SECTOR_SIZE);
        bool whole = skipped == 0 && size > 0;
        if (!read_sectors(reader, extent, host - skipped, guest - skipped,
                          whole ? buffer + done : sector, whole ? size : sizeof sector, error)) {
            return false;
        }
        if (!whole) {
            size = (size_t)min_u64(rest, SECTOR_SIZE - skipped);
            memcpy(buffer + done, sector + skipped, size);
        }
        done += size;
    }
    return true;
}

static bool read_any(struct reader *reader, const struct extent *extent, uint8_t *buffer,
                     struct error *error)
{
    switch (extent->kind) {
    case CLUSTER_DATA:
        if (extent->encrypted) {
            return read_encrypted(reader, extent, buffer, error);
        }
        return source_read(layer_data(&reader->chain->layers[extent->depth]), extent->host_offset,
                           buffer, (size_t)extent->length, error);
    case CLUSTER_COMPRESSED:
        return read_compressed(reader, extent, buffer, error);
    case CLUSTER_UNALLOCATED:
    case CLUSTER_ZERO:
        memset(buffer, 0, (size_t)extent->length);
    }
    return true;
}

bool reader_read(struct reader *reader, const struct extent *extent, uint8_t *buffer,
                 struct error *error)
{
    if (read_any(reader, extent, buffer, error)) {
        return true;
    }
    error_prefix(error, "guest offset %" PRIu64, extent->start);
    if (extent->depth > 0) {
        error_prefix(error, "backing file %s", reader->chain->layers[extent->depth].path);
    }
    return false;
}
