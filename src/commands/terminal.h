// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Asking the person at the terminal for something that is not to be seen there.

#ifndef COMMANDS_TERMINAL_H
#define COMMANDS_TERMINAL_H

#include "base/secret.h"

// A descriptor of the terminal that the process belongs to, -1 when there is none.
int terminal_open(void);

// Shows `prompt` and a colon on the terminal `fd` and reads a line without echo: `answer`, which it
// makes, has the line without its end. A signal that ends the process does so when the echo is back
// on.
bool terminal_ask(int fd, const char *prompt, struct secret *answer, struct error *error);

#endif
