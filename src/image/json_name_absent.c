// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// In a build without cJSON, such as a static one where there is no static library of it.

#include "image/json_name.h"

#if !WITH_CJSON

#include "format/problem.h"

bool json_name_parse(struct bytes text, struct json_name *name, struct error *error)
{
    (void)text;
    *name = (struct json_name){0};
    return error_set(error, ERROR_UNSUPPORTED_BACKING_FILE,
                     "json: name: not supported: this program was built without cJSON");
}

#endif
