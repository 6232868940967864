// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The JSON keys that all findings of info, check and audit have.

#ifndef PRINT_FINDING_JSON_H
#define PRINT_FINDING_JSON_H

#include "print/json.h"

struct finding_keys {
    const char *code, *severity; // stable
    const char *message;         // describes this case
    const char *meaning;         // describes all findings with this code
    uint64_t count;              // places that it stands for
    const uint64_t *offset;      // bytes in the file; NULL: none
    const uint64_t *guest_offset;
};

// Writes the keys into an open object.
void finding_json(struct json *json, const struct finding_keys *finding);

#endif
