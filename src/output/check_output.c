// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/check_output.h"

#include "print/code_list.h"
#include "print/finding_json.h"
#include "print/lines.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>

static const enum color severity_colors[SEVERITY_COUNT] = {[SEVERITY_CORRUPTION] = COLOR_RED,
                                                           [SEVERITY_LEAK] = COLOR_YELLOW,
                                                           [SEVERITY_WARNING] = COLOR_YELLOW};

static void print_finding(const struct check *check, const struct finding *finding,
                          struct json *json)
{
    const struct finding_rule *rule = &finding_rules[finding->kind];
    char message[ERROR_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s: %s", rule->meaning, finding->place);
    json_object(json);
    finding_json(json, &(struct finding_keys){
                           .code = rule->code,
                           .severity = severity_name(rule->severity),
                           .message = message,
                           .meaning = rule->meaning,
                           .count = 1,
                           .offset = finding->has_host ? &finding->host_offset : NULL,
                           .guest_offset = finding->has_guest ? &finding->guest_offset : NULL});
    json_key_text(json, "place", finding->place);
    if (finding->has_host) {
        json_key_u64(json, "host_offset", finding->host_offset);
    }
    json_key_text(json, "cure", check_cure(check, finding->kind));
    json_end(json);
}

void check_print_json(const struct check *check, const char *filename, enum json_style style,
                      struct writer *writer)
{
    const struct findings *findings = &check->findings;
    struct json json;
    json_init(&json, writer, style);
    json_object(&json);
    json_key_text(&json, "filename", filename);
    json_key_u64(&json, "corruptions", findings->totals[SEVERITY_CORRUPTION]);
    json_key_u64(&json, "leaks", findings->totals[SEVERITY_LEAK]);
    json_key_u64(&json, "warnings", findings->totals[SEVERITY_WARNING]);
    json_key_u64(&json, "check_errors", check->check_errors);
    json_key_u64(&json, "image_end_offset", check->image_end_offset);
    json_key_u64(&json, "total_clusters", check->total_clusters);
    json_key_u64(&json, "allocated_clusters", check->allocated_clusters);
    json_key_u64(&json, "compressed_clusters", check->compressed_clusters);
    json_key_u64(&json, "fragmented_clusters", check->fragmented_clusters);
    json_key_u64(&json, "leaked_bytes", check->leaked_bytes);
    json_key_u64(&json, "leaked_data_clusters", check->leaked_data_clusters);
    json_key_u64(&json, "leaked_data_bytes", check->leaked_data_bytes);
    json_key_u64(&json, "leaked_unread_bytes", check->leaked_unread_bytes);
    json_key_u64(&json, "unseen_references", check->unseen_references);
    json_key_array(&json, "findings");
    for (size_t i = 0; i < findings->count; i++) {
        print_finding(check, &findings->items[i], &json);
    }
    json_finish(&json);
}

static void finding_text(const struct finding *finding, struct writer *writer)
{
    const struct finding_rule *rule = &finding_rules[finding->kind];
    color_text(writer, severity_colors[rule->severity], severity_name(rule->severity));
    writer_format(writer, " %s:", rule->code);
    if (finding->has_host) {
        writer_format(writer, " host offset %" PRIu64 ",", finding->host_offset);
    }
    if (finding->has_guest) {
        writer_format(writer, " guest offset %" PRIu64 ",", finding->guest_offset);
    }
    writer_string(writer, " ");
    text_safe(writer, finding->place);
    writer_string(writer, "\n");
}

// Prints the meaning of each kind that was found, once.
static void meanings_text(const struct check *check, struct writer *writer)
{
    const struct findings *findings = &check->findings;
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        const struct finding_rule *rule = &finding_rules[kind];
        if (findings->by_kind[kind] > 0) {
            writer_format(writer, "%s (%" PRIu64 "): %s.\n    %s.\n", rule->code,
                          findings->by_kind[kind], rule->meaning,
                          check_cure(check, (enum finding_kind)kind));
        }
    }
}

struct verdict {
    enum color color;
    const char *text;
};

static struct verdict verdict_of(const struct check *check)
{
    const uint64_t *totals = check->findings.totals;
    bool risky = check_repair_is_risky(check);
    if (check->check_errors > 0) {
        return (struct verdict){COLOR_RED, "not all of the image could be checked"};
    }
    if (totals[SEVERITY_CORRUPTION] > 0) {
        return (struct verdict){COLOR_RED,
                                risky ? "the image is corrupt: copy the file before any repair, "
                                        "because leaked clusters may hold guest data"
                                      : "the image is corrupt"};
    }
    if (check->empty_tables > 0) {
        return (struct verdict){
            COLOR_YELLOW, "guest data may have lost its tables: copy the file before any repair"};
    }
    if (risky) {
        return (struct verdict){
            COLOR_YELLOW, "leaked clusters may hold guest data: copy the file before any repair"};
    }
    if (totals[SEVERITY_LEAK] > 0) {
        return (struct verdict){COLOR_YELLOW, "the data is sound, but space is lost"};
    }
    return (struct verdict){COLOR_GREEN, "the image is sound"};
}

static void line_share(struct writer *writer, const char *label, uint64_t number, uint64_t of)
{
    double percent = of > 0 ? 100.0 * (double)number / (double)of : 0.0;
    line_label(writer, label);
    writer_format(writer, "%" PRIu64 " (%.2f%%)\n", number, percent);
}

static void lines_leaked_data(const struct check *check, struct writer *writer)
{
    if (check->leaked_data_clusters > 0) {
        line_number(writer, "  clusters with data", check->leaked_data_clusters);
        line_size(writer, "  with data", check->leaked_data_bytes);
    }
    if (check->leaked_unread_bytes > 0) {
        line_size(writer, "  not read", check->leaked_unread_bytes);
    }
}

void check_print_text(const struct check *check, struct writer *writer)
{
    const struct findings *findings = &check->findings;
    struct verdict verdict = verdict_of(check);
    uint64_t all = 0;
    for (size_t i = 0; i < SEVERITY_COUNT; i++) {
        all += findings->totals[i];
    }
    for (size_t i = 0; i < findings->count; i++) {
        finding_text(&findings->items[i], writer);
    }
    if (all > findings->count) {
        writer_format(writer, "... and %" PRIu64 " more\n", all - findings->count);
    }
    if (all > 0) {
        writer_string(writer, "\n");
        meanings_text(check, writer);
        writer_string(writer, "\n");
    }
    line_colored(writer, "verdict", verdict.color, verdict.text);
    line_number(writer, "corruptions", findings->totals[SEVERITY_CORRUPTION]);
    line_number(writer, "leaks", findings->totals[SEVERITY_LEAK]);
    line_number(writer, "warnings", findings->totals[SEVERITY_WARNING]);
    line_number(writer, "check errors", check->check_errors);
    if (check->unseen_references > 0) {
        line_number(writer, "references not seen", check->unseen_references);
    }
    line_number(writer, "clusters of the disk", check->total_clusters);
    line_share(writer, "  allocated", check->allocated_clusters, check->total_clusters);
    line_share(writer, "  compressed", check->compressed_clusters, check->allocated_clusters);
    line_share(writer, "  fragmented", check->fragmented_clusters, check->allocated_clusters);
    line_size(writer, "leaked", check->leaked_bytes);
    lines_leaked_data(check, writer);
    line_size(writer, "end of the image", check->image_end_offset);
}

// --- The table of findings -----------------------------------------------------------------------

void check_print_findings(bool as_json, struct writer *writer)
{
    struct code_row rows[FINDING_KINDS];
    for (size_t i = 0; i < FINDING_KINDS; i++) {
        const struct finding_rule *rule = &finding_rules[i];
        rows[i] = (struct code_row){rule->code, severity_name(rule->severity), rule->meaning,
                                    rule->cure, severity_colors[rule->severity]};
    }
    const struct code_list list = {rows, FINDING_KINDS, "advice"};
    code_list_print(&list, as_json, writer);
}
