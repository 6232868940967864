// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Names on a command line that begin with a protocol, as those of QEMU do: "nbd://host/disk".

#ifndef IMAGE_PROTOCOL_H
#define IMAGE_PROTOCOL_H

#include "base/error.h"

// For a name that could not be opened, with the error that says so. Where there is no such file and
// the name begins with a protocol, says instead that the protocol is not supported, and what helps
// to read from it or, for an output, `to_write` to it. Is false, as error_set().
bool protocol_explain(const char *name, bool to_write, struct error *error);

#endif
