// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints the location of one byte, as text and as JSON.

#ifndef OUTPUT_WHERE_OUTPUT_H
#define OUTPUT_WHERE_OUTPUT_H

#include "print/json.h"
#include "where/where.h"

// One object, one line; `json` is compact.
void where_print_guest_json(const struct where_guest *where, struct json *json);
void where_print_host_json(const struct where_host *where, struct json *json);

void where_print_guest_text(const struct where_guest *where, struct writer *writer);
void where_print_host_text(const struct where_host *where, struct writer *writer);

#endif
