// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "digest/digest.h"

#include "base/checked.h"
#include "base/workers.h"
#include "digest/block_hash.h"
#include "image/batch.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUFFER = 512 * 1024, // bytes; or one cluster, if that is larger
    BLOCKS_MAX = 64,     // in a piece, when it takes a part that may have more of them
    DIGESTS_MAX = BLOCKS_MAX + (2 << 20) / DIGEST_BLOCK + 2, // a part is at most a cluster
    ZEROS_MAX = 64 << 20,      // bytes of zeros after a piece, when all of them are hashed
    ZERO_BLOCKS_MAX = 1 << 20, // blocks of zeros after a piece: few enough to show progress
};

// Consecutive extents, followed by zeros.
struct piece {
    struct batch batch;
    uint64_t zeros; // bytes after the batch; whole blocks, unless the digest is flat
    // It begins or ends inside a block that other pieces share: it is hashed when it is finished.
    bool in_order;
    size_t count; // digests of the blocks of the batch
    uint8_t digests[DIGESTS_MAX][DIGEST_SIZE];
};

struct digester {
    const struct view *view;
    const struct digest_options *options;
    struct sink nowhere;
    struct extent_walk walk;
    struct workers *workers;
    struct piece *pieces;
    size_t piece_count;
    struct buffers buffers;    // of the pieces
    struct reader *readers;    // one a job
    struct block_hash *hashes; // one a job
    struct block_hash ordered; // of pieces that are hashed in order
    struct crypto_hasher *root;
    uint8_t zero_digest[DIGEST_SIZE];
    struct piece *filling;
    uint64_t end; // guest offset
    bool failed;
    struct error error;
};

// --- Hashing -------------------------------------------------------------------------------------

static void keep_digest(void *context, const uint8_t digest[static DIGEST_SIZE])
{
    struct piece *piece = context;
    memcpy(piece->digests[piece->count++], digest, DIGEST_SIZE);
}

static void add_digest(void *context, const uint8_t digest[static DIGEST_SIZE])
{
    struct digester *digester = context;
    crypto_hasher_add(digester->root, (struct bytes){digest, DIGEST_SIZE});
}

// Calls `add` with the bytes of each extent of a batch, in order; NULL for zeros.
static void each_extent(const struct batch *batch,
                        void (*add)(void *context, const uint8_t *bytes, uint64_t size),
                        void *context)
{
    size_t used = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct extent *extent = &batch->extents[i];
        bool zero = extent_zero(extent);
        add(context, zero ? NULL : batch->buffer + used, extent->length);
        used += zero ? 0 : (size_t)extent->length;
    }
}

// A worker's hash, and the piece that gets the digests.
struct piece_hash {
    struct block_hash *hash;
    struct piece *piece;
};

static void add_to_piece(void *context, const uint8_t *bytes, uint64_t size)
{
    struct piece_hash *hash = context;
    block_hash_add(hash->hash, bytes, size, keep_digest, hash->piece);
}

static void add_in_order(void *context, const uint8_t *bytes, uint64_t size)
{
    struct digester *digester = context;
    if (digester->options->kind == DIGEST_BLOCKS) {
        block_hash_add(&digester->ordered, bytes, size, add_digest, digester);
    } else if (bytes) {
        crypto_hasher_add(digester->root, (struct bytes){bytes, (size_t)size});
    } else {
        hash_zeros(digester->root, size);
    }
}

static void digest_run(void *context, unsigned worker, void *item)
{
    struct digester *digester = context;
    struct piece *piece = item;
    struct piece_hash hash = {&digester->hashes[worker], piece};
    batch_fill(&piece->batch, &digester->nowhere, &digester->readers[worker], false);
    piece->count = 0;
    if (!piece->in_order && piece->batch.fault_count == 0 && !piece->batch.output.code) {
        each_extent(&piece->batch, add_to_piece, &hash);
        block_hash_end(hash.hash, keep_digest, piece);
    }
}

// The digests of as many blocks of zeros.
static void add_zero_blocks(struct digester *digester, uint64_t count)
{
    enum { AT_ONCE = 512 };
    uint8_t digests[AT_ONCE][DIGEST_SIZE];
    for (size_t i = 0; i < AT_ONCE && i < count; i++) {
        memcpy(digests[i], digester->zero_digest, DIGEST_SIZE);
    }
    while (count > 0) {
        size_t part = (size_t)min_u64(count, AT_ONCE);
        crypto_hasher_add(digester->root, (struct bytes){digests[0], part * DIGEST_SIZE});
        count -= part;
    }
}

static bool digest_finish(void *context, void *item)
{
    struct digester *digester = context;
    struct piece *piece = item;
    struct batch *batch = &piece->batch;
    if (batch->fault_count > 0 || batch->output.code) {
        digester->failed = true;
        digester->error = batch->fault_count > 0 ? batch->faults[0].error : batch->output;
        return false;
    }
    if (piece->in_order) {
        each_extent(batch, add_in_order, digester);
    }
    batch_release(batch);
    crypto_hasher_add(digester->root,
                      (struct bytes){piece->digests[0], piece->count * DIGEST_SIZE});
    if (digester->options->kind == DIGEST_BLOCKS) {
        add_zero_blocks(digester, piece->zeros / DIGEST_BLOCK);
    } else {
        hash_zeros(digester->root, piece->zeros);
    }
    if (digester->options->on_progress) {
        digester->options->on_progress(digester->options->context,
                                       batch->end + piece->zeros - digester->options->offset);
    }
    return true;
}

static const struct work digest_work = {digest_run, digest_finish};

// --- Planning ------------------------------------------------------------------------------------

// The position of a guest offset in its block.
static size_t in_block(const struct digester *digester, uint64_t at)
{
    return (size_t)((at - digester->options->offset) % DIGEST_BLOCK);
}

static void submit(struct digester *digester)
{
    struct piece *piece = digester->filling;
    bool whole = in_block(digester, piece->batch.start) == 0 &&
                 (in_block(digester, piece->batch.end) == 0 || piece->batch.end == digester->end);
    piece->in_order = digester->options->kind == DIGEST_FLAT || !whole;
    digester->filling = NULL;
    batch_announce(&piece->batch, digester->view->chain);
    workers_submit(digester->workers);
}

static bool next_piece(struct digester *digester, uint64_t start)
{
    if (digester->filling) {
        submit(digester);
    }
    digester->filling = workers_item(digester->workers);
    if (digester->filling) {
        batch_reset(&digester->filling->batch, start);
        digester->filling->zeros = 0;
    }
    return digester->filling != NULL;
}

static uint64_t room(const struct digester *digester)
{
    return digester->buffers.size - digester->filling->batch.planned;
}

// At the start of a block, a piece must have room for all of it and for a compressed cluster that
// begins there; inside a block it continues as long as there is room.
static bool has_room(const struct digester *digester, const struct extent *extent)
{
    const struct piece *piece = digester->filling;
    if (!piece || piece->zeros > 0 || piece->batch.count == BATCH_EXTENTS || room(digester) == 0) {
        return false;
    }
    if (in_block(digester, extent->start) > 0) {
        return true;
    }
    uint64_t blocks = (extent->start - piece->batch.start + DIGEST_BLOCK - 1) / DIGEST_BLOCK;
    uint64_t wanted = DIGEST_BLOCK;
    if (extent_compressed(extent)) {
        const struct layer *layer = &digester->view->chain->layers[extent->depth];
        wanted = layer->image->header.cluster_size - (extent->start - extent->cluster);
        wanted = min_u64(max_u64(wanted, DIGEST_BLOCK), digester->buffers.size);
    }
    // A piece that begins inside a block is cut at the end of the block, because it was hashed in
    // order up to there.
    return in_block(digester, piece->batch.start) == 0 && room(digester) >= wanted &&
           blocks + wanted / DIGEST_BLOCK <= BLOCKS_MAX;
}

// Bytes of zeros that need not be in a batch; 0: too few.
static uint64_t bare_zeros(const struct digester *digester, const struct extent *extent)
{
    if (!extent_zero(extent)) {
        return 0;
    }
    if (digester->options->kind == DIGEST_FLAT) {
        return min_u64(extent->length, ZEROS_MAX);
    }
    uint64_t blocks = in_block(digester, extent->start) == 0 ? extent->length / DIGEST_BLOCK : 0;
    return min_u64(blocks, ZERO_BLOCKS_MAX) * DIGEST_BLOCK;
}

// How much of an extent a batch takes at once: zeros up to the end of a block, because later ones
// may need no batch; data that can be split up to the point where the piece has enough blocks.
static uint64_t part_of(const struct digester *digester, const struct extent *extent)
{
    uint64_t to_boundary = DIGEST_BLOCK - in_block(digester, extent->start);
    if (extent_zero(extent)) {
        return min_u64(extent->length, to_boundary);
    }
    uint64_t most = min_u64(room(digester), BUFFER);
    if (in_block(digester, digester->filling->batch.start) > 0) {
        most = min_u64(most, to_boundary); // the rest need not be hashed in order
    }
    most = most > to_boundary ? to_boundary + align_down(most - to_boundary, DIGEST_BLOCK) : most;
    return min_u64(extent->length, extent_compressed(extent) ? room(digester) : most);
}

static bool plan_part(struct digester *digester, const struct extent *extent, uint64_t *length)
{
    *length = bare_zeros(digester, extent);
    if (*length > 0) {
        bool follows = digester->filling && digester->filling->zeros == 0;
        if (!follows && !next_piece(digester, extent->start)) {
            return false;
        }
        digester->filling->zeros = *length;
        return true;
    }
    if (!has_room(digester, extent) && !next_piece(digester, extent->start)) {
        return false;
    }
    *length = part_of(digester, extent);
    const struct extent part = extent_part(extent, extent->start, *length);
    return batch_append(&digester->filling->batch, &digester->nowhere, &part);
}

static bool plan_extent(struct digester *digester, struct extent extent)
{
    while (extent.length > 0) {
        uint64_t length;
        if (!plan_part(digester, &extent, &length)) {
            return false;
        }
        extent = length < extent.length
                     ? extent_part(&extent, extent.start + length, extent.length - length)
                     : (struct extent){.length = 0};
    }
    return true;
}

// False, with an error of the digester, when not all of the range could be planned and hashed.
static bool digest_range(struct digester *digester)
{
    struct error error;
    bool found = true;
    bool going = true;
    for (uint64_t at = digester->options->offset; found && going && at < digester->end;) {
        struct extent extent;
        found = extent_at(&digester->walk, at, digester->end - at, &extent, &error);
        going = found && plan_extent(digester, extent);
        at += extent.length;
    }
    if (digester->filling) {
        submit(digester);
    }
    bool drained = workers_drain(digester->workers);
    if (drained && !found) {
        digester->error = error;
    }
    return drained && found && going;
}

// --- Start and end -------------------------------------------------------------------------------

bool digest_start(struct error *error)
{
    return crypto_version()
               ? crypto_start(error)
               : error_set(error, ERROR_USAGE, "digests need libgcrypt, which was not built in");
}

static size_t buffer_size(const struct chain *chain)
{
    size_t size = BUFFER;
    for (size_t i = 0; i < chain->count; i++) {
        const struct image *image = chain->layers[i].image;
        size = (size_t)max_u64(size, image ? image->header.cluster_size : 0);
    }
    return size;
}

static bool open_hashes(struct digester *digester)
{
    digester->root = crypto_hasher_open(crypto_hash_find("sha256"), false);
    bool opened = digester->root && block_hash_open(&digester->ordered, digester->zero_digest);
    for (unsigned i = 0; opened && i < digester->options->jobs; i++) {
        opened = block_hash_open(&digester->hashes[i], digester->zero_digest);
    }
    if (opened) {
        hash_zeros(digester->root, DIGEST_BLOCK);
        crypto_hasher_end(digester->root, digester->zero_digest);
    }
    return opened;
}

static bool digester_start(struct digester *digester, struct error *error)
{
    unsigned jobs = digester->options->jobs;
    digester->piece_count = batch_count(digester->view->chain, jobs);
    buffers_init(&digester->buffers, buffer_size(digester->view->chain));
    digester->pieces = calloc(digester->piece_count, sizeof *digester->pieces);
    digester->readers = calloc(jobs, sizeof *digester->readers);
    digester->hashes = calloc(jobs, sizeof *digester->hashes);
    if (!digester->pieces || !digester->readers || !digester->hashes || !open_hashes(digester)) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < digester->piece_count; i++) {
        digester->pieces[i].batch.buffers = &digester->buffers;
    }
    for (unsigned i = 0; i < jobs; i++) {
        digester->readers[i] = reader_make(digester->view->chain);
    }
    if (!extent_walk_start(&digester->walk, digester->view, error)) {
        return false;
    }
    digester->workers = workers_start(&digest_work, digester, jobs, digester->pieces,
                                      sizeof *digester->pieces, digester->piece_count, error);
    return digester->workers != NULL;
}

static void digester_stop(struct digester *digester)
{
    workers_stop(digester->workers);
    if (digester->walk.layers) {
        extent_walk_end(&digester->walk);
    }
    for (size_t i = 0; digester->pieces && i < digester->piece_count; i++) {
        batch_free(&digester->pieces[i].batch);
    }
    buffers_free(&digester->buffers);
    for (unsigned i = 0; digester->readers && i < digester->options->jobs; i++) {
        reader_free(&digester->readers[i]);
    }
    for (unsigned i = 0; digester->hashes && i < digester->options->jobs; i++) {
        block_hash_close(&digester->hashes[i]);
    }
    block_hash_close(&digester->ordered);
    crypto_hasher_close(digester->root);
    free(digester->pieces);
    free(digester->readers);
    free(digester->hashes);
}

static void digest_end(struct digester *digester, uint8_t digest[static DIGEST_SIZE])
{
    if (digester->options->kind == DIGEST_BLOCKS) {
        uint8_t size[8];
        for (size_t i = 0; i < sizeof size; i++) {
            size[i] = (uint8_t)(digester->options->length >> (8 * i));
        }
        block_hash_end(&digester->ordered, add_digest, digester);
        crypto_hasher_add(digester->root, (struct bytes){size, sizeof size});
    }
    crypto_hasher_end(digester->root, digest);
}

bool digest_disk(const struct view *view, const struct digest_options *options,
                 uint8_t digest[static DIGEST_SIZE], struct error *error)
{
    struct digester digester = {.view = view,
                                .options = options,
                                .nowhere = sink_nowhere(),
                                .end = options->offset + options->length};
    bool done = digest_start(error) && chain_check_keys(view->chain, error) &&
                digester_start(&digester, error);
    if (done && digest_range(&digester)) {
        digest_end(&digester, digest);
    } else if (done) {
        *error = digester.error;
        done = false;
    }
    digester_stop(&digester);
    return done;
}
