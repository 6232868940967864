// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Copies and exact writes: to files, pipes and sockets, from files and memory, and whose fault it
// is when they fail.

#include "source/transfer.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"
#include "watched.h"

enum {
    SIZE = 3 << 20, // more than one call writes of zeros, and than a pipe holds
    ODD = 12345,
};

static char folder[] = "/tmp/qcow2-info-transfer-XXXXXX";
static char from_path[sizeof folder + 16], to_path[sizeof folder + 16];

static uint8_t bytes[SIZE]; // what is copied: no two places within 64 KiB are alike
static uint8_t got[SIZE + 1];

static void fill_bytes(void)
{
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i % 2 == 0 ? i / 2 : i / 512);
    }
}

static int open_new(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

// A source of all bytes, in a file.
static struct source *open_from(void)
{
    struct error error;
    int fd = open_new(from_path);
    bool written = fd >= 0 && write_stream(fd, (struct bytes){bytes, SIZE}, &error);
    return fd >= 0 && close(fd) == 0 && written ? source_open_file(from_path, 0, &error) : NULL;
}

static size_t file_size(int fd)
{
    return (size_t)lseek(fd, 0, SEEK_END);
}

static bool is_in_file(int fd, uint64_t offset, const uint8_t *want, size_t size)
{
    return CHECK_EQ_I64(pread(fd, got, size, (off_t)offset), (int64_t)size) &&
           CHECK_MEM(got, want, size);
}

static bool is_zero(const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (from[i] != 0) {
            return false;
        }
    }
    return true;
}

// ---- To a file -------------------------------------------------------------------------------

static void check_to_file(struct source *source)
{
    struct error error;
    uint64_t done = 0;
    int fd = open_new(to_path);
    REQUIRE(fd >= 0);
    CHECK(transfer_to_file(source, 0, SIZE, fd, 0, &done, &error));
    CHECK_EQ_U64(done, SIZE);
    CHECK(is_in_file(fd, 0, bytes, SIZE));
    CHECK_EQ_U64(file_size(fd), SIZE);
    CHECK(transfer_to_file(source, 777, ODD, fd, 1000, &done, &error)); // over what is there
    CHECK_EQ_U64(done, ODD);
    CHECK(is_in_file(fd, 0, bytes, 1000));
    CHECK(is_in_file(fd, 1000, bytes + 777, ODD));
    CHECK(is_in_file(fd, 1000 + ODD, bytes + 1000 + ODD, SIZE - 1000 - ODD));
    CHECK(transfer_to_file(source, SIZE - 1, 1, fd, SIZE + 9, &done, &error)); // past its end
    CHECK(is_in_file(fd, SIZE + 9, bytes + SIZE - 1, 1));
    CHECK(transfer_to_file(source, SIZE, 0, fd, 0, &done, &error));
    CHECK_EQ_U64(done, 0);
    CHECK_EQ_U64(file_size(fd), SIZE + 10);
    close(fd);
}

static void bytes_of_a_file_are_copied_into_a_file(void)
{
    struct source *source = open_from();
    REQUIRE(source != NULL);
    check_to_file(source);
    source_close(source);
}

static void bytes_in_memory_are_copied_into_a_file(void)
{
    struct watched source = watched_make(bytes, SIZE);
    check_to_file(&source.base);
}

// ---- To a stream -----------------------------------------------------------------------------

// Reads a stream to its end.
struct reader {
    int fd;
    size_t size;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    ssize_t count;
    while ((count = read(reader->fd, got + reader->size, sizeof got - reader->size)) > 0) {
        reader->size += (size_t)count;
    }
    close(reader->fd);
    return NULL;
}

// Copies into one end of `ends`, whose other end is read meanwhile.
static void check_to_stream(struct source *source, const int ends[2])
{
    struct error error;
    uint64_t done = 0;
    pthread_t thread;
    struct reader reader = {.fd = ends[0]};
    REQUIRE(pthread_create(&thread, NULL, read_all, &reader) == 0);
    CHECK(transfer_to_stream(source, ODD, SIZE - ODD, ends[1], &done, &error));
    CHECK_EQ_U64(done, SIZE - ODD);
    CHECK(transfer_to_stream(source, 0, ODD, ends[1], &done, &error));
    CHECK_EQ_U64(done, ODD);
    close(ends[1]);
    pthread_join(thread, NULL);
    CHECK_EQ_U64(reader.size, SIZE);
    CHECK_MEM(got, bytes + ODD, SIZE - ODD);
    CHECK_MEM(got + SIZE - ODD, bytes, ODD);
}

static void check_streams(struct source *source)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    check_to_stream(source, ends);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    check_to_stream(source, ends);
}

static void bytes_of_a_file_are_appended_to_a_stream(void)
{
    struct source *source = open_from();
    REQUIRE(source != NULL);
    check_streams(source);
    source_close(source);
}

static void bytes_in_memory_are_appended_to_a_stream(void)
{
    struct watched source = watched_make(bytes, SIZE);
    check_streams(&source.base);
}

// Another process that has the output open may have set the flag.
static void an_output_that_does_not_block_is_waited_for(void)
{
    struct watched source = watched_make(bytes, SIZE);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    check_to_stream(&source.base, ends);
    struct source *file = open_from();
    REQUIRE(file != NULL);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    check_to_stream(file, ends);
    source_close(file);
}

static void a_file_that_is_appended_to_is_a_stream(void)
{
    struct error error;
    uint64_t done;
    struct source *source = open_from();
    REQUIRE(source != NULL);
    int fd = open(to_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    CHECK(transfer_to_stream(source, 5, ODD, fd, &done, &error));
    CHECK(transfer_to_stream(source, 5, ODD, fd, &done, &error));
    CHECK_EQ_U64(file_size(fd), 2 * ODD);
    CHECK(is_in_file(fd, 0, bytes + 5, ODD));
    CHECK(is_in_file(fd, ODD, bytes + 5, ODD));
    close(fd);
    source_close(source);
}

// ---- Faults of the source ----------------------------------------------------------------------

// What is before the fault may be copied or not, but what is counted is.
static void check_source_fault(struct source *source, uint64_t offset, uint64_t length,
                               const char *code, uint64_t at)
{
    struct error error = {0};
    uint64_t done = UINT64_MAX;
    int fd = open_new(to_path);
    REQUIRE(fd >= 0);
    CHECK(!transfer_to_file(source, offset, length, fd, 0, &done, &error));
    CHECK_STR(error.code, code);
    CHECK(error.has_offset);
    CHECK_EQ_U64(error.offset, at);
    REQUIRE(done < length && offset + done <= at);
    CHECK(is_in_file(fd, 0, bytes + offset, done));
    close(fd);
}

static void a_range_past_the_end_is_truncated(void)
{
    struct source *file = open_from();
    REQUIRE(file != NULL);
    check_source_fault(file, SIZE - 100, 101, "truncated", SIZE);
    check_source_fault(file, SIZE, 1, "truncated", SIZE);
    source_close(file);
    struct watched memory = watched_make(bytes, SIZE);
    check_source_fault(&memory.base, SIZE - 100, 101, "truncated", SIZE);
    memory.base.kind = SOURCE_START;
    check_source_fault(&memory.base, SIZE - 100, 101, "not-seen", SIZE);
}

static void a_file_that_shrinks_meanwhile_is_truncated(void)
{
    struct source *file = open_from();
    REQUIRE(file != NULL);
    REQUIRE(truncate(from_path, ODD) == 0);
    check_source_fault(file, 0, SIZE, "truncated", ODD);
    check_source_fault(file, 2 * ODD, 10, "truncated", 2 * ODD);
    source_close(file);
}

// What was opened is what is copied.
static void a_file_that_grows_meanwhile_ends_where_it_did(void)
{
    struct error error;
    struct source *file = open_from();
    REQUIRE(file != NULL);
    int fd = open(from_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(write_stream(fd, (struct bytes){bytes, ODD}, &error));
    close(fd);
    check_source_fault(file, SIZE - 100, 200, "truncated", SIZE);
    source_close(file);
}

static void a_source_that_cannot_be_read_is_at_fault(void)
{
    struct watched memory = watched_make(bytes, SIZE);
    memory.bad_start = SIZE - 5;
    memory.bad_end = SIZE;
    check_source_fault(&memory.base, 1, SIZE - 1, "io-error", SIZE - 5);
}

// ---- Faults of the output ----------------------------------------------------------------------

static bool is_output_error(const struct error *error)
{
    return CHECK_STR(error->code, "io-error") && CHECK(!error->has_offset) &&
           CHECK(strstr(error->message, "output") != NULL);
}

static void check_output_fault(struct source *source, int fd, bool stream)
{
    struct error error = {0};
    uint64_t done = UINT64_MAX;
    CHECK(!(stream ? transfer_to_stream(source, 0, SIZE, fd, &done, &error)
                   : transfer_to_file(source, 0, SIZE, fd, 0, &done, &error)));
    CHECK(is_output_error(&error));
    CHECK_EQ_U64(done, 0);
}

static void check_write_faults(int fd)
{
    struct error error = {0};
    const struct bytes one = {bytes, 1};
    CHECK(!write_stream(fd, one, &error) && is_output_error(&error));
    error = (struct error){0};
    CHECK(!write_zeros_stream(fd, 1, &error) && is_output_error(&error));
    error = (struct error){0};
    CHECK(!write_at(fd, 10, one, &error) && is_output_error(&error));
    error = (struct error){0};
    CHECK(!write_zeros_at(fd, 10, 1, &error) && is_output_error(&error));
}

static void an_output_that_cannot_be_written_is_at_fault(void)
{
    struct watched memory = watched_make(bytes, SIZE);
    struct source *file = open_from();
    REQUIRE(file != NULL);
    int fd = open(from_path, O_RDONLY | O_CLOEXEC); // not for writing
    REQUIRE(fd >= 0);
    for (unsigned stream = 0; stream < 2; stream++) {
        check_output_fault(file, fd, stream != 0);
        check_output_fault(&memory.base, fd, stream != 0);
    }
    check_write_faults(fd);
    close(fd);
    source_close(file);
}

static void a_full_output_is_at_fault(void)
{
    struct watched memory = watched_make(bytes, SIZE);
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    check_output_fault(&memory.base, fd, true);
    check_write_faults(fd);
    close(fd);
}

static void a_pipe_without_a_reader_is_at_fault(void)
{
    struct watched memory = watched_make(bytes, SIZE);
    struct source *file = open_from();
    int ends[2];
    REQUIRE(file != NULL);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    check_output_fault(file, ends[1], true);
    check_output_fault(&memory.base, ends[1], true);
    close(ends[1]);
    source_close(file);
}

// ---- Plain writes and zeros --------------------------------------------------------------------

static void writes_are_whole(void)
{
    struct error error;
    int fd = open_new(to_path);
    REQUIRE(fd >= 0);
    CHECK(write_at(fd, 10, (struct bytes){bytes, SIZE}, &error));
    CHECK(write_at(fd, 0, (struct bytes){0}, &error));
    CHECK_EQ_U64(file_size(fd), SIZE + 10);
    CHECK(is_in_file(fd, 10, bytes, SIZE));
    CHECK(write_at(fd, 500, (struct bytes){bytes, 3}, &error));
    CHECK(is_in_file(fd, 500, bytes, 3));
    CHECK(is_in_file(fd, 503, bytes + 493, 1000));
    CHECK_EQ_I64(pread(fd, got, 10, 0), 10);
    CHECK(is_zero(got, 10));
    close(fd);
}

static void zeros_are_written_over_bytes_and_nowhere_else(void)
{
    struct error error;
    const uint64_t lengths[] = {0, 1, ODD, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, SIZE - 200};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint64_t length = lengths[i];
        int fd = open_new(to_path);
        REQUIRE(fd >= 0);
        REQUIRE(write_at(fd, 0, (struct bytes){bytes, SIZE}, &error));
        CHECK(write_zeros_at(fd, 100, length, &error));
        CHECK_EQ_U64(file_size(fd), SIZE);
        CHECK(is_in_file(fd, 0, bytes, 100));
        CHECK_EQ_I64(pread(fd, got, length, 100), (int64_t)length);
        CHECK(is_zero(got, length));
        CHECK(is_in_file(fd, 100 + length, bytes + 100 + length, SIZE - 100 - length));
        close(fd);
    }
}

static void zeros_are_appended_to_a_stream(void)
{
    struct error error;
    int ends[2];
    pthread_t thread;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct reader reader = {.fd = ends[0]};
    memset(got, 1, sizeof got);
    REQUIRE(pthread_create(&thread, NULL, read_all, &reader) == 0);
    CHECK(write_zeros_stream(ends[1], 0, &error));
    CHECK(write_zeros_stream(ends[1], SIZE - 7, &error));
    CHECK(write_stream(ends[1], (struct bytes){bytes + 1, 7}, &error));
    close(ends[1]);
    pthread_join(thread, NULL);
    CHECK_EQ_U64(reader.size, SIZE);
    CHECK(is_zero(got, SIZE - 7));
    CHECK_MEM(got + SIZE - 7, bytes + 1, 7);
}

int main(void)
{
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(from_path, sizeof from_path, "%s/from", folder);
    snprintf(to_path, sizeof to_path, "%s/to", folder);
    signal(SIGPIPE, SIG_IGN);
    fill_bytes();
    RUN(bytes_of_a_file_are_copied_into_a_file);
    RUN(bytes_in_memory_are_copied_into_a_file);
    RUN(bytes_of_a_file_are_appended_to_a_stream);
    RUN(bytes_in_memory_are_appended_to_a_stream);
    RUN(an_output_that_does_not_block_is_waited_for);
    RUN(a_file_that_is_appended_to_is_a_stream);
    RUN(a_range_past_the_end_is_truncated);
    RUN(a_file_that_shrinks_meanwhile_is_truncated);
    RUN(a_file_that_grows_meanwhile_ends_where_it_did);
    RUN(a_source_that_cannot_be_read_is_at_fault);
    RUN(an_output_that_cannot_be_written_is_at_fault);
    RUN_IF(access("/dev/full", W_OK) == 0, a_full_output_is_at_fault, "machine: no /dev/full");
    RUN(a_pipe_without_a_reader_is_at_fault);
    RUN(writes_are_whole);
    RUN(zeros_are_written_over_bytes_and_nowhere_else);
    RUN(zeros_are_appended_to_a_stream);
    unlink(from_path);
    unlink(to_path);
    rmdir(folder);
    return unit_done();
}
