// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/open.h"

#include "base/sandbox.h"
#include "cli/command.h"
#include "cli/diagnostics.h"
#include "cli/web.h"
#include "image/probe.h"
#include "image/protocol.h"
#include "image/reference.h"
#include "source/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool no_sandbox; // also set when the process is in the sandbox already

// A file that was opened ahead, or why it could not be.
struct opened {
    const char *path; // borrowed
    struct source *source;
    struct error error;
};

static struct {
    struct opened *files; // owned; NULL: no file was opened ahead
    size_t count, next;
    void (*on_more)(void);
} ahead;

void open_without_sandbox(void)
{
    no_sandbox = true;
}

static void enter_sandbox(void)
{
    if (!no_sandbox) {
        reference_keep_directory(); // the sandbox prevents finding its name later
        sandbox_enter(SANDBOX_ALL);
        no_sandbox = true;
    }
}

void open_done(void)
{
    enter_sandbox();
    web_done();
}

static struct source *open_word(const char *path, const struct open_policy *policy,
                                struct error *error)
{
    if (address_is(path)) {
        return web_open(path, error);
    }
    if (strcmp(path, "-") == 0) {
        return (policy->drain ? source_drain_fd : source_open_fd)(dup(STDIN_FILENO),
                                                                  policy->pipe_cap, error);
    }
    return (policy->drain ? source_drain_file : source_open_file)(path, policy->pipe_cap, error);
}

// A file of the command line, or one that was opened ahead.
static struct source *open_first(const char *path, const struct open_policy *policy,
                                 struct error *error)
{
    while (ahead.next < ahead.count) {
        struct opened *opened = &ahead.files[ahead.next++];
        if (strcmp(opened->path, path) == 0) {
            *error = opened->error;
            return opened->source;
        }
    }
    struct source *source = open_word(path, policy, error);
    if (!source) {
        protocol_explain(path, false, error);
    }
    return source;
}

void open_ahead(const char *const *paths, size_t count, void (*on_more)(void))
{
    const struct open_policy regular = {.pipe_cap = 0};
    ahead.files = calloc(count, sizeof *ahead.files);
    if (!ahead.files) {
        perror("qcow2-info");
        exit(EXIT_CANNOT);
    }
    for (size_t i = 0; i < count; i++) {
        ahead.files[i].path = paths[i];
        ahead.files[i].source = open_first(paths[i], &regular, &ahead.files[i].error);
    }
    ahead.count = count;
    ahead.on_more = on_more;
    open_done();
}

// Opens a layer or a data file.
static struct source *open_layer(void *context, const char *path, struct error *error)
{
    (void)context;
    if (ahead.files) {
        ahead.on_more();
        error_set(error, ERROR_IO, "cannot open another file");
        return NULL;
    }
    return address_is(path) ? web_open(path, error) : source_open_file(path, 0, error);
}

// Whether files of this machine can become layers of a remote image: only those that the user
// gives.
static bool takes_files(const struct chain_options *options)
{
    bool takes = (options->data_file && !address_is(options->data_file)) ||
                 (options->confine && !address_is(options->confine));
    for (size_t i = 0; i < options->backing_files.count; i++) {
        takes = takes || !address_is(options->backing_files.files[i].path);
    }
    return takes;
}

static void warn_in_use(const char *path, const struct source *source)
{
    if (source->in_use) {
        struct error error;
        error_set(&error, ERROR_IO, "another process has the image open for writing");
        print_warning(path, &error);
    }
}

static void warn_strayed(const char *path, const struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct layer *layer = &chain->layers[i];
        if (layer->data_file_strayed) {
            struct error error;
            error_set(
                &error, ERROR_NOT_FOUND,
                "data file %s is not beside %s: read from the current directory, as QEMU does",
                layer->data_path, layer->path);
            print_warning(path, &error);
        }
    }
}

bool open_image(const char *path, const struct open_policy *policy, struct chain *chain,
                struct error *error)
{
    struct source *source = open_first(path, policy, error);
    *chain = (struct chain){0};
    if (!source) {
        return false;
    }
    if (!policy->opens_more && !chain_follows(&policy->chain)) {
        open_done();
    } else if (!policy->opens_more && source->kind == SOURCE_REMOTE &&
               !takes_files(&policy->chain)) {
        enter_sandbox(); // the process that fetches opens the other layers
    }
    if (policy->warns_in_use) {
        warn_in_use(path, source);
    }
    if (policy->chain.first == FIRST_QCOW2 && !probe_qcow2(source, error)) {
        source_close(source);
        return false;
    }
    struct chain_options options = policy->chain;
    options.open_file = open_layer;
    options.remote_references = web_references_allowed();
    bool opened = chain_open(source, path, &options, chain, error);
    warn_strayed(path, chain);
    if (!policy->opens_more) {
        open_done();
    }
    return opened;
}
