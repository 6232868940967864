// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Exporting a disk whose file cannot be read everywhere: what was written is right up to the first
// fault in guest order, and salvaging gives up no more than it must.

#include "image/batch.h"
#include "image/chain.h"
#include "image/export.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#define CLUSTER ((size_t)4096)

enum {
    CLUSTERS = 100,    // of the disk
    LONG_BATCHES = 24, // of the long disk, more than are in flight with 8 jobs
    LONG_CLUSTERS = LONG_BATCHES * BATCH_EXTENTS,
    FIRST_DATA = 6,      // cluster of the file: header, L1, 3 L2 and refcount table come first
    HANG_SECONDS = 120,  // an export takes much less
    SALVAGE_UNIT = 4096, // bytes given up around a place that cannot be read
    LOST_MAX = 16,
    NOWHERE = -1,
    PIECE = 4096, // how closely a fault is narrowed down
};

static const unsigned all_jobs[] = {1, 2, 8};

// ---- An image in memory, of which some bytes cannot be read ----------------------------

struct bad_source {
    struct source base;
    const uint8_t *data;
    uint64_t bad_start, bad_end;
};

static bool bad_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                     struct error *error)
{
    const struct bad_source *bad = (const struct bad_source *)source;
    if (offset < bad->bad_end && bad->bad_start < offset + size) {
        uint64_t at = offset > bad->bad_start ? offset : bad->bad_start;
        memset(buffer, 0xee, size); // as a read may that fails on its way
        return error_at(error, ERROR_IO, at, "cannot read: the medium is bad");
    }
    memcpy(buffer, bad->data + offset, size);
    return true;
}

static void bad_close(struct source *source)
{
    free(source);
}

static const struct source_ops bad_ops = {.read = bad_read, .close = bad_close};

static uint8_t file[(FIRST_DATA + LONG_CLUSTERS) * CLUSTER];
static uint8_t disk[LONG_CLUSTERS * CLUSTER]; // what the guest sees
static size_t disk_size, file_size;           // bytes of them that there are

static void put(size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        file[offset + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
}

static uint64_t host_of(unsigned cluster)
{
    return (FIRST_DATA + cluster) * CLUSTER;
}

static void make_header(size_t clusters)
{
    disk_size = clusters * CLUSTER;
    file_size = (FIRST_DATA + clusters) * CLUSTER;
    memset(file, 0, file_size);
    put(0, 4, 0x514649fb);
    put(4, 4, 3);
    put(20, 4, 12);
    put(24, 8, disk_size);
    put(36, 4, 3);
    put(40, 8, CLUSTER);
    put(48, 8, 5 * CLUSTER);
    put(56, 4, 1);
    put(96, 4, 4);
    put(100, 4, 112);
    for (unsigned i = 0; i < 3; i++) {
        put(CLUSTER + 8 * (size_t)i, 8, UINT64_C(1) << 63 | (2 + i) * CLUSTER);
    }
}

// Makes the cluster one of data.
static void put_data(unsigned cluster)
{
    put(2 * CLUSTER + 8 * (size_t)cluster, 8, UINT64_C(1) << 63 | host_of(cluster));
    for (size_t i = cluster * CLUSTER; i < (cluster + 1) * CLUSTER; i++) {
        disk[i] = (uint8_t)(i / 256 * 3 + i % 251 + 1);
    }
    memcpy(file + host_of(cluster), disk + cluster * CLUSTER, CLUSTER);
}

// All clusters are data, in order, so that they make one extent.
static void make_image(void)
{
    make_header(CLUSTERS);
    for (unsigned i = 0; i < CLUSTERS; i++) {
        put_data(i);
    }
}

// Data and zeros take turns, so that every cluster is an extent and batches are full of them.
static void make_long_image(void)
{
    make_header(LONG_CLUSTERS);
    for (unsigned i = 0; i < LONG_CLUSTERS; i += 2) {
        put_data(i);
        put(2 * CLUSTER + 8 * ((size_t)i + 1), 8, 1);
        memset(disk + (i + 1) * CLUSTER, 0, CLUSTER);
    }
}

// Makes the cluster a compressed one that cannot be decoded: its stream is all ones.
static void spoil_compressed(unsigned cluster)
{
    put(2 * CLUSTER + 8 * (size_t)cluster, 8, UINT64_C(1) << 62 | host_of(cluster));
    memset(file + host_of(cluster), 0xff, CLUSTER);
}

// Opens the image with a cluster whose bytes cannot be read (NOWHERE: none is bad).
static bool open_image(struct chain *chain, int bad_cluster, unsigned bad_clusters)
{
    struct error error;
    struct chain_options options = {.no_backing = true};
    struct bad_source *source = calloc(1, sizeof *source);
    if (!source) {
        return false;
    }
    source->base = (struct source){.ops = &bad_ops,
                                   .size = file_size,
                                   .allocated_size = file_size,
                                   .kind = SOURCE_MEMORY,
                                   .fd = -1};
    source->data = file;
    if (bad_cluster != NOWHERE) {
        source->bad_start = host_of((unsigned)bad_cluster);
        source->bad_end = source->bad_start + bad_clusters * CLUSTER;
    }
    bool opened = chain_open(&source->base, "image", &options, chain, &error);
    if (!opened) {
        chain_close(chain);
    }
    return opened;
}

// ---- Exports -----------------------------------------------------------------------------------

struct lost_range {
    uint64_t start, length;
};

struct result {
    bool done;
    struct error error;
    uint8_t bytes[sizeof disk + 1];
    size_t size;
    struct lost_range lost[LOST_MAX]; // ranges that salvage gave up
    size_t reported_count;
};

static void note_lost(void *context, const struct fault *fault)
{
    struct result *result = context;
    CHECK(fault->error.code != NULL);
    if (result->reported_count < LOST_MAX) {
        result->lost[result->reported_count] = (struct lost_range){fault->start, fault->length};
    }
    result->reported_count++;
}

static struct export_options options_of(unsigned jobs, bool salvage)
{
    return (struct export_options){.length = disk_size, .jobs = jobs, .salvage = salvage};
}

// Exports to a file, or to one opened for appending, which is a stream.
static void export_to(const struct chain *chain, struct export_options options, bool stream,
                      struct result *result)
{
    char path[] = "/tmp/qcow2-info-export-XXXXXX";
    int fd = stream ? mkostemp(path, O_APPEND) : mkstemp(path);
    memset(result, 0, sizeof *result);
    REQUIRE(fd >= 0);
    unlink(path);
    options.on_fault = note_lost;
    options.context = result;
    alarm(HANG_SECONDS);
    const struct view view = view_active(chain);
    result->done = export_disk(&view, &options, fd, &result->error);
    alarm(0);
    ssize_t size = pread(fd, result->bytes, sizeof result->bytes, 0);
    result->size = size > 0 ? (size_t)size : 0;
    close(fd);
}

static struct result result;

static void export_with_bad_cluster(int bad_cluster, unsigned bad_clusters,
                                    struct export_options options, bool stream)
{
    struct chain chain;
    REQUIRE(open_image(&chain, bad_cluster, bad_clusters));
    export_to(&chain, options, stream, &result);
    chain_close(&chain);
}

// What was written ends in the last 4 KiB before the fault, and is right.
static void check_prefix(uint64_t fault)
{
    CHECK(result.size <= fault);
    CHECK(result.size + PIECE > fault);
    CHECK_MEM(result.bytes, disk, result.size);
}

static void a_disk_without_fault_is_whole(void)
{
    make_image();
    for (unsigned i = 0; i < 6; i++) {
        export_with_bad_cluster(NOWHERE, 0, options_of(all_jobs[i / 2], false), i % 2 != 0);
        CHECK(result.done);
        CHECK_EQ_U64(result.size, disk_size);
        CHECK_MEM(result.bytes, disk, disk_size);
    }
}

static void what_is_before_a_bad_place_is_written(void)
{
    const int places[] = {0, 1, 50, CLUSTERS - 1};
    make_image();
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (unsigned way = 0; way < 6; way++) {
            export_with_bad_cluster(places[i], 1, options_of(all_jobs[way / 2], false),
                                    way % 2 != 0);
            CHECK(!result.done);
            CHECK_STR(result.error.code, "io-error");
            CHECK_EQ_U64(result.error.offset, host_of((unsigned)places[i]));
            CHECK(strstr(result.error.message, "guest offset ") != NULL);
            check_prefix((unsigned)places[i] * CLUSTER);
        }
    }
}

static void what_is_before_an_undecodable_cluster_is_written(void)
{
    for (unsigned way = 0; way < 6; way++) {
        make_image();
        spoil_compressed(60);
        export_with_bad_cluster(NOWHERE, 0, options_of(all_jobs[way / 2], false), way % 2 != 0);
        CHECK(!result.done);
        CHECK_EQ_U64(result.error.offset, host_of(60));
        CHECK(strstr(result.error.message, "guest offset 245760:") != NULL);
        CHECK_EQ_U64(result.size, 60 * CLUSTER);
        CHECK_MEM(result.bytes, disk, 60 * CLUSTER);
    }
}

// The bad place is found when data is copied, the undecodable cluster behind it before that.
static void of_two_faults_the_first_in_guest_order_counts(void)
{
    for (unsigned way = 0; way < 6; way++) {
        make_image();
        spoil_compressed(60);
        export_with_bad_cluster(50, 1, options_of(all_jobs[way / 2], false), way % 2 != 0);
        CHECK(!result.done);
        CHECK_EQ_U64(result.error.offset, host_of(50));
        check_prefix(50 * CLUSTER);
    }
}

// Zeros that are looked for in data go through the buffer, other data pass by it.
static void salvage_reads_all_but_the_bad_place(void)
{
    static const uint8_t zeros[CLUSTER];
    make_image();
    for (unsigned way = 0; way < 12; way++) {
        struct export_options options = options_of(all_jobs[way / 4], true);
        options.sparse = way / 2 % 2 ? SPARSE_ALWAYS : SPARSE_AUTO;
        export_with_bad_cluster(50, 1, options, way % 2 != 0);
        CHECK(result.done);
        CHECK_EQ_U64(result.size, disk_size);
        CHECK_MEM(result.bytes, disk, 50 * CLUSTER);
        CHECK_MEM(result.bytes + 50 * CLUSTER, zeros, CLUSTER);
        CHECK_MEM(result.bytes + 51 * CLUSTER, disk + 51 * CLUSTER, 49 * CLUSTER);
        CHECK_EQ_U64(result.reported_count, 1);
        CHECK_EQ_U64(result.lost[0].start, 50 * CLUSTER);
        CHECK_EQ_U64(result.lost[0].length, SALVAGE_UNIT);
    }
}

static void salvage_reports_faults_in_guest_order(void)
{
    for (unsigned way = 0; way < 6; way++) {
        make_image();
        spoil_compressed(60);
        export_with_bad_cluster(50, 1, options_of(all_jobs[way / 2], true), way % 2 != 0);
        CHECK(result.done);
        CHECK(result.reported_count >= 2);
        for (size_t i = 1; i < result.reported_count && i < LOST_MAX; i++) {
            CHECK(result.lost[i].start >= result.lost[i - 1].start + result.lost[i - 1].length);
        }
        CHECK_MEM(result.bytes + 61 * CLUSTER, disk + 61 * CLUSTER, 39 * CLUSTER);
    }
}

// ---- More batches than can be in flight --------------------------------------------------------

enum { FAULTY_BATCHES = 5 };

// A cluster of data in the middle of the first batch, of the second, of that which a thread takes
// up again, of the one which waits for an item of the queue, or of the last.
static unsigned faulty_cluster(unsigned jobs, unsigned which)
{
    const unsigned batches[FAULTY_BATCHES] = {0, 1, jobs, 2 * jobs + 2, LONG_BATCHES - 1};
    return batches[which] * BATCH_EXTENTS + BATCH_EXTENTS / 2;
}

static void a_long_disk_is_whole(void)
{
    const enum sparse ways[] = {SPARSE_AUTO, SPARSE_ALWAYS, SPARSE_NEVER};
    make_long_image();
    for (unsigned way = 0; way < 18; way++) {
        struct export_options options = options_of(all_jobs[way / 6], false);
        options.sparse = ways[way / 2 % 3];
        export_with_bad_cluster(NOWHERE, 0, options, way % 2 != 0);
        CHECK(result.done);
        CHECK_EQ_U64(result.size, disk_size);
        CHECK_MEM(result.bytes, disk, disk_size);
    }
}

static void what_is_before_a_bad_place_is_written_whatever_batch_it_is_in(void)
{
    make_long_image();
    for (unsigned way = 0; way < 6 * FAULTY_BATCHES; way++) {
        unsigned jobs = all_jobs[way / 2 % 3];
        unsigned cluster = faulty_cluster(jobs, way / 6);
        export_with_bad_cluster((int)cluster, 1, options_of(jobs, false), way % 2 != 0);
        CHECK(!result.done);
        CHECK_STR(result.error.code, "io-error");
        CHECK_EQ_U64(result.error.offset, host_of(cluster));
        check_prefix(cluster * CLUSTER);
    }
}

// All that follows is bad, too: of the threads that meet it the first in guest order counts.
static void of_many_bad_places_the_first_counts(void)
{
    make_long_image();
    for (unsigned way = 0; way < 6 * FAULTY_BATCHES; way++) {
        unsigned jobs = all_jobs[way / 2 % 3];
        unsigned cluster = faulty_cluster(jobs, way / 6);
        export_with_bad_cluster((int)cluster, LONG_CLUSTERS, options_of(jobs, false), way % 2 != 0);
        CHECK(!result.done);
        CHECK_EQ_U64(result.error.offset, host_of(cluster));
        check_prefix(cluster * CLUSTER);
    }
}

static void salvage_reports_faults_of_many_batches_in_guest_order(void)
{
    for (unsigned way = 0; way < 6; way++) {
        unsigned jobs = all_jobs[way / 2];
        make_long_image();
        for (unsigned i = 0; i < FAULTY_BATCHES; i++) {
            spoil_compressed(faulty_cluster(jobs, i));
            memset(disk + faulty_cluster(jobs, i) * CLUSTER, 0, CLUSTER);
        }
        export_with_bad_cluster(NOWHERE, 0, options_of(jobs, true), way % 2 != 0);
        CHECK(result.done);
        CHECK_EQ_U64(result.size, disk_size);
        CHECK_MEM(result.bytes, disk, disk_size);
        uint64_t last = UINT64_MAX;
        size_t reported = 0;
        for (unsigned i = 0; i < FAULTY_BATCHES; i++) {
            uint64_t start = faulty_cluster(jobs, i) * CLUSTER;
            // With one job the second batch is also that of a thread which begins again.
            if (start != last) {
                CHECK_EQ_U64(result.lost[reported++].start, start);
            }
            last = start;
        }
        CHECK_EQ_U64(result.reported_count, reported);
    }
}

// ---- Outputs that cannot be written ------------------------------------------------------------

// No file may grow beyond so many bytes.
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_failed_write_is_an_error_about_the_output(void)
{
    const enum sparse ways[] = {SPARSE_AUTO, SPARSE_ALWAYS, SPARSE_NEVER};
    make_image();
    for (size_t i = 0; i < 2 * sizeof ways / sizeof ways[0]; i++) {
        struct export_options options = options_of(1, i % 2 != 0);
        options.sparse = ways[i / 2];
        limit_files(10 * CLUSTER);
        export_with_bad_cluster(NOWHERE, 0, options, false);
        limit_files(RLIM_INFINITY);
        CHECK(!result.done);
        CHECK(!result.error.has_offset);
        CHECK(strstr(result.error.message, "cannot write the output: ") == result.error.message);
        CHECK(result.size <= 10 * CLUSTER);
    }
}

// The file is full in the middle of the disk, while other batches are in flight.
static void what_cannot_be_written_ends_all_threads(void)
{
    const enum sparse ways[] = {SPARSE_AUTO, SPARSE_ALWAYS, SPARSE_NEVER};
    const size_t full = LONG_CLUSTERS / 2 * CLUSTER + 100;
    make_long_image();
    for (unsigned way = 0; way < 36; way++) {
        struct export_options options = options_of(all_jobs[way / 12], way / 6 % 2 != 0);
        options.sparse = ways[way / 2 % 3];
        limit_files(full);
        export_with_bad_cluster(NOWHERE, 0, options, way % 2 != 0);
        limit_files(RLIM_INFINITY);
        CHECK(!result.done);
        CHECK(!result.error.has_offset);
        CHECK(strstr(result.error.message, "cannot write the output: ") == result.error.message);
        CHECK(result.size <= full);
        CHECK_MEM(result.bytes, disk, result.size);
    }
}

// A disk that is one hole: all that is done is to set the size of the file.
static void a_size_that_cannot_be_set_is_an_error_about_the_output(void)
{
    make_image();
    memset(file + 2 * CLUSTER, 0, CLUSTER);
    limit_files(10 * CLUSTER);
    export_with_bad_cluster(NOWHERE, 0, options_of(1, false), false);
    limit_files(RLIM_INFINITY);
    CHECK(!result.done);
    CHECK(strstr(result.error.message, "cannot write the output: ") == result.error.message);
}

// ---- A backing file that cannot be read everywhere ---------------------------------------------

static struct source *open_backing(void *context, const char *path, struct error *error)
{
    struct bad_source *source = calloc(1, sizeof *source);
    (void)context;
    (void)path;
    if (!source) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    source->base =
        (struct source){.ops = &bad_ops, .size = disk_size, .kind = SOURCE_MEMORY, .fd = -1};
    source->data = disk;
    source->bad_start = 50 * CLUSTER;
    source->bad_end = 51 * CLUSTER;
    return &source->base;
}

static void a_fault_in_a_backing_file_names_the_file(void)
{
    for (unsigned way = 0; way < 6; way++) {
        const struct chain_options options = {.open_file = open_backing};
        struct chain chain;
        struct error error;
        make_image();
        memset(file + 2 * CLUSTER, 0, CLUSTER);
        put(8, 8, 200);
        put(16, 4, 4);
        put(112, 4, 0xe2792aca); // the format of the backing file
        put(116, 4, 3);
        put(120, 3, 0x726177);   // "raw"
        put(200, 4, 0x62617365); // "base"
        struct source *source = source_open_memory((struct bytes){file, file_size}, true, &error);
        REQUIRE(source);
        REQUIRE(chain_open(source, "image", &options, &chain, &error));
        export_to(&chain, options_of(all_jobs[way / 2], false), way % 2 != 0, &result);
        CHECK(!result.done);
        CHECK(strstr(result.error.message, "backing file base: ") == result.error.message);
        CHECK_EQ_U64(result.error.offset, 50 * CLUSTER);
        check_prefix(50 * CLUSTER);
        chain_close(&chain);
    }
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    RUN(a_disk_without_fault_is_whole);
    RUN(what_is_before_a_bad_place_is_written);
    RUN(what_is_before_an_undecodable_cluster_is_written);
    RUN(of_two_faults_the_first_in_guest_order_counts);
    RUN(salvage_reads_all_but_the_bad_place);
    RUN(salvage_reports_faults_in_guest_order);
    RUN(a_long_disk_is_whole);
    RUN(what_is_before_a_bad_place_is_written_whatever_batch_it_is_in);
    RUN(of_many_bad_places_the_first_counts);
    RUN(salvage_reports_faults_of_many_batches_in_guest_order);
    RUN(a_failed_write_is_an_error_about_the_output);
    RUN(what_cannot_be_written_ends_all_threads);
    RUN(a_size_that_cannot_be_set_is_an_error_about_the_output);
    RUN(a_fault_in_a_backing_file_names_the_file);
    return unit_done();
}
