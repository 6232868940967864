// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/reference.h"

#include "format/layout.h"
#include "format/problem.h"
#include "image/json_name.h"
#include "source/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_scheme_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.' || byte == '_';
}

// Length of "scheme:" at the start of a name; 0: none.
static size_t scheme_size(struct bytes name)
{
    size_t size = 0;
    while (size < name.size && is_scheme_byte(name.data[size])) {
        size++;
    }
    return size > 0 && size < name.size && name.data[size] == ':' ? size + 1 : 0;
}

static bool has_prefix(struct bytes name, const char *prefix)
{
    size_t size = strlen(prefix);
    return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

enum reference_kind reference_kind(struct bytes name)
{
    if (has_prefix(name, "json:")) {
        return REFERENCE_JSON;
    }
    if (scheme_size(name) == 0 || has_prefix(name, "file:")) {
        return REFERENCE_FILE;
    }
    return REFERENCE_PROTOCOL;
}

// Cleans an absolute path in place: removes empty and "." elements, and each ".." with the element
// before it.
static void clean(char *path)
{
    char *to = path; // end of the clean part, without a slash
    const char *from = path;
    while (*from != '\0') {
        from += strspn(from, "/");
        size_t size = strcspn(from, "/");
        if (size == 2 && memcmp(from, "..", 2) == 0) {
            while (to > path && *--to != '/') {
            }
        } else if (size > 0 && !(size == 1 && *from == '.')) {
            *to++ = '/';
            memmove(to, from, size);
            to += size;
        }
        from += size;
    }
    if (to == path) {
        *to++ = '/';
    }
    *to = '\0';
}

// The current directory as in a shell: $PWD if it is correct. NULL while unknown, "" if the
// directory was removed and has no name.
static char *current_directory;

void reference_keep_directory(void)
{
    if (!current_directory) {
        current_directory = get_current_dir_name();
    }
    if (!current_directory) {
        current_directory = calloc(1, 1);
    }
}

static char *join(const char *image_path, const char *name)
{
    char *path = NULL;
    const char *slash = strcmp(image_path, "-") == 0 ? NULL : strrchr(image_path, '/');
    int directory = slash ? (int)(slash - image_path) : 0;
    if (slash && image_path[0] == '/') {
        if (asprintf(&path, "%.*s/%s", directory, image_path, name) < 0) {
            return NULL;
        }
    } else {
        reference_keep_directory();
        if (asprintf(&path, "%s/%.*s/%s", current_directory ? current_directory : "", directory,
                     image_path, name) < 0) {
            return NULL;
        }
    }
    clean(path);
    return path;
}

char *reference_literal(struct bytes name)
{
    const uint8_t *end = name.size > 0 ? memchr(name.data, '\0', name.size) : NULL;
    size_t size = end ? (size_t)(end - name.data) : name.size;
    char *text = calloc(1, size + 1);
    if (text && size > 0) {
        memcpy(text, name.data, size);
    }
    return text;
}

// The path in a name of kind REFERENCE_FILE.
static char *file_name(struct bytes name)
{
    if (has_prefix(name, "file:")) {
        name = bytes_from(name, strlen("file:"));
    }
    return reference_literal(name);
}

char *reference_full_path(const char *image_path, struct bytes name)
{
    if (reference_kind(name) != REFERENCE_FILE) {
        return reference_literal(name);
    }
    char *text = file_name(name);
    if (!text || text[0] == '/') {
        return text;
    }
    char *path = join(has_prefix(name, "file:") ? "-" : image_path, text);
    free(text);
    return path;
}

static char *path_to_open(const char *image_path, struct bytes name)
{
    const char *slash = strrchr(image_path, '/');
    char *text = file_name(name);
    if (!text || text[0] == '/' || has_prefix(name, "file:") || !slash) {
        return text;
    }
    char *path = NULL;
    int length = asprintf(&path, "%.*s/%s", (int)(slash - image_path), image_path, text);
    free(text);
    return length < 0 ? NULL : path;
}

static bool find_format(struct bytes name, enum layer_format *format, struct error *error)
{
    static const struct {
        const char *name;
        enum layer_format format;
    } formats[] = {{"qcow2", LAYER_QCOW2}, {"raw", LAYER_RAW}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (name.size == strlen(formats[i].name) && has_prefix(name, formats[i].name)) {
            *format = formats[i].format;
            return true;
        }
    }
    return error_set(error, ERROR_UNSUPPORTED_BACKING_FILE, "format \"%.*s\" is not supported",
                     (int)name.size, (const char *)name.data);
}

static bool resolve_json(struct bytes name, struct reference *reference, struct error *error)
{
    struct json_name json;
    if (!json_name_parse(bytes_from(name, strlen("json:")), &json, error)) {
        return false;
    }
    reference->path = json.filename;
    if (!json.driver[0]) {
        return true;
    }
    struct bytes driver = {(const uint8_t *)json.driver, strlen(json.driver)};
    return find_format(driver, &reference->format, error);
}

bool reference_resolve(const char *image_path, struct bytes name, struct bytes format_name,
                       struct reference *reference, struct error *error)
{
    *reference = (struct reference){.format = LAYER_PROBE};
    switch (reference_kind(name)) {
    case REFERENCE_JSON:
        if (!resolve_json(name, reference, error)) {
            goto fail;
        }
        break;
    case REFERENCE_FILE:
        reference->path = path_to_open(image_path, name);
        if (!reference->path) {
            error_set(error, ERROR_MEMORY, "out of memory");
            goto fail;
        }
        break;
    case REFERENCE_PROTOCOL:
        error_set(error, ERROR_UNSUPPORTED_BACKING_FILE,
                  "\"%.*s\" is not a file, and protocols are not supported", (int)name.size,
                  (const char *)name.data);
        goto fail;
    }
    if (format_name.size == 0 || find_format(format_name, &reference->format, error)) {
        return true;
    }
fail:
    free(reference->path);
    reference->path = NULL;
    return false;
}

bool reference_is_address(struct bytes name)
{
    char *text = reference_literal(name);
    bool is = text && address_is(text);
    free(text);
    return is;
}

// Adds the format to a resolved path.
static bool add_format(struct bytes format_name, struct reference *reference, struct error *error)
{
    if (reference->path &&
        (format_name.size == 0 || find_format(format_name, &reference->format, error))) {
        return true;
    }
    free(reference->path);
    reference->path = NULL;
    return false;
}

bool reference_resolve_remote(const char *image_address, struct bytes name,
                              struct bytes format_name, struct reference *reference,
                              struct error *error)
{
    *reference = (struct reference){.format = LAYER_PROBE};
    reference->path = address_resolve(image_address, name, error);
    if (reference->path && !address_same_origin(image_address, reference->path)) {
        error_set(error, ERROR_OUTSIDE, "\"%.*s\" lies at another origin than the image",
                  (int)name.size, (const char *)name.data);
        free(reference->path);
        reference->path = NULL;
    }
    return add_format(format_name, reference, error);
}

bool reference_resolve_address(struct bytes name, struct bytes format_name,
                               struct reference *reference, struct error *error)
{
    *reference = (struct reference){.format = LAYER_PROBE};
    char *text = reference_literal(name);
    if (!text) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    reference->path = address_resolve(text, (struct bytes){0}, error);
    free(text);
    return add_format(format_name, reference, error);
}

bool reference_format(struct bytes name, struct bytes format_name, enum layer_format *format,
                      struct error *error)
{
    struct reference reference = {.format = LAYER_PROBE};
    if (format_name.size > 0) {
        return find_format(format_name, format, error);
    }
    bool found = reference_kind(name) != REFERENCE_JSON || resolve_json(name, &reference, error);
    free(reference.path);
    *format = reference.format;
    return found;
}
