// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Names on a command line that begin with a protocol, as in QEMU: "nbd://host/disk".

#ifndef IMAGE_PROTOCOL_H
#define IMAGE_PROTOCOL_H

#include "base/error.h"

// Call it with the error of a name that could not be opened. If there is no such file and the name
// begins with a protocol, the error becomes: the protocol is not supported, and what to use instead
// to read from it or, for an output, `to_write` to it. Always false, like error_set().
bool protocol_explain(const char *name, bool to_write, struct error *error);

#endif
