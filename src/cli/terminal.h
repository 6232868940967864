// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prompts at the terminal for input that is typed without echo.

#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "base/secret.h"

// A descriptor of the process's terminal; -1: none.
int terminal_open(void);

// Prints `prompt` and a colon on the terminal `fd` and reads a line without echo. `answer`, which
// this makes, has the line without the newline. A signal that ends the process takes effect after
// the echo is back on.
bool terminal_ask(int fd, const char *prompt, struct secret *answer, struct error *error);

#endif
