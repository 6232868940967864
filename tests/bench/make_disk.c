// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Writes a raw disk that looks to a reader like one with a file system on it.
//
//     find ... -print0 | make_disk FILE
//
// The disk has 8 GiB in 64 groups of 128 MiB. The first 32 MiB of each group are filled with the
// contents of the files named on standard input, one after the other, each from a block of 4 KiB
// on, with a few blocks left out after some. A file that does not fit goes on in the next group.
// When the names are used up they are taken from the beginning again. What is not written is a
// hole.

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK = 4096,
    GROUPS = 64,
    GROUP_SIZE = 128 << 20,
    GROUP_DATA = 32 << 20, // of which data, gaps included
    GAP_EVERY = 8,         // files, on average
    GAP_BLOCKS_MAX = 16,
    BUFFER = 1 << 20,
};

struct disk {
    const char *name;
    int fd;
    unsigned group;
    size_t used; // bytes of the group
    uint64_t random;
};

static uint8_t buffer[BUFFER];

static void fail(const char *name)
{
    fprintf(stderr, "make_disk: %s: %s\n", name, strerror(errno));
    exit(1);
}

// xorshift64
static unsigned random_below(struct disk *disk, unsigned bound)
{
    disk->random ^= disk->random << 13;
    disk->random ^= disk->random >> 7;
    disk->random ^= disk->random << 17;
    return (unsigned)((disk->random >> 33) % bound);
}

static bool is_full(const struct disk *disk)
{
    return disk->group == GROUPS;
}

// Leaves `size` bytes behind, and the group when it has no more room.
static void advance(struct disk *disk, size_t size)
{
    disk->used += size;
    if (disk->used >= GROUP_DATA) {
        disk->used = 0;
        disk->group++;
    }
}

static void write_all(const struct disk *disk, const uint8_t *data, size_t size)
{
    off_t at = (off_t)disk->group * GROUP_SIZE + (off_t)disk->used;
    while (size > 0) {
        ssize_t written = pwrite(disk->fd, data, size, at);
        if (written < 0) {
            fail(disk->name);
        }
        data += written;
        size -= (size_t)written;
        at += written;
    }
}

// Files that cannot be read are passed over. Returns whether anything was written.
static bool add_file(struct disk *disk, const char *name)
{
    int fd = open(name, O_RDONLY | O_NOFOLLOW);
    size_t total = 0;
    while (fd >= 0 && !is_full(disk)) {
        size_t room = GROUP_DATA - disk->used;
        ssize_t got = read(fd, buffer, room < BUFFER ? room : BUFFER);
        if (got <= 0) {
            break;
        }
        total += (size_t)got;
        write_all(disk, buffer, (size_t)got);
        advance(disk, (size_t)got);
    }
    if (fd >= 0) {
        close(fd);
    }
    advance(disk, (BLOCK - disk->used % BLOCK) % BLOCK);
    if (total > 0 && random_below(disk, GAP_EVERY) == 0) {
        advance(disk, (1 + random_below(disk, GAP_BLOCKS_MAX)) * (size_t)BLOCK);
    }
    return total > 0;
}

// Each name ends with a NUL.
static char *read_names(size_t *size)
{
    size_t room = 0;
    char *names = NULL;
    *size = 0;
    for (;;) {
        if (room - *size < BUFFER) {
            room = room * 2 + BUFFER;
            names = realloc(names, room);
            if (!names) {
                fail("names");
            }
        }
        size_t got = fread(names + *size, 1, BUFFER - 1, stdin);
        if (got == 0) {
            names[*size] = '\0';
            return names;
        }
        *size += got;
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: make_disk FILE <NAMES\n", stderr);
        return 1;
    }
    struct disk disk = {.name = argv[1], .random = UINT64_C(0x9e3779b97f4a7c15)};
    disk.fd = open(disk.name, O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (disk.fd < 0 || ftruncate(disk.fd, (off_t)GROUPS * GROUP_SIZE) != 0) {
        fail(disk.name);
    }
    size_t size;
    char *names = read_names(&size);
    while (!is_full(&disk)) {
        bool any = false;
        for (size_t i = 0; i < size && !is_full(&disk); i += strlen(names + i) + 1) {
            any |= add_file(&disk, names + i);
        }
        if (!any) {
            fputs("make_disk: no file to take bytes from\n", stderr);
            return 1;
        }
    }
    free(names);
    if (close(disk.fd) != 0) {
        fail(disk.name);
    }
    return 0;
}
