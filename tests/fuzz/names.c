// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The names that an image gives to its backing and data files.

#include "harness.h"
#include "image/json_name.h"
#include "image/reference.h"

#include <stdlib.h>
#include <string.h>

static const char *const image_paths[] = {"-", "image", "folder/image", "/folder/image", "/image"};

// An absolute path without anything in it that could be left out.
static void must_be_clean(const char *path)
{
    MUST(path[0] == '/' && !strstr(path, "//"));
    MUST(!strstr(path, "/./") && !strstr(path, "/../"));
    MUST(path[1] == '\0' || path[strlen(path) - 1] != '/');
}

// Such a path is printed unchanged.
static bool is_absolute(struct bytes name)
{
    static const char *const starts[] = {"/", "file:/"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t size = strlen(starts[i]);
        if (name.size >= size && memcmp(name.data, starts[i], size) == 0) {
            return true;
        }
    }
    return false;
}

static void look_at(const char *image_path, struct bytes name, struct bytes format)
{
    struct reference reference;
    struct error error = {0};
    char *full = reference_full_path(image_path, name);
    MUST(full);
    if (reference_kind(name) == REFERENCE_FILE && !is_absolute(name)) {
        must_be_clean(full);
    }
    free(full);
    if (reference_resolve(image_path, name, format, &reference, &error)) {
        MUST(reference.path && reference.format <= LAYER_RAW);
        MUST(reference_kind(name) != REFERENCE_PROTOCOL);
        free(reference.path);
    } else {
        MUST(!reference.path && error.code && error.message[0]);
    }
}

static void inspect_json(struct bytes text)
{
    struct json_name name;
    struct error error = {0};
    if (json_name_parse(text, &name, &error)) {
        MUST(name.filename && memchr(name.driver, '\0', sizeof name.driver));
        free(name.filename);
    } else {
        MUST(!name.filename && error.code && error.message[0]);
    }
}

void run_name(struct bytes input)
{
    static const uint8_t raw[] = {'r', 'a', 'w'};
    const struct bytes formats[] = {{0}, {raw, sizeof raw}, input};
    for (size_t i = 0; i < sizeof image_paths / sizeof image_paths[0]; i++) {
        look_at(image_paths[i], input, formats[i % 3]);
    }
    inspect_json(input);
}
