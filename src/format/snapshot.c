// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/snapshot.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

_Static_assert(SNAPSHOT_HEAD_SIZE == SNAPSHOT_FIXED_SIZE + SNAPSHOT_EXTRA_KNOWN,
               "a head holds every known field");

enum { NANOSECONDS = 1000000000 };

// Loads a field of the extra data if the entry is long enough to have it.
static bool extra_u64(struct bytes head, uint32_t extra_size, size_t field, uint64_t *value)
{
    if (extra_size < field + sizeof *value) {
        return false;
    }
    *value = bytes_be64(head, SNAPSHOT_FIXED_SIZE + field);
    return true;
}

static void parse_extra(struct bytes head, struct snapshot *snapshot)
{
    uint32_t size = snapshot->extra_size;
    extra_u64(head, size, SNAPSHOT_EXTRA_VM_STATE_SIZE, &snapshot->vm_state_size);
    extra_u64(head, size, SNAPSHOT_EXTRA_DISK_SIZE, &snapshot->disk_size);
    snapshot->has_icount = extra_u64(head, size, SNAPSHOT_EXTRA_ICOUNT, &snapshot->icount) &&
                           snapshot->icount != SNAPSHOT_NO_ICOUNT;
}

bool snapshot_parse(struct bytes head, const struct header *header, struct snapshot *snapshot)
{
    struct snapshot parsed = {
        .l1_table_offset = bytes_be64(head, SNAPSHOT_L1_TABLE_OFFSET),
        .l1_size = bytes_be32(head, SNAPSHOT_L1_SIZE),
        .id_size = bytes_be16(head, SNAPSHOT_ID_SIZE),
        .name_size = bytes_be16(head, SNAPSHOT_NAME_SIZE),
        .date_sec = bytes_be32(head, SNAPSHOT_DATE_SEC),
        .date_nsec = bytes_be32(head, SNAPSHOT_DATE_NSEC),
        .vm_clock_nsec = bytes_be64(head, SNAPSHOT_VM_CLOCK_NSEC),
        .vm_state_size = bytes_be32(head, SNAPSHOT_VM_STATE_SIZE),
        .disk_size = header->size,
        .extra_size = bytes_be32(head, SNAPSHOT_EXTRA_SIZE),
    };
    uint64_t needed = SNAPSHOT_FIXED_SIZE + min_u64(parsed.extra_size, SNAPSHOT_EXTRA_KNOWN);
    if (head.size < SNAPSHOT_FIXED_SIZE || head.size < needed) {
        return false;
    }
    parse_extra(head, &parsed);
    parsed.names_at = SNAPSHOT_FIXED_SIZE + (uint64_t)parsed.extra_size;
    parsed.end = parsed.names_at + parsed.id_size + parsed.name_size;
    *snapshot = parsed;
    return true;
}

bool snapshot_set_names(struct snapshot *snapshot, struct bytes names)
{
    return bytes_view(names, 0, snapshot->id_size, &snapshot->id) &&
           bytes_view(names, snapshot->id_size, snapshot->name_size, &snapshot->name);
}

uint64_t snapshot_next(const struct snapshot *snapshot)
{
    return align_down(snapshot->end + RECORD_ALIGNMENT - 1, RECORD_ALIGNMENT);
}

static void check_fields(const struct snapshot *snapshot, const struct header *header, uint64_t at,
                         struct problems *problems)
{
    if (snapshot->extra_size > CAP_SNAPSHOT_EXTRA) {
        problems_note(problems, PROBLEM_SNAPSHOT_EXTRA_LIMIT, at + SNAPSHOT_EXTRA_SIZE,
                      "a snapshot has %" PRIu32 " bytes of extra data, above %" PRIu32,
                      snapshot->extra_size, CAP_SNAPSHOT_EXTRA);
    } else if (header->version >= 3 && snapshot->extra_size < SNAPSHOT_EXTRA_MIN_V3) {
        problems_note(problems, PROBLEM_SNAPSHOT_NO_DISK_SIZE, at + SNAPSHOT_EXTRA_SIZE,
                      "a snapshot has %" PRIu32 " bytes of extra data, version 3 requires %d",
                      snapshot->extra_size, SNAPSHOT_EXTRA_MIN_V3);
    }
    // Without a size of its own its disk has that of the header.
    if (snapshot->disk_size % SECTOR_SIZE != 0 && snapshot->extra_size >= SNAPSHOT_EXTRA_MIN_V3) {
        problems_note(problems, PROBLEM_SNAPSHOT_PARTIAL_SECTOR,
                      at + SNAPSHOT_FIXED_SIZE + SNAPSHOT_EXTRA_DISK_SIZE,
                      "the disk of a snapshot has %" PRIu64
                      " bytes, no multiple of %d: QEMU leaves out the last %" PRIu64,
                      snapshot->disk_size, SECTOR_SIZE, snapshot->disk_size % SECTOR_SIZE);
    }
    if (snapshot->date_nsec >= NANOSECONDS) {
        problems_note(problems, PROBLEM_SNAPSHOT_DATE, at + SNAPSHOT_DATE_NSEC,
                      "the date of a snapshot has %" PRIu32
                      " nanoseconds, which is a second or more",
                      snapshot->date_nsec);
    }
}

static void check_l1(const struct snapshot *snapshot, const struct header *header, uint64_t at,
                     struct problems *problems)
{
    uint64_t needed = divide_up(snapshot->disk_size, header_l2_coverage(header));
    if (snapshot->l1_size > CAP_L1_SIZE) {
        problems_note(problems, PROBLEM_SNAPSHOT_L1_SIZE_LIMIT, at + SNAPSHOT_L1_SIZE,
                      "the L1 table of a snapshot has %" PRIu32 " entries, above %" PRIu32,
                      snapshot->l1_size, CAP_L1_SIZE);
    } else if (snapshot->l1_size < needed) {
        problems_note(problems, PROBLEM_SNAPSHOT_L1_SIZE, at + SNAPSHOT_L1_SIZE,
                      "the L1 table of a snapshot has %" PRIu32 " entries, but its disk needs "
                      "%" PRIu64,
                      snapshot->l1_size, needed);
    }
    if (!is_aligned(snapshot->l1_table_offset, header->cluster_size)) {
        problems_note(problems, PROBLEM_SNAPSHOT_L1_PLACE, at,
                      "the L1 table of a snapshot is at %" PRIu64 ", not aligned to a cluster",
                      snapshot->l1_table_offset);
    } else if (snapshot->l1_size > 0 && snapshot->l1_table_offset == 0) {
        problems_note(problems, PROBLEM_SNAPSHOT_L1_ZERO, at, "the L1 table of a snapshot is at 0");
    } else if (snapshot->l1_table_offset >= HOST_OFFSET_LIMIT) {
        problems_note(problems, PROBLEM_SNAPSHOT_L1_LIMIT, at,
                      "the L1 table of a snapshot is at %" PRIu64 ", not below 2^56",
                      snapshot->l1_table_offset);
    }
}

void snapshot_check(const struct snapshot *snapshot, const struct header *header, uint64_t at,
                    struct problems *problems)
{
    check_fields(snapshot, header, at, problems);
    if (header->geometry_known) {
        check_l1(snapshot, header, at, problems);
    }
}
