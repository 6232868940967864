// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Inspects names in an image: they can harm programs that print them or use them as paths.

#include "audit/audit_state.h"
#include "base/utf8.h"
#include "image/reference.h"

#include <inttypes.h>
#include <string.h>

static bool has_unsafe_character(struct bytes name, bool *valid)
{
    bool unsafe = false;
    *valid = true;
    while (name.size > 0) {
        uint32_t code_point;
        size_t size = utf8_decode(name, &code_point);
        if (size == 0) {
            *valid = false;
            size = 1;
        } else if (utf8_is_unsafe(code_point) && code_point != 0) {
            unsafe = true;
        }
        name = bytes_from(name, size);
    }
    return unsafe;
}

// True when an element of the path is "..".
static bool leads_up(struct bytes name)
{
    size_t start = 0;
    for (size_t i = 0; i <= name.size; i++) {
        if (i == name.size || name.data[i] == '/') {
            if (i - start == 2 && memcmp(name.data + start, "..", 2) == 0) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

static bool has_one_of(struct bytes name, const char *signs)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] != '\0' && strchr(signs, name.data[i])) {
            return true;
        }
    }
    return false;
}

static const char file_scheme[] = "file:";

static bool has_file_scheme(struct bytes name)
{
    size_t size = strlen(file_scheme);
    return name.size >= size && memcmp(name.data, file_scheme, size) == 0;
}

// Describes how a name could lead to another place than a file in the intended folder; NULL: it
// cannot. A label may contain characters that a shell expands.
static const char *path_trick(enum audit_name_role role, struct bytes name)
{
    if (memchr(name.data, '\0', name.size)) {
        return "has a NUL inside";
    }
    if (name.data[0] == '/') {
        return "is an absolute path";
    }
    if (leads_up(name)) {
        return "leads out of its folder";
    }
    if (role == AUDIT_NAME_FILE && (name.data[0] == '~' || name.data[0] == '-')) {
        return "begins like a home folder or an option";
    }
    if (role == AUDIT_NAME_FILE && has_one_of(name, "*?[]{}$`|<>\\;&")) {
        return "has characters that a shell expands";
    }
    if (role == AUDIT_NAME_FILE && has_file_scheme(name)) {
        return "belongs to the current folder, not to that of the image";
    }
    return NULL;
}

void audit_name(struct audit_state *state, enum audit_name_role role, const char *what,
                struct bytes name, uint64_t at)
{
    bool valid;
    int shown = audit_shown(name);
    if (name.size == 0) {
        return;
    }
    if (has_unsafe_character(name, &valid)) {
        audit_report_at(&state->report, AUDIT_NAME_CONTROL, at,
                        "%s has control characters: \"%.*s\"", what, shown,
                        (const char *)name.data);
    }
    if (!valid) {
        audit_report_at(&state->report, AUDIT_NAME_NOT_UTF8, at, "%s is not UTF-8: \"%.*s\"", what,
                        shown, (const char *)name.data);
    }
    // A json: name always contains such characters, and has its own rules.
    bool is_path = role != AUDIT_NAME_FILE || reference_kind(name) == REFERENCE_FILE;
    const char *trick = role != AUDIT_NAME_TEXT && is_path ? path_trick(role, name) : NULL;
    if (trick) {
        audit_report_at(&state->report, AUDIT_NAME_PATH, at, "%s %s: \"%.*s\"", what, trick, shown,
                        (const char *)name.data);
    }
}
