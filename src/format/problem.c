// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char ERROR_NOT_QCOW2[] = "not-qcow2";
const char ERROR_UNSUPPORTED_VERSION[] = "unsupported-version";
const char ERROR_UNSUPPORTED_BACKING_FILE[] = "unsupported-backing-file";
const char ERROR_UNSUPPORTED_ENCRYPTION[] = "unsupported-encryption";
const char ERROR_UNSUPPORTED_COMPRESSION[] = "unsupported-compression";
const char ERROR_UNSUPPORTED_FEATURE[] = "unsupported-feature";

// clang-format off
const struct problem_rule problem_rules[PROBLEM_KINDS] = {
    [PROBLEM_VERSION] = {ERROR_UNSUPPORTED_VERSION, true,
        "the version is unknown: the fields of the header may mean something else"},
    [PROBLEM_CLUSTER_SIZE] = {ERROR_LIMIT, true, "the cluster size is outside the limits of the format"},
    [PROBLEM_HEADER_CUT_SHORT] = {ERROR_TRUNCATED, true, "the file ends within the header"},
    [PROBLEM_HEADER_LENGTH] = {ERROR_CORRUPT, true,
        "the header length is invalid: the end of the header is unknown"},
    [PROBLEM_HEADER_END] = {ERROR_CORRUPT, false,
        "the header length does not point to the header extensions: programs read them wrong or not at all"},
    [PROBLEM_HEADER_PADDING] = {ERROR_CORRUPT, false, "the header length is not a multiple of 8"},
    [PROBLEM_COMPRESSION_UNKNOWN] = {ERROR_UNSUPPORTED_COMPRESSION, true, "the compression type is unknown"},
    [PROBLEM_COMPRESSION_BIT] = {ERROR_CORRUPT, true,
        "the compression type and its feature bit contradict each other"},
    [PROBLEM_REFCOUNT_ORDER] = {ERROR_LIMIT, false, "the refcount width is outside the limits of the format"},
    [PROBLEM_RAW_DATA_FILE] = {ERROR_CORRUPT, false,
        "the raw external data bit is set where the format forbids it"},
    [PROBLEM_ENCRYPTION_UNKNOWN] = {ERROR_UNSUPPORTED_ENCRYPTION, true, "the encryption method is unknown"},
    [PROBLEM_L1_TABLE_PLACE] = {ERROR_CORRUPT, true, "the L1 table is not aligned to a cluster"},
    [PROBLEM_L1_TABLE_LIMIT] = {ERROR_LIMIT, true, "the L1 table lies beyond the offsets that the format allows"},
    [PROBLEM_L1_SIZE] = {ERROR_CORRUPT, true, "the L1 table is too small for the virtual disk"},
    [PROBLEM_L1_SIZE_LIMIT] = {ERROR_LIMIT, true, "the L1 table is larger than any program reads"},
    [PROBLEM_TABLE_PLACE] = {ERROR_CORRUPT, false,
        "a table that guest data does not need is not aligned to a cluster"},
    [PROBLEM_TABLE_LIMIT] = {ERROR_LIMIT, false,
        "a table that guest data does not need lies beyond the offsets that the format allows"},
    [PROBLEM_REFCOUNT_TABLE_EMPTY] = {ERROR_CORRUPT, false, "there is no refcount table"},
    [PROBLEM_REFCOUNT_TABLE_SIZE_LIMIT] = {ERROR_LIMIT, false,
        "the refcount table is larger than any program reads"},
    [PROBLEM_SNAPSHOTS_LIMIT] = {ERROR_LIMIT, false, "there are more snapshots than any program reads"},
    [PROBLEM_BACKING_NAME_PLACE] = {ERROR_CORRUPT, true, "the backing file name is not in the first cluster"},
    [PROBLEM_BACKING_NAME_LIMIT] = {ERROR_LIMIT, true,
        "the backing file name is longer than any program reads"},
    [PROBLEM_BACKING_NAME_CUT_SHORT] = {ERROR_TRUNCATED, true,
        "the file ends before the end of the backing file name"},
    [PROBLEM_BACKING_NAME_NUL] = {ERROR_CORRUPT, false, "the name of the backing file contains a NUL: programs read different names"},
    [PROBLEM_BACKING_FILE] = {NULL, true,
        "the backing file cannot be used: data that is not in this image is missing"},
    [PROBLEM_UNKNOWN_FEATURE] = {ERROR_UNSUPPORTED_FEATURE, true,
        "an incompatible feature is unknown: the image cannot be interpreted safely"},
    [PROBLEM_PARTIAL_SECTOR] = {"partial-sector", false,
        "the virtual size is not a multiple of 512: QEMU leaves out the last bytes of the disk"},
    [PROBLEM_L1_TABLE_CUT_SHORT] = {ERROR_TRUNCATED, true, "the file ends before the end of the L1 table"},
    [PROBLEM_REFCOUNT_TABLE_CUT_SHORT] = {ERROR_TRUNCATED, false,
        "the file ends before the end of the refcount table"},
    [PROBLEM_TABLE_UNSEEN] = {ERROR_UNSEEN, false,
        "a table lies beyond the bytes that were read from a pipe"},
    [PROBLEM_UNSEEN] = {ERROR_UNSEEN, false, "only the first bytes of the image were read from a pipe"},
    [PROBLEM_EXTENSIONS_PLACE] = {ERROR_CORRUPT, false, "the header leaves no room for header extensions"},
    [PROBLEM_EXTENSION_LENGTH] = {ERROR_CORRUPT, false, "a header extension is longer than the room for it"},
    [PROBLEM_EXTENSION_CUT_SHORT] = {ERROR_TRUNCATED, false, "the file ends within the header extensions"},
    [PROBLEM_EXTENSION_END] = {ERROR_CORRUPT, false, "the end marker of the header extensions has a length"},
    [PROBLEM_EXTENSION_SHORT] = {ERROR_CORRUPT, false, "a header extension is too short for its fields"},
    [PROBLEM_EXTENSION_REPEATED] = {ERROR_CORRUPT, false,
        "a header extension occurs more than once: programs may use different ones"},
    [PROBLEM_EXTENSION_TYPES] = {ERROR_LIMIT, false,
        "there are too many unknown header extensions to find repeated ones"},
    [PROBLEM_BACKING_FORMAT_LIMIT] = {ERROR_LIMIT, false,
        "the format name of the backing file is longer than any program reads"},
    [PROBLEM_FEATURE_NAMES] = {ERROR_CORRUPT, false, "the feature name table breaks a rule of the format"},
    [PROBLEM_BITMAPS_BIT] = {ERROR_CORRUPT, false,
        "the bitmaps feature bit is set, but there are no bitmaps"},
    [PROBLEM_BITMAPS_STALE] = {"inconsistent-bitmaps", false, "the bitmaps are out of date"},
    [PROBLEM_BITMAPS_EXTENSION] = {ERROR_CORRUPT, false, "the bitmaps extension breaks a rule of the format"},
    [PROBLEM_BITMAPS_LIMIT] = {ERROR_LIMIT, false,
        "the bitmaps extension asks for more than any program reads"},
    [PROBLEM_ENCRYPTION_POINTER] = {ERROR_CORRUPT, false,
        "the encryption header pointer breaks a rule of the format"},
    [PROBLEM_ENCRYPTION_POINTER_LIMIT] = {ERROR_LIMIT, false,
        "the encryption header lies beyond the offsets that the format allows"},
    [PROBLEM_ENCRYPTION_NO_POINTER] = {ERROR_CORRUPT, true,
        "the encryption header of an encrypted image cannot be found"},
    [PROBLEM_ENCRYPTION_UNSUPPORTED] = {ERROR_UNSUPPORTED_ENCRYPTION, true,
        "this program cannot decrypt the guest data"},
    [PROBLEM_LUKS_UNREADABLE] = {NULL, false, "the encryption header cannot be read"},
    [PROBLEM_LUKS_CUT_SHORT] = {ERROR_TRUNCATED, false,
        "the file ends before the end of the encryption header"},
    [PROBLEM_LUKS_HEADER] = {ERROR_CORRUPT, false,
        "the encryption header is not a LUKS header that QEMU can use"},
    [PROBLEM_LUKS_NAME] = {ERROR_CORRUPT, false, "a name in the LUKS header has no NUL at its end"},
    [PROBLEM_LUKS_MASTER_KEY] = {ERROR_CORRUPT, false, "the LUKS master key is invalid"},
    [PROBLEM_LUKS_MASTER_KEY_LIMIT] = {ERROR_LIMIT, false,
        "the LUKS master key is longer than any program uses"},
    [PROBLEM_LUKS_SLOT] = {ERROR_CORRUPT, false, "no passphrase can open a LUKS key slot"},
    [PROBLEM_LUKS_SLOT_LIMIT] = {ERROR_LIMIT, false,
        "a LUKS key slot asks for more memory than any program writes"},
    [PROBLEM_LUKS_SLOT_STATE] = {ERROR_CORRUPT, false,
        "programs may disagree on whether a LUKS key slot is in use"},
    [PROBLEM_LUKS_NO_SLOT] = {ERROR_CORRUPT, false, "no passphrase can open the image"},
    [PROBLEM_LUKS_ITERATIONS_LIMIT] = {ERROR_LIMIT, false,
        "a LUKS key takes more time to derive than is allowed"},
    [PROBLEM_SNAPSHOT_NO_DISK_SIZE] = {ERROR_CORRUPT, false,
        "a snapshot does not record the size of its disk"},
    [PROBLEM_SNAPSHOT_EXTRA_LIMIT] = {ERROR_LIMIT, false,
        "a snapshot has more extra data than any program reads"},
    [PROBLEM_SNAPSHOT_DATE] = {ERROR_CORRUPT, false, "the date of a snapshot is invalid"},
    [PROBLEM_SNAPSHOT_L1_PLACE] = {ERROR_CORRUPT, false,
        "the L1 table of a snapshot is not aligned to a cluster"},
    [PROBLEM_SNAPSHOT_L1_LIMIT] = {ERROR_LIMIT, false,
        "the L1 table of a snapshot lies beyond the offsets that the format allows"},
    [PROBLEM_SNAPSHOT_L1_ZERO] = {ERROR_CORRUPT, false,
        "the L1 table of a snapshot lies where the header is"},
    [PROBLEM_SNAPSHOT_L1_SIZE] = {ERROR_CORRUPT, false,
        "the L1 table of a snapshot is too small for its disk"},
    [PROBLEM_SNAPSHOT_L1_SIZE_LIMIT] = {ERROR_LIMIT, false,
        "the L1 table of a snapshot is larger than any program reads"},
    [PROBLEM_SNAPSHOT_L1_CUT_SHORT] = {ERROR_TRUNCATED, false,
        "the file ends before the end of the L1 table of a snapshot"},
    [PROBLEM_SNAPSHOT_PARTIAL_SECTOR] = {"partial-sector", false,
        "the disk of a snapshot is not a multiple of 512: QEMU leaves out its last bytes"},
    [PROBLEM_SNAPSHOTS_MORE] = {ERROR_CORRUPT, false, "further snapshots have problems"},
    [PROBLEM_SNAPSHOTS_END] = {NULL, false,
        "snapshots are missing: the snapshot table cannot be read to its end"},
    [PROBLEM_BITMAP_FLAGS] = {ERROR_CORRUPT, false, "a bitmap has reserved flags"},
    [PROBLEM_BITMAP_EXTRA_FLAG] = {ERROR_CORRUPT, false,
        "a bitmap has the flag for extra data, which QEMU does not support"},
    [PROBLEM_BITMAP_TYPE] = {ERROR_CORRUPT, false, "the type of a bitmap is unknown"},
    [PROBLEM_BITMAP_GRANULARITY_LIMIT] = {ERROR_LIMIT, false,
        "the granularity of a bitmap is outside the limits of QEMU"},
    [PROBLEM_BITMAP_NO_NAME] = {ERROR_CORRUPT, false, "a bitmap has no name"},
    [PROBLEM_BITMAP_NAME_TWICE] = {ERROR_CORRUPT, false, "two bitmaps have the same name"},
    [PROBLEM_BITMAP_NAME_LIMIT] = {ERROR_LIMIT, false,
        "the name of a bitmap is longer than any program reads"},
    [PROBLEM_BITMAP_EXTRA_LIMIT] = {ERROR_LIMIT, false, "a bitmap has unknown extra data"},
    [PROBLEM_BITMAP_TABLE_PLACE] = {ERROR_CORRUPT, false,
        "the table of a bitmap is at 0 or not aligned to a cluster"},
    [PROBLEM_BITMAP_TABLE_LIMIT] = {ERROR_LIMIT, false,
        "the table of a bitmap lies beyond the offsets that the format allows"},
    [PROBLEM_BITMAP_TABLE_SIZE] = {ERROR_CORRUPT, false, "the table of a bitmap does not have the size that the disk needs"},
    [PROBLEM_BITMAP_TABLE_SIZE_LIMIT] = {ERROR_LIMIT, false,
        "the table of a bitmap is larger than any program reads"},
    [PROBLEM_BITMAP_TABLE_CUT_SHORT] = {ERROR_TRUNCATED, false,
        "the file ends before the end of the table of a bitmap"},
    [PROBLEM_BITMAPS_MORE] = {ERROR_CORRUPT, false, "further bitmaps have problems"},
    [PROBLEM_BITMAPS_END] = {NULL, false,
        "bitmaps are missing: the bitmap directory does not end with its last entry"},
    [PROBLEM_MORE] = {ERROR_LIMIT, false, "more problems were found than are listed"},
};
// clang-format on

// Whether QEMU does not open an image with a problem of this kind, of those with which we do.
static bool refused_by_qemu(enum problem_kind kind)
{
    switch (kind) {
    case PROBLEM_RAW_DATA_FILE:
    case PROBLEM_ENCRYPTION_UNKNOWN:
    case PROBLEM_TABLE_PLACE:
    case PROBLEM_REFCOUNT_TABLE_EMPTY:
    case PROBLEM_SNAPSHOTS_LIMIT:
    case PROBLEM_EXTENSION_LENGTH:
    case PROBLEM_EXTENSION_SHORT:
    case PROBLEM_BACKING_FORMAT_LIMIT:
    case PROBLEM_BITMAPS_EXTENSION:
    case PROBLEM_BITMAPS_LIMIT:
    case PROBLEM_ENCRYPTION_POINTER:
    case PROBLEM_SNAPSHOT_EXTRA_LIMIT:
        return true;
    default:
        return false;
    }
}

struct problem problem_of_error(enum problem_kind kind, const struct error *error)
{
    return (struct problem){.kind = kind,
                            .unreadable = problem_rules[kind].unreadable,
                            .refused = refused_by_qemu(kind),
                            .count = 1,
                            .error = *error};
}

__attribute__((format(printf, 4, 0))) static void problem_format(struct problem *problem,
                                                                 enum problem_kind kind,
                                                                 uint64_t offset,
                                                                 const char *format, va_list args)
{
    const struct error error = {problem_rules[kind].code, true, offset, ""};
    *problem = problem_of_error(kind, &error);
    vsnprintf(problem->error.message, sizeof problem->error.message, format, args);
}

void problem_fill(struct problem *problem, enum problem_kind kind, uint64_t offset,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    problem_format(problem, kind, offset, format, args);
    va_end(args);
}

const char *problem_severity(const struct problem *problem)
{
    return problem->unreadable ? "unreadable" : "warning";
}

void problems_note(struct problems *problems, enum problem_kind kind, uint64_t offset,
                   const char *format, ...)
{
    struct problem problem;
    va_list args;
    va_start(args, format);
    problem_format(&problem, kind, offset, format, args);
    va_end(args);
    problems_add(problems, &problem);
}

void problems_add(struct problems *problems, const struct problem *problem)
{
    if (problem->unreadable && !problems->unreadable) {
        problems->unreadable = true;
        problems->first_unreadable = problem->error;
    }
    if (!problems->items) {
        problems->items = calloc(PROBLEMS_MAX, sizeof *problems->items);
    }
    if (!problems->items || problems->count == PROBLEMS_MAX) {
        problems->dropped++;
        return;
    }
    problems->items[problems->count++] = *problem;
}

bool problems_get(const struct problems *problems, size_t index, struct problem *problem)
{
    if (index < problems->count) {
        *problem = problems->items[index];
        return true;
    }
    problem_fill(problem, PROBLEM_MORE, 0, "%zu further problems are not listed",
                 problems->dropped);
    problem->error.has_offset = false;
    problem->count = problems->dropped;
    return index == problems->count && problems->dropped > 0;
}

void problems_free(struct problems *problems)
{
    free(problems->items);
    *problems = (struct problems){0};
}
