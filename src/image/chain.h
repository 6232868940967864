// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The layers of one disk: the image, its backing file, the backing file of that file and so on,
// down to a layer without one, with the external data file of each layer.

#ifndef IMAGE_CHAIN_H
#define IMAGE_CHAIN_H

#include "image/encryption.h"
#include "image/image.h"
#include "source/host_holes.h"

struct layer {
    char *path;               // owned: for messages and for finding the next layer
    struct image *image;      // owned; NULL for a raw layer
    struct source *raw;       // owned; NULL for a qcow2 layer
    struct source *data_file; // owned; NULL unless the image has an external data file
    char *data_path;          // owned; NULL as above
    bool data_file_strayed;   // it is not beside the image, but in the current directory
    uint64_t size;            // bytes of its active disk
    bool short_end;           // as in the options
    const char *suffix;       // as in the options
    struct cipher *cipher;    // owned; NULL until an encrypted image is opened with its key
    struct host_holes *holes; // owned: holes of layer_data() that read as zeros; NULL: unknown
};

struct chain {
    struct layer *layers; // owned; [0] is the image itself
    size_t count;
    struct folder *confine; // owned: from the options; NULL: none, or the chain is complete
    bool size_as_qemu;      // as in the options
};

// A file that the user gives instead of the one that a layer names.
struct layer_file {
    uint64_t layer; // the layer that names it; 0 is the image itself
    const char *path;
};

enum { LAYER_FILES_MAX = 64 }; // of one command line

// What the first layer may be.
enum first_layer {
    FIRST_QCOW2,  // an image, or an error
    FIRST_PROBED, // an image when it begins as one, else raw bytes
    FIRST_RAW,    // raw bytes, whatever they look like
};

struct layer_files {
    struct layer_file files[LAYER_FILES_MAX];
    size_t count;
};

struct chain_options {
    enum first_layer first;
    bool no_backing;   // open only the first layer: unallocated data reads as zeros
    bool inspect;      // for reading headers only: accept unreadable images, do not open data files
    bool no_data_file; // do not open external data files
    const enum problem_kind *tolerated; // problems to ignore, as in image_readable()
    const char *data_file; // instead of the file that the first layer names; NULL: that file
    struct layer_files backing_files; // instead of the files that these layers name
    bool short_end;                   // as in struct run_walk, for every layer
    bool size_as_qemu;                // a disk of qcow2 ends with its last whole sector
    bool suggests_no_backing;         // the user can set no_backing: errors suggest it
    const char *suffix;  // of the names of the user's options, as errors suggest them; NULL: none
    const char *confine; // files that images name must lie in this folder, or below this web
                         // address; NULL: anywhere
    bool remote_references; // files may name web addresses; others only those of their own origin

    // Opens a backing file or data file, instead of source_open_file(); may be NULL.
    struct source *(*open_file)(void *context, const char *path, struct error *error);
    void *open_context;
};

// Whether chain_open() with these options would open files that an image names.
static inline bool chain_follows(const struct chain_options *options)
{
    return !options->no_backing || (!options->inspect && !options->no_data_file);
}

// Whether the options name files, or a folder, that are opened with each image.
static inline bool chain_options_name_files(const struct chain_options *options)
{
    return options->confine || options->data_file || options->backing_files.count > 0;
}

// Opens `source` as the first layer, and the layers that it needs. Takes over `source`. On failure
// `chain` keeps the layers that could be opened, and `error` names the one that could not.
bool chain_open(struct source *source, const char *path, const struct chain_options *options,
                struct chain *chain, struct error *error);
void chain_close(struct chain *chain);

// False, with ERROR_KEY, when the data of a layer is encrypted and there is no key: encrypted bytes
// must not be taken for data of the disk.
bool chain_check_keys(const struct chain *chain, struct error *error);

// How many ranges are fetched at once from the layer that fetches the most; 0: reading does not
// wait.
unsigned chain_parallel(const struct chain *chain);

static inline bool layer_encrypted(const struct layer *layer)
{
    return layer->image && image_encrypted(layer->image);
}

// The file with a layer's data that is not compressed, and its path for messages.
static inline struct source *layer_data(const struct layer *layer)
{
    if (layer->raw) {
        return layer->raw;
    }
    return layer->data_file ? layer->data_file : layer->image->source;
}

static inline const char *layer_data_path(const struct layer *layer)
{
    return layer->data_path ? layer->data_path : layer->path;
}

#endif
