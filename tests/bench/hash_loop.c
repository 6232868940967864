// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What libgcrypt alone takes: reads a raw file in blocks of 64 KiB and hashes each that is not all
// zeros, or hashes so many bytes of memory. Prints nanoseconds.
//
//     hash_loop FILE
//     hash_loop --memory MIB

#include <fcntl.h>
#include <gcrypt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024, MIB_BLOCKS = 16 };

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void hash(gcry_md_hd_t handle, const uint8_t *block, size_t size)
{
    gcry_md_write(handle, block, size);
    gcry_md_read(handle, 0);
    gcry_md_reset(handle);
}

static int hash_file(gcry_md_hd_t handle, const char *path, uint8_t *block)
{
    int fd = open(path, O_RDONLY);
    off_t at = 0;
    ssize_t got;
    while (fd >= 0 && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
        at -= at % BLOCK;
        got = pread(fd, block, BLOCK, at);
        if (got <= 0) {
            return 1;
        }
        if (block[0] != 0 || memcmp(block, block + 1, (size_t)got - 1) != 0) {
            hash(handle, block, (size_t)got);
        }
        at += got;
    }
    return fd < 0;
}

int main(int argc, char **argv)
{
    static uint8_t block[BLOCK];
    gcry_md_hd_t handle;
    int status = 0;
    if (argc < 2 || !gcry_check_version("1.8.0")) {
        return 64;
    }
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    if (gcry_md_open(&handle, GCRY_MD_SHA256, 0) != 0) {
        return 1;
    }
    uint64_t start = now();
    if (argc == 3 && strcmp(argv[1], "--memory") == 0) {
        for (unsigned long i = 0; i < strtoul(argv[2], NULL, 10) * MIB_BLOCKS; i++) {
            gcry_md_write(handle, block, sizeof block);
        }
        gcry_md_read(handle, 0);
    } else {
        status = hash_file(handle, argv[1], block);
    }
    printf("%llu\n", (unsigned long long)(now() - start));
    gcry_md_close(handle);
    return status;
}
