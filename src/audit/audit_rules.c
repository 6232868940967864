// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_rules.h"

#include <string.h>

// clang-format off
const struct audit_rule_text audit_rules[AUDIT_RULES] = {
    [AUDIT_BACKING_FILE] = {"backing-file", AUDIT_UNSAFE,
        "the image names a backing file",
        "the disk shows what is in a file of the host, or of another customer"},
    [AUDIT_BACKING_FILE_JSON] = {"backing-file-json", AUDIT_UNSAFE,
        "the image names a backing file with a json: name",
        "options of any block driver, which can reach files, devices and the network"},
    [AUDIT_BACKING_FILE_PROTOCOL] = {"backing-file-protocol", AUDIT_UNSAFE,
        "the image names a backing file with a protocol, such as nbd: or https:",
        "the host connects to a server of the attacker's choice, or to one behind the firewall"},
    [AUDIT_DATA_FILE] = {"data-file", AUDIT_UNSAFE,
        "the data of the disk are in an external data file (incompatible feature bit 2)",
        "the guest reads a file of the host and, other than with a backing file, writes to it"},
    [AUDIT_DATA_FILE_JSON] = {"data-file-json", AUDIT_UNSAFE,
        "the image has an external data file with a json: name",
        "options of any block driver, used by whoever only asks what the image is"},
    [AUDIT_DATA_FILE_PROTOCOL] = {"data-file-protocol", AUDIT_UNSAFE,
        "the image has an external data file with a protocol, such as nbd: or https:",
        "the host connects to a server of the attacker's choice and sends it what the guest writes"},
    [AUDIT_DATA_FILE_WITHOUT_BIT] = {"data-file-without-bit", AUDIT_UNSAFE,
        "an external data file is named, but the bit that says it is used is not set",
        "a check of the bit passes, and a program that goes by the name opens the file"},
    [AUDIT_UNKNOWN_INCOMPATIBLE] = {"unknown-incompatible-feature", AUDIT_UNSAFE,
        "an incompatible feature is unknown: the image does not mean what this audit read in it",
        "a newer program reads another disk, or other files, than those that were audited"},
    [AUDIT_UNKNOWN_COMPATIBLE] = {"unknown-compatible-feature", AUDIT_NOTE,
        "a compatible feature is unknown, which a reader may ignore",
        "nothing, unless a newer program has a weakness behind it"},
    [AUDIT_UNKNOWN_AUTOCLEAR] = {"unknown-autoclear-feature", AUDIT_NOTE,
        "an autoclear feature is unknown, which a reader may ignore",
        "nothing, unless a newer program has a weakness behind it"},
    [AUDIT_HEADER_LIMIT] = {"header-limit", AUDIT_UNSAFE,
        "the header asks for more than QEMU does: its version, cluster size, compression type, "
        "refcount width, or a place beyond 2^56",
        "programs with other limits fail, overflow, or read another disk"},
    [AUDIT_HEADER_BROKEN] = {"header-broken", AUDIT_UNSAFE,
        "the header or a header extension breaks a rule of the format, or is cut short",
        "what is read in it depends on the program: the one that checks and the one that uses it "
        "may differ"},
    [AUDIT_HEADER_UNKNOWN] = {"header-unknown", AUDIT_NOTE,
        "the header has fields that are unknown, or the place of a backing file name without bytes",
        "a place for bytes that nobody looks at"},
    [AUDIT_ENCRYPTION] = {"encryption", AUDIT_UNSAFE,
        "the disk is encrypted",
        "no scanner sees what is in it, and its key derivation can be made to take hours"},
    [AUDIT_DIRTY] = {"dirty", AUDIT_UNSAFE,
        "the image was not closed: its refcounts may be stale",
        "whoever opens it for writing first rebuilds all refcounts, which tables can be laid out to "
        "make slow"},
    [AUDIT_CORRUPT] = {"corrupt", AUDIT_UNSAFE,
        "a program has marked the image as corrupt",
        "its tables are known to be wrong, and a repair changes what was audited"},
    [AUDIT_IN_USE] = {"in-use", AUDIT_UNSAFE,
        "another process has the image open for writing",
        "what is used later is not what was audited"},
    [AUDIT_EXTENSION_REPEATED] = {"extension-repeated", AUDIT_UNSAFE,
        "a header extension stands more than once, or more than 32 have different unknown types, so that "
        "nobody looks",
        "one program takes the first, another the last: the one that checks sees another name than "
        "the one that opens"},
    [AUDIT_EXTENSION_TOO_LONG] = {"extension-too-long", AUDIT_UNSAFE,
        "a header extension is longer than its place, or longer than QEMU takes it",
        "a program that trusts the length reads or writes past its buffer"},
    [AUDIT_EXTENSION_UNKNOWN] = {"extension-unknown", AUDIT_NOTE,
        "a header extension has an unknown type, which a reader may ignore",
        "a place for bytes that nobody looks at"},
    [AUDIT_PARTIAL_SECTOR] = {"partial-sector", AUDIT_UNSAFE,
        "the virtual disk, or that of a snapshot, is no multiple of 512 bytes: QEMU leaves out the last ones",
        "programs see different disks: the one that scans it, and the one that runs it"},
    [AUDIT_VIRTUAL_SIZE] = {"virtual-size", AUDIT_UNSAFE,
        "the virtual disk, or that of a snapshot, is larger than the limit",
        "a copy of it fills the storage, and numbers of blocks or clusters overflow"},
    [AUDIT_LARGER_THAN_DISK] = {"larger-than-disk", AUDIT_NOTE,
        "the file takes more than twice the space of all the virtual disks in it",
        "bytes that are stored and paid for by nobody, and that no scan of the disk sees"},
    [AUDIT_L1_SIZE] = {"l1-size", AUDIT_UNSAFE,
        "the L1 table is far larger than its disk needs, or than QEMU takes it",
        "whoever opens the image reads all of it into memory"},
    [AUDIT_REFCOUNT_TABLE_SIZE] = {"refcount-table-size", AUDIT_UNSAFE,
        "the refcount table is far larger than its file needs, or than QEMU takes it",
        "whoever opens the image reads all of it into memory"},
    [AUDIT_TABLE_OUTSIDE_FILE] = {"table-outside-file", AUDIT_UNSAFE,
        "a table, a part of it, or bits of a bitmap lie past the end of the file",
        "it reads as zeros, or not at all, and as the attacker's data once the file has grown"},
    [AUDIT_TABLE_UNALIGNED] = {"table-unaligned", AUDIT_UNSAFE,
        "an entry names a table that is not aligned to a cluster",
        "a program that does not look takes the middle of something else for a table"},
    [AUDIT_TABLE_OVERLAP] = {"table-overlap", AUDIT_UNSAFE,
        "two tables, a table and the header, or bits of a bitmap and any of these lie in the same cluster",
        "a write to one of them rewrites the other, with numbers that the attacker has chosen"},
    [AUDIT_TABLE_FREE] = {"table-free", AUDIT_UNSAFE,
        "the cluster of a table has the refcount 0, which a program that writes takes for free",
        "what the guest writes next lands in a table: it chooses the tables of its own image"},
    [AUDIT_DATA_OUTSIDE_FILE] = {"data-outside-file", AUDIT_UNSAFE,
        "a cluster of the disk lies past the end of the file",
        "one write of the guest makes the file as long as the attacker likes, up to 64 PiB"},
    [AUDIT_DATA_OVER_TABLE] = {"data-over-table", AUDIT_UNSAFE,
        "a cluster of the disk is one in which a table or bits of a bitmap lie",
        "the guest rewrites the tables of its own image, after every check of them"},
    [AUDIT_ENTRY_BROKEN] = {"entry-broken", AUDIT_UNSAFE,
        "an entry of an L1 table, an L2 table or the refcount table breaks a rule of the format: reserved "
        "bits, a host offset that is not aligned, the zero bit in version 2, a compressed cluster with COPIED "
        "or a subcluster bitmap, subclusters that contradict each other or have no host cluster; with an "
        "external data file, a compressed cluster or an offset that is not the guest offset",
        "programs read different disks: the one that scans it, and the one that runs it"},
    [AUDIT_SHARED_L2_TABLE] = {"shared-l2-table", AUDIT_UNSAFE,
        "several entries of one L1 table, of the disk or of a snapshot, name the same L2 table, or entries "
        "of two L1 tables do at different indices",
        "a small file with an endless disk: a copy of it fills the storage"},
    [AUDIT_SHARED_DATA] = {"shared-data", AUDIT_UNSAFE,
        "several entries of L2 tables name the same data, or data that overlaps, compressed or not: for "
        "different guest offsets of one disk, or of a disk and a snapshot",
        "a small file with an endless disk: a copy of it fills the storage"},
    [AUDIT_EXPANSION] = {"expansion", AUDIT_UNSAFE,
        "the disk, or that of a snapshot, has more than 64 MiB of data that is more than 100 times the file, "
        "or of compressed data that is more than 100 times what is in the file beside its holes",
        "a small file whose decompression fills the storage and keeps a processor busy"},
    [AUDIT_UNSEEN_TABLES] = {"unseen-tables", AUDIT_UNSAFE,
        "the tables cannot be looked at, or there are more than an audit looks at",
        "what an audit would find is put behind the place where it stops"},
    [AUDIT_SNAPSHOT_BOMB] = {"snapshot-bomb", AUDIT_UNSAFE,
        "there are more than 1024 snapshots, their L1 tables are larger than the file, or their L2 tables, each "
        "as often as it is named, are larger than 8 GiB and than the data of each disk",
        "whoever opens the image spends minutes and gigabytes on their list"},
    [AUDIT_SNAPSHOT_BROKEN] = {"snapshot-broken", AUDIT_UNSAFE,
        "an entry of the snapshot table breaks a rule or a limit of the format",
        "programs that trust its numbers read past the table, or take other bytes for one"},
    [AUDIT_VM_STATE] = {"vm-state", AUDIT_NOTE,
        "a snapshot has the state of a virtual machine",
        "whoever resumes it loads device states and memory that a stranger wrote"},
    [AUDIT_BITMAP_BOMB] = {"bitmap-bomb", AUDIT_UNSAFE,
        "there are more than 256 bitmaps, or in memory they take more than 64 MiB and more than the file takes "
        "on disk, or more than 512 MiB",
        "whoever opens the image spends gigabytes on bitmaps that take nothing in the file"},
    [AUDIT_BITMAP_BROKEN] = {"bitmap-broken", AUDIT_UNSAFE,
        "the bitmap directory, an entry of it, or one of the table of a bitmap breaks a rule or a limit of "
        "the format",
        "programs that trust its numbers read past the directory"},
    [AUDIT_NAME_CONTROL] = {"name-control", AUDIT_UNSAFE,
        "a name has control characters, characters that change the direction of writing or are not "
        "seen, or blanks other than the space",
        "a forged line in a log, a terminal that is steered, a name that looks like another"},
    [AUDIT_NAME_NOT_UTF8] = {"name-not-utf8", AUDIT_UNSAFE,
        "a name is not UTF-8",
        "programs cut, replace or refuse it, each in its own way, and then mean different names"},
    [AUDIT_NAME_PATH] = {"name-path", AUDIT_UNSAFE,
        "a name is a path with tricks: absolute, with .., with a NUL inside, or of a file with "
        "signs that a shell expands",
        "whoever makes a file name of it leaves the folder that was meant"},
    [AUDIT_OTHER_FORMAT] = {"other-format", AUDIT_UNSAFE,
        "the file is another format too: its mark stands where programs look for it, and not in "
        "guest data",
        "it passes as qcow2 here and is another disk, with other references, where it is used"},
    [AUDIT_OTHER_FORMAT_IN_DATA] = {"other-format-in-data", AUDIT_UNSAFE,
        "the mark of another format stands where programs look for it, in guest data of the disk or "
        "of a snapshot",
        "as above: who makes the image chooses where in the file its guest data lie"},
    [AUDIT_HIDDEN_DATA] = {"hidden-data", AUDIT_NOTE,
        "there is data behind the end of the virtual disk, or in clusters that have a refcount and that nothing "
        "refers to",
        "bytes that no scan of the disk sees, and that a longer disk or a repair may show"},
    [AUDIT_TRAILING_DATA] = {"trailing-data", AUDIT_NOTE,
        "there are data after the last cluster in use; QEMU leaves such when it frees clusters",
        "a place for another file, as archives may be read from their end"},
    [AUDIT_INCOMPLETE] = {"incomplete", AUDIT_NOTE,
        "not all of the image was seen: it came through a pipe, or another finding that is no reason to "
        "refuse it says why",
        "what was not seen was not audited"},
};
// clang-format on

// COPIED without an offset breaks none: it is about refcounts, and the entry reads as a hole.
const enum audit_rule audit_rule_of_fault[FAULTS] = {
    [FAULT_L1_RESERVED_BITS] = AUDIT_ENTRY_BROKEN,
    [FAULT_L1_UNALIGNED] = AUDIT_TABLE_UNALIGNED,
    [FAULT_L1_COPIED] = AUDIT_RULES,
    [FAULT_L2_RESERVED_BITS] = AUDIT_ENTRY_BROKEN,
    [FAULT_L2_ZERO_BIT] = AUDIT_ENTRY_BROKEN,
    [FAULT_L2_ZERO_BIT_EXTENDED] = AUDIT_ENTRY_BROKEN,
    [FAULT_SUBCLUSTERS_CONFLICT] = AUDIT_ENTRY_BROKEN,
    [FAULT_SUBCLUSTERS_NO_CLUSTER] = AUDIT_ENTRY_BROKEN,
    [FAULT_L2_UNALIGNED] = AUDIT_ENTRY_BROKEN,
    [FAULT_DATA_FILE_OFFSET] = AUDIT_ENTRY_BROKEN,
    [FAULT_L2_COPIED] = AUDIT_RULES,
    [FAULT_COMPRESSED_COPIED] = AUDIT_ENTRY_BROKEN,
    [FAULT_COMPRESSED_DATA_FILE] = AUDIT_ENTRY_BROKEN,
    [FAULT_COMPRESSED_SUBCLUSTERS] = AUDIT_ENTRY_BROKEN,
    [FAULT_REFCOUNT_TABLE_RESERVED_BITS] = AUDIT_ENTRY_BROKEN,
    [FAULT_REFCOUNT_TABLE_UNALIGNED] = AUDIT_TABLE_UNALIGNED,
    [FAULT_BITMAP_TABLE_RESERVED_BITS] = AUDIT_BITMAP_BROKEN,
    [FAULT_BITMAP_TABLE_UNALIGNED] = AUDIT_BITMAP_BROKEN,
};

// The others are told from the fields themselves, or are nothing to be wary of: a program without
// bitmap support may write to an image with bitmaps.
static const struct {
    bool told;
    enum audit_rule rule;
} rule_of_problem[PROBLEM_KINDS] = {
    [PROBLEM_HEADER_CUT_SHORT] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_HEADER_LENGTH] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_HEADER_END] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_HEADER_PADDING] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_COMPRESSION_BIT] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_PARTIAL_SECTOR] = {true, AUDIT_PARTIAL_SECTOR},
    [PROBLEM_SNAPSHOT_PARTIAL_SECTOR] = {true, AUDIT_PARTIAL_SECTOR},
    [PROBLEM_ENCRYPTION_UNKNOWN] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_RAW_DATA_FILE] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_L1_TABLE_PLACE] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_L1_SIZE] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_TABLE_PLACE] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_REFCOUNT_TABLE_EMPTY] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_BACKING_NAME_PLACE] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_BACKING_NAME_CUT_SHORT] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_EXTENSIONS_PLACE] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_EXTENSION_CUT_SHORT] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_EXTENSION_END] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_EXTENSION_SHORT] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_FEATURE_NAMES] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_BITMAPS_BIT] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_ENCRYPTION_POINTER] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_ENCRYPTION_NO_POINTER] = {true, AUDIT_HEADER_BROKEN},
    [PROBLEM_VERSION] = {true, AUDIT_HEADER_LIMIT},
    [PROBLEM_CLUSTER_SIZE] = {true, AUDIT_HEADER_LIMIT},
    [PROBLEM_COMPRESSION_UNKNOWN] = {true, AUDIT_HEADER_LIMIT},
    [PROBLEM_REFCOUNT_ORDER] = {true, AUDIT_HEADER_LIMIT},
    [PROBLEM_L1_TABLE_LIMIT] = {true, AUDIT_HEADER_LIMIT},
    [PROBLEM_TABLE_LIMIT] = {true, AUDIT_HEADER_LIMIT},
    [PROBLEM_BACKING_NAME_LIMIT] = {true, AUDIT_HEADER_LIMIT},
    [PROBLEM_L1_SIZE_LIMIT] = {true, AUDIT_L1_SIZE},
    [PROBLEM_REFCOUNT_TABLE_SIZE_LIMIT] = {true, AUDIT_REFCOUNT_TABLE_SIZE},
    [PROBLEM_EXTENSION_LENGTH] = {true, AUDIT_EXTENSION_TOO_LONG},
    [PROBLEM_BACKING_FORMAT_LIMIT] = {true, AUDIT_EXTENSION_TOO_LONG},
    [PROBLEM_EXTENSION_REPEATED] = {true, AUDIT_EXTENSION_REPEATED},
    [PROBLEM_EXTENSION_TYPES] = {true, AUDIT_EXTENSION_REPEATED},
    [PROBLEM_SNAPSHOT_NO_DISK_SIZE] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_SNAPSHOT_EXTRA_LIMIT] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_SNAPSHOT_DATE] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_SNAPSHOT_L1_PLACE] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_SNAPSHOT_L1_LIMIT] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_SNAPSHOT_L1_ZERO] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_SNAPSHOT_L1_SIZE] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_SNAPSHOT_L1_SIZE_LIMIT] = {true, AUDIT_SNAPSHOT_BROKEN},
    [PROBLEM_BITMAPS_EXTENSION] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_FLAGS] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_TYPE] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_GRANULARITY_LIMIT] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_NO_NAME] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_NAME_LIMIT] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_EXTRA_LIMIT] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_TABLE_PLACE] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_TABLE_LIMIT] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_TABLE_SIZE] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_TABLE_SIZE_LIMIT] = {true, AUDIT_BITMAP_BROKEN},
};

const char *audit_severity_name(enum audit_severity severity)
{
    static const char *const names[AUDIT_SEVERITIES] = {"unsafe", "note", "allowed"};
    return names[severity];
}

bool audit_rule_find(struct bytes code, enum audit_rule *rule)
{
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        if (strlen(audit_rules[i].code) == code.size &&
            memcmp(audit_rules[i].code, code.data, code.size) == 0) {
            *rule = (enum audit_rule)i;
            return true;
        }
    }
    return false;
}

bool audit_rule_of_problem(enum problem_kind kind, enum audit_rule *rule)
{
    *rule = rule_of_problem[kind].rule;
    return rule_of_problem[kind].told;
}
