// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The harnesses without a fuzzing engine.
//
//     driver --list                                  the harnesses, and how large an input may be
//     driver --images                                those whose inputs are images
//     driver HARNESS FILE...                         runs each file
//     driver --try HARNESS SEED COUNT FILE...        runs so many changed files
//     driver --write FOLDER SEED COUNT FILE...       writes them: FOLDER/SEED, FOLDER/SEED+1, ...
//
// Seed by seed one of the files is taken in turn and changed a few times, by the seed alone. What
// is run is printed before the run, so that the last line names what ended the program. Exit 64
// when it is called wrongly.

#include "harness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM = 64 * 1024, // for an input to grow
    CHANGES_MAX = 6,  // of an input
};

static int cannot(const char *what, const char *name)
{
    fprintf(stderr, "driver: cannot %s %s: %s\n", what, name, strerror(errno));
    return 1;
}

// Reads a file into a block with room to grow.
static bool load_from(FILE *file, struct subject *subject)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    subject->size = (size_t)size;
    subject->capacity = subject->size + ROOM;
    subject->data = size < 0 ? NULL : malloc(subject->capacity);
    return subject->data && fread(subject->data, 1, subject->size, file) == subject->size;
}

// False after printing the error.
static bool load(const char *path, struct subject *subject)
{
    FILE *file = fopen(path, "rb");
    bool loaded = file && load_from(file, subject);
    if (!loaded) {
        cannot("read", path);
    }
    if (file) {
        fclose(file);
    }
    return loaded;
}

// In a block of exactly its size: a sanitizer sees the first byte behind it.
static void run(const struct harness *harness, const struct subject *subject)
{
    uint8_t *data = malloc(subject->size > 0 ? subject->size : 1);
    MUST(data);
    memcpy(data, subject->data, subject->size);
    harness->run((struct bytes){data, subject->size});
    free(data);
}

static int replay(const struct harness *harness, int count, char **paths)
{
    for (int i = 0; i < count; i++) {
        struct subject subject;
        printf("%s: %s\n", harness->name, paths[i]);
        fflush(stdout);
        if (!load(paths[i], &subject)) {
            return 1;
        }
        run(harness, &subject);
        free(subject.data);
    }
    return 0;
}

// Changes a file by a seed. The image's own mutator, unless the harness has another.
static bool load_changed(const struct harness *harness, uint64_t seed, int count, char **paths,
                         struct subject *subject)
{
    struct random random = random_make(seed);
    if (!load(paths[seed % (uint64_t)count], subject)) {
        return false;
    }
    for (uint64_t left = random_below(&random, CHANGES_MAX) + 1; left > 0; left--) {
        (harness ? harness->mutate : mutate_image)(subject, &random);
    }
    return true;
}

static int try_seeds(const struct harness *harness, uint64_t seed, uint64_t end, int count,
                     char **paths)
{
    for (; seed < end; seed++) {
        struct subject subject;
        printf("%s: seed %" PRIu64 "\n", harness->name, seed);
        fflush(stdout);
        if (!load_changed(harness, seed, count, paths, &subject)) {
            return 1;
        }
        run(harness, &subject);
        free(subject.data);
    }
    return 0;
}

static int write_seeds(const char *folder, uint64_t seed, uint64_t end, int count, char **paths)
{
    for (; seed < end; seed++) {
        struct subject subject;
        char path[4096];
        snprintf(path, sizeof path, "%s/%" PRIu64, folder, seed);
        if (!load_changed(NULL, seed, count, paths, &subject)) {
            return 1;
        }
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(subject.data, 1, subject.size, file) != subject.size ||
            fclose(file) != 0) {
            return cannot("write", path);
        }
        free(subject.data);
    }
    return 0;
}

static int list(void)
{
    for (const struct harness *harness = harnesses; harness->name; harness++) {
        printf("%s %zu\n", harness->name, harness->size_max);
    }
    return 0;
}

static int list_images(void)
{
    for (const struct harness *harness = harnesses; harness->name; harness++) {
        if (harness->mutate == mutate_image) {
            puts(harness->name);
        }
    }
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: driver --list | --images\n"
                    "       driver HARNESS FILE...\n"
                    "       driver --try HARNESS SEED COUNT FILE...\n"
                    "       driver --write FOLDER SEED COUNT FILE...\n");
    return 64;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list();
    }
    if (argc == 2 && strcmp(argv[1], "--images") == 0) {
        return list_images();
    }
    bool seeds = argc > 5 && strncmp(argv[1], "--", 2) == 0;
    if (!seeds) {
        const struct harness *harness = argc > 2 ? harness_find(argv[1]) : NULL;
        return harness ? replay(harness, argc - 2, argv + 2) : usage();
    }
    uint64_t seed = strtoull(argv[3], NULL, 10);
    uint64_t end = seed + strtoull(argv[4], NULL, 10);
    if (strcmp(argv[1], "--write") == 0) {
        return write_seeds(argv[2], seed, end, argc - 5, argv + 5);
    }
    const struct harness *harness = harness_find(argv[2]);
    if (strcmp(argv[1], "--try") != 0 || !harness) {
        return usage();
    }
    return try_seeds(harness, seed, end, argc - 5, argv + 5);
}
