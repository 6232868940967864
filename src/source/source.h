// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A random-access source of bytes: a file, a block device, bytes in memory, or the start of a pipe.
// Reads may come from many threads at once.

#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/bytes.h"
#include "base/error.h"

struct source;

struct source_ops {
    bool (*read)(struct source *source, uint64_t offset, void *buffer, size_t size,
                 struct error *error);
    // Length of the hole that begins at `offset`, 0 where data are. NULL: all is data.
    uint64_t (*hole)(struct source *source, uint64_t offset);
    // Length of the data that begin at `offset`. NULL: all that follows.
    uint64_t (*data)(struct source *source, uint64_t offset);
    void (*close)(struct source *source);
};

// What tells one file from another, whatever path led to it, and one block device from another,
// whatever node of it: nodes in two folders have inodes of their own.
struct source_identity {
    bool block;
    uint64_t device; // of a block device its own number, else that of the file system
    uint64_t inode;  // 0 of a block device
};

struct stat;
struct source_identity source_identity_of(const struct stat *status);
bool source_identity_same(const struct source_identity *a, const struct source_identity *b);

enum source_kind {
    SOURCE_FILE,   // a regular file
    SOURCE_DEVICE, // a block device: as long as it is, whatever is on it
    SOURCE_MEMORY,
    SOURCE_START, // the first bytes of something longer, from a pipe
};

struct source {
    const struct source_ops *ops;
    enum source_kind kind;
    uint64_t size;                   // bytes that can be read
    uint64_t given;                  // of SOURCE_START: bytes up to its end; 0: not known
    uint64_t allocated_size;         // bytes on disk, where source_knows_allocated()
    bool in_use;                     // another process holds it open for writing
    int fd;                          // of a file or device, for those that move its bytes
    struct source_identity identity; // of a file or device
};

// False when only the first source->size bytes of something longer are here.
static inline bool source_complete(const struct source *source)
{
    return source->kind != SOURCE_START;
}

// Whether the number of bytes on disk is known. Only a file has one: a device has its size,
// whatever it holds.
static inline bool source_knows_allocated(const struct source *source)
{
    return source->kind == SOURCE_FILE;
}

// Whether its bytes are behind a descriptor, and it is told from others by an identity.
static inline bool source_has_descriptor(const struct source *source)
{
    return source->kind == SOURCE_FILE || source->kind == SOURCE_DEVICE;
}

// Whether it is the file or device with this identity.
static inline bool source_is(const struct source *source, const struct source_identity *identity)
{
    return source_has_descriptor(source) && source_identity_same(&source->identity, identity);
}

// Opens `path` read only: a regular file or block device is used as it is; of a pipe, socket or
// character device up to `pipe_cap` bytes are read into memory as the first bytes of an image, and
// with a pipe_cap of 0 it is refused, without waiting for its other end. NULL and `error` when it
// cannot be opened.
struct source *source_open_file(const char *path, size_t pipe_cap, struct error *error);

// Opens the regular file or block device `path`, which is relative to the folder `directory` (or to
// the current one: AT_FDCWD). Anything else is refused unopened, as opening can have effects: a
// tape winds, a watchdog starts. With `follow` false a link is refused, too.
struct source *source_open_named(int directory, const char *path, bool follow, struct error *error);

// The same as source_open_file() for an open descriptor, which it takes over, also on failure.
struct source *source_open_fd(int fd, size_t pipe_cap, struct error *error);

// The same, and reads what follows in a pipe to its end and drops it, so that whatever writes to
// the pipe can write all of it. The end is then that of the image: when all of it is within the cap
// it is SOURCE_MEMORY, else SOURCE_START with its whole size in `given`.
struct source *source_drain_file(const char *path, size_t pipe_cap, struct error *error);
struct source *source_drain_fd(int fd, size_t pipe_cap, struct error *error);

// Bytes that the caller keeps alive: SOURCE_MEMORY or, when they are not `complete`, SOURCE_START.
struct source *source_open_memory(struct bytes bytes, bool complete, struct error *error);

// The same for bytes from malloc(), which it takes over, also on failure.
struct source *source_take_memory(struct bytes bytes, bool complete, struct error *error);

// Reads exactly `size` bytes at `offset`, or fails: ERROR_TRUNCATED (ERROR_UNSEEN for a pipe)
// with the offset of the first byte that is not there, or ERROR_IO.
bool source_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                 struct error *error);

// Reads `*size` bytes at `offset`, or those before the first that cannot be read: at least `least`,
// else it fails as source_read() does. Sets `*size` to how many.
bool source_read_some(struct source *source, uint64_t offset, void *buffer, size_t least,
                      size_t *size, struct error *error);

// Length of the run of data or of a hole at `offset`, which is below the size; ≥ 1, clipped to
// the size. Where holes cannot be told, everything is data.
uint64_t source_run(struct source *source, uint64_t offset, bool *hole);

// Length of the hole at `offset`, which is below the size, clipped to the size; 0 where data are.
// Of data it need not be found where they end, which some file systems search for page by page.
uint64_t source_hole(struct source *source, uint64_t offset);

// A hole that was found before; none at first.
struct hole {
    uint64_t start, end;
};

// As source_hole(), and 0 from the end of the file on. Asks only where `last` does not tell it.
uint64_t source_hole_again(struct source *source, uint64_t offset, struct hole *last);

void source_close(struct source *source); // NULL is fine

#endif
