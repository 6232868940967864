// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Checks whether an untrusted image is safe for a hypervisor or a converter. Reads metadata, and
// the places of the file where other formats have their marks; opens no other file.

#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "audit/audit_rules.h"
#include "image/image.h"

// The policy without --max-virtual-size, --allow and --deny.
struct audit_options audit_options_default(void);

// Reads within the budgets of audit_rules.h, with at most 64 MiB of memory. False when the image
// could not be inspected: a read failed, or there is no memory.
bool audit_image(const struct image *image, const struct audit_options *options,
                 struct audit *audit, struct error *error);

// True when `options` make no finding unsafe.
bool audit_is_safe(const struct audit *audit, const struct audit_options *options);

#endif
