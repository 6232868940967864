// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/finding_json.h"

static void key_offset(struct json *json, const char *key, const uint64_t *offset)
{
    json_key(json, key);
    if (offset) {
        json_u64(json, *offset);
    } else {
        json_null(json);
    }
}

void finding_json(struct json *json, const struct finding_keys *finding)
{
    json_key_text(json, "code", finding->code);
    json_key_text(json, "severity", finding->severity);
    json_key_text(json, "message", finding->message);
    json_key_text(json, "meaning", finding->meaning);
    json_key_u64(json, "count", finding->count);
    key_offset(json, "offset", finding->offset);
    key_offset(json, "guest_offset", finding->guest_offset);
}
