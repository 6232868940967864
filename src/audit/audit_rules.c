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
    [AUDIT_BACKING_FORMAT] = {"backing-format", AUDIT_UNSAFE,
        "the image names a backing file without the format raw or qcow2: programs guess the format from the content",
        "a guest that could write to a raw backing file may have made it an image with references of its choice"},
    [AUDIT_DATA_FILE] = {"data-file", AUDIT_UNSAFE,
        "the data of the disk is in an external data file (incompatible feature bit 2)",
        "the guest reads a file of the host and, unlike a backing file, also writes to it"},
    [AUDIT_DATA_FILE_JSON] = {"data-file-json", AUDIT_UNSAFE,
        "the image has an external data file with a json: name",
        "options of any block driver, which take effect when a program only inspects the image"},
    [AUDIT_DATA_FILE_PROTOCOL] = {"data-file-protocol", AUDIT_UNSAFE,
        "the image has an external data file with a protocol, such as nbd: or https:",
        "the host connects to a server of the attacker's choice and sends it what the guest writes"},
    [AUDIT_DATA_FILE_WITHOUT_BIT] = {"data-file-without-bit", AUDIT_UNSAFE,
        "an external data file is named, but its feature bit is not set",
        "a check of the bit passes, and a program that only reads the name opens the file"},
    [AUDIT_UNKNOWN_INCOMPATIBLE] = {"unknown-incompatible-feature", AUDIT_UNSAFE,
        "an incompatible feature is unknown: this audit may have misread the image",
        "a newer program reads another disk, or other files, than those that were audited"},
    [AUDIT_UNKNOWN_COMPATIBLE] = {"unknown-compatible-feature", AUDIT_NOTE,
        "an unknown compatible feature, which programs may ignore",
        "nothing, unless a newer program has a vulnerability in this feature"},
    [AUDIT_UNKNOWN_AUTOCLEAR] = {"unknown-autoclear-feature", AUDIT_NOTE,
        "an unknown autoclear feature, which programs may ignore",
        "nothing, unless a newer program has a vulnerability in this feature"},
    [AUDIT_HEADER_LIMIT] = {"header-limit", AUDIT_UNSAFE,
        "the header exceeds the limits of QEMU: version, cluster size, compression type, refcount "
        "width, or an offset beyond 2^56",
        "programs with other limits fail, overflow, or read another disk"},
    [AUDIT_HEADER_BROKEN] = {"header-broken", AUDIT_UNSAFE,
        "the header or a header extension breaks a rule of the format, or is cut short",
        "programs read it differently: the one that checks it and the one that uses it"},
    [AUDIT_HEADER_UNKNOWN] = {"header-unknown", AUDIT_NOTE,
        "the header has unknown fields, or the offset of an empty backing file name",
        "a place for hidden data"},
    [AUDIT_ENCRYPTION] = {"encryption", AUDIT_UNSAFE,
        "the disk is encrypted",
        "scanners cannot read it, and its key derivation can be made to take hours"},
    [AUDIT_DIRTY] = {"dirty", AUDIT_UNSAFE,
        "the image was not closed: its refcounts may be stale, and are not compared with references, save where "
        "no refcount can count them",
        "a program that opens it for writing first rebuilds all refcounts, and tables can be made "
        "to slow this down"},
    [AUDIT_CORRUPT] = {"corrupt", AUDIT_UNSAFE,
        "a program has marked the image as corrupt",
        "its tables are known to be wrong, and a repair changes what was audited"},
    [AUDIT_IN_USE] = {"in-use", AUDIT_UNSAFE,
        "another process has the image open for writing",
        "the image that is used later is not the image that was audited"},
    [AUDIT_EXTENSION_REPEATED] = {"extension-repeated", AUDIT_UNSAFE,
        "a header extension occurs more than once, or more than 32 have different unknown types and "
        "are not checked for this",
        "one program uses the first, another the last: a check may read another name than the "
        "program that opens the file"},
    [AUDIT_EXTENSION_TOO_LONG] = {"extension-too-long", AUDIT_UNSAFE,
        "a header extension is longer than the room for it, or than QEMU accepts",
        "a program that trusts the length reads or writes past its buffer"},
    [AUDIT_EXTENSION_UNKNOWN] = {"extension-unknown", AUDIT_NOTE,
        "a header extension has an unknown type, which programs may ignore",
        "a place for hidden data"},
    [AUDIT_PARTIAL_SECTOR] = {"partial-sector", AUDIT_UNSAFE,
        "the virtual disk, or that of a snapshot, is no multiple of 512 bytes: QEMU leaves out the last ones",
        "programs see different disks: the one that scans it, and the one that runs it"},
    [AUDIT_VIRTUAL_SIZE] = {"virtual-size", AUDIT_UNSAFE,
        "the virtual disk, or the disk of a snapshot, is larger than the limit",
        "a copy of it fills the storage, and block or cluster numbers overflow"},
    [AUDIT_LARGER_THAN_DISK] = {"larger-than-disk", AUDIT_NOTE,
        "the file takes more than twice the space of all virtual disks in it",
        "storage that is not paid for, and that no scan of the disk reads"},
    [AUDIT_L1_SIZE] = {"l1-size", AUDIT_UNSAFE,
        "an L1 table is far larger than its disk needs, or than QEMU accepts, or has more than 16384 clusters and "
        "more bytes than the file without its holes",
        "a program that opens the image reads all of it into memory, and copies it for each snapshot"},
    [AUDIT_REFCOUNT_TABLE_SIZE] = {"refcount-table-size", AUDIT_UNSAFE,
        "the refcount table is far larger than its file needs, or than QEMU accepts",
        "a program that opens the image reads all of it into memory"},
    [AUDIT_REFCOUNT_BOMB] = {"refcount-bomb", AUDIT_UNSAFE,
        "the refcounts of all clusters of the file, holes included, take more than 64 MiB, or more than "
        "1048576 clusters have a refcount and no reference, and that is more than the file without its holes; "
        "or so many L2 entries need another refcount block than the entry before that reading the blocks, each "
        "counted as at least 64 KiB, takes more than 8 GiB and 100 times the file without its holes",
        "a program that checks the image takes gigabytes of memory or minutes of time, or prints gigabytes, for a "
        "file that takes no space"},
    [AUDIT_TABLE_BOMB] = {"table-bomb", AUDIT_UNSAFE,
        "the parts of L2 tables that lie in holes, a whole table counted as at least 64 KiB, have more than 1 GiB "
        "and more than the file without its holes; or a disk has more than 262144 extents, a compressed cluster "
        "counted as four, and the file without its holes has less than 32 bytes for each",
        "a program that checks, maps or copies the image, or takes a snapshot, spends minutes on a file that "
        "takes no space"},
    [AUDIT_TABLE_OUTSIDE_FILE] = {"table-outside-file", AUDIT_UNSAFE,
        "a table, a part of a table, or bits of a bitmap lie past the end of the file",
        "it reads as zeros, or not at all, and as the attacker's data once the file has grown"},
    [AUDIT_TABLE_UNALIGNED] = {"table-unaligned", AUDIT_UNSAFE,
        "an entry refers to a table that is not aligned to a cluster",
        "a program that does not check this reads other data as a table"},
    [AUDIT_TABLE_OVERLAP] = {"table-overlap", AUDIT_UNSAFE,
        "two tables, a table and the header, or bits of a bitmap and any of these are in the same cluster",
        "a write to one of them overwrites the other, with numbers of the attacker's choice"},
    [AUDIT_TABLE_FREE] = {"table-free", AUDIT_UNSAFE,
        "the cluster of a table has refcount 0: a program that writes treats it as free",
        "what the guest writes next lands in a table: it chooses the tables of its own image"},
    [AUDIT_DATA_FREE] = {"data-free", AUDIT_UNSAFE,
        "a cluster of guest data has refcount 0: a program that writes treats it as free",
        "the table that is put there next is what the guest writes: it chooses the tables of its own image"},
    [AUDIT_REFCOUNT_TOO_LOW] = {"refcount-too-low", AUDIT_UNSAFE,
        "a cluster of a table or of guest data has a refcount that is lower than the number of references",
        "the guest overwrites some of the data, the cluster counts as free, and the next table is put there"},
    [AUDIT_COPIED_FLAG] = {"copied-flag", AUDIT_UNSAFE,
        "an entry of the disk has the COPIED flag, and a snapshot refers to the same cluster",
        "the guest changes the snapshot; deleting the snapshot frees clusters that the disk still uses"},
    [AUDIT_DATA_OUTSIDE_FILE] = {"data-outside-file", AUDIT_UNSAFE,
        "a cluster of the disk lies past the end of the file, or a cluster there has a refcount",
        "one write of the guest makes the file as long as the attacker likes, up to 64 PiB"},
    [AUDIT_DATA_OVER_TABLE] = {"data-over-table", AUDIT_UNSAFE,
        "a data cluster of the disk contains a table or bits of a bitmap",
        "the guest changes the tables of its own image, after all checks"},
    [AUDIT_ENTRY_BROKEN] = {"entry-broken", AUDIT_UNSAFE,
        "an entry of an L1 table, an L2 table or the refcount table breaks a rule of the format: reserved "
        "bits, COPIED without an L2 table, a host offset that is not aligned, the zero bit in version 2, a compressed cluster with COPIED "
        "or a subcluster bitmap, subclusters that contradict each other or have no host cluster; with an "
        "external data file, a compressed cluster or an offset that is not the guest offset",
        "programs read different disks: the one that scans it and the one that runs it"},
    [AUDIT_SHARED_L2_TABLE] = {"shared-l2-table", AUDIT_UNSAFE,
        "several entries of one L1 table, of the disk or of a snapshot, refer to the same L2 table, or "
        "entries of two L1 tables do at different indices",
        "a small file with an endless disk: a copy of it fills the storage"},
    [AUDIT_SHARED_DATA] = {"shared-data", AUDIT_UNSAFE,
        "several entries of L2 tables refer to the same or overlapping data, compressed or not: for "
        "different guest offsets of one disk, or of a disk and a snapshot",
        "a small file with an endless disk: a copy of it fills the storage"},
    [AUDIT_EXPANSION] = {"expansion", AUDIT_UNSAFE,
        "the disk, or the disk of a snapshot, has more than 64 MiB of data and more than 100 times the "
        "size of the file, or of compressed data and more than 100 times the size of the file without holes",
        "a small file whose decompression fills the storage and keeps a processor busy"},
    [AUDIT_UNSEEN_TABLES] = {"unseen-tables", AUDIT_UNSAFE,
        "the tables cannot be inspected, or there are more than an audit inspects",
        "attacks can hide in the part that was not inspected"},
    [AUDIT_SNAPSHOT_BOMB] = {"snapshot-bomb", AUDIT_UNSAFE,
        "there are more than 1024 snapshots, their L1 tables are larger than the file, or than 256 MiB and "
        "the file without its holes, or their L2 tables, counted once for each reference and as at "
        "least 8 KiB, are larger than 2 GiB and than the data of each disk or the file without its holes",
        "a program that opens the image spends minutes and gigabytes on the snapshots"},
    [AUDIT_SNAPSHOT_BROKEN] = {"snapshot-broken", AUDIT_UNSAFE,
        "an entry of the snapshot table breaks a rule or a limit of the format",
        "programs that trust its numbers read past the table, or read other data as a table"},
    [AUDIT_SNAPSHOT_ID] = {"snapshot-id", AUDIT_UNSAFE,
        "the id of a snapshot is not a decimal number as QEMU gives it, or two snapshots have the same id",
        "programs take this snapshot for a later one that has the id as its name, or gets the same id"},
    [AUDIT_VM_STATE] = {"vm-state", AUDIT_NOTE,
        "a snapshot has the state of a virtual machine",
        "a program that resumes it loads device states and memory from an untrusted source"},
    [AUDIT_BITMAP_BOMB] = {"bitmap-bomb", AUDIT_UNSAFE,
        "there are more than 256 bitmaps; or they take more than 64 MiB and more than the file takes on disk, "
        "in memory, in clusters with bits, or in clusters that more than 16 enabled bitmaps may get; or they take "
        "more than 512 MiB of memory, or would if the disk were 1 TiB long",
        "a program that opens the image spends gigabytes on bitmaps that take no space in the file, or "
        "writes as many when it closes it"},
    [AUDIT_BITMAP_BROKEN] = {"bitmap-broken", AUDIT_UNSAFE,
        "the bitmap directory, one of its entries, or an entry of a bitmap table breaks a rule or a "
        "limit of the format",
        "programs that trust its numbers read past the directory"},
    [AUDIT_NAME_CONTROL] = {"name-control", AUDIT_UNSAFE,
        "a name has control characters, characters that change the direction of writing or are "
        "invisible, or blanks other than the space",
        "forged lines in logs, control of a terminal, names that look like other names"},
    [AUDIT_NAME_NOT_UTF8] = {"name-not-utf8", AUDIT_UNSAFE,
        "a name is not UTF-8",
        "programs cut, replace or refuse it in different ways, and then use different names"},
    [AUDIT_NAME_PATH] = {"name-path", AUDIT_UNSAFE,
        "a name is a suspicious path: absolute, with .., with a NUL inside, or the name of a file that "
        "begins with file: or has characters that a shell expands",
        "a program that uses it as a file name leaves the intended folder"},
    [AUDIT_OTHER_FORMAT] = {"other-format", AUDIT_UNSAFE,
        "the file also has the mark of another format, where programs look for it and outside guest "
        "data",
        "it passes as qcow2 here and is another disk, with other references, in the program that uses it"},
    [AUDIT_OTHER_FORMAT_IN_DATA] = {"other-format-in-data", AUDIT_UNSAFE,
        "the file also has the mark of another format, where programs look for it, in guest data of "
        "the disk or of a snapshot",
        "as above: the creator of the image chooses where guest data lies in the file"},
    [AUDIT_HIDDEN_DATA] = {"hidden-data", AUDIT_NOTE,
        "there is data behind the end of the virtual disk, or in clusters that have a refcount and that nothing "
        "refers to",
        "bytes that no scan of the disk sees, and that a longer disk or a repair may show"},
    [AUDIT_TRAILING_DATA] = {"trailing-data", AUDIT_NOTE,
        "there is data after the last cluster in use; QEMU leaves such data when it frees clusters",
        "a place for another file, because archives may be read from their end"},
    [AUDIT_INCOMPLETE] = {"incomplete", AUDIT_NOTE,
        "a part of the image was not inspected: it came through a pipe, or another finding, which is no "
        "reason to refuse it, says why",
        "this part was not audited"},
};
// clang-format on

// COPIED without an offset is about refcounts, and the entry reads as a hole. But for QEMU such an
// L1 entry has a table, and it aborts when the guest writes.
const enum audit_rule audit_rule_of_fault[FAULTS] = {
    [FAULT_L1_RESERVED_BITS] = AUDIT_ENTRY_BROKEN,
    [FAULT_L1_UNALIGNED] = AUDIT_TABLE_UNALIGNED,
    [FAULT_L1_NO_TABLE] = AUDIT_ENTRY_BROKEN,
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

// Other problems are reported from the fields themselves, or are harmless: a program without bitmap
// support may write to an image with bitmaps.
static const struct {
    bool has_rule;
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
    [PROBLEM_BITMAP_EXTRA_FLAG] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_TYPE] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_GRANULARITY_LIMIT] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_NO_NAME] = {true, AUDIT_BITMAP_BROKEN},
    [PROBLEM_BITMAP_NAME_TWICE] = {true, AUDIT_BITMAP_BROKEN},
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
    return rule_of_problem[kind].has_rule;
}
