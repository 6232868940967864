// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A random-access source of bytes: a file, a block device, bytes in memory, the start of a pipe, or
// an object on a server.
// Reads may come from many threads at once.

#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/bytes.h"
#include "base/error.h"

struct source;

struct source_ops {
    bool (*read)(struct source *source, uint64_t offset, void *buffer, size_t size,
                 struct error *error);
    // Length of the hole at `offset`; 0: data. NULL: everything is data.
    uint64_t (*hole)(struct source *source, uint64_t offset);
    // Length of the data at `offset`. NULL: up to the end.
    uint64_t (*data)(struct source *source, uint64_t offset);
    // Starts fetching a range that will be read soon. NULL: reading does not wait.
    void (*will_need)(struct source *source, uint64_t offset, uint64_t length);
    void (*close)(struct source *source);
};

// Identifies a file independently of its path, and a block device independently of its node: two
// nodes of one device have different inodes.
struct source_identity {
    bool block;
    uint64_t device; // for a block device its own number, else the number of the file system
    uint64_t inode;  // 0 for a block device
};

struct stat;
struct source_identity source_identity_of(const struct stat *status);
bool source_identity_same(const struct source_identity *a, const struct source_identity *b);

enum source_kind {
    SOURCE_FILE,   // a regular file
    SOURCE_DEVICE, // a block device: its size says nothing about the image on it
    SOURCE_MEMORY,
    SOURCE_START,  // the first bytes of something longer, from a pipe
    SOURCE_REMOTE, // an object on a server
};

struct source {
    const struct source_ops *ops;
    enum source_kind kind;
    uint64_t size;                   // bytes that can be read
    uint64_t given;                  // of SOURCE_START: bytes up to its end; 0: not known
    uint64_t allocated_size;         // bytes on disk, where source_knows_allocated()
    bool in_use;                     // another process holds it open for writing
    unsigned parallel;               // ranges that are fetched at once; 0: reading does not wait
    int fd;                          // of a file or device, for those that move its bytes
    struct source_identity identity; // of a file or device, or an object on a server
};

// False when only the first source->size bytes are known and more may follow.
static inline bool source_complete(const struct source *source)
{
    return source->kind != SOURCE_START;
}

// Whether the number of bytes on disk is known. Only files have one.
static inline bool source_knows_allocated(const struct source *source)
{
    return source->kind == SOURCE_FILE;
}

// Whether the source has a descriptor.
static inline bool source_has_descriptor(const struct source *source)
{
    return source->kind == SOURCE_FILE || source->kind == SOURCE_DEVICE;
}

// Whether the source has an identity that distinguishes it from others.
static inline bool source_has_identity(const struct source *source)
{
    return source_has_descriptor(source) || source->kind == SOURCE_REMOTE;
}

// Whether it is the file, device or object with this identity.
static inline bool source_is(const struct source *source, const struct source_identity *identity)
{
    return source_has_identity(source) && source_identity_same(&source->identity, identity);
}

// Opens `path` read-only. A regular file or block device is read directly; of a pipe, socket or
// character device up to `pipe_cap` bytes are read into memory as the first bytes of an image. With
// a `pipe_cap` of 0 these are refused, without waiting for the other end. NULL and `error` on
// failure.
struct source *source_open_file(const char *path, size_t pipe_cap, struct error *error);

// Opens the regular file or block device `path`, relative to the folder `directory` (AT_FDCWD: the
// current one). Anything else is refused without opening it, because opening can have side effects:
// a tape winds, a watchdog starts. With `follow` false a link is refused too.
struct source *source_open_named(int directory, const char *path, bool follow, struct error *error);

// Like source_open_file() for an open descriptor, which it takes over, also on failure.
struct source *source_open_fd(int fd, size_t pipe_cap, struct error *error);

// The same, and drains a pipe: reads the rest to its end and drops it, so that the program that
// writes to the pipe can finish. The end of the pipe is then the end of the image: the source is
// SOURCE_MEMORY if all of it is within the cap, else SOURCE_START with the whole size in `given`.
struct source *source_drain_file(const char *path, size_t pipe_cap, struct error *error);
struct source *source_drain_fd(int fd, size_t pipe_cap, struct error *error);

// Opens borrowed bytes: SOURCE_MEMORY or, if they are not `complete`, SOURCE_START.
struct source *source_open_memory(struct bytes bytes, bool complete, struct error *error);

// Opens bytes from malloc(), which it takes over, also on failure.
struct source *source_take_memory(struct bytes bytes, bool complete, struct error *error);

// Reads exactly `size` bytes at `offset`, or fails: ERROR_TRUNCATED (ERROR_UNSEEN for a pipe) with
// the offset of the first missing byte, or ERROR_IO.
bool source_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                 struct error *error);

// Reads `*size` bytes at `offset`, or fewer if a byte cannot be read: at least `least`, otherwise
// it fails like source_read(). Sets `*size` to the number of bytes read.
bool source_read_some(struct source *source, uint64_t offset, void *buffer, size_t least,
                      size_t *size, struct error *error);

// Length of the run of data or of the hole at `offset`, which is below the size; ≥ 1, clipped to
// the size. When holes are unknown, everything is data.
uint64_t source_run(struct source *source, uint64_t offset, bool *hole);

// Length of the hole at `offset`, which is below the size, clipped to the size; 0: data. This does
// not search for the end of data, which is slow in some file systems.
uint64_t source_hole(struct source *source, uint64_t offset);

// The last hole that was found; all zeros: none.
struct hole {
    uint64_t start, end;
};

// Like source_hole(), and 0 from the end of the file on. Asks the file system only outside `last`.
uint64_t source_hole_again(struct source *source, uint64_t offset, struct hole *last);

// Announces that [offset, offset + length) will be read soon. Bytes past the end are ignored.
void source_will_need(struct source *source, uint64_t offset, uint64_t length);

void source_close(struct source *source); // NULL is fine

#endif
