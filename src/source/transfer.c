// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/transfer.h"

#include "base/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
    COPY_BUFFER = 128 * 1024,
    WRITE_MAX = 1 << 20, // longer writes are slower: their pages are made in larger pieces
    // The length of one system call: the kernel accepts less than 2 GiB.
    CALL_MAX = 1 << 30,
};

// Never written to. It is not const so that it takes no room in the program file, and none in
// memory: all its pages are the kernel's zero page.
static uint8_t zeros[WRITE_MAX];

static bool output_error(struct error *error)
{
    return error_set(error, ERROR_IO, "cannot write the output: %s", strerror(errno));
}

// Whether to try again after a write that wrote nothing. Waits for a non-blocking output: another
// process that has it open may have set this flag.
static bool write_again(int fd, ssize_t written, struct error *error)
{
    struct pollfd output = {.fd = fd, .events = POLLOUT};
    if (written == 0) {
        return error_set(error, ERROR_IO, "cannot write the output: no progress, write returned 0");
    }
    if (errno == EAGAIN && ppoll(&output, 1, NULL, NULL) >= 0) {
        return true;
    }
    return errno == EINTR ? true : output_error(error);
}

bool write_at(int fd, uint64_t offset, struct bytes bytes, struct error *error)
{
    while (bytes.size > 0) {
        size_t size = (size_t)min_u64(bytes.size, WRITE_MAX);
        ssize_t written = pwrite(fd, bytes.data, size, (off_t)offset);
        if (written > 0) {
            offset += (uint64_t)written;
            bytes = bytes_from(bytes, (size_t)written);
        } else if (!write_again(fd, written, error)) {
            return false;
        }
    }
    return true;
}

bool write_stream(int fd, struct bytes bytes, struct error *error)
{
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written > 0) {
            bytes = bytes_from(bytes, (size_t)written);
        } else if (!write_again(fd, written, error)) {
            return false;
        }
    }
    return true;
}

bool write_zeros_at(int fd, uint64_t offset, uint64_t length, struct error *error)
{
    while (length > 0) {
        size_t size = (size_t)min_u64(length, sizeof zeros);
        if (!write_at(fd, offset, (struct bytes){zeros, size}, error)) {
            return false;
        }
        offset += size;
        length -= size;
    }
    return true;
}

bool write_zeros_stream(int fd, uint64_t length, struct error *error)
{
    while (length > 0) {
        size_t size = (size_t)min_u64(length, sizeof zeros);
        if (!write_stream(fd, (struct bytes){zeros, size}, error)) {
            return false;
        }
        length -= size;
    }
    return true;
}

// The source and destination of one copy.
struct copy {
    struct source *source;
    uint64_t offset, length;
    int fd;
    bool positioned;
    uint64_t to_offset;
};

static void copy_advance(struct copy *copy, uint64_t size)
{
    copy->offset += size;
    copy->to_offset += size;
    copy->length -= size;
}

#ifdef __linux__
static ssize_t kernel_copy_step(const struct copy *copy)
{
    off_t from = (off_t)copy->offset;
    off_t to = (off_t)copy->to_offset;
    size_t size = (size_t)min_u64(copy->length, CALL_MAX);
    if (copy->positioned) {
        return copy_file_range(copy->source->fd, &from, copy->fd, &to, size, 0);
    }
    return splice(copy->source->fd, &from, copy->fd, NULL, size, SPLICE_F_MORE);
}

// Copies inside the kernel as far as possible. The rest is for copy_by_buffer(), which either
// succeeds or finds out which side has failed.
static void copy_in_kernel(struct copy *copy)
{
    while (copy->length > 0 && source_has_descriptor(copy->source)) {
        ssize_t copied = kernel_copy_step(copy);
        if (copied > 0) {
            copy_advance(copy, (uint64_t)copied);
        } else if (copied == 0 || errno != EINTR) {
            return;
        }
    }
}
#else
static void copy_in_kernel(struct copy *copy)
{
    (void)copy;
}
#endif

static bool copy_by_buffer(struct copy *copy, struct error *error)
{
    uint8_t buffer[COPY_BUFFER];
    while (copy->length > 0) {
        struct bytes bytes = {buffer, (size_t)min_u64(copy->length, sizeof buffer)};
        if (!source_read(copy->source, copy->offset, buffer, bytes.size, error) ||
            !(copy->positioned ? write_at(copy->fd, copy->to_offset, bytes, error)
                               : write_stream(copy->fd, bytes, error))) {
            return false;
        }
        copy_advance(copy, bytes.size);
    }
    return true;
}

static bool copy_run(struct copy *copy, uint64_t *done, struct error *error)
{
    uint64_t length = copy->length;
    bool copied = true;
    // Reads never go past the end of the source, so a file that shrinks is reported, not skipped.
    if (range_inside(copy->offset, length, copy->source->size)) {
        copy_in_kernel(copy);
    }
    if (copy->length > 0) {
        copied = copy_by_buffer(copy, error);
    }
    *done = length - copy->length;
    return copied;
}

bool transfer_to_file(struct source *source, uint64_t offset, uint64_t length, int fd,
                      uint64_t to_offset, uint64_t *done, struct error *error)
{
    struct copy copy = {source, offset, length, fd, true, to_offset};
    return copy_run(&copy, done, error);
}

bool transfer_to_stream(struct source *source, uint64_t offset, uint64_t length, int fd,
                        uint64_t *done, struct error *error)
{
    struct copy copy = {source, offset, length, fd, false, 0};
    return copy_run(&copy, done, error);
}
