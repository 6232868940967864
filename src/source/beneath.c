// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Flags for opening a folder that is only passed through: where possible, they need only the right
// to search it.
#ifdef O_PATH
enum { PASS_THROUGH = O_PATH | O_DIRECTORY | O_CLOEXEC };
#else
enum { PASS_THROUGH = O_RDONLY | O_DIRECTORY | O_CLOEXEC };
#endif

struct folder {
    int fd;
    char *path; // as the user wrote it
    char *real; // absolute, without links; only a hint
};

static void cannot_open(struct error *error)
{
    error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open: %s",
              strerror(errno));
}

struct folder *folder_open(const char *path, struct error *error)
{
    struct folder *folder = malloc(sizeof *folder);
    if (!folder) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    *folder = (struct folder){.fd = open(path, PASS_THROUGH)};
    folder->real = folder->fd < 0 ? NULL : realpath(path, NULL);
    if (!folder->real) {
        cannot_open(error);
        folder_close(folder);
        return NULL;
    }
    folder->path = strdup(path);
    if (!folder->path) {
        error_set(error, ERROR_MEMORY, "out of memory");
        folder_close(folder);
        return NULL;
    }
    return folder;
}

void folder_close(struct folder *folder)
{
    if (folder) {
        if (folder->fd >= 0) {
            close(folder->fd);
        }
        free(folder->path);
        free(folder->real);
        free(folder);
    }
}

// The part of `path`, which is absolute and without links, relative to the folder: "" for the
// folder itself. NULL when `path` is not below it.
static char *name_below(const struct folder *folder, char *path)
{
    size_t length = strcmp(folder->real, "/") == 0 ? 0 : strlen(folder->real);
    if (strncmp(path, folder->real, length) != 0 || (path[length] != '/' && path[length] != '\0')) {
        return NULL;
    }
    return path + length + strspn(path + length, "/");
}

// Whether the part of `path` that exists lies below the folder.
static bool existing_part_below(const struct folder *folder, const char *path)
{
    char *part = strdup(path);
    char *real = NULL;
    while (part && !real) {
        char *slash = strrchr(part, '/');
        if (!slash || slash == part) {
            real = realpath(slash ? "/" : ".", NULL);
            break;
        }
        *slash = '\0';
        real = realpath(part, NULL);
    }
    bool below = real && name_below(folder, real);
    free(real);
    free(part);
    return below;
}

// Opens `name`, one element at a time. Modifies `name` during the call.
static struct source *walk_down(const struct folder *folder, char *name, struct error *error)
{
    int at = fcntl(folder->fd, F_DUPFD_CLOEXEC, 0);
    char *slash;
    for (; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        *slash = '\0';
        int next = openat(at, name, PASS_THROUGH | O_NOFOLLOW);
        int failed = errno;
        close(at);
        errno = failed;
        at = next;
    }
    if (at < 0) {
        cannot_open(error);
        return NULL;
    }
    struct source *source = source_open_named(at, name, false, error);
    close(at);
    return source;
}

struct source *folder_open_source(const struct folder *folder, const char *path,
                                  struct error *error)
{
    struct source *source = NULL;
    char *real = realpath(path, NULL);
    int failed = errno;
    char *name = real ? name_below(folder, real) : NULL;
    if (real ? !name : !existing_part_below(folder, path)) {
        error_set(error, ERROR_OUTSIDE, "lies outside of %s", folder->path);
    } else if (!real) {
        errno = failed;
        cannot_open(error);
    } else if (*name == '\0') {
        error_set(error, ERROR_IO, "is a directory");
    } else {
        source = walk_down(folder, name, error);
    }
    free(real);
    return source;
}
