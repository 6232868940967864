// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 5, 0))) static void add_finding(struct audit_report *report,
                                                              enum audit_rule rule, bool has_offset,
                                                              uint64_t offset, const char *format,
                                                              va_list args)
{
    struct audit_finding *finding = &report->audit->findings[rule];
    if (finding->count++ > 0) {
        return;
    }
    finding->first =
        (struct error){.code = audit_rules[rule].code, .has_offset = has_offset, .offset = offset};
    vsnprintf(finding->first.message, sizeof finding->first.message, format, args);
}

void audit_report_at(struct audit_report *report, enum audit_rule rule, uint64_t offset,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_finding(report, rule, true, offset, format, args);
    va_end(args);
}

void audit_report_file(struct audit_report *report, enum audit_rule rule, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_finding(report, rule, false, 0, format, args);
    va_end(args);
}

void audit_unseen(struct audit_report *report, enum audit_rule rule)
{
    report->audit->complete = false;
    report->unseen[rule] = true;
}

void audit_unreadable(struct audit_report *report, const struct error *error, const char *what)
{
    if (error->code == ERROR_UNSEEN) {
        audit_unseen(report, AUDIT_INCOMPLETE);
    } else if (error->code == ERROR_TRUNCATED) {
        audit_unseen(report, AUDIT_TABLE_OUTSIDE_FILE);
        audit_report_at(report, AUDIT_TABLE_OUTSIDE_FILE, error->offset, "%s: %s", what,
                        error->message);
    } else if (!report->failure.code) {
        report->failure = *error;
        error_prefix(&report->failure, "%s", what);
    }
}

bool audit_faults(struct audit_report *report, uint32_t faults, uint64_t at, const char *table,
                  uint64_t entry)
{
    bool readable = faults_unreadable(faults) == 0;
    while (faults != 0) {
        enum entry_fault fault = fault_take(&faults);
        enum audit_rule rule = audit_rule_of_fault[fault];
        if (rule != AUDIT_RULES) {
            audit_report_at(report, rule, at, "the entry 0x%016" PRIx64 " of %s has %s", entry,
                            table, fault_rules[fault].words);
        }
    }
    return readable;
}

void audit_ended(struct audit_report *report, const struct error *ended, enum audit_rule bomb,
                 enum audit_rule broken, const char *what)
{
    if (ended->code == ERROR_LIMIT || ended->code == ERROR_CORRUPT) {
        enum audit_rule rule = ended->code == ERROR_LIMIT ? bomb : broken;
        audit_report_at(report, rule, ended->offset, "%s", ended->message);
        audit_unseen(report, rule);
    } else if (ended->code) {
        audit_unreadable(report, ended, what);
    }
}
