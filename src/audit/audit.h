// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Is an image from a stranger safe to hand to a hypervisor or a converter. Looks at metadata, and
// at places of the file where other formats have their marks; opens no other file.

#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "audit/audit_rules.h"
#include "image/image.h"

// What holds without --max-virtual-size, --allow and --deny.
struct audit_options audit_options_default(void);

// Reads at most what the budgets in audit_rules.h say, in at most 64 MiB of memory. False when the
// image could not be inspected: a read failed, or there is no memory.
bool audit_image(const struct image *image, const struct audit_options *options,
                 struct audit *audit, struct error *error);

// True when nothing was found that `options` call unsafe.
bool audit_is_safe(const struct audit *audit, const struct audit_options *options);

#endif
