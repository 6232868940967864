// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The rules of an audit: each is a row of one table. Also the limits of its work: each is a number
// of bytes or items, never of seconds, so that an image always has the same result.

#ifndef AUDIT_AUDIT_RULES_H
#define AUDIT_AUDIT_RULES_H

#include "base/bytes.h"
#include "format/fault.h"
#include "format/problem.h"

enum audit_severity {
    AUDIT_UNSAFE,  // the image must not be used
    AUDIT_NOTE,    // worth knowing; it alone makes nothing unsafe
    AUDIT_ALLOWED, // found, and allowed by the policy
    AUDIT_SEVERITIES,
};

enum audit_rule {
    AUDIT_BACKING_FILE,
    AUDIT_BACKING_FILE_JSON,
    AUDIT_BACKING_FILE_PROTOCOL,
    AUDIT_BACKING_FORMAT,
    AUDIT_DATA_FILE,
    AUDIT_DATA_FILE_JSON,
    AUDIT_DATA_FILE_PROTOCOL,
    AUDIT_DATA_FILE_WITHOUT_BIT,
    AUDIT_UNKNOWN_INCOMPATIBLE,
    AUDIT_UNKNOWN_COMPATIBLE,
    AUDIT_UNKNOWN_AUTOCLEAR,
    AUDIT_HEADER_LIMIT,
    AUDIT_HEADER_BROKEN,
    AUDIT_HEADER_UNKNOWN,
    AUDIT_ENCRYPTION,
    AUDIT_DIRTY,
    AUDIT_CORRUPT,
    AUDIT_IN_USE,
    AUDIT_EXTENSION_REPEATED,
    AUDIT_EXTENSION_TOO_LONG,
    AUDIT_EXTENSION_UNKNOWN,
    AUDIT_PARTIAL_SECTOR,
    AUDIT_VIRTUAL_SIZE,
    AUDIT_LARGER_THAN_DISK,
    AUDIT_L1_SIZE,
    AUDIT_REFCOUNT_TABLE_SIZE,
    AUDIT_REFCOUNT_BOMB,
    AUDIT_TABLE_BOMB,
    AUDIT_TABLE_OUTSIDE_FILE,
    AUDIT_TABLE_UNALIGNED,
    AUDIT_TABLE_OVERLAP,
    AUDIT_TABLE_FREE,
    AUDIT_DATA_FREE,
    AUDIT_REFCOUNT_TOO_LOW,
    AUDIT_COPIED_FLAG,
    AUDIT_DATA_OUTSIDE_FILE,
    AUDIT_DATA_OVER_TABLE,
    AUDIT_ENTRY_BROKEN,
    AUDIT_SHARED_L2_TABLE,
    AUDIT_SHARED_DATA,
    AUDIT_EXPANSION,
    AUDIT_UNSEEN_TABLES,
    AUDIT_SNAPSHOT_BOMB,
    AUDIT_SNAPSHOT_BROKEN,
    AUDIT_SNAPSHOT_ID,
    AUDIT_VM_STATE,
    AUDIT_BITMAP_BOMB,
    AUDIT_BITMAP_BROKEN,
    AUDIT_NAME_CONTROL,
    AUDIT_NAME_NOT_UTF8,
    AUDIT_NAME_PATH,
    AUDIT_OTHER_FORMAT,
    AUDIT_OTHER_FORMAT_IN_DATA,
    AUDIT_HIDDEN_DATA,
    AUDIT_TRAILING_DATA,
    AUDIT_INCOMPLETE,
    AUDIT_RULES,
};

struct audit_rule_text {
    const char *code; // stable
    enum audit_severity severity;
    const char *meaning; // when the rule applies
    const char *gain;    // what an attacker gains by it
};

extern const struct audit_rule_text audit_rules[AUDIT_RULES];

// The rule that a fault of a table entry breaks; AUDIT_RULES: none.
extern const enum audit_rule audit_rule_of_fault[FAULTS];

// "unsafe", "note", "allowed".
const char *audit_severity_name(enum audit_severity severity);

// False when no rule has this code.
bool audit_rule_find(struct bytes code, enum audit_rule *rule);

// The rule for a problem of a parser. False: none, or it is reported from the fields themselves.
bool audit_rule_of_problem(enum problem_kind kind, enum audit_rule *rule);

// --- What an audit is asked for, and what it found -----------------------------------------------

struct audit_options {
    uint64_t max_virtual_size; // bytes
    enum audit_severity severities[AUDIT_RULES];
};

struct audit_finding {
    uint64_t count;     // places where the rule applies; 0: none
    struct error first; // the first place
};

struct audit {
    bool complete;         // every table was inspected
    uint64_t virtual_size; // bytes
    bool actual_size_known;
    uint64_t actual_size; // bytes on disk
    struct audit_finding findings[AUDIT_RULES];
};

// --- Limits that rules have ----------------------------------------------------------------------

// Bytes: a raw copy of the disk still fits into the largest file of ext4. --max-virtual-size.
#define AUDIT_MAX_VIRTUAL_SIZE (UINT64_C(16) << 40)

// A disk may have this many times the bytes of its file: text and logs compress 20 times, and no
// real disk as a whole compresses 100 times. A disk with less than AUDIT_EXPANSION_FLOOR bytes of
// data is harmless, however well it compresses.
#define AUDIT_EXPANSION_MAX   UINT64_C(100)
#define AUDIT_EXPANSION_FLOOR (UINT64_C(64) << 20)

// Bytes of data in L2 tables with several references: up to this limit the finding about the tables
// is enough.
#define AUDIT_REPEATED_FLOOR (UINT64_C(1) << 20)

// At most this many pieces of a file are read to find how much of it is not a hole.
#define AUDIT_PIECES_MAX UINT32_C(16384)

// Bytes on disk beyond twice the virtual disks: tables, extensions, freed clusters.
#define AUDIT_FILE_SLACK (UINT64_C(64) << 20)

// An L1 table of 1 MiB maps 64 TiB in clusters of 64 KiB. When a disk shrinks, its L1 table stays
// larger than needed. A table with more than twice the needed entries and these, and with more than
// the largest safe disk needs or in a hole, has another reason.
#define AUDIT_L1_SLACK UINT32_C(131072) // entries

// Clusters of an L1 table in a hole, which takes no space. Each snapshot copies it, and the time
// for that grows with their square: seconds for so many.
#define AUDIT_L1_CLUSTERS UINT64_C(16384)

// Bytes of a refcount table. One of 1 MiB counts the clusters of a file of 256 TiB; small clusters
// need more, but never more than four times what their file has. Narrow refcounts need less: a
// change of their width goes through all refcounts that the table has room for.
#define AUDIT_REFCOUNT_TABLE_SLACK  (UINT64_C(1) << 20)
#define AUDIT_REFCOUNT_TABLE_COUNTS (UINT64_C(1) << 32)

// qemu-img needs a moment for a thousand snapshots, and half a minute for 65536. People have
// dozens.
#define AUDIT_SNAPSHOTS_MAX UINT32_C(1024)

// Programs that check or repair an image walk the L2 tables of each snapshot, shared or not. This
// is a bomb when it is more than this many bytes of tables, and more than the data of the largest
// disk: a full disk has 8192 bytes of data for each byte of its tables in clusters of 64 KiB.
#define AUDIT_SNAPSHOT_WALK (UINT64_C(2) << 30)
#define AUDIT_WALK_OF_TABLE (UINT64_C(8) << 10) // a smaller table takes as much time

// Bytes of L2 tables that lie in holes. QEMU reads them for a check, and writes them for a
// snapshot: seconds for so many.
#define AUDIT_HOLE_TABLES (UINT64_C(1) << 30)

// Bytes of refcount blocks that QEMU reads for a check or a snapshot: seconds for so many. It
// caches only four, so an L2 entry that needs another one than the entry before costs a read.
#define AUDIT_REFCOUNT_READS (UINT64_C(8) << 30)

// Extents of a disk, which QEMU asks for one by one when it maps or copies the disk: seconds for so
// many. More are sound if the file has at least so many bytes for each.
#define AUDIT_EXTENTS_MAX  UINT64_C(262144)
#define AUDIT_EXTENT_BYTES UINT64_C(32)

// Bytes that the read of a smaller table or refcount block counts as: it takes as much time.
#define AUDIT_READ_OF_TABLE (UINT64_C(64) << 10)

// Bytes of the L1 tables of all snapshots, if they lie in holes of the file. QEMU reads each of
// them when it checks the image: this much takes five seconds.
#define AUDIT_SNAPSHOTS_L1 (UINT64_C(256) << 20)

// A backup program keeps few bitmaps. Their memory when the image is opened is limited to
// AUDIT_BITMAPS_MEMORY or the allocated size of the file, and to QEMU's limit for a single bitmap.
#define AUDIT_BITMAPS_MAX         UINT32_C(256)
#define AUDIT_BITMAPS_MEMORY      (UINT64_C(64) << 20)  // bytes
#define AUDIT_BITMAPS_MEMORY_MOST (UINT64_C(512) << 20) // bytes

// A service may make a disk longer, and the memory of its bitmaps grows with it. For a disk of this
// size they may take AUDIT_BITMAPS_MEMORY_MOST.
#define AUDIT_BITMAPS_DISK (UINT64_C(1) << 40)

// The refcounts of all clusters of a file may take this many bytes, or as many as the file without
// its holes: a disk with preallocated metadata has 8 bytes of L2 entries for each.
#define AUDIT_REFCOUNT_MEMORY (UINT64_C(64) << 20)

// --- Budgets: how much is read -------------------------------------------------------------------

// Every L2 table of the file is walked once, however many there are: a sender must send them too.
// Tables with several references, which no program writes, are limited to the allocated size of the
// file plus these bytes. An entry that is not zero counts for more bytes than its size, because it
// takes more time. So does each irregularity in it.
#define AUDIT_L2_BYTES       (UINT64_C(544) << 20)
#define AUDIT_L2_ENTRY_COST  UINT64_C(24)
#define AUDIT_L2_ODDITY_COST UINT64_C(48)

// Bytes of the L1 tables of all snapshots, plus a quarter of the allocated size of the file. The
// active L1 table is always read completely: CAP_L1_SIZE.
#define AUDIT_SNAPSHOT_L1_BYTES (UINT64_C(64) << 20)
#define AUDIT_L1_SEEK_COST      UINT64_C(512)

// L2 tables in holes of the file, where each needs a system call, plus one for this many bytes of
// the allocated size of the file.
#define AUDIT_HOLES      (UINT64_C(1) << 20)
#define AUDIT_HOLE_SHARE UINT64_C(1024)

// Comparisons with the L2 entries of other snapshots, plus one for each 8 bytes of the allocated
// size of the file: a snapshot is first compared with the one before, and shares all but new data
// with it.
#define AUDIT_SEARCH (UINT64_C(128) << 20)

// Bytes of memory for the sets of used clusters: one bit each (32 MiB are enough for 256 Mi
// clusters), another bit for each cluster with compressed data, and the offsets of that data. A
// larger file may use both bits for each cluster, and two bytes to count references, up to
// AUDIT_MEMORY_LARGE (1 Gi clusters without counts) or this part of its allocated size.
#define AUDIT_MEMORY       (UINT64_C(38) << 20)
#define AUDIT_MEMORY_LARGE (UINT64_C(272) << 20)
#define AUDIT_MEMORY_SHARE UINT64_C(16)

// Bitmaps in which writes of the guest set bits. A backup has one or two for each of its copies.
#define AUDIT_BITMAPS_AUTO 16

// Bytes of the tables of all bitmaps. Bitmaps with the largest safe memory have tables of half this
// size with the smallest clusters; the rest is for seeks.
#define AUDIT_BITMAP_BYTES (UINT64_C(16) << 20)

// A smaller read counts as this many bytes, because of the time for a seek.
#define AUDIT_SEEK_COST UINT64_C(16384)

// Bytes of refcount blocks, to find refcounts that are too low: a file of 16 TiB with clusters of
// 64 KiB has fewer.
#define AUDIT_REFCOUNT_BYTES (UINT64_C(544) << 20)

// Clusters with a refcount that nothing refers to: how many may lie in holes, and bytes of them
// that are inspected. QEMU's check prints a line for each.
#define AUDIT_LEAKED_CLUSTERS (UINT64_C(1) << 20)
#define AUDIT_LEAKED_BYTES    (UINT64_C(16) << 20)

// Bytes of refcount blocks, read backwards from the end of the file to find the last cluster in
// use; and bytes after that cluster, without holes.
#define AUDIT_END_BYTES      (UINT64_C(4) << 20)
#define AUDIT_TRAILING_BYTES (UINT64_C(16) << 20)
// If there are more, the last bytes of the file are inspected too: as many as are searched for
// marks of other formats.
#define AUDIT_LAST_BYTES (UINT64_C(64) << 10)

#endif
