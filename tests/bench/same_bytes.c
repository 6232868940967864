// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Checks whether two files have the same bytes, like cmp, but does not read what is a hole in
// both: a disk of 1 TiB that is mostly holes is compared at once.
//
//     same_bytes FILE FILE
//
// Exit 0 when they have, 1 when not (it says where), 2 when a file cannot be read.

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 };

struct file {
    const char *name;
    int fd;
    off_t size;
    uint8_t block[BLOCK];
};

static struct file files[2];

static void fail(const struct file *file)
{
    fprintf(stderr, "same_bytes: %s: %s\n", file->name, strerror(errno));
    exit(2);
}

static void open_file(struct file *file, const char *name)
{
    struct stat status;
    file->name = name;
    file->fd = open(name, O_RDONLY);
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        fail(file);
    }
    file->size = status.st_size;
}

// The first place from `at` on that is not in a hole; the end of the file when there is none.
static off_t data_from(const struct file *file, off_t at)
{
    off_t data = lseek(file->fd, at, SEEK_DATA);
    if (data >= 0) {
        return data;
    }
    return errno == ENXIO ? file->size : at;
}

static void read_block(struct file *file, off_t at, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file->fd, file->block + done, size - done, at + (off_t)done);
        if (got <= 0) {
            fail(file);
        }
        done += (size_t)got;
    }
}

static size_t first_difference(size_t size)
{
    size_t i = 0;
    while (i < size && files[0].block[i] == files[1].block[i]) {
        i++;
    }
    return i;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: same_bytes FILE FILE\n", stderr);
        return 2;
    }
    open_file(&files[0], argv[1]);
    open_file(&files[1], argv[2]);
    if (files[0].size != files[1].size) {
        printf("%s has %jd bytes, %s has %jd\n", argv[1], (intmax_t)files[0].size, argv[2],
               (intmax_t)files[1].size);
        return 1;
    }
    off_t at = 0;
    while (at < files[0].size) {
        off_t data[2] = {data_from(&files[0], at), data_from(&files[1], at)};
        at = data[0] < data[1] ? data[0] : data[1];
        size_t size = files[0].size - at < BLOCK ? (size_t)(files[0].size - at) : BLOCK;
        read_block(&files[0], at, size);
        read_block(&files[1], at, size);
        if (memcmp(files[0].block, files[1].block, size) != 0) {
            printf("%s and %s differ at byte %jd\n", argv[1], argv[2],
                   (intmax_t)at + (intmax_t)first_difference(size));
            return 1;
        }
        at += (off_t)size;
    }
    return 0;
}
