// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/sink.h"

#include "base/checked.h"
#include "source/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STREAM_BUFFERED_MAX = 64 * 1024, // longer data is copied inside the kernel
    SPARSE_BLOCK = 4096,             // the smallest hole of usual file systems
    DIRECT_ZEROS = 8 << 20,          // written by several workers
    STREAM_ZEROS = 32 << 20,         // written in order: few pieces, so that the workers get to the
                                     // data after them
    DEVICE_ZEROS = 256 << 20,        // longer requests are no faster; shorter ones show
                                     // progress
};

static bool stream_bytes(struct sink *sink, uint64_t at, struct bytes bytes, struct error *error)
{
    (void)at;
    return write_stream(sink->fd, bytes, error);
}

static bool stream_zeros(struct sink *sink, uint64_t at, uint64_t length, struct error *error)
{
    (void)at;
    return write_zeros_stream(sink->fd, length, error);
}

static bool stream_copy(struct sink *sink, uint64_t at, struct source *source, uint64_t offset,
                        uint64_t length, uint64_t *done, struct error *error)
{
    (void)at;
    return transfer_to_stream(source, offset, length, sink->fd, done, error);
}

static const struct sink_ops stream_ops = {true, stream_bytes, stream_zeros, stream_copy};

static bool all_zeros(struct bytes bytes)
{
    return bytes.size == 0 || (bytes.data && bytes.data[0] == 0 &&
                               memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0);
}

// Length of the run of blocks at the start that are all zeros, or that are not.
static size_t block_run(struct bytes bytes, uint64_t at, bool *zeros)
{
    size_t length = 0;
    *zeros = false;
    while (length < bytes.size) {
        uint64_t to_boundary = SPARSE_BLOCK - (at + length) % SPARSE_BLOCK;
        struct bytes block = bytes_from(bytes, length);
        block.size = (size_t)min_u64(block.size, to_boundary);
        bool is_zero = all_zeros(block);
        if (length == 0) {
            *zeros = is_zero;
        } else if (is_zero != *zeros) {
            break;
        }
        length += block.size;
    }
    return length;
}

// --- Block devices -------------------------------------------------------------------------------

// Requests zeros for whole units, and moves the position past them. False when the zeros must be
// written.
static bool request_zeros(struct sink *sink, uint64_t start, uint64_t length)
{
    return sink->sparse != SPARSE_NEVER && length > 0 &&
           device_zero(&sink->device, start, length) &&
           lseek(sink->fd, (off_t)(start + length), SEEK_SET) >= 0;
}

// Zeros outside whole units are written.
static bool device_zeros(struct sink *sink, uint64_t at, uint64_t length, struct error *error)
{
    off_t place = lseek(sink->fd, 0, SEEK_CUR);
    if (place < 0) {
        return error_set(error, ERROR_IO, "cannot write the output: %s", strerror(errno));
    }
    uint64_t to_boundary = (DEVICE_UNIT - (uint64_t)place % DEVICE_UNIT) % DEVICE_UNIT;
    uint64_t before = min_u64(length, to_boundary);
    uint64_t whole = align_down(length - before, DEVICE_UNIT);
    if (!stream_zeros(sink, at, before, error)) {
        return false;
    }
    if (request_zeros(sink, (uint64_t)place + before, whole)) {
        before += whole;
    }
    return stream_zeros(sink, at + before, length - before, error);
}

static bool device_bytes(struct sink *sink, uint64_t at, struct bytes bytes, struct error *error)
{
    while (sink->sparse == SPARSE_ALWAYS && bytes.size > 0) {
        bool zeros;
        size_t length = block_run(bytes, at - sink->guest_start, &zeros);
        struct bytes run = {bytes.data, length};
        if (!(zeros ? device_zeros(sink, at, length, error) : stream_bytes(sink, at, run, error))) {
            return false;
        }
        at += length;
        bytes = bytes_from(bytes, length);
    }
    return stream_bytes(sink, at, bytes, error);
}

static const struct sink_ops device_ops = {true, device_bytes, device_zeros, stream_copy};

// --- Regular files -------------------------------------------------------------------------------

static bool file_bytes(struct sink *sink, uint64_t at, struct bytes bytes, struct error *error)
{
    if (sink->sparse != SPARSE_ALWAYS) {
        return write_at(sink->fd, at - sink->guest_start, bytes, error);
    }
    while (bytes.size > 0) {
        bool zeros;
        size_t length = block_run(bytes, at - sink->guest_start, &zeros);
        struct bytes run = {bytes.data, length};
        if (!zeros && !write_at(sink->fd, at - sink->guest_start, run, error)) {
            return false;
        }
        at += length;
        bytes = bytes_from(bytes, length);
    }
    return true;
}

static bool file_zeros(struct sink *sink, uint64_t at, uint64_t length, struct error *error)
{
    if (sink->sparse != SPARSE_NEVER) {
        return true;
    }
    return write_zeros_at(sink->fd, at - sink->guest_start, length, error);
}

static bool file_copy(struct sink *sink, uint64_t at, struct source *source, uint64_t offset,
                      uint64_t length, uint64_t *done, struct error *error)
{
    return transfer_to_file(source, offset, length, sink->fd, at - sink->guest_start, done, error);
}

static const struct sink_ops file_ops = {false, file_bytes, file_zeros, file_copy};

static bool no_bytes(struct sink *sink, uint64_t at, struct bytes bytes, struct error *error)
{
    (void)sink;
    (void)at;
    (void)bytes;
    (void)error;
    return true;
}

static bool no_zeros(struct sink *sink, uint64_t at, uint64_t length, struct error *error)
{
    (void)sink;
    (void)at;
    (void)length;
    (void)error;
    return true;
}

// All data goes through the buffer, so that it is read; nothing is copied.
static const struct sink_ops nowhere_ops = {false, no_bytes, no_zeros, NULL};

// An empty regular file: ranges that are not written read as zeros.
static bool is_fresh_file(int fd, const struct stat *status)
{
    int flags = fcntl(fd, F_GETFL);
    return S_ISREG(status->st_mode) && status->st_size == 0 && flags >= 0 && !(flags & O_APPEND) &&
           lseek(fd, 0, SEEK_CUR) == 0;
}

struct sink sink_nowhere(void)
{
    return (struct sink){
        .ops = &nowhere_ops, .fd = -1, .sparse = SPARSE_ALWAYS, .data_buffered_max = SIZE_MAX};
}

struct sink sink_make(int fd, uint64_t guest_start, enum sparse sparse)
{
    struct stat status;
    struct sink sink = {.ops = &stream_ops,
                        .fd = fd,
                        .guest_start = guest_start,
                        .sparse = SPARSE_NEVER,
                        .data_buffered_max = STREAM_BUFFERED_MAX,
                        .zeros_buffered_max = STREAM_BUFFERED_MAX,
                        .zeros_piece_max = STREAM_ZEROS};
    if (device_open(fd, &sink.device)) {
        sink.ops = &device_ops;
        sink.sparse = sparse;
        sink.data_buffered_max = sparse == SPARSE_ALWAYS ? SIZE_MAX : STREAM_BUFFERED_MAX;
        sink.zeros_buffered_max = sparse == SPARSE_NEVER ? STREAM_BUFFERED_MAX : DEVICE_UNIT - 1;
        sink.zeros_piece_max = sparse == SPARSE_NEVER ? STREAM_ZEROS : DEVICE_ZEROS;
    } else if (fstat(fd, &status) == 0 && is_fresh_file(fd, &status)) {
        sink.ops = &file_ops;
        sink.sparse = sparse;
        // The kernel may copy a hole of the source as a hole, and does not search for zeros.
        sink.data_buffered_max = sparse == SPARSE_AUTO ? 0 : SIZE_MAX;
        sink.zeros_buffered_max = 0;
        sink.zeros_piece_max = DIRECT_ZEROS;
    }
    return sink;
}

bool sink_end(struct sink *sink, uint64_t end, struct error *error)
{
    if (sink->ops != &file_ops) {
        return true;
    }
    off_t size = (off_t)(end - sink->guest_start);
    // The next write to the same descriptor continues after the disk.
    if (ftruncate(sink->fd, size) != 0 || lseek(sink->fd, size, SEEK_SET) < 0) {
        return error_set(error, ERROR_IO, "cannot write the output: %s", strerror(errno));
    }
    return true;
}
