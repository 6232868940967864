// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What every finding of info, check and audit has in JSON.

#ifndef OUTPUT_FINDING_JSON_H
#define OUTPUT_FINDING_JSON_H

#include "output/json.h"

struct finding_keys {
    const char *code, *severity; // stable
    const char *message;         // what is wrong in this case
    const char *meaning;         // of all findings with this code
    uint64_t count;              // places that it stands for
    const uint64_t *offset;      // bytes in the file; NULL: none
    const uint64_t *guest_offset;
};

// The keys, for an object that is open.
void finding_json(struct json *json, const struct finding_keys *finding);

#endif
