// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_scheme_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.';
}

// Length of "scheme:" at the start of a name, 0 when there is none.
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

// Cleans an absolute path in place: no empty and no "." elements, and ".." takes back the element
// before it.
static void clean(char *path)
{
    char *to = path; // what is clean ends here, without a slash
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
        // Honours $PWD as a shell does; a directory that was removed meanwhile has no name.
        char *here = get_current_dir_name();
        int length = asprintf(&path, "%s/%.*s/%s", here ? here : "", directory, image_path, name);
        free(here);
        if (length < 0) {
            return NULL;
        }
    }
    clean(path);
    return path;
}

char *reference_full_path(const char *image_path, struct bytes name)
{
    bool is_file = reference_kind(name) == REFERENCE_FILE;
    if (is_file && has_prefix(name, "file:")) {
        name = bytes_from(name, strlen("file:"));
    }
    char *text = name.size > 0 ? strndup((const char *)name.data, name.size) : strdup("");
    if (!text || !is_file || text[0] == '/') {
        return text;
    }
    char *path = join(image_path, text);
    free(text);
    return path;
}
