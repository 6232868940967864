// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Extents of a chain: several layers, each drawn here or raw, and the views of its snapshots.

#include "image/extent.h"
#include "tables/preallocation.h"

#include "drawn.h"
#include "unit.h"
#include "watched.h"

enum {
    CLUSTER = 512,
    COVERAGE = 64 * CLUSTER, // guest bytes of an L2 table
    FILE_SIZE = 1 << 20,
    LAYERS = 3,
};

static struct drawn drawn[LAYERS];
static struct watched files[LAYERS];
static struct layer layers[LAYERS];
static struct chain chain;
static struct extent_walk walk;

static struct extent found;
static struct error error;

// Draws an image with one L2 table for each L1 entry, in the clusters from 8 on.
static void draw_layer(size_t depth, uint64_t disk_size, uint32_t l1_size)
{
    draw_image(&drawn[depth],
               &(struct drawing){
                   .version = 3, .cluster_bits = 9, .disk_size = disk_size, .l1_size = l1_size});
    for (uint32_t i = 0; i < l1_size; i++) {
        draw_l1(&drawn[depth], i, COPIED | (8 + i) * (uint64_t)CLUSTER);
    }
}

static void draw_cluster(size_t depth, uint64_t cluster, uint64_t entry)
{
    draw_l2(&drawn[depth], 8 + cluster / 64, cluster % 64, entry);
}

// Makes a layer of the chain of what was drawn, as the start of a file of so many bytes.
static bool add_sized_layer(size_t depth, uint64_t file_size)
{
    static char paths[LAYERS][8] = {"top", "middle", "base"};
    files[depth] = watched_make(drawn[depth].bytes, sizeof drawn[depth].bytes);
    files[depth].base.size = file_size;
    struct image *image = image_open(&files[depth].base, paths[depth], &error);
    if (!CHECK(image != NULL)) {
        return false;
    }
    layers[depth] =
        (struct layer){.path = paths[depth], .image = image, .size = image->header.size};
    chain = (struct chain){.layers = layers, .count = depth + 1};
    return true;
}

static bool add_layer(size_t depth)
{
    return add_sized_layer(depth, FILE_SIZE);
}

// A layer of so many bytes; `piece` as in struct watched.
static void add_raw(size_t depth, uint64_t size, uint64_t piece)
{
    static char path[] = "raw";
    files[depth] = watched_make(NULL, 0);
    files[depth].base.size = size;
    files[depth].piece = piece;
    layers[depth] = (struct layer){.path = path, .raw = &files[depth].base, .size = size};
    chain = (struct chain){.layers = layers, .count = depth + 1};
}

static bool start(void)
{
    preallocation_find_holes(&chain);
    const struct view view = view_active(&chain);
    return CHECK(extent_walk_start(&walk, &view, &error));
}

static void end(void)
{
    extent_walk_end(&walk);
    for (size_t i = 0; i < chain.count; i++) {
        image_close(layers[i].image);
        host_holes_free(layers[i].holes);
    }
}

// ---- What is expected ------------------------------------------------------------------------

static bool is_extent(uint64_t offset, uint64_t length, enum cluster_kind kind, size_t depth)
{
    return CHECK_EQ_U64(found.start, offset) && CHECK_EQ_U64(found.length, length) &&
           CHECK_EQ_U64(found.kind, kind) && CHECK_EQ_U64(found.depth, depth);
}

static bool look(uint64_t offset, uint64_t limit)
{
    return extent_at(&walk, offset, limit, &found, &error);
}

static bool shows(uint64_t offset, uint64_t limit, enum cluster_kind kind, uint64_t length,
                  size_t depth)
{
    return CHECK(look(offset, limit)) && is_extent(offset, length, kind, depth) &&
           CHECK(found.has_host == (kind == CLUSTER_DATA || kind == CLUSTER_COMPRESSED));
}

static bool shows_data(uint64_t offset, uint64_t limit, uint64_t length, size_t depth,
                       uint64_t host_offset)
{
    return CHECK(shows(offset, limit, CLUSTER_DATA, length, depth)) &&
           CHECK_EQ_U64(found.host_offset, host_offset);
}

static bool fails(uint64_t offset, uint64_t limit, uint64_t length, const char *code,
                  const char *message)
{
    return CHECK(!look(offset, limit)) && CHECK_STR(error.code, code) &&
           CHECK_EQ_U64(found.start, offset) && CHECK_EQ_U64(found.length, length) &&
           CHECK(strncmp(error.message, message, strlen(message)) == 0);
}

// ---- Layers ----------------------------------------------------------------------------------

static void what_a_layer_lacks_is_in_the_layer_below(void)
{
    draw_layer(0, COVERAGE, 1);
    draw_cluster(0, 0, COPIED | 100 * CLUSTER);
    draw_cluster(0, 3, ZERO);
    draw_layer(1, COVERAGE, 1);
    draw_cluster(1, 0, COPIED | 200 * CLUSTER); // hidden
    draw_cluster(1, 1, COPIED | 201 * CLUSTER);
    draw_cluster(1, 2, COPIED | 202 * CLUSTER);
    draw_cluster(1, 3, COPIED | 203 * CLUSTER); // hidden
    draw_cluster(1, 4, COMPRESSED | (300 * CLUSTER + 5));
    draw_layer(2, COVERAGE, 1);
    draw_cluster(2, 5, COPIED | 305 * CLUSTER);
    REQUIRE(add_layer(0) && add_layer(1) && add_layer(2) && start());
    CHECK(shows_data(0, COVERAGE, CLUSTER, 0, 100 * CLUSTER));
    CHECK(shows_data(CLUSTER, COVERAGE, 2 * CLUSTER, 1, 201 * CLUSTER));
    CHECK(shows_data(CLUSTER + 7, COVERAGE, 2 * CLUSTER - 7, 1, 201 * CLUSTER + 7));
    CHECK(shows(3 * CLUSTER, COVERAGE, CLUSTER_ZERO, CLUSTER, 0));
    CHECK(shows(4 * CLUSTER + 1, COVERAGE, CLUSTER_COMPRESSED, CLUSTER - 1, 1));
    CHECK_EQ_U64(found.host_offset, 300 * CLUSTER + 5);
    CHECK_EQ_U64(found.stored_size, 512 - 5);
    CHECK_EQ_U64(found.cluster, 4 * CLUSTER);
    CHECK(shows_data(5 * CLUSTER, COVERAGE, CLUSTER, 2, 305 * CLUSTER));
    CHECK(shows(6 * CLUSTER, 58 * CLUSTER, CLUSTER_UNALLOCATED, 58 * CLUSTER, 2));
    CHECK(!extent_allocated(&found));
    CHECK(extent_zero(&found));
    end();
}

static void an_extent_ends_where_a_layer_above_begins(void)
{
    draw_layer(0, COVERAGE, 1);
    draw_cluster(0, 10, ZERO);
    draw_layer(1, COVERAGE, 1);
    for (uint64_t i = 0; i < 64; i++) {
        draw_cluster(1, i, COPIED | (100 + i) * CLUSTER);
    }
    REQUIRE(add_layer(0) && add_layer(1) && start());
    CHECK(shows_data(0, COVERAGE, 10 * CLUSTER, 1, 100 * CLUSTER));
    CHECK(shows(10 * CLUSTER, COVERAGE, CLUSTER_ZERO, CLUSTER, 0));
    CHECK(shows_data(11 * CLUSTER, COVERAGE, 53 * CLUSTER, 1, 111 * CLUSTER));
    end();
}

static void an_extent_never_exceeds_the_limit_or_the_disk(void)
{
    draw_layer(0, 10 * CLUSTER + 100, 1);
    for (uint64_t i = 0; i < 64; i++) {
        draw_cluster(0, i, COPIED | (100 + i) * CLUSTER);
    }
    REQUIRE(add_layer(0) && start());
    CHECK(shows_data(0, 1, 1, 0, 100 * CLUSTER));
    CHECK(shows_data(0, 700, 700, 0, 100 * CLUSTER));
    CHECK(shows_data(5, UINT64_MAX, 10 * CLUSTER + 95, 0, 100 * CLUSTER + 5));
    CHECK(shows_data(10 * CLUSTER + 99, UINT64_MAX, 1, 0, 110 * CLUSTER + 99));
    end();
}

static void past_the_end_of_a_shorter_layer_nothing_is_allocated(void)
{
    draw_layer(0, COVERAGE, 1);
    draw_layer(1, 5 * CLUSTER + 100, 1);
    for (uint64_t i = 0; i < 64; i++) { // also of clusters that are not on its disk
        draw_cluster(1, i, COPIED | (100 + i) * CLUSTER);
    }
    REQUIRE(add_layer(0) && add_layer(1) && start());
    CHECK(shows_data(0, COVERAGE, 5 * CLUSTER + 100, 1, 100 * CLUSTER));
    CHECK(shows(5 * CLUSTER + 100, COVERAGE, CLUSTER_UNALLOCATED, 59 * CLUSTER - 100, 0));
    CHECK(shows(63 * CLUSTER, COVERAGE, CLUSTER_UNALLOCATED, CLUSTER, 0));
    CHECK(shows_data(5 * CLUSTER + 99, COVERAGE, 1, 1, 105 * CLUSTER + 99));
    end();
}

static void a_layer_without_a_disk_has_nothing(void)
{
    draw_layer(0, COVERAGE, 1);
    add_raw(1, 0, 0);
    REQUIRE(add_layer(0));
    chain.count = 2;
    REQUIRE(start());
    CHECK(shows(0, COVERAGE, CLUSTER_UNALLOCATED, COVERAGE, 0));
    end();
}

static void a_raw_layer_has_data_and_holes(void)
{
    draw_layer(0, COVERAGE, 1);
    draw_cluster(0, 2, COPIED | 100 * CLUSTER);
    REQUIRE(add_layer(0));
    add_raw(1, 7 * CLUSTER + 3, 3 * CLUSTER);
    REQUIRE(start());
    CHECK(shows_data(10, COVERAGE, 2 * CLUSTER - 10, 1, 10));
    CHECK(shows_data(2 * CLUSTER, COVERAGE, CLUSTER, 0, 100 * CLUSTER));
    CHECK(look(3 * CLUSTER + 1, COVERAGE));
    CHECK(is_extent(3 * CLUSTER + 1, 3 * CLUSTER - 1, CLUSTER_ZERO, 1));
    CHECK(extent_zero(&found));
    CHECK(extent_allocated(&found));
    CHECK(found.has_host);
    CHECK_EQ_U64(found.host_offset, 3 * CLUSTER + 1);
    CHECK(shows_data(6 * CLUSTER, COVERAGE, CLUSTER + 3, 1, 6 * CLUSTER));
    CHECK(shows(7 * CLUSTER + 3, COVERAGE, CLUSTER_UNALLOCATED, 57 * CLUSTER - 3, 0));
    end();
}

static void a_raw_disk_alone_is_a_chain(void)
{
    add_raw(0, 10 * CLUSTER, 0);
    REQUIRE(start());
    CHECK(shows_data(0, UINT64_MAX, 10 * CLUSTER, 0, 0));
    CHECK(shows_data(77, 100, 100, 0, 77));
    end();
}

static void going_back_in_the_disk_begins_at_the_top(void)
{
    draw_layer(0, COVERAGE, 1);
    draw_cluster(0, 0, COPIED | 100 * CLUSTER);
    draw_cluster(0, 30, ZERO);
    draw_layer(1, COVERAGE, 1);
    draw_cluster(1, 10, COPIED | 210 * CLUSTER);
    REQUIRE(add_layer(0) && add_layer(1));
    add_raw(2, COVERAGE, 0);
    REQUIRE(start());
    for (unsigned i = 0; i < 2; i++) {
        CHECK(shows_data(40 * CLUSTER, COVERAGE, 24 * CLUSTER, 2, 40 * CLUSTER));
        CHECK(shows_data(10 * CLUSTER, COVERAGE, CLUSTER, 1, 210 * CLUSTER));
        CHECK(shows_data(5 * CLUSTER, COVERAGE, 5 * CLUSTER, 2, 5 * CLUSTER));
        CHECK(shows_data(100, COVERAGE, CLUSTER - 100, 0, 100 * CLUSTER + 100));
        CHECK(shows_data(29 * CLUSTER, COVERAGE, CLUSTER, 2, 29 * CLUSTER));
        CHECK(shows(30 * CLUSTER, COVERAGE, CLUSTER_ZERO, CLUSTER, 0));
    }
    end();
}

// The empty tables of the upper layers are read once, however many extents the lowest one has.
static void holes_are_skipped_by_whole_runs(void)
{
    const uint32_t l1_size = 1 << 20;
    const uint64_t l1_bytes = 8 * (uint64_t)l1_size;
    const uint64_t disk = l1_size * (uint64_t)COVERAGE;
    const uint64_t pieces = 100;
    for (size_t i = 0; i < 2; i++) {
        draw_image(&drawn[i],
                   &(struct drawing){
                       .version = 3, .cluster_bits = 9, .disk_size = disk, .l1_size = l1_size});
        REQUIRE(add_sized_layer(i, CLUSTER + l1_bytes));
    }
    add_raw(2, disk, disk / pieces);
    REQUIRE(start());
    files[0].bytes_read = files[1].bytes_read = 0;
    uint64_t count = 0;
    for (uint64_t at = 0; at < disk; at += found.length) {
        REQUIRE(look(at, UINT64_MAX));
        CHECK_EQ_U64(found.depth, 2);
        count++;
    }
    CHECK(count >= pieces);
    CHECK(files[0].bytes_read <= l1_bytes + TABLE_WINDOW_MAX);
    CHECK(files[1].bytes_read <= l1_bytes + TABLE_WINDOW_MAX);
    end();
}

// ---- Faults ----------------------------------------------------------------------------------

static void a_fault_below_is_as_long_as_the_hole_above(void)
{
    draw_layer(0, 2 * COVERAGE, 2);
    draw_cluster(0, 10, ZERO);
    draw_layer(1, 2 * COVERAGE, 2);
    draw_l1(&drawn[1], 0, COPIED | 2 * FILE_SIZE);
    REQUIRE(add_layer(0) && add_layer(1) && start());
    CHECK(fails(0, UINT64_MAX, 10 * CLUSTER, "truncated", "backing file middle: guest offset 0:"));
    CHECK(shows(10 * CLUSTER, UINT64_MAX, CLUSTER_ZERO, CLUSTER, 0));
    CHECK(fails(11 * CLUSTER + 3, UINT64_MAX, 53 * CLUSTER - 3, "truncated", "backing file"));
    CHECK(fails(20 * CLUSTER, 9, 9, "truncated", "backing file"));
    CHECK(fails(9 * CLUSTER, UINT64_MAX, CLUSTER, "truncated", "backing file")); // back again
    CHECK(shows(COVERAGE, UINT64_MAX, CLUSTER_UNALLOCATED, COVERAGE, 1));
    end();
}

static void a_fault_of_the_first_layer_names_no_backing_file(void)
{
    draw_layer(0, COVERAGE, 1);
    draw_l1(&drawn[0], 0, COPIED | 2 * FILE_SIZE);
    REQUIRE(add_layer(0));
    add_raw(1, COVERAGE, 0);
    REQUIRE(start());
    CHECK(fails(0, UINT64_MAX, COVERAGE, "truncated", "guest offset 0: L2 table at 2097152"));
    end();
}

// ---- Ciphers and holes of the file -------------------------------------------------------------

static void only_data_of_a_layer_with_a_cipher_are_encrypted(void)
{
    draw_layer(0, COVERAGE, 1);
    draw_cluster(0, 0, COPIED | 100 * CLUSTER);
    draw_cluster(0, 1, ZERO);
    draw_cluster(0, 2, COMPRESSED | 200 * CLUSTER);
    REQUIRE(add_layer(0));
    add_raw(1, COVERAGE, 0);
    layers[0].cipher = (struct cipher *)&layers[0]; // nothing is decrypted here
    REQUIRE(start());
    CHECK(look(0, COVERAGE) && found.encrypted);
    CHECK(look(CLUSTER, COVERAGE) && !found.encrypted);
    CHECK(look(2 * CLUSTER, COVERAGE) && !found.encrypted);
    CHECK(look(3 * CLUSTER, COVERAGE) && found.depth == 1 && !found.encrypted);
    end();
}

// Of an image that is only preallocated: more refcounts are in use than there are on disk.
static void draw_preallocated(bool counted)
{
    const uint64_t table = 7 * CLUSTER;
    draw_layer(0, COVERAGE, 1);
    for (uint64_t i = 0; i < 64; i++) {
        draw_cluster(0, i, COPIED | (256 + i) * CLUSTER);
    }
    for (uint64_t block = 0; block < 4; block++) { // 16-bit refcounts, 256 in a block
        draw(&drawn[0], table + 8 * block, 8, (12 + block) * CLUSTER);
        for (uint64_t i = 0; counted && i < 256; i++) {
            draw(&drawn[0], (12 + block) * CLUSTER + 2 * i, 2, 1);
        }
    }
}

static void holes_of_a_preallocated_file_are_zeros(void)
{
    for (unsigned counted = 0; counted < 2; counted++) {
        draw_preallocated(counted != 0);
        REQUIRE(add_layer(0));
        files[0].base.size = 1024 * CLUSTER;
        files[0].base.kind = SOURCE_FILE;
        files[0].base.allocated_size = 200 * CLUSTER;
        files[0].base.fd = 0; // of some file
        files[0].piece = 16 * CLUSTER;
        REQUIRE(start());
        if (counted) {
            CHECK(shows_data(0, COVERAGE, 16 * CLUSTER, 0, 256 * CLUSTER));
            CHECK(look(16 * CLUSTER + 5, COVERAGE));
            CHECK(is_extent(16 * CLUSTER + 5, 16 * CLUSTER - 5, CLUSTER_ZERO, 0));
            CHECK(found.has_host);
            CHECK(shows_data(32 * CLUSTER, COVERAGE, 16 * CLUSTER, 0, 288 * CLUSTER));
        } else {
            CHECK(shows_data(0, COVERAGE, COVERAGE, 0, 256 * CLUSTER));
        }
        end();
    }
}

// ---- Views -----------------------------------------------------------------------------------

// A snapshot whose L1 table is in cluster 30 of the file, with L2 tables in 40 and 41. Its disk is
// longer than that of the image, and its VM state lies in the second table.
static struct snapshot draw_snapshot(void)
{
    struct drawn *image = &drawn[0];
    draw_layer(0, 10 * CLUSTER, 1);
    draw_cluster(0, 0, COPIED | 100 * CLUSTER);
    draw(image, 30 * CLUSTER, 8, 40 * CLUSTER);
    draw(image, 30 * CLUSTER + 8, 8, 41 * CLUSTER);
    draw_l2(image, 40, 0, 300 * CLUSTER);
    draw_l2(image, 40, 19, 319 * CLUSTER);
    draw_l2(image, 41, 0, 400 * CLUSTER);
    draw_l2(image, 41, 1, 401 * CLUSTER);
    return (struct snapshot){.l1_table_offset = 30 * CLUSTER,
                             .l1_size = 2,
                             .disk_size = 20 * CLUSTER,
                             .vm_state_size = CLUSTER + 100};
}

static bool walk_at(struct extent_walk *walked, uint64_t offset, uint64_t length, uint64_t host)
{
    return CHECK(extent_at(walked, offset, UINT64_MAX, &found, &error)) &&
           is_extent(offset, length, CLUSTER_DATA, 0) && CHECK_EQ_U64(found.host_offset, host);
}

static void views_of_a_chain_are_walked_side_by_side(void)
{
    const struct snapshot snapshot = draw_snapshot();
    struct extent_walk disk, state;
    struct view disk_view, state_view;
    REQUIRE(add_layer(0) && start());
    REQUIRE(view_snapshot(&chain, &snapshot, "one", &disk_view, &error));
    REQUIRE(view_vm_state(&chain, &snapshot, "one", &state_view, &error));
    REQUIRE(extent_walk_start(&disk, &disk_view, &error));
    REQUIRE(extent_walk_start(&state, &state_view, &error));
    CHECK_EQ_U64(view_end(&disk_view), 20 * CLUSTER);
    CHECK_EQ_U64(state_view.start, COVERAGE); // the disk ends in the first table
    CHECK_EQ_U64(view_end(&state_view), COVERAGE + CLUSTER + 100);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(walk_at(&walk, 0, CLUSTER, 100 * CLUSTER));
        CHECK(walk_at(&disk, 0, CLUSTER, 300 * CLUSTER));
        CHECK(walk_at(&state, COVERAGE, CLUSTER + 100, 400 * CLUSTER));
        CHECK(walk_at(&disk, 19 * CLUSTER, CLUSTER, 319 * CLUSTER));
    }
    CHECK(shows(CLUSTER, UINT64_MAX, CLUSTER_UNALLOCATED, 9 * CLUSTER, 0));
    extent_walk_end(&disk);
    extent_walk_end(&state);
    end();
}

// Below a snapshot's L1 table are the tables that the layers below have now.
static void a_snapshot_has_the_layers_below(void)
{
    const struct snapshot snapshot = draw_snapshot();
    struct view view;
    REQUIRE(add_layer(0));
    add_raw(1, 15 * CLUSTER, 0);
    REQUIRE(view_snapshot(&chain, &snapshot, "one", &view, &error));
    REQUIRE(extent_walk_start(&walk, &view, &error));
    CHECK(shows_data(0, UINT64_MAX, CLUSTER, 0, 300 * CLUSTER));
    CHECK(shows_data(CLUSTER, UINT64_MAX, 14 * CLUSTER, 1, CLUSTER));
    CHECK(shows(15 * CLUSTER, UINT64_MAX, CLUSTER_UNALLOCATED, 4 * CLUSTER, 0));
    CHECK(shows_data(19 * CLUSTER, UINT64_MAX, CLUSTER, 0, 319 * CLUSTER));
    end();
}

static bool refused(const struct snapshot *snapshot, bool vm_state, const char *code)
{
    struct view view = {0};
    error = (struct error){0};
    return CHECK(!(vm_state ? view_vm_state : view_snapshot)(&chain, snapshot, "one", &view,
                                                             &error)) &&
           CHECK_STR(error.code, code);
}

static void impossible_snapshots_have_no_view(void)
{
    const struct snapshot sound = draw_snapshot();
    struct snapshot snapshot = sound;
    struct view view;
    REQUIRE(add_layer(0));
    snapshot.l1_table_offset += 8; // not aligned
    CHECK(refused(&snapshot, false, "corrupt"));
    CHECK(refused(&snapshot, true, "corrupt"));
    snapshot = sound;
    snapshot.l1_table_offset = UINT64_C(1) << 56;
    CHECK(refused(&snapshot, false, "corrupt"));
    snapshot = sound;
    snapshot.l1_size = 4194305; // QEMU takes 32 MiB of L1 table
    CHECK(refused(&snapshot, false, "corrupt"));
    snapshot.l1_size = 4194304;
    CHECK(view_snapshot(&chain, &snapshot, "one", &view, &error));
    snapshot = sound;
    snapshot.disk_size = 4194304 * (uint64_t)COVERAGE;
    CHECK(refused(&snapshot, false, "limit"));
    snapshot.disk_size--;
    CHECK(view_snapshot(&chain, &snapshot, "one", &view, &error));
    snapshot = sound;
    snapshot.vm_state_size = UINT64_MAX - COVERAGE + 1; // the end has more than 64 bits
    CHECK(refused(&snapshot, true, "corrupt"));
    snapshot.vm_state_size--;
    CHECK(view_vm_state(&chain, &snapshot, "one", &view, &error));
    CHECK_EQ_U64(view_end(&view), UINT64_MAX);
    image_close(layers[0].image);
}

// ---- Extents side by side ----------------------------------------------------------------------

static void an_extent_goes_on_with_the_same_answers_only(void)
{
    const struct extent one = {.start = 512,
                               .length = 512,
                               .kind = CLUSTER_DATA,
                               .depth = 1,
                               .has_host = true,
                               .host_offset = 4096};
    struct extent next = one;
    next.start = 1024;
    next.host_offset = 4608;
    CHECK(extent_continues(&one, &next, true));
    CHECK(extent_continues(&one, &next, false));
    next.host_offset = 8192; // elsewhere in the file
    CHECK(!extent_continues(&one, &next, true));
    CHECK(extent_continues(&one, &next, false));
    next.host_offset = 4608;
    next.depth = 0;
    CHECK(!extent_continues(&one, &next, true));
    CHECK(extent_continues(&one, &next, false));
    next.depth = 1;
    next.kind = CLUSTER_ZERO;
    CHECK(!extent_continues(&one, &next, true));
    CHECK(!extent_continues(&one, &next, false));
    next.kind = CLUSTER_DATA;
    next.start = 1025;
    CHECK(!extent_continues(&one, &next, false));
    next.start = 512;
    CHECK(!extent_continues(&one, &next, false));
}

static void extents_without_a_place_go_on_in_their_layer(void)
{
    const struct extent one = {.length = 512, .kind = CLUSTER_ZERO};
    struct extent next = {.start = 512, .length = 512, .kind = CLUSTER_ZERO};
    CHECK(extent_continues(&one, &next, true));
    next.has_host = true;
    CHECK(!extent_continues(&one, &next, true));
    const struct extent packed = {.length = 512, .kind = CLUSTER_COMPRESSED, .has_host = true};
    next = (struct extent){
        .start = 512, .kind = CLUSTER_COMPRESSED, .has_host = true, .host_offset = 512};
    CHECK(!extent_continues(&packed, &next, true));
    CHECK(extent_continues(&packed, &next, false));
}

// ---- Chains drawn by chance --------------------------------------------------------------------

enum { CLUSTERS = 3 * 64 };

// What the clusters of the two qcow2 layers are.
static struct cluster {
    enum cluster_kind kind;
    uint64_t host_offset;
} clusters[2][CLUSTERS];

static uint64_t chance(uint64_t below)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below > 0 ? state % below : 0;
}

// Most clusters are what the one before them is.
static void draw_by_chance(size_t depth, uint64_t disk_size)
{
    enum cluster_kind kind = CLUSTER_UNALLOCATED;
    draw_layer(depth, disk_size, 3);
    for (uint64_t i = 0; i < CLUSTERS; i++) {
        uint64_t host = (100 + 3 * i / 2) * CLUSTER;
        kind = chance(4) ? kind : (enum cluster_kind)chance(4);
        clusters[depth][i] = (struct cluster){kind, host};
        draw_cluster(depth, i,
                     kind == CLUSTER_DATA         ? COPIED | host
                     : kind == CLUSTER_COMPRESSED ? COMPRESSED | host
                     : kind == CLUSTER_ZERO       ? ZERO
                                                  : 0);
    }
}

static bool is_place(uint64_t at, enum cluster_kind kind, size_t depth, uint64_t host_offset)
{
    bool placed = kind == CLUSTER_DATA;
    uint64_t found_at = found.host_offset + (placed ? at - found.start : 0);
    return found.kind == kind && found.depth == depth &&
           (kind == CLUSTER_UNALLOCATED || kind == CLUSTER_ZERO || found_at == host_offset);
}

// Whether the extent is right about this byte of the disk: the first layer that has anything there
// decides.
static bool is_byte(uint64_t at)
{
    for (size_t depth = 0; depth < 2; depth++) {
        struct cluster cluster = clusters[depth][at / CLUSTER];
        uint64_t within = cluster.kind == CLUSTER_DATA ? at % CLUSTER : 0;
        if (cluster.kind != CLUSTER_UNALLOCATED || at >= layers[depth + 1].size) {
            return is_place(at, cluster.kind, depth, cluster.host_offset + within);
        }
    }
    bool hole = at / files[2].piece % 2 != 0;
    return is_place(at, hole ? CLUSTER_ZERO : CLUSTER_DATA, 2, at);
}

static void check_extent_by_chance(uint64_t offset, uint64_t limit)
{
    REQUIRE(look(offset, limit));
    REQUIRE(found.start == offset && found.length >= 1 && found.length <= limit);
    REQUIRE(found.length <= layers[0].size - offset);
    for (uint64_t at = offset; at < offset + found.length; at += 13) {
        REQUIRE(is_byte(at));
    }
    REQUIRE(is_byte(offset + found.length - 1));
}

static void chains_drawn_by_chance_are_shown_as_drawn_in_any_order(void)
{
    for (unsigned round = 0; round < 20; round++) {
        draw_by_chance(0, 180 * CLUSTER + chance(12 * CLUSTER));
        draw_by_chance(1, 100 * CLUSTER + chance(92 * CLUSTER));
        REQUIRE(add_layer(0) && add_layer(1));
        add_raw(2, 1 + chance(CLUSTERS * CLUSTER), 1 + chance(20 * CLUSTER));
        REQUIRE(start());
        for (uint64_t at = 0; at < layers[0].size; at += found.length) {
            check_extent_by_chance(at, 1 + chance(40 * CLUSTER));
        }
        for (unsigned i = 0; i < 1000; i++) {
            check_extent_by_chance(chance(layers[0].size), 1 + chance(40 * CLUSTER));
        }
        end();
    }
}

static void run_layers(void)
{
    RUN(what_a_layer_lacks_is_in_the_layer_below);
    RUN(an_extent_ends_where_a_layer_above_begins);
    RUN(an_extent_never_exceeds_the_limit_or_the_disk);
    RUN(past_the_end_of_a_shorter_layer_nothing_is_allocated);
    RUN(a_layer_without_a_disk_has_nothing);
    RUN(a_raw_layer_has_data_and_holes);
    RUN(a_raw_disk_alone_is_a_chain);
    RUN(going_back_in_the_disk_begins_at_the_top);
    RUN(holes_are_skipped_by_whole_runs);
}

int main(void)
{
    run_layers();
    RUN(a_fault_below_is_as_long_as_the_hole_above);
    RUN(a_fault_of_the_first_layer_names_no_backing_file);
    RUN(only_data_of_a_layer_with_a_cipher_are_encrypted);
    RUN(holes_of_a_preallocated_file_are_zeros);
    RUN(views_of_a_chain_are_walked_side_by_side);
    RUN(a_snapshot_has_the_layers_below);
    RUN(impossible_snapshots_have_no_view);
    RUN(an_extent_goes_on_with_the_same_answers_only);
    RUN(extents_without_a_place_go_on_in_their_layer);
    RUN(chains_drawn_by_chance_are_shown_as_drawn_in_any_order);
    return unit_done();
}
