// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef COMMANDS_VERSION_H
#define COMMANDS_VERSION_H

// Prints the version and the libraries in use on standard output, a line each.
void print_version(void);

#endif
