// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The terminal: its width, and prompts for input that is typed without echo.

#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "base/secret.h"

// The characters of a line on standard output: the environment variable COLUMNS, if it is a number
// from 1 to TERMINAL_COLUMNS_MAX; else the width of the terminal; else 80.
enum { TERMINAL_COLUMNS_MAX = 9999 };
unsigned terminal_columns(void);

// A descriptor of the process's terminal; -1: none.
int terminal_open(void);

// Prints `prompt` and a colon on the terminal `fd` and reads a line without echo. `answer`, which
// this makes, has the line without the newline. A signal that ends the process takes effect after
// the echo is back on.
bool terminal_ask(int fd, const char *prompt, struct secret *answer, struct error *error);

#endif
