// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The values of options. False after a usage error was printed.

#ifndef CLI_OPTION_VALUES_H
#define CLI_OPTION_VALUES_H

#include "cli/options.h"

// Stores the value of an option at `place`, by the kind of its row.
bool option_store(const struct command *command, const struct option_row *row, const char *text,
                  void *place);

// Finds a word among those of the row: its index.
bool option_word(const struct command *command, const struct option_row *row, const char *text,
                 unsigned *word);

// Parses a number in the range of the row.
bool option_number(const struct command *command, const struct option_row *row, const char *text,
                   uint32_t *number);

// Removes "LAYER:", a number, from the start of `*text`. Without it `*layer` is 0.
bool option_layer(const struct command *command, const char **text, bool *has_layer,
                  uint64_t *layer);

// Accepts 4096, 64K, 1M, 2G, 1T (powers of 1024; an optional "iB" or "B" may follow the letter, in
// upper or lower case). False, without a message, for anything else or above 2^64 - 1.
bool parse_size(const char *text, uint64_t *size);

#endif
