// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/chain.h"

#include "format/layout.h"
#include "image/reference.h"

#include <stdlib.h>
#include <string.h>

enum backing_format { BACKING_PROBE, BACKING_QCOW2, BACKING_RAW };

static void layer_close(struct layer *layer)
{
    image_close(layer->image);
    source_close(layer->raw);
    source_close(layer->data_file);
    free(layer->data_path);
    free(layer->path);
    *layer = (struct layer){0};
}

void chain_close(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        layer_close(&chain->layers[i]);
    }
    free(chain->layers);
    *chain = (struct chain){0};
}

static bool bytes_are(struct bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static bool parse_backing_format(const struct image *image, enum backing_format *format,
                                 struct error *error)
{
    struct bytes name = image->extensions.backing_format;
    if (name.size == 0) {
        *format = BACKING_PROBE;
    } else if (bytes_are(name, "qcow2")) {
        *format = BACKING_QCOW2;
    } else if (bytes_are(name, "raw")) {
        *format = BACKING_RAW;
    } else {
        return error_set(error, PROBLEM_UNSUPPORTED_BACKING_FILE,
                         "backing file format \"%.*s\" is not supported", (int)name.size,
                         (const char *)name.data);
    }
    return true;
}

static bool looks_like_qcow2(struct source *source)
{
    uint8_t magic[4];
    struct error ignored;
    return source_read(source, 0, magic, sizeof magic, &ignored) &&
           bytes_be32((struct bytes){magic, sizeof magic}, 0) == QCOW2_MAGIC;
}

static bool same_file(const struct source *a, const struct source *b)
{
    return a->fd >= 0 && b->fd >= 0 && a->identity.device == b->identity.device &&
           a->identity.inode == b->identity.inode;
}

static const struct source *layer_file(const struct layer *layer)
{
    return layer->raw ? layer->raw : layer->image->source;
}

static bool check_loop(const struct chain *chain, const struct source *source, struct error *error)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (same_file(layer_file(&chain->layers[i]), source)) {
            return error_set(error, ERROR_LOOP, "the chain of backing files comes back to %s",
                             chain->layers[i].path);
        }
    }
    return true;
}

// The path that `name` means in the image at `image_path`; NULL when it names no file.
static char *reference_path(const char *image_path, struct bytes name, struct error *error)
{
    if (reference_kind(name) != REFERENCE_FILE) {
        error_set(error, PROBLEM_UNSUPPORTED_BACKING_FILE, "\"%.*s\" does not name a file",
                  (int)name.size, (const char *)name.data);
        return NULL;
    }
    char *path = reference_full_path(image_path, name);
    if (!path) {
        error_set(error, ERROR_MEMORY, "out of memory");
    }
    return path;
}

static bool open_data_file(struct layer *layer, const struct chain_options *options, bool first,
                           struct error *error)
{
    struct bytes name = layer->image->extensions.data_file;
    if (first && options->data_file) {
        layer->data_path = strdup(options->data_file);
    } else if (name.size > 0) {
        layer->data_path = reference_path(layer->path, name, error);
        if (!layer->data_path) {
            return error_prefix(error, "data file");
        }
    } else {
        return error_set(error, ERROR_NOT_FOUND,
                         "the image does not name its external data file; --data-file does");
    }
    if (!layer->data_path) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    layer->data_file = source_open_file(layer->data_path, 0, error);
    return layer->data_file ? true : error_prefix(error, "data file %s", layer->data_path);
}

// Makes of `source` what a layer of that format is. Takes over `source`.
static bool layer_load(struct layer *layer, struct source *source, enum backing_format format,
                       struct error *error)
{
    if (format == BACKING_PROBE) {
        format = looks_like_qcow2(source) ? BACKING_QCOW2 : BACKING_RAW;
    }
    if (format == BACKING_RAW) {
        layer->raw = source;
        layer->size = source->size;
        return true;
    }
    layer->image = image_open(source, layer->path, error);
    if (!layer->image) {
        return false;
    }
    layer->size = layer->image->header.size;
    layer->l1 =
        (struct l1_table){layer->image->header.l1_table_offset, layer->image->header.l1_size};
    return true;
}

static bool chain_push(struct chain *chain, const char *path, struct layer **layer,
                       struct error *error)
{
    struct layer *grown = realloc(chain->layers, (chain->count + 1) * sizeof *grown);
    if (grown) {
        chain->layers = grown;
        grown[chain->count] = (struct layer){.path = strdup(path)};
    }
    if (!grown || !grown[chain->count].path) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    *layer = &chain->layers[chain->count];
    return true;
}

// Adds `source`, which it takes over, to the end of the chain.
static bool chain_add(struct chain *chain, struct source *source, const char *path,
                      enum backing_format format, const struct chain_options *options,
                      struct error *error)
{
    struct layer *layer = NULL;
    if (!check_loop(chain, source, error) || !chain_push(chain, path, &layer, error)) {
        source_close(source);
        return false;
    }
    if (!layer_load(layer, source, format, error)) {
        layer_close(layer);
        return false;
    }
    chain->count++;
    if (!layer->image || options->inspect) {
        return true;
    }
    if (layer->image->problems.unreadable) {
        *error = layer->image->problems.first_unreadable;
        return false;
    }
    return !image_has_feature(layer->image, INCOMPATIBLE_DATA_FILE) ||
           open_data_file(layer, options, chain->count == 1, error);
}

static bool add_backing_file(struct chain *chain, const struct chain_options *options,
                             struct error *error)
{
    const struct layer *overlay = &chain->layers[chain->count - 1];
    enum backing_format format = BACKING_PROBE;
    char *path = reference_path(overlay->path, overlay->image->backing_file, error);
    if (!path) {
        return error_prefix(error, "backing file");
    }
    bool added = false;
    if (parse_backing_format(overlay->image, &format, error)) {
        struct source *source = source_open_file(path, 0, error);
        added = source && chain_add(chain, source, path, format, options, error);
    }
    if (!added) {
        error_prefix(error, "backing file %s", path);
    }
    free(path);
    return added;
}

bool chain_open(struct source *source, const char *path, const struct chain_options *options,
                struct chain *chain, struct error *error)
{
    *chain = (struct chain){0};
    if (!chain_add(chain, source, path, BACKING_QCOW2, options, error)) {
        return false;
    }
    while (!options->no_backing) {
        const struct layer *last = &chain->layers[chain->count - 1];
        if (!last->image || last->image->backing_file.size == 0) {
            break;
        }
        if (!add_backing_file(chain, options, error)) {
            return false;
        }
    }
    return true;
}
