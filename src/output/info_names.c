// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Names that are used in both the text and the JSON of `info`.

#include "format/layout.h"
#include "format/problem.h"
#include "output/info_output.h"
#include "print/code_list.h"

#include <inttypes.h>
#include <stdio.h>

const char *info_name_or_number(const char *name, uint64_t number,
                                char buffer[static INFO_NAME_MAX])
{
    if (name) {
        return name;
    }
    snprintf(buffer, INFO_NAME_MAX, "unknown-%" PRIu64, number);
    return buffer;
}

static const char *lookup(const char *const *names, size_t count, uint32_t number, char *buffer)
{
    return info_name_or_number(number < count ? names[number] : NULL, number, buffer);
}

const char *info_crypt_method(uint32_t method, char buffer[static INFO_NAME_MAX])
{
    static const char *const names[] = {
        [CRYPT_NONE] = "", [CRYPT_AES] = "aes", [CRYPT_LUKS] = "luks"};
    return lookup(names, sizeof names / sizeof *names, method, buffer);
}

const char *info_compression_type(uint32_t type, char buffer[static INFO_NAME_MAX])
{
    // "zlib" is the usual name, but it is raw deflate without a zlib header.
    static const char *const names[] = {
        [COMPRESSION_DEFLATE] = "zlib", [COMPRESSION_ZSTD] = "zstd"};
    return lookup(names, sizeof names / sizeof *names, type, buffer);
}

void info_print_problems(bool as_json, struct writer *writer)
{
    struct code_row rows[PROBLEM_KINDS];
    size_t count = 0;
    for (size_t i = PROBLEM_NONE + 1; i < PROBLEM_KINDS; i++) {
        const struct problem_rule *rule = &problem_rules[i];
        rows[count++] = (struct code_row){
            rule->code ? rule->code : "any", rule->unreadable ? "unreadable" : "warning",
            rule->meaning, NULL, rule->unreadable ? COLOR_RED : COLOR_YELLOW};
    }
    const struct code_list list = {rows, count, NULL};
    code_list_print(&list, as_json, writer);
}
