// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The bottom of an audit: where its parts report what they find, and what was not seen.

#ifndef AUDIT_AUDIT_REPORT_H
#define AUDIT_AUDIT_REPORT_H

#include "audit/audit_rules.h"

struct audit_report {
    struct audit *audit;
    bool unseen[AUDIT_RULES]; // what tells why not all of the image was seen
    struct error failure;     // a read failed, or there is no memory: nothing is known then
};

// Notes that a rule applies, at `offset` of the file.
void audit_tell(struct audit_report *report, enum audit_rule rule, uint64_t offset,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
// The same for what has no place.
void audit_tell_of_file(struct audit_report *report, enum audit_rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Not all of the image is looked at, for a reason that `rule` tells of, if it finds something.
void audit_unseen(struct audit_report *report, enum audit_rule rule);

// Something could not be read: the file ends before it, it was not given, or the audit has failed.
// `what` begins the message.
void audit_unreadable(struct audit_report *report, const struct error *error, const char *what);

// Reports the faults of the entry at `at`, in a table that `table` says in words. False when they
// make what it names unreadable, which is then not looked at.
bool audit_faults(struct audit_report *report, uint32_t faults, uint64_t at, const char *table,
                  uint64_t entry);

// Why a list ended before it should. ERROR_LIMIT: it is longer than anybody reads.
void audit_ended(struct audit_report *report, const struct error *ended, enum audit_rule bomb,
                 enum audit_rule broken, const char *what);

#endif
