// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Regular files and block devices; what is neither is read into memory up to a cap.

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
    // While QEMU has an image open for writing it holds a lock on this byte of the file.
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
            return error_at(error, ERROR_TRUNCATED, offset, "the file became shorter meanwhile");
        } else if (errno != EINTR) {
            return error_at(error, ERROR_IO, offset, "cannot read: %s", strerror(errno));
        }
    }
    return true;
}

#ifdef SEEK_DATA
// Where what is looked for with `whence` begins; the end of the file when it is not there,
// `unknown` when nothing tells.
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

// Asks without taking a lock of our own.
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

// Reads until the end of the pipe, or `cap` bytes. Whether the image ends where the pipe does,
// nobody can tell: it may have been cut on purpose.
static struct source *pipe_source(int fd, size_t cap, struct error *error)
{
    uint8_t *data = NULL;
    size_t size = 0;
    size_t room = 0;
    bool ended = false;
    while (!ended && size < cap) {
        if (size == room) {
            room = room ? room * 2 : PIPE_FIRST_BUFFER;
            uint8_t *grown = realloc(data, room);
            if (!grown) {
                error_set(error, ERROR_MEMORY, "out of memory");
                goto fail;
            }
            data = grown;
        }
        ssize_t got = read(fd, data + size, min_u64(room - size, cap - size));
        if (got < 0 && errno != EINTR) {
            error_at(error, ERROR_IO, size, "cannot read: %s", strerror(errno));
            goto fail;
        }
        ended = got == 0;
        size += got > 0 ? (size_t)got : 0;
    }
    return source_take_memory((struct bytes){data, size}, false, error);
fail:
    free(data);
    return NULL;
}

// What is neither a regular file nor a block device can only be read from its start to its end.
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

static struct source *descriptor_source(int fd, size_t pipe_cap, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        error_set(error, ERROR_IO, "cannot read its status: %s", strerror(errno));
        return NULL;
    }
    if (!check_kind(&status, pipe_cap, error)) {
        return NULL;
    }
    if (S_ISREG(status.st_mode)) {
        return file_source(fd, &status, (uint64_t)status.st_size, error);
    }
    if (S_ISBLK(status.st_mode)) {
        off_t end = lseek(fd, 0, SEEK_END);
        if (end < 0) {
            error_set(error, ERROR_IO, "cannot tell the size of the device: %s", strerror(errno));
            return NULL;
        }
        return file_source(fd, &status, (uint64_t)end, error);
    }
    return pipe_source(fd, pipe_cap, error);
}

struct source *source_open_fd(int fd, size_t pipe_cap, struct error *error)
{
    struct source *source = descriptor_source(fd, pipe_cap, error);
    if (!source || !source_has_descriptor(source)) {
        close(fd);
    }
    return source;
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
    // It may have become something else meanwhile: not to wait for the other end of a pipe.
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
    int fd = openat(directory, path, flags);
    if (fd < 0) {
        cannot_open(error);
        return NULL;
    }
    return source_open_fd(fd, 0, error);
}

struct source *source_open_file(const char *path, size_t pipe_cap, struct error *error)
{
    if (pipe_cap == 0) {
        return source_open_named(AT_FDCWD, path, true, error);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        cannot_open(error);
        return NULL;
    }
    return source_open_fd(fd, pipe_cap, error);
}
