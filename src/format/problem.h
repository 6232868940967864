// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Problems: faults of an image that do not end the work. Each kind is a row of one table, each case
// a struct problem. For entries of L1, L2 and refcount tables see fault.h.

#ifndef FORMAT_PROBLEM_H
#define FORMAT_PROBLEM_H

#include "base/error.h"

// Codes of errors about features that an image asks for, in addition to the codes in base/error.h.
extern const char ERROR_NOT_QCOW2[];
extern const char ERROR_UNSUPPORTED_VERSION[];
extern const char ERROR_UNSUPPORTED_BACKING_FILE[];
extern const char ERROR_UNSUPPORTED_ENCRYPTION[];
extern const char ERROR_UNSUPPORTED_COMPRESSION[];
extern const char ERROR_UNSUPPORTED_FEATURE[];

// ..._LIMIT: above a cap, or an offset of 2^56 or more. ..._PLACE: 0, or not aligned to a cluster.
// clang-format off
enum problem_kind {
    PROBLEM_NONE,
    // The header.
    PROBLEM_VERSION, PROBLEM_CLUSTER_SIZE, PROBLEM_HEADER_CUT_SHORT, PROBLEM_HEADER_LENGTH,
    PROBLEM_HEADER_END, PROBLEM_HEADER_PADDING, PROBLEM_COMPRESSION_UNKNOWN, PROBLEM_COMPRESSION_BIT,
    PROBLEM_REFCOUNT_ORDER, PROBLEM_RAW_DATA_FILE, PROBLEM_ENCRYPTION_UNKNOWN,
    PROBLEM_L1_TABLE_PLACE, PROBLEM_L1_TABLE_LIMIT, PROBLEM_L1_SIZE, PROBLEM_L1_SIZE_LIMIT,
    PROBLEM_TABLE_PLACE, PROBLEM_TABLE_LIMIT, PROBLEM_REFCOUNT_TABLE_EMPTY,
    PROBLEM_REFCOUNT_TABLE_SIZE_LIMIT, PROBLEM_SNAPSHOTS_LIMIT, PROBLEM_BACKING_NAME_PLACE,
    PROBLEM_BACKING_NAME_LIMIT, PROBLEM_BACKING_NAME_CUT_SHORT, PROBLEM_BACKING_NAME_NUL,
    PROBLEM_BACKING_FILE, PROBLEM_UNKNOWN_FEATURE, PROBLEM_PARTIAL_SECTOR,
    // Tables in the file.
    PROBLEM_L1_TABLE_CUT_SHORT, PROBLEM_REFCOUNT_TABLE_CUT_SHORT, PROBLEM_TABLE_UNSEEN,
    PROBLEM_UNSEEN,
    // Header extensions.
    PROBLEM_EXTENSIONS_PLACE, PROBLEM_EXTENSION_LENGTH, PROBLEM_EXTENSION_CUT_SHORT,
    PROBLEM_EXTENSION_END, PROBLEM_EXTENSION_SHORT, PROBLEM_EXTENSION_REPEATED,
    PROBLEM_EXTENSION_TYPES, PROBLEM_BACKING_FORMAT_LIMIT, PROBLEM_FEATURE_NAMES,
    PROBLEM_BITMAPS_BIT, PROBLEM_BITMAPS_STALE, PROBLEM_BITMAPS_EXTENSION, PROBLEM_BITMAPS_LIMIT,
    // Encryption.
    PROBLEM_ENCRYPTION_POINTER, PROBLEM_ENCRYPTION_POINTER_LIMIT, PROBLEM_ENCRYPTION_NO_POINTER,
    PROBLEM_ENCRYPTION_UNSUPPORTED, PROBLEM_LUKS_UNREADABLE, PROBLEM_LUKS_CUT_SHORT,
    PROBLEM_LUKS_HEADER, PROBLEM_LUKS_NAME, PROBLEM_LUKS_MASTER_KEY, PROBLEM_LUKS_MASTER_KEY_LIMIT,
    PROBLEM_LUKS_SLOT, PROBLEM_LUKS_SLOT_LIMIT, PROBLEM_LUKS_SLOT_STATE, PROBLEM_LUKS_NO_SLOT,
    PROBLEM_LUKS_ITERATIONS_LIMIT,
    // Entries of the snapshot table.
    PROBLEM_SNAPSHOT_NO_DISK_SIZE, PROBLEM_SNAPSHOT_EXTRA_LIMIT, PROBLEM_SNAPSHOT_DATE,
    PROBLEM_SNAPSHOT_L1_PLACE, PROBLEM_SNAPSHOT_L1_LIMIT, PROBLEM_SNAPSHOT_L1_ZERO,
    PROBLEM_SNAPSHOT_L1_SIZE, PROBLEM_SNAPSHOT_L1_SIZE_LIMIT, PROBLEM_SNAPSHOT_L1_CUT_SHORT,
    PROBLEM_SNAPSHOT_PARTIAL_SECTOR, PROBLEM_SNAPSHOTS_MORE, PROBLEM_SNAPSHOTS_END,
    // Entries of the bitmap directory.
    PROBLEM_BITMAP_FLAGS, PROBLEM_BITMAP_EXTRA_FLAG, PROBLEM_BITMAP_TYPE,
    PROBLEM_BITMAP_GRANULARITY_LIMIT, PROBLEM_BITMAP_NO_NAME, PROBLEM_BITMAP_NAME_TWICE,
    PROBLEM_BITMAP_NAME_LIMIT, PROBLEM_BITMAP_EXTRA_LIMIT,
    PROBLEM_BITMAP_TABLE_PLACE, PROBLEM_BITMAP_TABLE_LIMIT, PROBLEM_BITMAP_TABLE_SIZE,
    PROBLEM_BITMAP_TABLE_SIZE_LIMIT, PROBLEM_BITMAP_TABLE_CUT_SHORT, PROBLEM_BITMAPS_MORE,
    PROBLEM_BITMAPS_END,
    // The problems that did not fit into the list.
    PROBLEM_MORE,
    PROBLEM_KINDS
};
// clang-format on

struct problem_rule {
    const char *code; // stable; NULL: the problem has the code of its error
    bool unreadable;  // it makes guest data unreadable
    const char *meaning;
};

extern const struct problem_rule problem_rules[PROBLEM_KINDS];

struct problem {
    enum problem_kind kind;
    bool unreadable; // as in the table, unless the finder of the problem has set it
    bool refused;    // QEMU does not open the image: as most of its kind, or as set
    uint64_t count;  // places that it stands for: 1 except for PROBLEM_..._MORE
    struct error error;
};

// A problem of `kind` with the description in `error`. If the kind has no code, it has the code of
// `error`.
struct problem problem_of_error(enum problem_kind kind, const struct error *error);

// Always false, like error_at().
#define problem_at(...) (problem_fill(__VA_ARGS__), error_false())
void problem_fill(struct problem *problem, enum problem_kind kind, uint64_t offset,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

// "unreadable" when the problem makes guest data unreadable, else "warning".
const char *problem_severity(const struct problem *problem);

// Problems in the order found: a bounded list that counts the rest.
enum { PROBLEMS_MAX = 64 };

struct problems {
    struct problem *items; // owned; NULL until the first one
    size_t count;          // stored: at most PROBLEMS_MAX
    size_t dropped;        // found when the list was full
    bool unreadable; // one of all problems, including dropped ones, makes guest data unreadable
    struct error first_unreadable;
};

void problems_note(struct problems *problems, enum problem_kind kind, uint64_t offset,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void problems_add(struct problems *problems, const struct problem *problem);

// Returns the problem at `index`. If some were dropped, PROBLEM_MORE follows the stored ones. False
// at the end.
bool problems_get(const struct problems *problems, size_t index, struct problem *problem);

void problems_free(struct problems *problems);

#endif
