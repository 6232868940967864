// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef COMMANDS_VERSION_H
#define COMMANDS_VERSION_H

#include "output/writer.h"

// Writes the version, the libraries in use and the parts of the sandbox, one line each. The process
// is in the sandbox afterwards.
void print_version(struct writer *writer);

#endif
