// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "digest/digest.h"

#include "base/checked.h"
#include "capture.h"
#include "codec/crypto.h"
#include "harness.h"
#include "image/export.h"
#include "layers.h"
#include "memory.h"
#include "output/digest_output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RANGE = 300000,        // bytes of a disk
    MEMORY_MAX = 32 << 20, // batches of a cluster for each of two jobs, and tables
};

// What cat reads of a range, for which a NUL stands; false when it cannot read all of it.
static bool exported(const struct view *view, const struct digest_options *digest,
                     struct bytes *bytes)
{
    struct export_options options = {.offset = digest->offset, .length = digest->length, .jobs = 1};
    struct error error;
    int fd = capture_open();
    MUST(write(fd, "-", 1) == 1); // not a file that is made sparse
    bool done = export_disk(view, &options, fd, &error);
    *bytes = capture_read(fd);
    close(fd);
    return done;
}

// The digest of bytes, by the simplest way.
static void digest_bytes(struct bytes bytes, enum digest_kind kind, uint8_t *digest)
{
    const struct crypto_hash *sha256 = crypto_hash_find("sha256");
    struct crypto_hasher *root = crypto_hasher_open(sha256, false);
    struct crypto_hasher *block = crypto_hasher_open(sha256, false);
    MUST(root && block);
    uint8_t size[8];
    for (size_t i = 0; i < sizeof size; i++) {
        size[i] = (uint8_t)((uint64_t)bytes.size >> (8 * i));
    }
    if (kind == DIGEST_FLAT) {
        crypto_hasher_add(root, bytes);
    }
    while (kind == DIGEST_BLOCKS && bytes.size > 0) {
        size_t part = (size_t)min_u64(bytes.size, DIGEST_BLOCK);
        crypto_hasher_digest(block, (struct bytes){bytes.data, part}, (struct bytes){0}, digest);
        crypto_hasher_add(root, (struct bytes){digest, DIGEST_SIZE});
        bytes = bytes_from(bytes, part);
    }
    if (kind == DIGEST_BLOCKS) {
        crypto_hasher_add(root, (struct bytes){size, sizeof size});
    }
    crypto_hasher_end(root, digest);
    crypto_hasher_close(root);
    crypto_hasher_close(block);
}

static void digest_range(const struct view *view, const struct digest_options *options)
{
    uint8_t got[DIGEST_SIZE];
    uint8_t want[DIGEST_SIZE];
    struct error error = {0};
    struct bytes bytes;
    bool done = digest_disk(view, options, got, &error);
    bool readable = exported(view, options, &bytes);
    MUST(done || (error.code && error.message[0]));
    MUST(done == readable);
    if (done) {
        MUST(bytes.size == options->length + 1);
        digest_bytes(bytes_from(bytes, 1), options->kind, want);
        MUST(memcmp(got, want, sizeof got) == 0);
    }
    free((void *)(uintptr_t)bytes.data);
}

// A list of lines: what can be parsed is printed so that it is parsed as the same.
static void parse_and_print(struct bytes input)
{
    struct digest_line line;
    struct digest_line again;
    if (!digest_parse(input, &line)) {
        return;
    }
    struct writer *writer = capture_start();
    MUST(digest_print_text(writer, &line));
    struct bytes printed = capture_end(writer);
    must_be_text(printed);
    MUST(digest_parse((struct bytes){printed.data, printed.size - 1}, &again));
    MUST(strcmp(line.path, again.path) == 0);
    MUST(memcmp(line.digest, again.digest, DIGEST_SIZE) == 0);
    free((void *)(uintptr_t)printed.data);
    free(line.path);
    free(again.path);
}

void run_digest_list(struct bytes input)
{
    static const char digest[] =
        "\\00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF  ";
    uint8_t line[sizeof digest + 1023];
    struct bytes name = {input.data, (size_t)min_u64(input.size, 1023)};
    memcpy(line, digest, sizeof digest - 1);
    if (name.size > 0) {
        memcpy(line + sizeof digest - 1, name.data, name.size);
    }
    struct bytes whole = {line, sizeof digest - 1 + name.size};
    parse_and_print(whole);
    parse_and_print(bytes_from(whole, 1));
    parse_and_print(input);
}

void run_digest(struct bytes input)
{
    struct choices choices = choices_of(input);
    struct memory_files files;
    struct chain chain;
    struct error error;
    if (!digest_start(&error)) {
        return;
    }
    memory_watch();
    if (layers_open(input, &choices, (struct chain_options){.inspect = false}, &files, &chain,
                    &error)) {
        const struct view view = view_active(&chain);
        struct digest_options options = {.kind = choices.salvage ? DIGEST_FLAT : DIGEST_BLOCKS,
                                         .length = min_u64(view.size, RANGE),
                                         .jobs = choices.jobs};
        digest_range(&view, &options);
        options.offset = view.size / 3;
        options.length = min_u64(view.size - options.offset, RANGE);
        digest_range(&view, &options);
    } else {
        MUST(error.code && error.message[0]);
    }
    chain_close(&chain);
    MUST(memory_most() <= MEMORY_MAX);
}
