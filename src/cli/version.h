// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include "print/writer.h"

// Writes the version, the libraries in use and the parts of the sandbox, one line each. The process
// is in the sandbox afterwards.
void print_version(struct writer *writer);

#endif
