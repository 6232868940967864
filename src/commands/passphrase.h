// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Passphrases of encrypted images: from files, from a descriptor, or from the person at the
// terminal. All that can be read before an image is looked at, is.

#ifndef COMMANDS_PASSPHRASE_H
#define COMMANDS_PASSPHRASE_H

#include "base/secret.h"
#include "commands/disk.h"

enum { PASSPHRASES_MAX = 64 }; // of one command line

// Where one comes from.
struct passphrase_source {
    bool every_layer;
    uint64_t layer;   // of the backing chain, 0 is the image itself; unless it serves every one
    const char *file; // "-" is standard input; NULL: the descriptor
    int fd;
};

struct key_options {
    struct passphrase_source sources[PASSPHRASES_MAX];
    size_t count;
    bool strip_newline;
    uint32_t max_iterations; // of key derivation, for all slots of a layer together
};

extern const struct option_row key_rows[]; // of struct key_options

struct key_options key_options_default(void);

// Whether one of the passphrases comes from this file, as its path leads there now.
bool key_options_name_file(const struct key_options *options,
                           const struct source_identity *identity);

// Passphrases that were read, and the terminal to ask for others.
struct passphrases {
    const struct key_options *options;
    struct secret secrets[PASSPHRASES_MAX]; // one a source
    int terminal;                           // -1: none
};

// Reads them all, and gets ready to ask and to derive keys; to be called before any image is
// looked at. `path` is the image. Returns EXIT_DONE, or the exit status after the error was
// printed, with nothing to free then.
int passphrases_read(const struct command *command, const struct key_options *options,
                     const char *path, struct passphrases *passphrases);
void passphrases_free(struct passphrases *passphrases);

// Opens every encrypted layer, and asks for what was not given. `slots`: which key slot of each
// layer was opened, ENCRYPTION_NO_SLOT where there are none; may be NULL. False after the error
// was printed.
bool passphrases_unlock(struct passphrases *passphrases, struct chain *chain, int *slots);

#endif
