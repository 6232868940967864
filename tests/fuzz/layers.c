// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "layers.h"

#include "base/checked.h"
#include "format/layout.h"

enum {
    RAW_SIZE = 20000, // no whole cluster, no whole sector
    FILES_MAX = 4,    // below the first one
    RAW_HOLE = 4096,  // bytes of zeros in the middle of a raw file
    RAW_HOLE_AT = 8192,
};

size_t layer_end(struct bytes input)
{
    for (size_t at = LAYER_ALIGNMENT; at + 4 <= input.size; at += LAYER_ALIGNMENT) {
        if (bytes_be32(input, at) == QCOW2_MAGIC) {
            return at;
        }
    }
    return input.size;
}

// FNV-1a, of which the upper bits are the better ones.
struct choices choices_of(struct bytes input)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < min_u64(input.size, HEADER_LENGTH_KNOWN); i++) {
        hash = (hash ^ input.data[i]) * UINT64_C(0x100000001b3);
    }
    return (struct choices){
        .complete = (hash >> 32 & 3) != 0,
        .salvage = (hash >> 34 & 1) != 0,
        .data = (hash >> 35 & 1) != 0,
        .jobs = 1 + (unsigned)(hash >> 36 & 1),
        .sparse = (unsigned)(hash >> 37 & 0xff) % 3,
    };
}

static const uint8_t *raw_bytes(void)
{
    static uint8_t raw[RAW_SIZE];
    for (size_t i = 0; raw[0] == 0 && i < sizeof raw; i++) {
        size_t at = sizeof raw - 1 - i;
        raw[at] = at >= RAW_HOLE_AT && at < RAW_HOLE_AT + RAW_HOLE ? 0 : (uint8_t)(at % 251 + 1);
    }
    return raw;
}

static struct source *open_next(void *context, const char *path, struct error *error)
{
    struct memory_files *files = context;
    struct bytes file = files->rest;
    (void)path;
    if (files->opened++ == FILES_MAX) {
        error_set(error, ERROR_NOT_FOUND, "there are no more files");
        return NULL;
    }
    if (file.size == 0) {
        return source_open_memory((struct bytes){raw_bytes(), RAW_SIZE}, true, error);
    }
    file.size = layer_end(file);
    files->rest = bytes_from(files->rest, file.size);
    return source_open_memory(file, true, error);
}

bool layers_open(struct bytes input, const struct choices *choices, struct chain_options options,
                 struct memory_files *files, struct chain *chain, struct error *error)
{
    struct bytes first = {input.data, layer_end(input)};
    struct source *source = source_open_memory(first, choices->complete, error);
    *chain = (struct chain){0};
    *files = (struct memory_files){.rest = bytes_from(input, first.size)};
    options.open_file = open_next;
    options.open_context = files;
    return source && chain_open(source, "folder/image.qcow2", &options, chain, error);
}

void layers_inspect(struct bytes input, void (*inspect)(struct chain *chain))
{
    struct choices choices = choices_of(input);
    struct chain_options options = {.no_backing = true, .no_data_file = true, .inspect = true};
    struct memory_files files;
    struct chain chain;
    struct error error;
    layers_open(input, &choices, options, &files, &chain, &error);
    if (chain.count > 0 && chain.layers[0].image) {
        inspect(&chain);
    }
    chain_close(&chain);
}
