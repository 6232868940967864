// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/json_name.h"

#if WITH_CJSON

#include "format/problem.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// More levels than needed for a file below a format.
enum { LEVELS_MAX = 4, KEY_SIZE = 256 };

// One level: the options of one node of QEMU's block graph.
struct node {
    const char *driver;   // NULL: not given
    const char *filename; // NULL: not given
    bool has_file;        // it has options of a node below
};

// Options that tune a node without changing its bytes.
static const char *const harmless[] = {"node-name",
                                       "read-only",
                                       "auto-read-only",
                                       "force-share",
                                       "discard",
                                       "detect-zeroes",
                                       "cache",
                                       "aio",
                                       "locking",
                                       "cache.direct",
                                       "cache.no-flush",
                                       "lazy-refcounts",
                                       "pass-discard-request",
                                       "l2-cache-size"};

static bool is_harmless(const char *key)
{
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        if (strcmp(key, harmless[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool refuse(struct error *error, const char *what, const char *text)
{
    return error_set(error, ERROR_UNSUPPORTED_BACKING_FILE, "json: name: %s \"%s\"", what, text);
}

static bool take_string(const cJSON *value, const char *key, const char **to, struct error *error)
{
    if (!cJSON_IsString(value) || *to) {
        return refuse(error, "expected one string for", key);
    }
    *to = value->valuestring;
    return true;
}

// Takes one option, whose key is flattened: "driver", "file.filename", "file.file.driver", ...
static bool take_option(struct node *nodes, const char *key, const cJSON *value,
                        struct error *error)
{
    size_t level = 0;
    const char *rest = key;
    while (strncmp(rest, "file.", strlen("file.")) == 0) {
        nodes[level++].has_file = true;
        rest += strlen("file.");
        if (level == LEVELS_MAX) {
            return refuse(error, "too many levels in", key);
        }
    }
    if (strcmp(rest, "driver") == 0) {
        return take_string(value, key, &nodes[level].driver, error);
    }
    if (strcmp(rest, "filename") == 0) {
        return take_string(value, key, &nodes[level].filename, error);
    }
    return is_harmless(rest) ? true : refuse(error, "unsupported option", key);
}

// Flattens nested objects into dotted keys without recursion: `stack` has the current item of each
// level.
static bool take_options(const cJSON *root, struct node *nodes, struct error *error)
{
    struct {
        const cJSON *next;
        size_t prefix;
    } stack[LEVELS_MAX + 1] = {{root->child, 0}};
    size_t depth = 1;
    char key[KEY_SIZE] = "";
    while (depth > 0) {
        const cJSON *item = stack[depth - 1].next;
        if (!item) {
            depth--;
            continue;
        }
        stack[depth - 1].next = item->next;
        size_t prefix = stack[depth - 1].prefix;
        int length = snprintf(key + prefix, sizeof key - prefix, "%s", item->string);
        if (length < 0 || (size_t)length + 1 >= sizeof key - prefix) {
            return refuse(error, "option too long:", item->string);
        }
        if (cJSON_IsObject(item)) {
            if (depth > LEVELS_MAX) {
                return refuse(error, "too many levels in", item->string);
            }
            prefix += (size_t)length;
            key[prefix++] = '.';
            stack[depth].next = item->child;
            stack[depth++].prefix = prefix;
        } else if (!take_option(nodes, key, item, error)) {
            return false;
        }
    }
    return true;
}

static bool is_file_driver(const char *driver)
{
    return strcmp(driver, "file") == 0 || strcmp(driver, "host_device") == 0;
}

// Goes down to the node with the file name. Only the top node may be an image format; raw nodes
// below it pass bytes through.
static bool find_file(const struct node *nodes, const struct node **file, struct error *error)
{
    size_t level = 0;
    while (nodes[level].has_file) {
        const char *driver = nodes[level].driver;
        if (nodes[level].filename) {
            return refuse(error, "two files for", nodes[level].filename);
        }
        if (level > 0 && driver && strcmp(driver, "raw") != 0) {
            return refuse(error, "unsupported driver", driver);
        }
        level++;
    }
    *file = &nodes[level];
    if (!nodes[level].filename) {
        return refuse(error, "missing", "filename");
    }
    if (nodes[level].driver && (level > 0 || is_file_driver(nodes[level].driver)) &&
        !is_file_driver(nodes[level].driver)) {
        return refuse(error, "unsupported driver", nodes[level].driver);
    }
    return true;
}

static bool take_driver(const struct node *top, struct json_name *name, struct error *error)
{
    const char *driver = top->driver ? top->driver : "";
    if (is_file_driver(driver)) {
        driver = "raw"; // the bytes of the file are the disk
    }
    if (strlen(driver) >= sizeof name->driver) {
        return refuse(error, "unsupported driver", driver);
    }
    snprintf(name->driver, sizeof name->driver, "%s", driver);
    return true;
}

// Programs read a NUL in a name in different ways, and text after the object or not.
static bool is_only_object(struct bytes text, const char *end)
{
    static const char nul[] = "\\u0000";
    for (const char *at = end; at < (const char *)text.data + text.size && *at; at++) {
        if (!strchr(" \t\r\n", *at)) {
            return false;
        }
    }
    return !memmem(text.data, text.size, nul, strlen(nul));
}

bool json_name_parse(struct bytes text, struct json_name *name, struct error *error)
{
    struct node nodes[LEVELS_MAX] = {0};
    const struct node *file = NULL;
    bool parsed = false;
    *name = (struct json_name){0};
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts((const char *)text.data, text.size, &end, false);
    if (!cJSON_IsObject(root) || !is_only_object(text, end)) {
        error_set(error, ERROR_UNSUPPORTED_BACKING_FILE, "json: name: not a JSON object");
    } else if (take_options(root, nodes, error) && find_file(nodes, &file, error) &&
               take_driver(&nodes[0], name, error)) {
        name->filename = strdup(file->filename);
        parsed = name->filename || error_set(error, ERROR_MEMORY, "out of memory");
    }
    cJSON_Delete(root);
    return parsed;
}

#endif
