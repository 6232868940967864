// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/passphrase.h"

#include "base/checked.h"
#include "cli/command.h"
#include "cli/diagnostics.h"
#include "cli/image_process.h"
#include "cli/option_values.h"
#include "cli/terminal.h"
#include "codec/crypto.h"
#include "format/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PASSPHRASE_FIRST = 4096,  // bytes: enough for nearly all passphrases
    PASSPHRASE_MAX = 1 << 20, // a longer file is probably not a passphrase
    PROMPT_SIZE = 256,
};

// --- Options -------------------------------------------------------------------------------------

struct key_options key_options_default(void)
{
    return (struct key_options){.max_iterations = CAP_LUKS_ITERATIONS};
}

bool key_options_name_file(const struct key_options *options,
                           const struct source_identity *identity)
{
    for (size_t i = 0; i < options->count; i++) {
        struct stat status;
        if (options->sources[i].file && stat(options->sources[i].file, &status) == 0) {
            struct source_identity other = source_identity_of(&status);
            if (source_identity_same(&other, identity)) {
                return true;
            }
        }
    }
    return false;
}

static bool add_source(const struct command *command, struct passphrase_source source,
                       struct key_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        const struct passphrase_source *other = &options->sources[i];
        if (source.every_layer == other->every_layer &&
            (source.every_layer || source.layer == other->layer)) {
            command_usage_error(command, "two passphrases are given for %s",
                                source.every_layer ? "all layers" : "the same layer");
            return false;
        }
    }
    if (options->count == PASSPHRASES_MAX) {
        command_usage_error(command, "more than %d passphrases are given", PASSPHRASES_MAX);
        return false;
    }
    options->sources[options->count++] = source;
    return true;
}

// Takes "[LAYER:]FILE".
bool take_key_file(const struct command *command, const struct option_row *row, const char *text,
                   void *place)
{
    struct passphrase_source source = {.file = text};
    bool has_layer;
    (void)row;
    if (!option_layer(command, &source.file, &has_layer, &source.layer)) {
        return false;
    }
    source.every_layer = !has_layer;
    return add_source(command, source, place);
}

bool take_key_descriptor(const struct command *command, const struct option_row *row,
                         const char *text, void *place)
{
    struct passphrase_source source = {.every_layer = true};
    uint32_t number;
    if (!option_number(command, row, text, &number)) {
        return false;
    }
    source.fd = (int)number;
    return add_source(command, source, place);
}

const struct option_row key_rows[] = {
    KEY_SOURCE_ROWS("", 0),
    KEY_USE_ROWS(0),
    {.name = NULL},
};

// --- Reading -------------------------------------------------------------------------------------

static bool read_all(int fd, struct secret *passphrase, struct error *error)
{
    size_t used = 0;
    ssize_t got = 1;
    if (!secret_make(passphrase, PASSPHRASE_FIRST, error)) {
        return false;
    }
    while (got != 0) {
        if (used > PASSPHRASE_MAX) {
            return error_set(error, ERROR_LIMIT, "the passphrase is longer than %d bytes",
                             PASSPHRASE_MAX);
        }
        if (used == passphrase->size && !secret_grow(passphrase, used * 2, error)) {
            return false;
        }
        got = read(fd, passphrase->data + used, passphrase->size - used);
        if (got < 0 && errno != EINTR) {
            return error_set(error, ERROR_IO, "cannot read: %s", strerror(errno));
        }
        used += got > 0 ? (size_t)got : 0;
    }
    passphrase->size = used;
    return true;
}

static void write_prompt(const struct passphrase_source *source, char prompt[static PROMPT_SIZE])
{
    if (source->every_layer) {
        snprintf(prompt, PROMPT_SIZE, "Passphrase of all layers");
    } else {
        snprintf(prompt, PROMPT_SIZE, "Passphrase of layer %" PRIu64, source->layer);
    }
}

// At a terminal the passphrase is one line, typed without echo.
static bool read_descriptor(const struct passphrase_source *source, int fd,
                            struct secret *passphrase, struct error *error)
{
    char prompt[PROMPT_SIZE];
    int terminal = isatty(fd) ? terminal_open() : -1;
    if (terminal < 0) {
        return read_all(fd, passphrase, error);
    }
    write_prompt(source, prompt);
    bool done = terminal_ask(terminal, prompt, passphrase, error);
    close(terminal);
    return done;
}

static bool read_source(const struct passphrase_source *source, bool strip_newline,
                        struct secret *passphrase, struct error *error)
{
    bool named = source->file && strcmp(source->file, "-") != 0;
    int fd = named          ? open(source->file, O_RDONLY | O_CLOEXEC | O_NOCTTY)
             : source->file ? STDIN_FILENO
                            : source->fd;
    if (fd < 0) {
        return error_set(error, ERROR_IO, "cannot open: %s", strerror(errno));
    }
    bool done = read_descriptor(source, fd, passphrase, error);
    // Standard descriptors stay open: other code uses them, and a file that is opened next must not
    // get their number.
    if (named || fd > STDERR_FILENO) {
        close(fd);
    }
    if (done && strip_newline && passphrase->size > 0 &&
        passphrase->data[passphrase->size - 1] == '\n') {
        passphrase->size--;
    }
    return done;
}

static bool reads_standard_input(const struct passphrase_source *source)
{
    static const char *const names[] = {"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"};
    for (size_t i = 0; source->file && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(source->file, names[i]) == 0) {
            return true;
        }
    }
    return !source->file && source->fd == STDIN_FILENO;
}

unsigned key_options_standard_input(const struct key_options *options)
{
    unsigned readers = 0;
    for (size_t i = 0; i < options->count; i++) {
        readers += reads_standard_input(&options->sources[i]);
    }
    return readers;
}

static bool check_standard_input(const struct command *command, const struct key_options *options,
                                 const char *path)
{
    if (key_options_standard_input(options) + (strcmp(path, "-") == 0) > 1) {
        command_usage_error(command, "standard input cannot be read for two purposes");
        return false;
    }
    return true;
}

static bool serves_every_layer(const struct key_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        if (options->sources[i].every_layer) {
            return true;
        }
    }
    return false;
}

// The crypto libraries read what they need from the system now.
static void prepare(struct passphrases *passphrases)
{
    struct error ignored; // reported later, for an image that needs the library
    const struct key_options *options = passphrases->options;
    if (!serves_every_layer(options)) {
        passphrases->terminal = terminal_open();
    }
    if (options->count > 0 || passphrases->terminal >= 0) {
        secret_hide_process();
        crypto_start(&ignored);
    }
}

int passphrases_read(const struct command *command, const struct key_options *options,
                     const char *path, struct passphrases *passphrases)
{
    *passphrases = (struct passphrases){.options = options, .terminal = -1};
    if (!check_standard_input(command, options, path)) {
        return EXIT_USAGE;
    }
    prepare(passphrases);
    for (size_t i = 0; i < options->count; i++) {
        const struct passphrase_source *source = &options->sources[i];
        struct error error;
        if (!read_source(source, options->strip_newline, &passphrases->secrets[i], &error)) {
            print_error(source->file ? source->file : "key descriptor", &error);
            passphrases_free(passphrases);
            return EXIT_CANNOT;
        }
    }
    return EXIT_DONE;
}

void passphrases_free(struct passphrases *passphrases)
{
    for (size_t i = 0; i < PASSPHRASES_MAX; i++) {
        secret_free(&passphrases->secrets[i]);
    }
    if (passphrases->terminal >= 0) {
        close(passphrases->terminal);
    }
    passphrases->terminal = -1;
}

static void adopt(void *adopted)
{
    const struct passphrases *passphrases = adopted;
    for (size_t i = 0; i < PASSPHRASES_MAX; i++) {
        secret_keep(&passphrases->secrets[i]);
    }
}

int passphrases_run_several(struct several several, const struct image_names *names,
                            struct passphrases *passphrases)
{
    if (passphrases) {
        for (size_t i = 0; i < PASSPHRASES_MAX; i++) {
            secret_share(&passphrases->secrets[i]);
        }
        several.adopt = adopt;
        several.adopted = passphrases;
    }
    return several_run(&several, names);
}

// --- Opening -------------------------------------------------------------------------------------

// The passphrase that was given for a layer; NULL: none.
static const struct secret *find_given(const struct passphrases *passphrases, size_t layer)
{
    const struct secret *found = NULL;
    for (size_t i = 0; i < passphrases->options->count; i++) {
        const struct passphrase_source *source = &passphrases->options->sources[i];
        if (!source->every_layer && source->layer == layer) {
            return &passphrases->secrets[i];
        }
        if (source->every_layer) {
            found = &passphrases->secrets[i];
        }
    }
    return found;
}

static struct cipher *open_layer(struct passphrases *passphrases, const struct layer *layer,
                                 size_t depth, int *slot, struct error *error)
{
    uint32_t max_iterations = passphrases->options->max_iterations;
    const struct secret *given = find_given(passphrases, depth);
    struct secret typed = {0};
    if (!given && passphrases->terminal < 0) {
        error_set(error, ERROR_KEY,
                  "guest data is encrypted; give the passphrase with --key-file%s FILE",
                  passphrases->options->suffix ? passphrases->options->suffix : "");
        return NULL;
    }
    if (!given && !image_process_takes_terminal()) {
        error_set(error, ERROR_KEY, "guest data is encrypted");
        return NULL;
    }
    if (!given) {
        char prompt[PROMPT_SIZE];
        snprintf(prompt, sizeof prompt, "Passphrase of %s", layer->path);
        if (!terminal_ask(passphrases->terminal, prompt, &typed, error)) {
            return NULL;
        }
        given = &typed;
    }
    struct cipher *cipher =
        encryption_open(layer->image, secret_bytes(given), max_iterations, slot, error);
    secret_free(&typed);
    return cipher;
}

static bool check_layers(const struct key_options *options, const struct chain *chain,
                         struct error *error)
{
    for (size_t i = 0; i < options->count; i++) {
        if (!options->sources[i].every_layer && options->sources[i].layer >= chain->count) {
            return error_set(error, ERROR_USAGE,
                             "there is no layer %" PRIu64 " for --key-file, only %zu %s opened",
                             options->sources[i].layer, chain->count,
                             chain->count == 1 ? "was" : "were");
        }
    }
    return true;
}

static bool prefix_layer(const struct chain *chain, size_t i, struct error *error)
{
    return i > 0 ? error_prefix(error, "backing file %s", chain->layers[i].path) : false;
}

// Do not prompt for a passphrase if the chain cannot be read.
static bool check_encryption(const struct key_options *options, const struct chain *chain,
                             struct error *error)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct problem fault;
        if (layer_encrypted(&chain->layers[i]) &&
            !encryption_check(chain->layers[i].image, options->max_iterations, &fault)) {
            *error = fault.error;
            return prefix_layer(chain, i, error);
        }
    }
    return true;
}

bool passphrases_unlock(struct passphrases *passphrases, struct chain *chain, int *slots)
{
    struct error error;
    bool opened = check_layers(passphrases->options, chain, &error) &&
                  check_encryption(passphrases->options, chain, &error);
    for (size_t i = 0; opened && i < chain->count; i++) {
        struct layer *layer = &chain->layers[i];
        int slot = ENCRYPTION_NO_SLOT;
        if (layer_encrypted(layer)) {
            layer->cipher = open_layer(passphrases, layer, i, &slot, &error);
            opened = layer->cipher || prefix_layer(chain, i, &error);
        }
        if (slots) {
            slots[i] = slot;
        }
    }
    if (!opened && passphrases->options->side) {
        error_prefix(&error, "%s", passphrases->options->side);
    }
    if (!opened) {
        print_error(chain->layers[0].path, &error);
    }
    return opened;
}
