// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints the findings of an audit and the table of its rules, as text and as JSON.

#ifndef OUTPUT_AUDIT_OUTPUT_H
#define OUTPUT_AUDIT_OUTPUT_H

#include "audit/audit.h"
#include "print/writer.h"

// Findings by severity, unsafe first; within a severity in the order of the rules.
void audit_print_text(const struct audit *audit, const struct audit_options *options,
                      struct writer *writer);
// `filename`: NULL for the only image; that of one of several is a key, and the object is one line.
void audit_print_json(const struct audit *audit, const struct audit_options *options,
                      const char *filename, struct writer *writer);

// The rules with the severities that `options` give them.
void audit_print_rules(const struct audit_options *options, bool as_json, struct writer *writer);

#endif
