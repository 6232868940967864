// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Every number that the qcow2 format defines, with the specification's names, and every cap on the
// memory or time that an image can ask for, with its reason.

#ifndef FORMAT_LAYOUT_H
#define FORMAT_LAYOUT_H

#include <stdint.h>

// --- Header ---------------------------------------------------------------------------------

#define QCOW2_MAGIC UINT32_C(0x514649fb)

enum header_field {
    HEADER_MAGIC = 0,
    HEADER_VERSION = 4,
    HEADER_BACKING_FILE_OFFSET = 8,
    HEADER_BACKING_FILE_SIZE = 16,
    HEADER_CLUSTER_BITS = 20,
    HEADER_SIZE = 24,
    HEADER_CRYPT_METHOD = 32,
    HEADER_L1_SIZE = 36,
    HEADER_L1_TABLE_OFFSET = 40,
    HEADER_REFCOUNT_TABLE_OFFSET = 48,
    HEADER_REFCOUNT_TABLE_CLUSTERS = 56,
    HEADER_NB_SNAPSHOTS = 60,
    HEADER_SNAPSHOTS_OFFSET = 64,
    HEADER_LENGTH_V2 = 72,
    HEADER_INCOMPATIBLE_FEATURES = 72,
    HEADER_COMPATIBLE_FEATURES = 80,
    HEADER_AUTOCLEAR_FEATURES = 88,
    HEADER_REFCOUNT_ORDER = 96,
    HEADER_HEADER_LENGTH = 100,
    HEADER_LENGTH_V3 = 104, // the shortest version 3 header
    HEADER_COMPRESSION_TYPE = 104,
    HEADER_PARSED = 116,       // with the type of an extension that follows the known fields
    HEADER_LENGTH_KNOWN = 112, // later bytes of a header are undefined so far
};

enum {
    CLUSTER_BITS_MIN = 9,
    CLUSTER_BITS_MAX = 21, // QEMU's limit
    CLUSTER_BITS_MIN_EXTENDED_L2 = 14,
    REFCOUNT_ORDER_V2 = 4,
    REFCOUNT_ORDER_MAX = 6,
};

enum crypt_method { CRYPT_NONE = 0, CRYPT_AES = 1, CRYPT_LUKS = 2 };
enum compression_type { COMPRESSION_DEFLATE = 0, COMPRESSION_ZSTD = 1 };

#define INCOMPATIBLE_DIRTY        (UINT64_C(1) << 0)
#define INCOMPATIBLE_CORRUPT      (UINT64_C(1) << 1)
#define INCOMPATIBLE_DATA_FILE    (UINT64_C(1) << 2)
#define INCOMPATIBLE_COMPRESSION  (UINT64_C(1) << 3)
#define INCOMPATIBLE_EXTENDED_L2  (UINT64_C(1) << 4)
#define INCOMPATIBLE_KNOWN        UINT64_C(0x1f)
#define COMPATIBLE_LAZY_REFCOUNTS (UINT64_C(1) << 0)
#define AUTOCLEAR_BITMAPS         (UINT64_C(1) << 0)
#define AUTOCLEAR_RAW_DATA_FILE   (UINT64_C(1) << 1)

// --- Header extensions ------------------------------------------------------------------------

enum { EXTENSION_HEADER_SIZE = 8 };

#define EXTENSION_END            UINT32_C(0x00000000)
#define EXTENSION_BACKING_FORMAT UINT32_C(0xe2792aca)
#define EXTENSION_FEATURE_NAMES  UINT32_C(0x6803f857)
#define EXTENSION_BITMAPS        UINT32_C(0x23852875)
#define EXTENSION_ENCRYPTION     UINT32_C(0x0537be77)
#define EXTENSION_DATA_FILE      UINT32_C(0x44415441)

enum {
    FEATURE_NAME_ENTRY_SIZE = 48,
    FEATURE_NAME_SIZE = 46,
    ENCRYPTION_EXTENSION_SIZE = 16,
    BITMAPS_EXTENSION_SIZE = 24,
};

enum extension_field { EXTENSION_TYPE = 0, EXTENSION_LENGTH = 4, EXTENSION_DATA = 8 };

enum feature_name_field {
    FEATURE_NAME_TYPE = 0,
    FEATURE_NAME_BIT = 1,
    FEATURE_NAME_NAME = 2,
};

enum encryption_extension_field {
    ENCRYPTION_EXTENSION_OFFSET = 0,
    ENCRYPTION_EXTENSION_LENGTH = 8,
};

enum bitmaps_extension_field {
    BITMAPS_EXTENSION_COUNT = 0,
    BITMAPS_EXTENSION_RESERVED = 4,
    BITMAPS_EXTENSION_DIRECTORY_SIZE = 8,
    BITMAPS_EXTENSION_DIRECTORY_OFFSET = 16,
};

// --- Snapshot table and bitmap directory: records one after another, each aligned to 8 bytes -----

enum { RECORD_ALIGNMENT = 8 };

enum snapshot_field {
    SNAPSHOT_L1_TABLE_OFFSET = 0,
    SNAPSHOT_L1_SIZE = 8,
    SNAPSHOT_ID_SIZE = 12,
    SNAPSHOT_NAME_SIZE = 14,
    SNAPSHOT_DATE_SEC = 16,
    SNAPSHOT_DATE_NSEC = 20,
    SNAPSHOT_VM_CLOCK_NSEC = 24,
    SNAPSHOT_VM_STATE_SIZE = 32,
    SNAPSHOT_EXTRA_SIZE = 36,
    SNAPSHOT_FIXED_SIZE = 40, // followed by the extra data, the id and the name
};

// Inside the extra data.
enum snapshot_extra_field {
    SNAPSHOT_EXTRA_VM_STATE_SIZE = 0,
    SNAPSHOT_EXTRA_DISK_SIZE = 8,
    SNAPSHOT_EXTRA_ICOUNT = 16,
    SNAPSHOT_EXTRA_KNOWN = 24,  // later bytes are undefined so far
    SNAPSHOT_EXTRA_MIN_V3 = 16, // version 3 must have VM state size and disk size
};

#define SNAPSHOT_NO_ICOUNT UINT64_MAX

enum bitmap_field {
    BITMAP_TABLE_OFFSET = 0,
    BITMAP_TABLE_SIZE = 8,
    BITMAP_FLAGS = 12,
    BITMAP_TYPE = 16,
    BITMAP_GRANULARITY_BITS = 17,
    BITMAP_NAME_SIZE = 18,
    BITMAP_EXTRA_SIZE = 20,
    BITMAP_FIXED_SIZE = 24, // followed by the extra data and the name
};

enum { BITMAP_TYPE_DIRTY_TRACKING = 1 };

#define BITMAP_IN_USE                (UINT32_C(1) << 0)
#define BITMAP_AUTO                  (UINT32_C(1) << 1)
#define BITMAP_EXTRA_DATA_COMPATIBLE (UINT32_C(1) << 2)
#define BITMAP_FLAGS_KNOWN           UINT32_C(7)

// --- LUKS1 header, at the offset that the encryption extension gives -----------------------------

enum { LUKS_SLOTS = 8, LUKS_VERSION = 1, LUKS_HEADER_SIZE = 592 };

enum luks_field {
    LUKS_MAGIC = 0, // "LUKS\xba\xbe"
    LUKS_VERSION_AT = 6,
    LUKS_CIPHER_NAME = 8,
    LUKS_CIPHER_MODE = 40,
    LUKS_HASH = 72,
    LUKS_PAYLOAD_OFFSET = 104, // sectors
    LUKS_KEY_BYTES = 108,
    LUKS_MASTER_KEY_DIGEST = 112,
    LUKS_MASTER_KEY_SALT = 132,
    LUKS_MASTER_KEY_ITERATIONS = 164,
    LUKS_UUID = 168,
    LUKS_SLOT_TABLE = 208,
};

enum {
    LUKS_NAME_SIZE = 32,
    LUKS_UUID_SIZE = 40,
    LUKS_SLOT_SIZE = 48,
    LUKS_DIGEST_SIZE = 20,
    LUKS_SALT_SIZE = 32,
};

enum luks_slot_field {
    LUKS_SLOT_ACTIVE = 0,
    LUKS_SLOT_ITERATIONS = 4,
    LUKS_SLOT_SALT = 8,
    LUKS_SLOT_KEY_OFFSET = 40, // sectors from the start of the LUKS header
    LUKS_SLOT_STRIPES = 44,
};

#define LUKS_SLOT_IS_ENABLED  UINT32_C(0x00ac71f3)
#define LUKS_SLOT_IS_DISABLED UINT32_C(0x0000dead)

// --- Tables -----------------------------------------------------------------------------------

#define ENTRY_OFFSET_MASK    UINT64_C(0x00fffffffffffe00) // bits 9..55 of L1 and L2 entries
#define ENTRY_COPIED         (UINT64_C(1) << 63)
#define ENTRY_COMPRESSED     (UINT64_C(1) << 62)
#define ENTRY_ZERO           (UINT64_C(1) << 0)
#define REFTABLE_OFFSET_MASK (~UINT64_C(0x1ff))

// Bits that are reserved in all versions; for L2 entries: in an entry that is not compressed.
#define L1_ENTRY_RESERVED             UINT64_C(0x7f000000000001ff)
#define L2_ENTRY_RESERVED             UINT64_C(0x3f000000000001fe)
#define REFCOUNT_TABLE_ENTRY_RESERVED UINT64_C(0x1ff)

#define BITMAP_TABLE_ALL_ONES UINT64_C(1) // without an offset: every bit of its cluster is set

enum {
    L1_ENTRY_SIZE = 8,
    L2_ENTRY_SIZE = 8,
    L2_ENTRY_SIZE_EXTENDED = 16,
    REFCOUNT_TABLE_ENTRY_SIZE = 8,
    BITMAP_TABLE_ENTRY_SIZE = 8,
    SUBCLUSTERS = 32,  // of a cluster, with extended L2 entries
    SECTOR_SIZE = 512, // the unit of a compressed extent's length, and of encryption
};

// Host offsets are below 2^56: an entry has no more bits for them.
#define HOST_OFFSET_LIMIT (UINT64_C(1) << 56)

// --- Caps -------------------------------------------------------------------------------------
// QEMU refuses images that exceed these caps, so no image in use does.

#define CAP_L1_SIZE                 UINT32_C(4194304) // entries: 32 MiB, enough for 2 EiB
#define CAP_REFCOUNT_TABLE_BYTES    UINT64_C(8388608)
#define CAP_SNAPSHOTS               UINT32_C(65536)
#define CAP_SNAPSHOT_TABLE_BYTES    UINT64_C(67108864)
#define CAP_SNAPSHOT_EXTRA          UINT32_C(1024)
#define CAP_BACKING_FORMAT          UINT32_C(15)
#define CAP_BACKING_NAME            UINT32_C(1023)
#define CAP_BITMAPS                 UINT32_C(65535)
#define CAP_BITMAP_DIRECTORY        UINT64_C(67107840)
#define CAP_BITMAP_TABLE_ENTRIES    UINT32_C(134217728)
#define CAP_BITMAP_BYTES            UINT64_C(536870912) // of the clusters of one bitmap
#define CAP_BITMAP_NAME             UINT32_C(1023)
#define CAP_BITMAP_GRANULARITY_BITS 31
#define MIN_BITMAP_GRANULARITY_BITS 9

// Ours: host clusters of a file that are counted one by one, holes included. They are 4 PiB in
// clusters of 64 KiB.
#define CAP_HOST_CLUSTERS (UINT64_C(1) << 36)

// Ours, against encryption headers that are made to cost time or memory. No program writes larger
// values.
#define CAP_LUKS_KEY_BYTES UINT32_C(64)   // two keys of 256 bits, for mode xts
#define CAP_LUKS_STRIPES   UINT32_C(4000) // what all writers use
// For all key slots that are tried and the master key, together: 8 to 20 seconds, depending on the
// hash. Programs that write images aim at 2 seconds a slot; a user can raise this cap.
#define CAP_LUKS_ITERATIONS UINT32_C(50000000)

// Ours: an extension that is longer is listed without its content.
#define CAP_EXTENSION_DATA UINT32_C(4096)

// Ours: bytes of the names of all snapshots, or of all bitmaps, that are read. This is 128 bytes
// for each of the largest possible number of them; a table with 64 MiB of names would make hundreds
// of MiB of output.
#define CAP_NAMES_BYTES UINT64_C(8388608)

#endif
