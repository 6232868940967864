// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/image_list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool image_list_open(struct image_list *list, char *const *words, size_t word_count,
                     const char *path, char separator, struct error *error)
{
    list->words = words;
    list->word_count = word_count;
    list->path = path;
    list->fd = -1;
    list->separator = separator;
    list->number = 0;
    list->skipping = false;
    list->start = list->used = 0;
    if (!path) {
        return true;
    }
    list->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return list->fd >= 0 || error_set(error, ERROR_IO, "cannot open: %s", strerror(errno));
}

void image_list_close(struct image_list *list)
{
    if (list->fd >= 0) {
        close(list->fd);
    }
    list->fd = -1;
}

bool image_list_read(struct image_list *list, struct error *error)
{
    if (list->start > 0) {
        memmove(list->buffer, list->buffer + list->start, list->used - list->start);
        list->used -= list->start;
        list->start = 0;
    }
    ssize_t got = read(list->fd, list->buffer + list->used, sizeof list->buffer - list->used);
    if (got > 0) {
        list->used += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
        int failed = got == 0 ? 0 : errno;
        image_list_close(list);
        return failed == 0 || error_set(error, ERROR_IO, "cannot read: %s", strerror(failed));
    }
    return true;
}

// A name of `size` bytes at the start of the buffer, without what ends it.
static enum image_list_step take_name(struct image_list *list, size_t size, char **name,
                                      struct error *error)
{
    const char *text = list->buffer + list->start;
    const char *what = list->separator ? "line" : "name";
    list->number++;
    if (size > IMAGE_NAME_MAX) {
        error_set(error, ERROR_LIMIT, "%s %" PRIu64 " is longer than %d bytes", what, list->number,
                  IMAGE_NAME_MAX);
        return IMAGE_LIST_BAD;
    }
    if (memchr(text, '\0', size)) {
        error_set(error, ERROR_USAGE,
                  "line %" PRIu64 " has a NUL byte; -0 reads names that end with one",
                  list->number);
        return IMAGE_LIST_BAD;
    }
    if (size == 1 && *text == '-') {
        error_set(error, ERROR_USAGE,
                  "%s %" PRIu64 " is -; a file of this name is ./-, and standard input has to be "
                  "named on the command line",
                  what, list->number);
        return IMAGE_LIST_BAD;
    }
    *name = strndup(text, size);
    if (!*name) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return IMAGE_LIST_BAD;
    }
    return IMAGE_LIST_NAME;
}

// Drops what is known of a name that is too long, up to `size`; its end follows when it `ends`.
static enum image_list_step skip_name(struct image_list *list, size_t size, bool ends,
                                      struct error *error)
{
    char *ignored;
    bool first = !list->skipping;
    enum image_list_step step = first ? take_name(list, size, &ignored, error) : IMAGE_LIST_WAIT;
    list->start += size + ends;
    list->skipping = !ends;
    return step;
}

static enum image_list_step next_in_buffer(struct image_list *list, char **name,
                                           struct error *error)
{
    for (;;) {
        const char *text = list->buffer + list->start;
        size_t left = list->used - list->start;
        const char *end = left > 0 ? memchr(text, list->separator, left) : NULL;
        size_t size = end ? (size_t)(end - text) : left;
        bool ends = end || list->fd < 0;
        if (left == 0 || (!ends && size <= IMAGE_NAME_MAX)) {
            return IMAGE_LIST_WAIT;
        }
        if (list->skipping || size > IMAGE_NAME_MAX) {
            enum image_list_step step = skip_name(list, size, ends, error);
            list->start = list->start < list->used ? list->start : list->used;
            if (step == IMAGE_LIST_BAD) {
                return step;
            }
            continue;
        }
        enum image_list_step step = size > 0 ? take_name(list, size, name, error) : IMAGE_LIST_WAIT;
        list->number += size == 0;
        list->start += size + (end ? 1 : 0);
        if (size > 0) {
            return step;
        }
    }
}

enum image_list_step image_list_next(struct image_list *list, char **name, struct error *error)
{
    if (list->word_count > 0) {
        list->word_count--;
        *name = strdup(*list->words++);
        if (!*name) {
            error_set(error, ERROR_MEMORY, "out of memory");
        }
        return *name ? IMAGE_LIST_NAME : IMAGE_LIST_BAD;
    }
    enum image_list_step step = next_in_buffer(list, name, error);
    return step == IMAGE_LIST_WAIT && list->fd < 0 ? IMAGE_LIST_END : step;
}
