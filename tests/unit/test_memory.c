// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Every allocation that can fail, does: the first one, then the second one, and so on, until the
// work is done without meeting the one that fails. Each time it ends well, or with an error that
// is about memory and nothing else, and the bytes written before are right. Sanitizers look for
// leaks.

#include "check/check.h"
#include "image/chain.h"
#include "image/export.h"
#include "info/info.h"
#include "source/host_holes.h"
#include "tables/bitmap_find.h"
#include "tables/snapshot_find.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

#define CORPUS "tests/fuzz/corpus/image/"

// ---- Allocations that fail --------------------------------------------------------------------

// Which allocation fails, counted from 1, and how many from there on; 0: none does. Threads
// allocate, too.
static atomic_long fails_at;
static atomic_long fails_count;
static atomic_long allocations;

static bool fails(void)
{
    long at = atomic_load(&fails_at);
    long number = atomic_fetch_add(&allocations, 1) + 1;
    return at > 0 && number >= at && number - at < atomic_load(&fails_count);
}

static void fail_at(long at, long count)
{
    atomic_store(&allocations, 0);
    atomic_store(&fails_count, count);
    atomic_store(&fails_at, at);
}

// The linker puts these in the place of the C library's, for the program's own code.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c)
void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **text, const char *format, ...);
int __wrap___asprintf_chk(char **text, int flag, const char *format, ...);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : __real_calloc(number, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = fails() ? -1 : vasprintf(text, format, args);
    va_end(args);
    return length;
}

__attribute__((format(printf, 3, 4))) int __wrap___asprintf_chk(char **text, int flag,
                                                                const char *format, ...)
{
    va_list args;
    (void)flag;
    va_start(args, format);
    int length = fails() ? -1 : vasprintf(text, format, args);
    va_end(args);
    return length;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c)

// Some work, which returns false with an error. `context` is the work's own.
typedef bool work_fn(const void *context, struct error *error);

static void starve_by(work_fn *work, const void *context, long count)
{
    const long most = 100000;
    long at = 0;
    bool met = true;
    while (met && ++at < most) {
        struct error error = {0};
        fail_at(at, count);
        bool done = work(context, &error);
        met = atomic_load(&allocations) >= at;
        fail_at(0, 0);
        if (!done && !CHECK_STR(error.code, met ? ERROR_MEMORY : "no error")) {
            printf("# allocation %ld fails: %s\n", at, error.message);
            break;
        }
    }
    CHECK(at > 5); // allocations were met at all
    CHECK(at < most);
}

// What is tried again after it has failed succeeds, or fails again.
static void starve(work_fn *work, const void *context)
{
    starve_by(work, context, 1);
    starve_by(work, context, 2);
    starve_by(work, context, LONG_MAX);
}

// ---- Images of the corpus ---------------------------------------------------------------------

static struct bytes load(const char *path)
{
    static uint8_t files[4][200000];
    static size_t next;
    uint8_t *file = files[next++ % 4];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, file, sizeof files[0]);
    close(fd);
    CHECK(size > 0);
    return (struct bytes){file, size > 0 ? (size_t)size : 0};
}

static struct bytes image;
static struct bytes second; // what the image names

static struct source *open_second(void *context, const char *path, struct error *error)
{
    (void)context;
    (void)path;
    return source_open_memory(second, true, error);
}

static bool open_chain(const struct chain_options *options, struct chain *chain,
                       struct error *error)
{
    struct chain_options with_memory = *options;
    struct source *source = source_open_memory(image, true, error);
    with_memory.open_file = open_second;
    *chain = (struct chain){0};
    return source && chain_open(source, "image", &with_memory, chain, error);
}

// ---- Work -------------------------------------------------------------------------------------

static bool inspect(const void *context, struct error *error)
{
    const struct chain_options options = {.inspect = true};
    struct chain chain;
    struct info info;
    (void)context;
    bool done = open_chain(&options, &chain, error) &&
                info_collect(chain.layers[0].image, "image", &info, error);
    if (done) {
        info_free(&info);
    }
    chain_close(&chain);
    return done;
}

static bool map(const void *context, struct error *error)
{
    const struct chain_options options = {.no_backing = false};
    struct chain chain;
    struct extent_walk walk = {0};
    struct view view = {0};
    (void)context;
    bool done = open_chain(&options, &chain, error);
    if (done) {
        view = view_active(&chain);
        done = extent_walk_start(&walk, &view, error);
    }
    for (uint64_t at = 0; done && at < view.size;) {
        struct extent extent;
        done = extent_at(&walk, at, view.size - at, &extent, error);
        at += extent.length;
    }
    extent_walk_end(&walk);
    chain_close(&chain);
    return done;
}

static bool find_others(const void *context, struct error *error)
{
    const struct chain_options options = {.no_backing = true};
    struct chain chain;
    struct snapshot snapshot;
    struct bitmap bitmap;
    (void)context;
    bool done = open_chain(&options, &chain, error) &&
                snapshot_find(chain.layers[0].image, "first", &snapshot, error) &&
                bitmap_find(chain.layers[0].image, "one", &bitmap, error);
    chain_close(&chain);
    return done;
}

static bool check(const void *context, struct error *error)
{
    const struct chain_options options = {.no_backing = true};
    const struct check_options check_options = {.max_findings = 100, .data = true, .jobs = 2};
    struct chain chain;
    struct check check;
    (void)context;
    bool done = open_chain(&options, &chain, error);
    if (done) {
        done = check_image(&chain, &check_options, &check, error);
        if (done && check.check_errors > 0) {
            *error = check.first_error;
            done = false;
        }
        // These images are sound, and have no data that cannot be read.
        bool sound = check.findings.totals[SEVERITY_CORRUPTION] == 0;
        if (!CHECK(!done || sound) && check.findings.count > 0) {
            printf("# %s: %s\n", finding_rules[check.findings.items[0].kind].code,
                   check.findings.items[0].place);
        }
        check_free(&check);
    }
    chain_close(&chain);
    return done;
}

struct export_case {
    unsigned jobs;
    enum sparse sparse;
    uint64_t offset; // in the first cluster of the disk
};

static uint8_t expected[200000];
static size_t expected_size;

static bool export_to(int fd, const struct export_case *how, struct error *error)
{
    const struct chain_options options = {.no_backing = false};
    struct chain chain;
    bool done = open_chain(&options, &chain, error);
    if (done) {
        const struct view view = view_active(&chain);
        struct export_options request = {.jobs = how->jobs,
                                         .sparse = how->sparse,
                                         .offset = how->offset,
                                         .length = view.size - how->offset};
        done = export_disk(&view, &request, fd, error);
    }
    chain_close(&chain);
    return done;
}

static bool export(const void *context, struct error *error)
{
    const struct export_case *how = context;
    static uint8_t bytes[sizeof expected];
    int fd = memfd_create("export", MFD_CLOEXEC);
    bool done = export_to(fd, how, error);
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    close(fd);
    CHECK(size >= 0 && (size_t)size + how->offset <= expected_size);
    CHECK(!done || (size_t)size + how->offset == expected_size);
    CHECK_MEM(bytes, expected + how->offset, size > 0 ? (size_t)size : 0);
    return done;
}

// ---- Tests ------------------------------------------------------------------------------------

static const char *const names[] = {"everything", "mixed", "zstd", "snapshots", "odd-size"};

static void an_image_is_inspected(void)
{
    const char *const more[] = {"luks", "overlay-on-json", "data-file", "overlay-on-qcow2"};
    second = load(CORPUS "plain");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, CORPUS "%s", names[i]);
        image = load(path);
        starve(inspect, NULL);
    }
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, CORPUS "%s", more[i]);
        image = load(path);
        starve(inspect, NULL);
    }
}

static void a_disk_is_mapped(void)
{
    const char *const layered[] = {"mixed", "overlay-on-qcow2", "overlay-on-json", "data-file"};
    second = load(CORPUS "plain");
    for (size_t i = 0; i < sizeof layered / sizeof layered[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, CORPUS "%s", layered[i]);
        image = load(path);
        starve(map, NULL);
    }
}

static void a_snapshot_and_a_bitmap_are_found(void)
{
    image = load(CORPUS "everything");
    starve(find_others, NULL);
}

static void an_image_is_checked(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, CORPUS "%s", names[i]);
        image = load(path);
        starve(check, NULL);
    }
}

static void a_disk_is_exported(void)
{
    const char *const disks[] = {"mixed", "zstd", "overlay-on-qcow2"};
    const struct export_case whole = {.jobs = 1, .sparse = SPARSE_NEVER};
    const struct export_case cases[] = {{1, SPARSE_AUTO, 0},
                                        {2, SPARSE_AUTO, 12500},
                                        {1, SPARSE_ALWAYS, 100},
                                        {2, SPARSE_NEVER, 0}};
    second = load(CORPUS "plain");
    for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
        struct error error;
        char path[100];
        snprintf(path, sizeof path, CORPUS "%s", disks[i]);
        image = load(path);
        int fd = memfd_create("export", MFD_CLOEXEC);
        CHECK(export_to(fd, &whole, &error));
        ssize_t size = pread(fd, expected, sizeof expected, 0);
        close(fd);
        expected_size = size > 0 ? (size_t)size : 0;
        for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
            starve(export, &cases[j]);
        }
    }
}

static bool read_pipe(const void *context, struct error *error)
{
    int ends[2];
    const struct bytes *bytes = context;
    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], bytes->data, bytes->size) == (ssize_t)bytes->size);
    close(ends[1]);
    struct source *source = source_open_fd(ends[0], 1 << 20, error);
    source_close(source);
    return source != NULL;
}

static void a_pipe_and_a_file_are_opened(void)
{
    struct error error = {0};
    const struct bytes bytes = load(CORPUS "mixed");
    for (long at = 1; at <= 2; at++) {
        fail_at(at, 1);
        CHECK(!read_pipe(&bytes, &error));
        CHECK_STR(error.code, ERROR_MEMORY);
    }
    fail_at(1, 1);
    CHECK(!source_open_file(CORPUS "mixed", 0, &error));
    CHECK_STR(error.code, ERROR_MEMORY);
    fail_at(0, 0);
    CHECK(read_pipe(&bytes, &error));
}

// Without memory nothing is known of holes, and that is no error.
static void holes_are_not_known(void)
{
    struct error error;
    struct source *source = source_open_file(CORPUS "mixed", 0, &error);
    REQUIRE(source);
    for (long at = 1; at <= 2; at++) {
        fail_at(at, 1);
        CHECK(!host_holes_find(source));
    }
    fail_at(0, 0);
    struct host_holes *holes = host_holes_find(source);
    CHECK(holes != NULL);
    host_holes_free(holes);
    source_close(source);
}

int main(void)
{
    RUN(an_image_is_inspected);
    RUN(a_disk_is_mapped);
    RUN(a_snapshot_and_a_bitmap_are_found);
    RUN(an_image_is_checked);
    RUN(a_disk_is_exported);
    RUN(a_pipe_and_a_file_are_opened);
    RUN(holes_are_not_known);
    return unit_done();
}
