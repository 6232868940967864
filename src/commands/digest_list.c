// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/digest_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void digest_list_free(struct digest_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->lines[i].path);
    }
    free(list->lines);
    *list = (struct digest_list){0};
}

static bool parse_line(struct bytes text, size_t number, struct digest_list *list,
                       struct error *error)
{
    if (list->count == DIGEST_DISKS_MAX) {
        return error_set(error, ERROR_LIMIT, "line %zu: more than %d disks", number,
                         DIGEST_DISKS_MAX);
    }
    if (!digest_parse(text, &list->lines[list->count])) {
        return error_set(error, ERROR_USAGE, "line %zu is not a digest and a name", number);
    }
    list->count++;
    return true;
}

static bool parse_lines(struct bytes text, struct digest_list *list, struct error *error)
{
    list->lines = calloc(DIGEST_DISKS_MAX, sizeof *list->lines);
    if (!list->lines) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (size_t number = 1; text.size > 0; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        if (!parse_line((struct bytes){text.data, size}, number, list, error)) {
            return false;
        }
        text = bytes_from(text, end ? size + 1 : size);
    }
    return list->count > 0 ? true : error_set(error, ERROR_USAGE, "the list is empty");
}

static bool read_file(FILE *file, uint8_t *buffer, struct digest_list *list, struct error *error)
{
    size_t size = fread(buffer, 1, DIGEST_LIST_MAX + 1, file);
    if (ferror(file)) {
        return error_set(error, ERROR_IO, "cannot read: %s", strerror(errno));
    }
    if (size > DIGEST_LIST_MAX) {
        return error_set(error, ERROR_LIMIT, "the list is longer than %d bytes", DIGEST_LIST_MAX);
    }
    return parse_lines((struct bytes){buffer, size}, list, error);
}

bool digest_list_read(const char *path, struct digest_list *list, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rbe");
    uint8_t *buffer = malloc(DIGEST_LIST_MAX + 1);
    bool done = false;
    *list = (struct digest_list){0};
    if (!file) {
        error_set(error, ERROR_IO, "cannot open: %s", strerror(errno));
    } else if (!buffer) {
        error_set(error, ERROR_MEMORY, "out of memory");
    } else {
        done = read_file(file, buffer, list, error);
    }
    if (file && !standard) {
        fclose(file);
    }
    free(buffer);
    if (!done) {
        digest_list_free(list);
    }
    return done;
}
