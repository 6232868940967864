// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/audit_output.h"

#include "print/code_list.h"
#include "print/finding_json.h"
#include "print/lines.h"
#include "print/text.h"

#include <inttypes.h>

static const enum color severity_colors[AUDIT_SEVERITIES] = {
    [AUDIT_UNSAFE] = COLOR_RED, [AUDIT_NOTE] = COLOR_YELLOW, [AUDIT_ALLOWED] = COLOR_GRAY};

// Returns the next finding from `*at` on, which starts at 0; NULL after the last one. `*at` counts
// all rules once for each severity.
static const struct audit_finding *next_finding(const struct audit *audit,
                                                const struct audit_options *options, size_t *at,
                                                enum audit_severity *severity)
{
    while (*at < (size_t)AUDIT_RULES * AUDIT_SEVERITIES) {
        size_t rule = *at % AUDIT_RULES;
        *severity = (enum audit_severity)(*at / AUDIT_RULES);
        ++*at;
        if (audit->findings[rule].count > 0 && options->severities[rule] == *severity) {
            return &audit->findings[rule];
        }
    }
    return NULL;
}

// --- Findings ------------------------------------------------------------------------------------

static void print_finding(const struct audit_finding *finding, enum audit_severity severity,
                          enum audit_rule rule, struct json *json)
{
    const struct error *first = &finding->first;
    json_object(json);
    finding_json(json, &(struct finding_keys){.code = first->code,
                                              .severity = audit_severity_name(severity),
                                              .message = first->message,
                                              .meaning = audit_rules[rule].meaning,
                                              .count = finding->count,
                                              .offset = first->has_offset ? &first->offset : NULL});
    json_end(json);
}

void audit_print_json(const struct audit *audit, const struct audit_options *options,
                      const char *filename, struct writer *writer)
{
    struct json json;
    const struct audit_finding *finding;
    enum audit_severity severity;
    size_t at = 0;
    json_init(&json, writer, filename ? JSON_COMPACT : JSON_PRETTY);
    json_object(&json);
    if (filename) {
        json_key_text(&json, "filename", filename);
    }
    json_key_bool(&json, "safe", audit_is_safe(audit, options));
    json_key_bool(&json, "complete", audit->complete);
    json_key_u64(&json, "virtual_size", audit->virtual_size);
    if (audit->actual_size_known) {
        json_key_u64(&json, "actual_size", audit->actual_size);
    } else {
        json_key_null(&json, "actual_size");
    }
    json_key_array(&json, "findings");
    while ((finding = next_finding(audit, options, &at, &severity))) {
        print_finding(finding, severity, (enum audit_rule)(finding - audit->findings), &json);
    }
    json_finish(&json);
}

void audit_print_text(const struct audit *audit, const struct audit_options *options,
                      struct writer *writer)
{
    const struct audit_finding *finding;
    enum audit_severity severity;
    size_t at = 0;
    while ((finding = next_finding(audit, options, &at, &severity))) {
        color_text(writer, severity_colors[severity], audit_severity_name(severity));
        writer_format(writer, " %s: ", finding->first.code);
        text_safe(writer, finding->first.message);
        if (finding->count > 1) {
            writer_format(writer, " (and %" PRIu64 " more)", finding->count - 1);
        }
        if (finding->first.has_offset) {
            writer_format(writer, " (at offset %" PRIu64 ")", finding->first.offset);
        }
        writer_string(writer, "\n");
    }
    bool safe = audit_is_safe(audit, options);
    line_colored(writer, "verdict", safe ? COLOR_GREEN : COLOR_RED, safe ? "safe" : "unsafe");
    line_colored(writer, "complete", audit->complete ? COLOR_GREEN : COLOR_RED,
                 audit->complete ? "yes" : "no, a part of the image was not inspected");
    line_size(writer, "virtual size", audit->virtual_size);
    if (audit->actual_size_known) {
        line_size(writer, "actual size", audit->actual_size);
    } else {
        line_text(writer, "actual size", "unknown");
    }
}

// --- Rules ---------------------------------------------------------------------------------------

void audit_print_rules(const struct audit_options *options, bool as_json, struct writer *writer)
{
    struct code_row rows[AUDIT_RULES];
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        enum audit_severity severity = options->severities[i];
        rows[i] = (struct code_row){audit_rules[i].code, audit_severity_name(severity),
                                    audit_rules[i].meaning, audit_rules[i].gain,
                                    severity_colors[severity]};
    }
    const struct code_list list = {rows, AUDIT_RULES, "gain"};
    code_list_print(&list, as_json, writer);
}
