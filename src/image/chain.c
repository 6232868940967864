// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/chain.h"

#include "base/checked.h"
#include "format/layout.h"
#include "image/probe.h"
#include "image/protocol.h"
#include "image/reference.h"
#include "source/address.h"
#include "source/beneath.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *suffix_of(const struct chain_options *options)
{
    return options->suffix ? options->suffix : "";
}

static void layer_close(struct layer *layer)
{
    cipher_close(layer->cipher);
    host_holes_free(layer->holes);
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
    folder_close(chain->confine);
    *chain = (struct chain){0};
}

bool chain_check_keys(const struct chain *chain, struct error *error)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (layer_encrypted(&chain->layers[i]) && !chain->layers[i].cipher) {
            return error_set(error, ERROR_KEY, "the data of %s is encrypted, and there is no key",
                             chain->layers[i].path);
        }
    }
    return true;
}

static const struct source *layer_file(const struct layer *layer)
{
    return layer->raw ? layer->raw : layer->image->source;
}

static bool check_loop(const struct chain *chain, const struct source *source, struct error *error)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (source_has_identity(source) &&
            source_is(layer_file(&chain->layers[i]), &source->identity)) {
            return error_set(error, ERROR_LOOP, "the backing chain contains %s twice",
                             chain->layers[i].path);
        }
    }
    return true;
}

// Puts before an error which file it is about: `path`, which has the name `name` in `layer`.
static bool blame_name(const struct chain *chain, const struct layer *layer, const char *what,
                       struct bytes name, const char *path, struct error *error)
{
    if (error->code != ERROR_OUTSIDE) {
        return error_prefix(error, "%s %s", what, path);
    }
    bool first = layer == chain->layers;
    return error_prefix(error, "%s \"%.*s\" at header offset %zu%s%s", what, (int)name.size,
                        (const char *)name.data,
                        (size_t)(name.data - layer->image->first_cluster.data), first ? "" : " of ",
                        first ? "" : layer->path);
}

// Refuses a text that stands for a file, such as a Git LFS pointer, whatever format is named for
// it: NULL and `error`. `source` may be NULL.
static struct source *refuse_stand_in(struct source *source, struct error *error)
{
    const char *stand_in = source ? probe_stand_in(source) : NULL;
    if (stand_in) {
        source_close(source);
        error_set(error, ERROR_NOT_FOUND, "it is %s", stand_in);
        return NULL;
    }
    return source;
}

static struct source *open_file(const struct chain_options *options, const char *path,
                                struct error *error)
{
    struct source *source = options->open_file
                                ? options->open_file(options->open_context, path, error)
                                : source_open_file(path, 0, error);
    return refuse_stand_in(source, error);
}

// Whether a file that an image names may be opened at this path. For paths in a folder,
// folder_open_source() decides.
static bool is_inside(const struct chain_options *options, const char *path)
{
    if (!options->confine || (!address_is(options->confine) && !address_is(path))) {
        return true;
    }
    return address_is(options->confine) && address_is(path) &&
           address_below(options->confine, path);
}

// Opens a file that an image names.
static struct source *open_named(const struct chain *chain, const struct chain_options *options,
                                 const char *path, struct error *error)
{
    if (!is_inside(options, path)) {
        error_set(error, ERROR_OUTSIDE, "lies outside of %s", options->confine);
        return NULL;
    }
    return chain->confine && !address_is(path)
               ? refuse_stand_in(folder_open_source(chain->confine, path, error), error)
               : open_file(options, path, error);
}

// Finds the file that a layer names, as if the layer were at `image_path`.
static bool find_reference(const struct layer *layer, const char *image_path,
                           const struct chain_options *options, struct bytes name,
                           struct bytes format, struct reference *reference, struct error *error)
{
    if (layer_file(layer)->kind == SOURCE_REMOTE) {
        return reference_resolve_remote(layer->path, name, format, reference, error);
    }
    if (reference_is_address(name)) {
        return options->remote_references
                   ? reference_resolve_address(name, format, reference, error)
                   : error_set(error, ERROR_UNSUPPORTED_BACKING_FILE,
                               "\"%.*s\" is a web address, which a file may name only "
                               "with --remote-references",
                               (int)name.size, (const char *)name.data);
    }
    return reference_resolve(image_path, name, format, reference, error);
}

// The path of a layer's external data file, owned by the caller, with a relative name taken
// relative to the folder of `image_path`.
static char *data_file_path(const struct layer *layer, const char *image_path,
                            const struct chain_options *options, struct error *error)
{
    struct bytes name = layer->image->extensions.data_file;
    struct reference reference;
    if (name.size == 0) {
        error_set(error, ERROR_NOT_FOUND,
                  "the image does not name its external data file; name it with --data-file%s FILE",
                  suffix_of(options));
        return NULL;
    }
    if (!find_reference(layer, image_path, options, name, (struct bytes){0}, &reference, error)) {
        error_prefix(error, "data file");
        return NULL;
    }
    if (reference.format == LAYER_QCOW2) {
        error_set(error, ERROR_CORRUPT, "data file %s is named with the driver qcow2, but is raw",
                  reference.path);
        free(reference.path);
        return NULL;
    }
    return reference.path;
}

// Appends advice to an error about a data file that cannot be opened.
static bool suggest_data_file(const struct chain *chain, const struct chain_options *options,
                              struct error *error)
{
    if (error->code == ERROR_OUTSIDE) {
        return false;
    }
    if (chain->count == 1) {
        return error_suffix(error, "; if it is elsewhere, use --data-file%s FILE",
                            suffix_of(options));
    }
    return options->suggests_no_backing
               ? error_suffix(error, "; to read only the image, use --no-backing%s",
                              suffix_of(options))
               : false;
}

// Appends advice to an error about the backing file of the last layer.
static bool suggest_backing_file(const struct chain *chain, const struct chain_options *options,
                                 struct error *error)
{
    if (error->code == ERROR_OUTSIDE) {
        return false;
    }
    char layer[32] = "";
    if (chain->count > 1) {
        snprintf(layer, sizeof layer, "%zu:", chain->count - 1);
    }
    error_suffix(error, "; if it is elsewhere, use --backing-file%s %sFILE", suffix_of(options),
                 layer);
    return options->suggests_no_backing
               ? error_suffix(error, "; to read only the image, use --no-backing%s",
                              suffix_of(options))
               : false;
}

// Looks for the data file at `path`, which this takes over, and puts it in the place of the one
// that is missing, which `error` says. False and `error` when there are two of them.
static bool choose_data_file(const struct chain *chain, struct layer *layer,
                             const struct chain_options *options, char *path, struct error *error)
{
    struct error ignored;
    if (!path || strcmp(path, layer->data_path) == 0 ||
        (!layer->data_file && error->code != ERROR_NOT_FOUND)) {
        free(path);
        return true;
    }
    struct source *source = open_named(chain, options, path, &ignored);
    if (source && !layer->data_file) {
        free(layer->data_path);
        layer->data_path = path;
        layer->data_file = source;
        layer->data_file_strayed = true;
        return true;
    }
    bool is_two = source && !source_is(layer->data_file, &source->identity);
    if (is_two) {
        error_set(error, ERROR_USAGE,
                  "data file %s is not the file %s of the current directory, which QEMU opens",
                  layer->data_path, path);
        if (chain->count == 1) {
            error_suffix(error, "; choose with --data-file%s FILE", suffix_of(options));
        }
    }
    source_close(source);
    free(path);
    return !is_two;
}

// Where QEMU looks for the data file: it takes a relative name relative to the current directory,
// and since version 9.1, or with the fix for CVE-2024-4467, also file: and json: names as they are.
static bool choose_data_files(const struct chain *chain, struct layer *layer,
                              const struct chain_options *options, struct error *error)
{
    struct error ignored;
    struct bytes name = layer->image->extensions.data_file;
    return choose_data_file(chain, layer, options, data_file_path(layer, "-", options, &ignored),
                            error) &&
           choose_data_file(chain, layer, options, reference_literal(name), error);
}

// Of a layer that is no file nothing in the current directory is meant.
static bool is_local(const struct layer *layer)
{
    struct bytes path = {(const uint8_t *)layer->path, strlen(layer->path)};
    return reference_kind(path) != REFERENCE_PROTOCOL;
}

static bool open_data_file(const struct chain *chain, struct layer *layer,
                           const struct chain_options *options, struct error *error)
{
    char *path = data_file_path(layer, layer->path, options, error);
    if (!path) {
        return false;
    }
    layer->data_path = address_shown(path);
    if (!layer->data_path) {
        free(path);
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    layer->data_file = open_named(chain, options, path, error);
    free(path);
    if (is_local(layer) && !choose_data_files(chain, layer, options, error)) {
        return false;
    }
    return layer->data_file || suggest_data_file(chain, options, error) ||
           blame_name(chain, layer, "data file", layer->image->extensions.data_file,
                      layer->data_path, error);
}

// Opens the given data file of the first layer instead of the one that the image names.
static bool open_given_data_file(struct layer *layer, const struct chain_options *options,
                                 struct error *error)
{
    layer->data_path = address_shown(options->data_file);
    if (!layer->data_path) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    layer->data_file = open_file(options, options->data_file, error);
    return layer->data_file || protocol_explain(layer->data_path, false, error) ||
           error_prefix(error, "data file %s", layer->data_path);
}

// Opens `source` as a layer of this format. Takes over `source`.
static bool layer_load(struct layer *layer, struct source *source, enum layer_format format,
                       struct error *error)
{
    const char *other = format == LAYER_PROBE ? probe_other_format(source, layer->path) : NULL;
    if (other) {
        source_close(source);
        return error_set(error, ERROR_UNSUPPORTED_BACKING_FILE,
                         "the image does not name its format, and it looks like %s", other);
    }
    if (format == LAYER_PROBE) {
        format = probe_finds_qcow2(source) ? LAYER_QCOW2 : LAYER_RAW;
    }
    if (format == LAYER_RAW) {
        layer->raw = source;
        layer->size = source->size;
        return true;
    }
    if (!probe_qcow2(source, error)) { // the error says what it looks like
        source_close(source);
        return false;
    }
    layer->image = image_open(source, layer->path, error);
    if (!layer->image) {
        return false;
    }
    layer->size = layer->image->header.size;
    return true;
}

static bool chain_push(struct chain *chain, const char *path, struct layer **layer,
                       struct error *error)
{
    struct layer *grown = realloc(chain->layers, (chain->count + 1) * sizeof *grown);
    if (grown) {
        chain->layers = grown;
        grown[chain->count] = (struct layer){.path = address_shown(path)};
    }
    if (!grown || !grown[chain->count].path) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    *layer = &chain->layers[chain->count];
    return true;
}

// Appends `source` to the chain. Takes over `source`.
static bool chain_add(struct chain *chain, struct source *source, const char *path,
                      enum layer_format format, const struct chain_options *options,
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
    layer->short_end = options->short_end;
    layer->suffix = options->suffix;
    if (layer->image && options->size_as_qemu) {
        layer->size = align_down(layer->size, SECTOR_SIZE);
    }
    chain->count++;
    if (!layer->image || options->inspect) {
        return true;
    }
    if (!image_readable(layer->image, options->tolerated, error)) {
        return false;
    }
    if (options->no_data_file || !image_has_feature(layer->image, INCOMPATIBLE_DATA_FILE)) {
        return true;
    }
    return chain->count == 1 && options->data_file ? open_given_data_file(layer, options, error)
                                                   : open_data_file(chain, layer, options, error);
}

// Appends the backing file that the last layer names.
static bool add_named_file(struct chain *chain, const struct chain_options *options,
                           struct error *error)
{
    const struct layer *overlay = &chain->layers[chain->count - 1];
    struct bytes name = overlay->image->backing_file;
    struct reference reference;
    if (!find_reference(overlay, overlay->path, options, name,
                        overlay->image->extensions.backing_format, &reference, error)) {
        if (reference_kind(name) != REFERENCE_FILE) {
            suggest_backing_file(chain, options, error);
        }
        return error_prefix(error, "backing file %.*s", (int)name.size, (const char *)name.data);
    }
    struct source *source = open_named(chain, options, reference.path, error);
    bool added = false;
    if (!source) {
        suggest_backing_file(chain, options, error);
        blame_name(chain, overlay, "backing file", name, reference.path, error);
    } else {
        added = chain_add(chain, source, reference.path, reference.format, options, error) ||
                error_prefix(error, "backing file %s", reference.path);
    }
    free(reference.path);
    return added;
}

// Appends the file that is given instead.
static bool add_given_file(struct chain *chain, const char *path,
                           const struct chain_options *options, struct error *error)
{
    const struct image *image = chain->layers[chain->count - 1].image;
    enum layer_format format;
    if (!reference_format(image->backing_file, image->extensions.backing_format, &format, error)) {
        return error_prefix(error, "backing file %.*s", (int)image->backing_file.size,
                            (const char *)image->backing_file.data);
    }
    struct source *source = open_file(options, path, error);
    return (source || protocol_explain(path, false, error)) &&
                   chain_add(chain, source, path, format, options, error)
               ? true
               : error_prefix(error, "backing file %s", path);
}

// The file that was given for the layer below `layer`; NULL: none.
static const char *given_file(const struct chain_options *options, size_t layer)
{
    for (size_t i = 0; i < options->backing_files.count; i++) {
        if (options->backing_files.files[i].layer == layer) {
            return options->backing_files.files[i].path;
        }
    }
    return NULL;
}

static bool add_backing_file(struct chain *chain, const struct chain_options *options,
                             struct error *error)
{
    const char *given = given_file(options, chain->count - 1);
    return given ? add_given_file(chain, given, options, error)
                 : add_named_file(chain, options, error);
}

// Reports a given file whose layer does not exist: its number is probably wrong.
static bool check_all_given(const struct chain *chain, const struct chain_options *options,
                            struct error *error)
{
    for (size_t i = 0; i < options->backing_files.count; i++) {
        const struct layer_file *file = &options->backing_files.files[i];
        if (file->layer >= chain->count - 1) {
            return error_set(error, ERROR_USAGE,
                             "--backing-file%s %" PRIu64 ":%s: the last layer of the chain is "
                             "%zu, and it names no backing file",
                             suffix_of(options), file->layer, file->path, chain->count - 1);
        }
    }
    return true;
}

// Adds the file that the user names. Takes over `source`.
static bool add_first(struct chain *chain, struct source *source, const char *path,
                      const struct chain_options *options, struct error *error)
{
    static const enum layer_format formats[] = {
        [FIRST_QCOW2] = LAYER_QCOW2, [FIRST_PROBED] = LAYER_PROBE, [FIRST_RAW] = LAYER_RAW};
    struct source *checked =
        options->first == FIRST_PROBED ? refuse_stand_in(source, error) : source;
    if (!checked || !chain_add(chain, checked, path, formats[options->first], options, error)) {
        return options->first == FIRST_PROBED && chain->count == 0
                   ? error_suffix(error, "; to read it as raw bytes, use --raw%s",
                                  suffix_of(options))
                   : false;
    }
    if (chain->layers[0].raw && !source_complete(chain->layers[0].raw)) {
        return error_set(error, ERROR_UNSEEN,
                         "a raw disk from a pipe can have %" PRIu64
                         " bytes, and it has more; write it to "
                         "a file first",
                         chain->layers[0].size);
    }
    return true;
}

bool chain_open(struct source *source, const char *path, const struct chain_options *options,
                struct chain *chain, struct error *error)
{
    *chain = (struct chain){.size_as_qemu = options->size_as_qemu};
    if (options->confine && !address_is(options->confine) && chain_follows(options)) {
        chain->confine = folder_open(options->confine, error);
        if (!chain->confine) {
            source_close(source);
            return error_prefix(error, "--confine%s %s", suffix_of(options), options->confine);
        }
    }
    if (!add_first(chain, source, path, options, error)) {
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
    folder_close(chain->confine);
    chain->confine = NULL;
    return check_all_given(chain, options, error);
}

unsigned chain_parallel(const struct chain *chain)
{
    unsigned most = 0;
    for (size_t i = 0; i < chain->count; i++) {
        unsigned parallel = layer_data(&chain->layers[i])->parallel;
        most = parallel > most ? parallel : most;
    }
    return most;
}
