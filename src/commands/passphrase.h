// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Passphrases of encrypted images: from files, from a descriptor, or typed at the terminal. Files
// and descriptors are read before an image is parsed.

#ifndef COMMANDS_PASSPHRASE_H
#define COMMANDS_PASSPHRASE_H

#include "base/secret.h"
#include "cli/several.h"
#include "commands/disk.h"

enum { PASSPHRASES_MAX = 64 }; // of one command line

// The source of one passphrase.
struct passphrase_source {
    bool every_layer;
    uint64_t layer;   // of the backing chain, 0 is the image itself; unless it is for all layers
    const char *file; // "-" is standard input; NULL: the descriptor
    int fd;
};

struct key_options {
    struct passphrase_source sources[PASSPHRASES_MAX];
    size_t count;
    bool strip_newline;
    uint32_t max_iterations; // of key derivation, for all slots of a layer together
    const char *side;        // as in struct disk_options
    const char *suffix;      // as in struct chain_options
};

// Take a passphrase option into the struct key_options at `place`.
bool take_key_file(const struct command *command, const struct option_row *row, const char *text,
                   void *place);
bool take_key_descriptor(const struct command *command, const struct option_row *row,
                         const char *text, void *place);

// The rows of options that give a passphrase, for a struct key_options at `place`; `suffix` as in
// disk.h.
// clang-format off
#define KEY_SOURCE_ROWS(suffix, place)                                                             \
    {"key-file" suffix, OPTION_FILE, "[LAYER:]FILE", place,                                        \
     .help = "read the passphrase of an encrypted image from this file, with all its bytes; "      \
              "- is standard input; with LAYER only for this layer of the backing chain, "         \
              "counted from 0",                                                                    \
     .repeatable = true, .take = take_key_file},                                                   \
    {"key-fd" suffix, OPTION_NUMBER, "N", place,                                                   \
     .help = "read the passphrase from this descriptor", .most = INT32_MAX,                        \
     .take = take_key_descriptor}

// The rows of options about the use of passphrases.
#define KEY_USE_ROWS(place)                                                                        \
    {"key-strip-newline", OPTION_FLAG, NULL,                                                       \
     (place) + offsetof(struct key_options, strip_newline),                                        \
     .help = "drop a newline at the end of the passphrase"},                                       \
    {"max-kdf-iterations", OPTION_NUMBER, "N",                                                     \
     (place) + offsetof(struct key_options, max_iterations),                                       \
     .help = "spend at most this many iterations of key derivation on all key slots together, "    \
              "and skip slots that need more (default 50000000)",                                  \
     .least = 1, .most = UINT32_MAX}
// clang-format on

extern const struct option_row key_rows[]; // of struct key_options, all of these

// The number of passphrases that are read from standard input.
unsigned key_options_standard_input(const struct key_options *options);

struct key_options key_options_default(void);

// Whether one of the passphrases comes from this file. Their paths are resolved again.
bool key_options_name_file(const struct key_options *options,
                           const struct source_identity *identity);

// Passphrases that were read, and the terminal to prompt for others.
struct passphrases {
    const struct key_options *options;
    struct secret secrets[PASSPHRASES_MAX]; // one a source
    int terminal;                           // -1: none
};

// Reads all passphrases, and prepares for prompting and for deriving keys. Call it before parsing
// any image. `path` is the image. Returns EXIT_DONE, or the exit status after printing an error;
// nothing is left to free then.
int passphrases_read(const struct command *command, const struct key_options *options,
                     const char *path, struct passphrases *passphrases);
void passphrases_free(struct passphrases *passphrases);

// The same as several_run(): lets the processes of the images have the passphrases. NULL: there are
// none.
int passphrases_run_several(struct several several, const struct image_names *names,
                            struct passphrases *passphrases);

// Opens every encrypted layer, and prompts for passphrases that were not given. `slots`: the key
// slot that was opened in each layer, ENCRYPTION_NO_SLOT for a layer without slots; may be NULL.
// False after printing the error.
bool passphrases_unlock(struct passphrases *passphrases, struct chain *chain, int *slots);

#endif
