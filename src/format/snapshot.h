// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// One entry of the snapshot table ("Snapshots" in the specification). An entry may be long, so it
// is parsed in two steps: the numbers in its head first, then the names at the place that the
// numbers give.

#ifndef FORMAT_SNAPSHOT_H
#define FORMAT_SNAPSHOT_H

#include "base/bytes.h"
#include "format/header.h"
#include "format/problem.h"

struct snapshot {
    uint64_t l1_table_offset; // bytes
    uint32_t l1_size;         // entries
    uint32_t date_sec, date_nsec;
    uint64_t vm_clock_nsec;
    uint64_t vm_state_size; // bytes
    uint64_t disk_size;     // bytes; the virtual size of the image if the entry has no size
    bool has_icount;
    uint64_t icount;
    uint32_t extra_size;

    // Where the names are and where the entry ends (its padding excluded), in bytes from its start.
    uint64_t names_at, end;
    uint16_t id_size, name_size;

    struct bytes id, name; // views; empty until snapshot_set_names()
};

// Bytes of an entry that snapshot_parse() reads: at least 40, and more if there are more.
enum { SNAPSHOT_HEAD_SIZE = 64 };

// Parses the head of an entry: its first SNAPSHOT_HEAD_SIZE bytes, or fewer where the file ends.
// False when the fixed part, or the part of the extra data that it announces, is incomplete.
bool snapshot_parse(struct bytes head, const struct header *header, struct snapshot *snapshot);

// `names`: the id_size + name_size bytes at names_at; borrowed.
bool snapshot_set_names(struct snapshot *snapshot, struct bytes names);

// Where the next entry begins, from the start of this one.
uint64_t snapshot_next(const struct snapshot *snapshot);

// Adds all problems of an entry at byte `at` of the file to `problems`.
void snapshot_check(const struct snapshot *snapshot, const struct header *header, uint64_t at,
                    struct problems *problems);

#endif
