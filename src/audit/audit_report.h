// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The report of an audit: its parts add findings, and reasons why a part of the image was not
// inspected.

#ifndef AUDIT_AUDIT_REPORT_H
#define AUDIT_AUDIT_REPORT_H

#include "audit/audit_rules.h"

struct audit_report {
    struct audit *audit;
    bool unseen[AUDIT_RULES]; // rules that are a reason why a part was not inspected
    struct error failure;     // a read failed, or there is no memory: the audit has no result
};

// Reports that a rule applies, at `offset` of the file.
void audit_report_at(struct audit_report *report, enum audit_rule rule, uint64_t offset,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
// Reports that a rule applies to the file as a whole.
void audit_report_file(struct audit_report *report, enum audit_rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Notes that a part of the image is not inspected because of `rule`, if that has a finding.
void audit_unseen(struct audit_report *report, enum audit_rule rule);

// Reports that a part could not be read: the file ends before it, it lies beyond the bytes of a
// pipe, or the audit has failed. The message begins with `what`.
void audit_unreadable(struct audit_report *report, const struct error *error, const char *what);

// Reports the faults of the entry at `at`; `table` describes its table. False when they make the
// table or data behind it unreadable: it is not inspected then.
bool audit_faults(struct audit_report *report, uint32_t faults, uint64_t at, const char *table,
                  uint64_t entry);

// Reports why a list ended too early. ERROR_LIMIT: it is longer than any program reads.
void audit_ended(struct audit_report *report, const struct error *ended, enum audit_rule bomb,
                 enum audit_rule broken, const char *what);

#endif
