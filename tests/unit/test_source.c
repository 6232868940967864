// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Sources of bytes: files, memory, the first bytes of a pipe.

#include "source/source.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

enum { CAP = 1 << 20 };

static char folder[] = "/tmp/qcow2-info-source-XXXXXX";
static char path[sizeof folder + 16];

// The bytes that everything here is made of: no two near places are alike.
static uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 251);
}

static bool is_pattern(const uint8_t *bytes, uint64_t offset, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != pattern(offset + i)) {
            return false;
        }
    }
    return true;
}

static bool write_pattern(int fd, size_t size)
{
    for (size_t done = 0; done < size;) {
        uint8_t bytes[1000];
        size_t count = size - done < sizeof bytes ? size - done : sizeof bytes;
        for (size_t i = 0; i < count; i++) {
            bytes[i] = pattern(done + i);
        }
        ssize_t written = write(fd, bytes, count);
        if (written <= 0) {
            return false;
        }
        done += (size_t)written;
    }
    return true;
}

// Makes the file at `path`, of so many bytes.
static bool make_file(size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool made = fd >= 0 && write_pattern(fd, size);
    return fd >= 0 && close(fd) == 0 && made;
}

static struct source *memory_of_10(bool complete)
{
    static const uint8_t bytes[] = "0123456789";
    struct error error;
    return source_open_memory((struct bytes){bytes, 10}, complete, &error);
}

static void a_file_is_read_at_any_offset(void)
{
    struct error error;
    uint8_t buffer[1000];
    REQUIRE(make_file(10000));
    struct source *source = source_open_file(path, CAP, &error);
    REQUIRE(source != NULL);
    CHECK_EQ_U64(source->size, 10000);
    CHECK(source_complete(source));
    CHECK(source->fd >= 0);
    CHECK(source->allocated_size >= 10000);
    CHECK(source_read(source, 0, buffer, 1000, &error));
    CHECK(is_pattern(buffer, 0, 1000));
    CHECK(source_read(source, 9999, buffer, 1, &error));
    CHECK(is_pattern(buffer, 9999, 1));
    CHECK(source_read(source, 4567, buffer, 1000, &error));
    CHECK(is_pattern(buffer, 4567, 1000));
    CHECK(source_read(source, 10000, buffer, 0, &error));
    source_close(source);
}

static void a_read_past_the_end_names_the_first_missing_byte(void)
{
    struct error error;
    uint8_t buffer[20];
    REQUIRE(make_file(100));
    struct source *source = source_open_file(path, CAP, &error);
    REQUIRE(source != NULL);
    CHECK(!source_read(source, 90, buffer, 20, &error));
    CHECK_STR(error.code, "truncated");
    CHECK(error.has_offset);
    CHECK_EQ_U64(error.offset, 100);
    CHECK(!source_read(source, 5000, buffer, 1, &error));
    CHECK_EQ_U64(error.offset, 5000);
    CHECK(!source_read(source, UINT64_MAX, buffer, 20, &error));
    CHECK_STR(error.code, "truncated");
    source_close(source);
}

static void a_file_that_shrinks_meanwhile_is_reported(void)
{
    struct error error;
    uint8_t buffer[100];
    REQUIRE(make_file(1000));
    struct source *source = source_open_file(path, CAP, &error);
    REQUIRE(source != NULL);
    CHECK(truncate(path, 450) == 0);
    CHECK(source_read(source, 300, buffer, 100, &error));
    CHECK(!source_read(source, 400, buffer, 100, &error));
    CHECK_STR(error.code, "truncated");
    CHECK_EQ_U64(error.offset, 450);
    source_close(source);
}

static void a_missing_file_is_not_found(void)
{
    struct error error;
    CHECK(source_open_file("/nonexistent/file", CAP, &error) == NULL);
    CHECK_STR(error.code, "not-found");
}

static void a_directory_is_refused(void)
{
    struct error error;
    CHECK(source_open_file(folder, CAP, &error) == NULL);
    CHECK_STR(error.code, "io-error");
    CHECK_STR(error.message, "is a directory");
}

static void a_file_that_cannot_be_opened_is_an_error_of_the_system(void)
{
    struct error error;
    unlink(path);
    REQUIRE(symlink(path, path) == 0);
    CHECK(source_open_file(path, CAP, &error) == NULL);
    CHECK_STR(error.code, "io-error");
    unlink(path);
}

static void two_openings_of_a_file_have_one_identity(void)
{
    struct error error;
    REQUIRE(make_file(10));
    struct source *one = source_open_file(path, CAP, &error);
    struct source *two = source_open_fd(open(path, O_RDONLY | O_CLOEXEC), 0, &error);
    if (CHECK(one != NULL) && CHECK(two != NULL)) {
        CHECK_EQ_U64(one->identity.inode, two->identity.inode);
        CHECK_EQ_U64(one->identity.device, two->identity.device);
    }
    source_close(one);
    source_close(two);
}

static void a_bad_descriptor_is_an_error(void)
{
    struct error error;
    CHECK(source_open_fd(-1, CAP, &error) == NULL);
    CHECK_STR(error.code, "io-error");
}

static void a_hole_of_a_file_is_reported(void)
{
    struct error error;
    bool hole;
    REQUIRE(make_file(65536));
    REQUIRE(truncate(path, 10 << 20) == 0);
    struct source *source = source_open_file(path, CAP, &error);
    REQUIRE(source != NULL);
    uint64_t data = source_run(source, 0, &hole);
    CHECK(!hole);
    CHECK(data >= 65536);
    if (data < source->size) { // a file system that reports holes
        CHECK_EQ_U64(source_run(source, data, &hole), (10 << 20) - data);
        CHECK(hole);
        CHECK_EQ_U64(source_run(source, (10 << 20) - 1, &hole), 1);
        CHECK(hole);
    }
    CHECK_EQ_U64(source_run(source, 100, &hole), data - 100);
    CHECK(!hole);
    CHECK_EQ_U64(source_hole(source, 100), 0);
    CHECK_EQ_U64(source_hole(source, (10 << 20) - 1), data < source->size);
    source_close(source);
}

static void memory_is_read_and_has_no_descriptor(void)
{
    struct error error;
    char buffer[4] = "";
    bool hole = true;
    struct source *source = memory_of_10(true);
    REQUIRE(source != NULL);
    CHECK_EQ_U64(source->size, 10);
    CHECK(source_complete(source));
    CHECK_EQ_I64(source->fd, -1);
    CHECK(source_read(source, 7, buffer, 3, &error));
    CHECK_STR(buffer, "789");
    CHECK(source_read(source, 10, buffer, 0, &error));
    CHECK_EQ_U64(source_run(source, 4, &hole), 6);
    CHECK(!hole);
    CHECK_EQ_U64(source_hole(source, 4), 0);
    CHECK(!source_read(source, 8, buffer, 3, &error));
    CHECK_STR(error.code, "truncated");
    CHECK_EQ_U64(error.offset, 10);
    source_close(source);
}

static void what_was_not_given_is_unseen_and_not_truncated(void)
{
    struct error error;
    char buffer[4];
    struct source *source = memory_of_10(false);
    REQUIRE(source != NULL);
    CHECK(!source_complete(source));
    CHECK(!source_read(source, 8, buffer, 3, &error));
    CHECK_STR(error.code, "not-seen");
    CHECK_EQ_U64(error.offset, 10);
    source_close(source);
}

static void empty_memory_has_nothing_to_read(void)
{
    struct error error;
    char byte;
    struct source *source = source_open_memory((struct bytes){0}, true, &error);
    REQUIRE(source != NULL);
    CHECK_EQ_U64(source->size, 0);
    CHECK(source_read(source, 0, &byte, 0, &error));
    CHECK(!source_read(source, 0, &byte, 1, &error));
    source_close(source);
}

static void memory_that_is_taken_over_is_freed_with_it(void)
{
    struct error error;
    uint8_t *bytes = malloc(3);
    uint8_t byte = 0;
    REQUIRE(bytes != NULL);
    memset(bytes, 'c', 3);
    struct source *source = source_take_memory((struct bytes){bytes, 3}, true, &error);
    REQUIRE(source != NULL);
    CHECK(source_read(source, 2, &byte, 1, &error));
    CHECK_EQ_U64(byte, 'c');
    source_close(source);
}

static void closing_nothing_is_fine(void)
{
    source_close(NULL);
}

// ---- Pipes
// ----------------------------------------------------------------------------------------

struct feeder {
    int fd;
    size_t size;
};

static void *feed(void *argument)
{
    struct feeder *feeder = argument;
    write_pattern(feeder->fd, feeder->size);
    close(feeder->fd);
    return NULL;
}

// A source of a pipe into which so many bytes are written.
static struct source *open_pipe(size_t size, size_t cap, struct error *error)
{
    int ends[2];
    pthread_t thread;
    if (pipe(ends) != 0) {
        return NULL;
    }
    struct feeder feeder = {ends[1], size};
    if (pthread_create(&thread, NULL, feed, &feeder) != 0) {
        return NULL;
    }
    struct source *source = source_open_fd(ends[0], cap, error);
    pthread_join(thread, NULL);
    return source;
}

// Where a pipe ends says nothing of where the image does.
static void check_pipe(size_t size, size_t cap, size_t seen)
{
    struct error error;
    uint8_t buffer[4096];
    struct source *source = open_pipe(size, cap, &error);
    REQUIRE(source != NULL);
    CHECK_EQ_U64(source->size, seen);
    CHECK(!source_complete(source));
    CHECK_EQ_I64(source->fd, -1);
    for (size_t at = 0; at < seen; at += sizeof buffer) {
        size_t count = seen - at < sizeof buffer ? seen - at : sizeof buffer;
        CHECK(source_read(source, at, buffer, count, &error));
        CHECK(is_pattern(buffer, at, count));
    }
    CHECK(!source_read(source, seen, buffer, 1, &error));
    CHECK_STR(error.code, "not-seen");
    source_close(source);
}

static void a_pipe_is_read_to_its_end(void)
{
    check_pipe(0, 100, 0);
    check_pipe(99, 100, 99);
    check_pipe(100, 100, 100);
    check_pipe(300000, CAP, 300000);
    check_pipe(CAP, CAP, CAP);
}

static void a_pipe_beyond_the_cap_is_cut_there(void)
{
    check_pipe(101, 100, 100);
    check_pipe(65537, 65536, 65536);
    check_pipe(CAP + 12345, CAP, CAP);
}

// What was given is all of it, and only what is beyond the cap was not kept.
static void check_drained(size_t size, size_t cap)
{
    int ends[2];
    pthread_t thread;
    struct error error;
    uint8_t byte;
    REQUIRE(pipe(ends) == 0);
    struct feeder feeder = {ends[1], size};
    REQUIRE(pthread_create(&thread, NULL, feed, &feeder) == 0);
    struct source *source = source_drain_fd(ends[0], cap, &error);
    pthread_join(thread, NULL);
    REQUIRE(source != NULL);
    CHECK_EQ_U64(source->size, size < cap ? size : cap);
    CHECK(source_complete(source) == (size <= cap));
    CHECK_EQ_U64(source->given, size <= cap ? 0 : size);
    CHECK(!source_read(source, source->size, &byte, 1, &error));
    CHECK_STR(error.code, size <= cap ? "truncated" : "not-seen");
    source_close(source);
}

static void a_drained_pipe_is_read_to_its_end(void)
{
    check_drained(0, 100);
    check_drained(99, 100);
    check_drained(100, 100);
    check_drained(101, 100);
    check_drained(65537, 65536);
    check_drained(1000000, 100);
    check_drained(CAP, CAP);
    check_drained(CAP + 300000, CAP);
}

static void without_a_cap_a_pipe_is_refused_without_waiting(void)
{
    struct error error;
    unlink(path);
    REQUIRE(mkfifo(path, 0600) == 0);
    alarm(20); // a hang ends the program
    CHECK(source_open_file(path, 0, &error) == NULL);
    CHECK_STR(error.code, "io-error");
    alarm(0);
    unlink(path);
}

static void run_files(void)
{
    RUN(a_file_is_read_at_any_offset);
    RUN(a_read_past_the_end_names_the_first_missing_byte);
    RUN(a_file_that_shrinks_meanwhile_is_reported);
    RUN(a_missing_file_is_not_found);
    RUN(a_directory_is_refused);
    RUN(a_file_that_cannot_be_opened_is_an_error_of_the_system);
    RUN(two_openings_of_a_file_have_one_identity);
    RUN(a_bad_descriptor_is_an_error);
    RUN(a_hole_of_a_file_is_reported);
}

int main(void)
{
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(path, sizeof path, "%s/file", folder);
    signal(SIGPIPE, SIG_IGN); // the reader of a pipe stops at the cap
    run_files();
    RUN(memory_is_read_and_has_no_descriptor);
    RUN(what_was_not_given_is_unseen_and_not_truncated);
    RUN(empty_memory_has_nothing_to_read);
    RUN(memory_that_is_taken_over_is_freed_with_it);
    RUN(closing_nothing_is_fine);
    RUN(a_pipe_is_read_to_its_end);
    RUN(a_pipe_beyond_the_cap_is_cut_there);
    RUN(a_drained_pipe_is_read_to_its_end);
    RUN(without_a_cap_a_pipe_is_refused_without_waiting);
    unlink(path);
    rmdir(folder);
    return unit_done();
}
