// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// Advice that frees leaked clusters when it is followed.
static const char repair[] = "copy the file first; then copy the disk to a new image with qemu-img "
                             "convert, or repair it with qemu-img check -r all";
static const char reclaim[] = "only space is lost: qemu-img check -r leaks frees it";
static const char reopen[] =
    "no action needed: the next program that opens the image for writing updates the refcounts";
static const char unmark[] =
    "copy the file first; then qemu-img check -r all repairs the image and clears the bit";

static const char copy_first[] =
    "copy the file before any repair, and before any program writes to it: a repair frees leaked "
    "clusters, and their data is lost for good";

// For images whose header a repair overwrites.
static const char never_repair[] =
    "do not repair it: copy the disk to a new image with qemu-img convert, and keep the file: "
    "snapshots are not copied";

const struct finding_rule finding_rules[FINDING_KINDS] = {
    [FINDING_REFCOUNT_TOO_LOW] = {"refcount-too-low", SEVERITY_CORRUPTION,
                                  "the number of references to a cluster exceeds its refcount: a "
                                  "write could overwrite the cluster",
                                  repair},
    [FINDING_REFCOUNT_OVERFLOW] =
        {"refcount-overflow", SEVERITY_CORRUPTION,
         "the number of references to a cluster exceeds the largest refcount of this image",
         "copy the disk to a new image with qemu-img convert -o refcount_bits=64, and keep the "
         "file: snapshots are not copied"},
    [FINDING_LEAKED_CLUSTER] = {"leaked-cluster", SEVERITY_LEAK,
                                "the refcount of a cluster exceeds the number of references",
                                reclaim},
    [FINDING_LEAKED_DATA] = {"leaked-data", SEVERITY_LEAK,
                             "the refcount of a cluster exceeds the number of references, and the "
                             "cluster holds data: guest data, if its table was lost",
                             copy_first},
    [FINDING_OVERLAP] = {"overlap", SEVERITY_CORRUPTION, "a host cluster is used for two purposes",
                         repair},
    [FINDING_COPIED_FLAG] = {"copied-flag-wrong", SEVERITY_CORRUPTION,
                             "an entry's COPIED flag contradicts the refcount", repair},
    [FINDING_OUT_OF_FILE] =
        {"out-of-file", SEVERITY_CORRUPTION, "an entry points past the end of the file",
         "the file was cut short and the data there is lost: find a complete copy"},
    [FINDING_CUT_SHORT] = {"cut-short", SEVERITY_CORRUPTION,
                           "the file ends inside the data or table that an entry points to, or "
                           "earlier in the same cluster",
                           "the file was cut short: find a complete copy; if only data of the last "
                           "cluster is missing, --short-end reads it as zeros"},
    [FINDING_L1_RESERVED_BITS] = {"l1-reserved-bits", SEVERITY_CORRUPTION,
                                  "an L1 entry has reserved bits set", repair},
    [FINDING_L1_NO_TABLE] =
        {"l1-without-table", SEVERITY_CORRUPTION,
         "an L1 entry has flags or reserved bits, but no L2 table: QEMU uses the "
         "header as one to check, repair and write",
         never_repair},
    [FINDING_L2_RESERVED_BITS] = {"l2-reserved-bits", SEVERITY_CORRUPTION,
                                  "an L2 entry has reserved bits set", repair},
    [FINDING_L2_TABLE_UNALIGNED] =
        {"l2-table-unaligned", SEVERITY_CORRUPTION,
         "an L1 entry points to an L2 table that is not aligned to a cluster", repair},
    [FINDING_CLUSTER_UNALIGNED] =
        {"cluster-unaligned", SEVERITY_CORRUPTION,
         "an L2 entry points to a host offset that is not aligned to a cluster", repair},
    [FINDING_COMPRESSED_COPIED] = {"compressed-copied", SEVERITY_CORRUPTION,
                                   "a compressed cluster has the COPIED flag", repair},
    [FINDING_COMPRESSED_DATA_FILE] =
        {"compressed-data-file", SEVERITY_CORRUPTION,
         "an image with an external data file has a compressed cluster", repair},
    [FINDING_COMPRESSED_SUBCLUSTERS] = {"compressed-subclusters", SEVERITY_CORRUPTION,
                                        "a compressed cluster has a subcluster bitmap", repair},
    [FINDING_SUBCLUSTERS_CONFLICT] = {"subclusters-conflict", SEVERITY_CORRUPTION,
                                      "a subcluster is both allocated and zero", repair},
    [FINDING_SUBCLUSTERS_NO_CLUSTER] = {"subclusters-without-cluster", SEVERITY_CORRUPTION,
                                        "a subcluster is allocated without a host cluster", repair},
    [FINDING_ZERO_BIT_VERSION_2] = {"zero-bit-version-2", SEVERITY_CORRUPTION,
                                    "an L2 entry of a version 2 image has the zero bit", repair},
    [FINDING_DATA_FILE_OFFSET] =
        {"data-file-offset", SEVERITY_CORRUPTION,
         "a host offset in the external data file differs from the guest offset", repair},
    [FINDING_REFCOUNT_TABLE_RESERVED_BITS] = {"refcount-table-reserved-bits", SEVERITY_CORRUPTION,
                                              "a refcount table entry has reserved bits set",
                                              repair},
    [FINDING_REFCOUNT_BLOCK_UNALIGNED] = {"refcount-block-unaligned", SEVERITY_CORRUPTION,
                                          "a refcount block is not aligned to a cluster", repair},
    [FINDING_REFCOUNT_BLOCK_OUT_OF_FILE] = {"refcount-block-out-of-file", SEVERITY_CORRUPTION,
                                            "a refcount block lies past the end of the file",
                                            repair},
    [FINDING_REFCOUNT_BLOCK_SHARED] =
        {"refcount-block-shared", SEVERITY_CORRUPTION,
         "the number of references to a refcount block, or its refcount, is not 1", repair},
    [FINDING_ENCRYPTION_HEADER] =
        {"encryption-header", SEVERITY_CORRUPTION,
         "the LUKS header is damaged: one or all key slots cannot open the image",
         "copy the file first; then copy the disk while another key slot still opens it, or find a "
         "copy of the first clusters"},
    [FINDING_SNAPSHOTS_DATA_FILE] =
        {"snapshots-data-file", SEVERITY_CORRUPTION,
         "an image with an external data file has snapshots",
         "copy the file first, then delete the snapshots: they do not preserve any data"},
    [FINDING_SNAPSHOT_TABLE] =
        {"snapshot-table", SEVERITY_CORRUPTION,
         "the location of the snapshot table is invalid, or the table is larger than any program "
         "reads",
         "snapshots are missing: copy the file before any program writes to it"},
    [FINDING_SNAPSHOT_INCOMPLETE] = {"snapshot-incomplete", SEVERITY_CORRUPTION,
                                     "a snapshot does not record the virtual size of its disk",
                                     repair},
    [FINDING_SNAPSHOT_L1] = {"snapshot-l1", SEVERITY_CORRUPTION,
                             "invalid location or size of a snapshot's L1 table", repair},
    [FINDING_BITMAP] =
        {"bitmap", SEVERITY_CORRUPTION,
         "a table of a dirty bitmap is invalid; QEMU may refuse to open the image",
         "copy the file first, then remove the bitmap; the next backup must be a full one"},
    [FINDING_REFUSED] = {"cannot-be-opened", SEVERITY_CORRUPTION,
                         "QEMU refuses to open the image because of this",
                         "copy the disk to a new image with qcow2-info cat, if that can read it, "
                         "and keep the file: snapshots are not copied"},
    [FINDING_UNDECODABLE] =
        {"undecodable-cluster", SEVERITY_CORRUPTION, "a compressed cluster cannot be decoded",
         "its data is lost: qcow2-info cat --salvage reads the rest of the disk"},
    [FINDING_UNREADABLE_DATA] = {"unreadable-data", SEVERITY_CORRUPTION,
                                 "data cannot be read: the file ends before it, or a read fails",
                                 "find a complete copy, and check the storage for errors; "
                                 "qcow2-info cat --salvage reads the rest of the disk"},
    [FINDING_EMPTY_TABLE] = {"empty-table", SEVERITY_WARNING,
                             "a table is empty, and leaked clusters hold data: the table may have "
                             "referred to them, so they may be guest data or bits of a bitmap",
                             copy_first},
    [FINDING_LEAKED_UNREAD] = {"leaked-unread", SEVERITY_WARNING,
                               "leaked clusters were not read: they may hold data", copy_first},
    [FINDING_SNAPSHOT] = {"snapshot", SEVERITY_WARNING,
                          "an entry of the snapshot table breaks a rule",
                          "copy the file, and the disk of the snapshot with qcow2-info cat "
                          "--snapshot, before you delete the snapshot"},
    [FINDING_ZERO_BIT_EXTENDED] =
        {"zero-bit-extended", SEVERITY_WARNING,
         "an extended L2 entry has the zero bit, which is reserved there",
         "no program reads the bit: its subclusters decide; check that the data there is right"},
    [FINDING_ZERO_OFFSET_COPIED] = {"zero-offset-copied", SEVERITY_WARNING,
                                    "an entry without a host cluster has the COPIED flag",
                                    "it reads as unallocated; check whether data is missing there"},
    [FINDING_STALE_REFCOUNT] =
        {"stale-refcount", SEVERITY_WARNING,
         "a refcount or a COPIED flag is stale, which is legal in an image with the dirty bit",
         reopen},
    [FINDING_DIRTY] = {"dirty", SEVERITY_WARNING,
                       "the image was not closed: with lazy refcounts, refcounts may be stale, "
                       "which is legal and does not affect the data",
                       reopen},
    [FINDING_CORRUPT_BIT] =
        {"corrupt-bit", SEVERITY_WARNING,
         "a program has marked the image as corrupt: programs may read it, but not write to it",
         unmark},
    [FINDING_HEADER] = {"header", SEVERITY_WARNING, "the header or an extension breaks a rule",
                        "copy the disk to a new image with qemu-img convert, and keep the file: "
                        "snapshots are not copied"},
    [FINDING_PARTIAL_SECTOR] =
        {"partial-sector", SEVERITY_WARNING,
         "a virtual disk is not a multiple of 512 bytes: QEMU leaves out the last ones",
         "copy the disk with qcow2-info cat, and extend the copy to a multiple of 512 bytes; "
         "--size-as-qemu leaves out what QEMU does"},
    [FINDING_TRAILING_BYTES] = {"trailing-bytes", SEVERITY_WARNING,
                                "the file continues after the last cluster in use",
                                "no action needed: no part of the image is there"},
};

const enum finding_kind finding_of_fault[FAULTS] = {
    [FAULT_L1_RESERVED_BITS] = FINDING_L1_RESERVED_BITS,
    [FAULT_L1_UNALIGNED] = FINDING_L2_TABLE_UNALIGNED,
    [FAULT_L1_NO_TABLE] = FINDING_L1_NO_TABLE,
    [FAULT_L2_RESERVED_BITS] = FINDING_L2_RESERVED_BITS,
    [FAULT_L2_ZERO_BIT] = FINDING_ZERO_BIT_VERSION_2,
    [FAULT_L2_ZERO_BIT_EXTENDED] = FINDING_ZERO_BIT_EXTENDED,
    [FAULT_SUBCLUSTERS_CONFLICT] = FINDING_SUBCLUSTERS_CONFLICT,
    [FAULT_SUBCLUSTERS_NO_CLUSTER] = FINDING_SUBCLUSTERS_NO_CLUSTER,
    [FAULT_L2_UNALIGNED] = FINDING_CLUSTER_UNALIGNED,
    [FAULT_DATA_FILE_OFFSET] = FINDING_DATA_FILE_OFFSET,
    [FAULT_L2_COPIED] = FINDING_ZERO_OFFSET_COPIED,
    [FAULT_COMPRESSED_COPIED] = FINDING_COMPRESSED_COPIED,
    [FAULT_COMPRESSED_DATA_FILE] = FINDING_COMPRESSED_DATA_FILE,
    [FAULT_COMPRESSED_SUBCLUSTERS] = FINDING_COMPRESSED_SUBCLUSTERS,
    [FAULT_REFCOUNT_TABLE_RESERVED_BITS] = FINDING_REFCOUNT_TABLE_RESERVED_BITS,
    [FAULT_REFCOUNT_TABLE_UNALIGNED] = FINDING_REFCOUNT_BLOCK_UNALIGNED,
    [FAULT_BITMAP_TABLE_RESERVED_BITS] = FINDING_BITMAP,
    [FAULT_BITMAP_TABLE_UNALIGNED] = FINDING_BITMAP,
};

const char *severity_name(enum severity severity)
{
    static const char *const names[SEVERITY_COUNT] = {"corruption", "leak", "warning"};
    return names[severity];
}

const char *check_cure(const struct check *check, enum finding_kind kind)
{
    const char *cure = finding_rules[kind].cure;
    bool frees = cure == repair || cure == reclaim || cure == reopen || cure == unmark;
    if (frees && check->findings.by_kind[FINDING_L1_NO_TABLE] > 0) {
        return never_repair;
    }
    return frees && check_repair_is_risky(check) ? copy_first : cure;
}

// Room for one more finding on the list. NULL when it is full.
static struct finding *list_one(struct findings *findings)
{
    if (findings->count == findings->max) {
        return NULL;
    }
    // Grows when the count reaches a power of two.
    if ((findings->count & (findings->count - 1)) == 0) {
        size_t room = findings->count > 0 ? findings->count * 2 : 1;
        struct finding *grown = realloc(findings->items, room * sizeof *grown);
        if (!grown) {
            findings->max = findings->count;
            return NULL;
        }
        findings->items = grown;
    }
    return &findings->items[findings->count++];
}

void findings_add(struct findings *findings, const struct finding *finding, const char *format, ...)
{
    findings->totals[finding_rules[finding->kind].severity]++;
    findings->by_kind[finding->kind]++;
    struct finding *added = list_one(findings);
    va_list args;
    if (!added) {
        return;
    }
    *added = *finding;
    va_start(args, format);
    vsnprintf(added->place, sizeof added->place, format, args);
    va_end(args);
}

void findings_put_first(struct findings *findings, struct findings *first)
{
    for (size_t i = 0; i < findings->count; i++) {
        struct finding *added = list_one(first);
        if (!added) {
            break;
        }
        *added = findings->items[i];
    }
    for (size_t severity = 0; severity < SEVERITY_COUNT; severity++) {
        first->totals[severity] += findings->totals[severity];
    }
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        first->by_kind[kind] += findings->by_kind[kind];
    }
    findings_free(findings);
    *findings = *first;
    *first = (struct findings){0};
}

void findings_free(struct findings *findings)
{
    free(findings->items);
    *findings = (struct findings){0};
}
