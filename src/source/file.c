// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Regular files and block devices. Anything else is read into memory up to a cap.

#include "base/checked.h"
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STAT_BLOCK_SIZE = 512,
    // While QEMU has an image open for writing, it holds a lock on this byte of the file.
    QEMU_WRITE_LOCK_BYTE = 101,
    PIPE_FIRST_BUFFER = 1 << 16,
};

struct source_identity source_identity_of(const struct stat *status)
{
    bool block = S_ISBLK(status->st_mode);
    return (struct source_identity){.block = block,
                                    .device = block ? status->st_rdev : status->st_dev,
                                    .inode = block ? 0 : status->st_ino};
}

static bool file_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                      struct error *error)
{
    uint8_t *to = buffer;
    while (size > 0) {
        ssize_t got = pread(source->fd, to, size, (off_t)offset);
        if (got > 0) {
            to += got;
            offset += (uint64_t)got;
            size -= (size_t)got;
        } else if (got == 0) {
            return error_at(error, ERROR_TRUNCATED, offset,
                            "the file became shorter while it was read");
        } else if (errno != EINTR) {
            return error_at(error, ERROR_IO, offset, "cannot read: %s", strerror(errno));
        }
    }
    return true;
}

#ifdef SEEK_DATA
// The start of the next data or hole, depending on `whence`; the end of the file when there is
// none, `unknown` when the file system does not report it.
static uint64_t file_seek(const struct source *source, uint64_t offset, int whence,
                          uint64_t unknown)
{
    off_t found = lseek(source->fd, (off_t)offset, whence);
    if (found < 0) {
        return errno == ENXIO ? source->size : unknown;
    }
    return min_u64((uint64_t)found, source->size);
}

static uint64_t file_hole(struct source *source, uint64_t offset)
{
    return file_seek(source, offset, SEEK_DATA, offset) - offset;
}

static uint64_t file_data(struct source *source, uint64_t offset)
{
    uint64_t end = file_seek(source, offset, SEEK_HOLE, source->size);
    return end > offset ? end - offset : source->size - offset;
}
#endif

static void file_close(struct source *source)
{
    close(source->fd);
    free(source);
}

static const struct source_ops file_ops = {
    .read = file_read,
#ifdef SEEK_DATA
    .hole = file_hole,
    .data = file_data,
#endif
    .close = file_close,
};

// Asks without taking a lock.
static bool held_for_writing(int fd)
{
#ifdef F_OFD_GETLK
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_WRITE_LOCK_BYTE, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
#else
    (void)fd;
    return false;
#endif
}

static struct source *file_source(int fd, const struct stat *status, uint64_t size,
                                  struct error *error)
{
    struct source *source = malloc(sizeof *source);
    if (!source) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    *source = (struct source){
        .ops = &file_ops,
        .kind = S_ISBLK(status->st_mode) ? SOURCE_DEVICE : SOURCE_FILE,
        .size = size,
        .allocated_size = (uint64_t)status->st_blocks * STAT_BLOCK_SIZE,
        .in_use = held_for_writing(fd),
        .fd = fd,
        .identity = source_identity_of(status),
    };
    return source;
}

// How a pipe is read.
struct pipe_use {
    size_t cap; // bytes to keep; 0: refuse a pipe
    bool drain; // read the rest to its end and drop it
};

// Reads once. False with `error`; `*got` is 0 at the end of the pipe.
static bool pipe_read(int fd, uint64_t offset, void *buffer, size_t size, size_t *got,
                      struct error *error)
{
    ssize_t result;
    do {
        result = read(fd, buffer, size);
    } while (result < 0 && errno == EINTR);
    *got = result > 0 ? (size_t)result : 0;
    return result >= 0 ? true
                       : error_at(error, ERROR_IO, offset, "cannot read: %s", strerror(errno));
}

// Reads up to `cap` bytes, or to the end of the pipe, into `bytes`, whose data the caller frees in
// any case.
static bool pipe_start(int fd, size_t cap, struct bytes *bytes, struct error *error)
{
    uint8_t *data = NULL;
    size_t room = 0;
    size_t got = 1;
    for (; got > 0 && bytes->size < cap; bytes->size += got) {
        if (bytes->size == room) {
            room = room ? room * 2 : PIPE_FIRST_BUFFER;
            uint8_t *grown = realloc(data, room);
            if (!grown) {
                return error_set(error, ERROR_MEMORY, "out of memory");
            }
            data = grown;
            bytes->data = data;
        }
        size_t size = (size_t)min_u64(room - bytes->size, cap - bytes->size);
        if (!pipe_read(fd, bytes->size, data + bytes->size, size, &got, error)) {
            return false;
        }
    }
    return true;
}

// Adds the number of the remaining bytes in the pipe to `*given`.
static bool pipe_drop(int fd, uint64_t *given, struct error *error)
{
    static uint8_t dropped[PIPE_FIRST_BUFFER];
    size_t got;
    do {
        if (!pipe_read(fd, *given, dropped, sizeof dropped, &got, error)) {
            return false;
        }
        *given += got;
    } while (got > 0);
    return true;
}

// Unless the pipe is drained, the end of its bytes may not be the end of the image: it may have
// been cut on purpose.
static struct source *pipe_source(int fd, const struct pipe_use *use, struct error *error)
{
    struct bytes bytes = {0};
    uint64_t given = 0;
    bool done = pipe_start(fd, use->cap, &bytes, error);
    if (done && use->drain) {
        given = bytes.size;
        done = pipe_drop(fd, &given, error);
    }
    if (!done) {
        free((void *)(uintptr_t)bytes.data);
        return NULL;
    }
    bool complete = use->drain && given == bytes.size;
    struct source *source = source_take_memory(bytes, complete, error);
    if (source) {
        source->given = complete ? 0 : given;
    }
    return source;
}

// Anything but a regular file or a block device can only be read from its start to its end.
static bool check_kind(const struct stat *status, size_t pipe_cap, struct error *error)
{
    if (S_ISDIR(status->st_mode)) {
        return error_set(error, ERROR_IO, "is a directory");
    }
    if (!S_ISREG(status->st_mode) && !S_ISBLK(status->st_mode) && pipe_cap == 0) {
        return error_set(error, ERROR_IO, "is neither a regular file nor a block device");
    }
    return true;
}

static struct source *descriptor_source(int fd, const struct pipe_use *use, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        error_set(error, ERROR_IO, "cannot read its status: %s", strerror(errno));
        return NULL;
    }
    if (!check_kind(&status, use->cap, error)) {
        return NULL;
    }
    if (S_ISREG(status.st_mode)) {
        return file_source(fd, &status, (uint64_t)status.st_size, error);
    }
    if (S_ISBLK(status.st_mode)) {
        off_t end = lseek(fd, 0, SEEK_END);
        if (end < 0) {
            error_set(error, ERROR_IO, "cannot find the size of the device: %s", strerror(errno));
            return NULL;
        }
        return file_source(fd, &status, (uint64_t)end, error);
    }
    return pipe_source(fd, use, error);
}

static struct source *take_descriptor(int fd, const struct pipe_use *use, struct error *error)
{
    struct source *source = descriptor_source(fd, use, error);
    if (!source || !source_has_descriptor(source)) {
        close(fd);
    }
    return source;
}

struct source *source_open_fd(int fd, size_t pipe_cap, struct error *error)
{
    return take_descriptor(fd, &(struct pipe_use){.cap = pipe_cap}, error);
}

struct source *source_drain_fd(int fd, size_t pipe_cap, struct error *error)
{
    return take_descriptor(fd, &(struct pipe_use){.cap = pipe_cap, .drain = true}, error);
}

static void cannot_open(struct error *error)
{
    error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open: %s",
              strerror(errno));
}

struct source *source_open_named(int directory, const char *path, bool follow, struct error *error)
{
    struct stat status;
    if (fstatat(directory, path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        cannot_open(error);
        return NULL;
    }
    if (!check_kind(&status, 0, error)) {
        return NULL;
    }
    // The file may have been replaced by a pipe meanwhile: do not wait for its other end.
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
    int fd = openat(directory, path, flags);
    if (fd < 0) {
        cannot_open(error);
        return NULL;
    }
    return source_open_fd(fd, 0, error);
}

static struct source *open_by_name(const char *path, const struct pipe_use *use,
                                   struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        cannot_open(error);
        return NULL;
    }
    return take_descriptor(fd, use, error);
}

struct source *source_open_file(const char *path, size_t pipe_cap, struct error *error)
{
    return pipe_cap == 0 ? source_open_named(AT_FDCWD, path, true, error)
                         : open_by_name(path, &(struct pipe_use){.cap = pipe_cap}, error);
}

struct source *source_drain_file(const char *path, size_t pipe_cap, struct error *error)
{
    return open_by_name(path, &(struct pipe_use){.cap = pipe_cap, .drain = true}, error);
}
