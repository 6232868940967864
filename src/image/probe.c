// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/probe.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_SIZE = 512 };

enum place {
    DISK,  // a format of disk images that QEMU finds by these bytes, at the start
    START, // anything else
    TAIL,  // counted from the start of the last 512 bytes
};

#define MAGIC(place, offset, string, name)              \
    {                                                   \
        place, offset, sizeof(string) - 1, string, name \
    }

// The first row that fits counts: disk images first, then what wraps them, then what a raw disk
// may begin with. A fixed VHD is a raw disk with a footer, so it comes before those.
static const struct magic {
    enum place place;
    uint32_t offset;
    size_t size;
    const char *bytes;
    const char *name;
} magics[] = {
    MAGIC(DISK, 0, "QFI\xfb\0\0\0\1", "a qcow image of version 1"),
    MAGIC(DISK, 0, "KDMV", "a VMDK disk"),
    MAGIC(DISK, 0, "COWD", "a VMDK disk of the old sparse kind"),
    MAGIC(DISK, 0, "# Disk DescriptorFile", "a VMDK descriptor"),
    MAGIC(DISK, 0, "vhdxfile", "a VHDX disk"),
    MAGIC(DISK, 0, "conectix", "a VHD (vpc) disk"),
    MAGIC(TAIL, 0, "conectix", "a VHD (vpc) disk of fixed size"),
    MAGIC(DISK, 0x40, "\x7f\x10\xda\xbe", "a VDI disk"),
    MAGIC(DISK, 0, "QED\0", "a QED disk"),
    MAGIC(DISK, 0, "WithoutFreeSpace", "a Parallels disk"),
    MAGIC(DISK, 0, "WithouFreSpacExt", "a Parallels disk"),
    MAGIC(DISK, 0, "LUKS\xba\xbe", "a LUKS volume"),
    MAGIC(TAIL, 0, "koly", "an Apple disk image (DMG)"),
    MAGIC(START, 0, "shdw", "an Apple sparse image (ASIF)"),
    MAGIC(START, 0, "\x1f\x8b", "a gzip file"),
    MAGIC(START, 0, "BZh", "a bzip2 file"),
    MAGIC(START, 0,
          "\xfd"
          "7zXZ\0",
          "an xz file"),
    MAGIC(START, 0, "\x28\xb5\x2f\xfd", "a zstd file"),
    MAGIC(START, 0, "\x04\x22\x4d\x18", "an LZ4 file"),
    MAGIC(START, 0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    MAGIC(START, 0, "PK\3\4", "a zip archive"),
    MAGIC(START, 257, "ustar", "a tar archive (an OVA is one)"),
    MAGIC(START, 0,
          "\x7f"
          "ELF",
          "an ELF program"),
    MAGIC(START, 0, "%PDF-", "a PDF document"),
    MAGIC(START, 0, "#!", "a script"),
    MAGIC(START, 0, "<?xml", "an XML document"),
    MAGIC(START, 0, "<!DOCTYPE", "a web page"),
    MAGIC(START, 0, "<!doctype", "a web page"),
    MAGIC(START, 0, "<html", "a web page"),
    MAGIC(START, 32769, "CD001", "an ISO 9660 image"),
    MAGIC(START, 32769, "BEA01", "a UDF file system"),
    MAGIC(START, 34817, "NSR0", "a UDF file system"),
    MAGIC(START, 0, "hsqs", "a squashfs file system"),
    MAGIC(START, 512, "EFI PART", "a raw disk with a GPT partition table"),
    MAGIC(START, 4096, "EFI PART", "a raw disk with a GPT partition table"),
    MAGIC(START, 1080, "\x53\xef", "an ext2, ext3 or ext4 file system"),
    MAGIC(START, 1024, "H+\0\4", "an HFS+ file system"),
    MAGIC(START, 0, "XFSB", "an XFS file system"),
    MAGIC(START, 0x10040, "_BHRfS_M", "a Btrfs file system"),
    MAGIC(START, 3, "NTFS    ", "an NTFS file system"),
    MAGIC(START, 54, "FAT1", "a FAT file system"),
    MAGIC(START, 82, "FAT32", "a FAT file system"),
    MAGIC(START, 4086, "SWAPSPACE2", "Linux swap space"),
    // Its label is in one of the first four sectors.
    MAGIC(START, 24, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 536, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 1048, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 1560, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 4096, "\xfc\x4e\x2b\xa9", "a member of a Linux RAID"),
    MAGIC(START, 510, "\x55\xaa", "a raw disk with a boot sector"),
    // Second copies, which are looked for when the first is not there.
    MAGIC(START, 0x4000, "SKUL\xba\xbe", "a LUKS volume"),
    MAGIC(START, 0x8000, "SKUL\xba\xbe", "a LUKS volume"),
    MAGIC(START, 0x10000, "SKUL\xba\xbe", "a LUKS volume"),
    MAGIC(TAIL, TAIL_SIZE - 22, "PK\5\6", "a zip archive"),
};

_Static_assert(sizeof magics / sizeof *magics <= PROBE_MARKS_MAX, "all marks can be told");

static bool fits(const struct magic *magic, struct bytes where)
{
    struct bytes view;
    return bytes_view(where, magic->offset, magic->size, &view) &&
           memcmp(view.data, magic->bytes, magic->size) == 0;
}

static const char *find_magic(struct bytes start, struct bytes tail)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (fits(&magics[i], magics[i].place == TAIL ? tail : start)) {
            return magics[i].name;
        }
    }
    return NULL;
}

const char *probe_other_format(struct source *source)
{
    struct error ignored;
    uint8_t buffer[SECTOR_SIZE];
    struct bytes start = {buffer, min_u64(sizeof buffer, source->size)};
    if (!source_read(source, 0, buffer, start.size, &ignored)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (magics[i].place == DISK && fits(&magics[i], start)) {
            return magics[i].name;
        }
    }
    return NULL;
}

static bool all_zeros(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] != 0) {
            return false;
        }
    }
    return true;
}

const char *probe_describe(struct source *source)
{
    struct error ignored;
    uint8_t tail[TAIL_SIZE];
    size_t tail_size = source->complete && source->size >= sizeof tail ? sizeof tail : 0;
    size_t size = min_u64(PROBE_SIZE, source->size);
    uint8_t *start = malloc(PROBE_SIZE);
    const char *name = "raw data";
    if (size == 0) {
        name = "an empty file";
    } else if (start && source_read(source, 0, start, size, &ignored) &&
               source_read(source, source->size - tail_size, tail, tail_size, &ignored)) {
        const char *found =
            find_magic((struct bytes){start, size}, (struct bytes){tail, tail_size});
        bool zeros = all_zeros((struct bytes){start, size});
        const char *of_zeros =
            size == source->size ? "nothing but zeros" : "raw data, zeros at first";
        name = found ? found : zeros ? of_zeros : name;
    }
    free(start);
    return name;
}

bool probe_marks(struct source *source, struct probe_mark marks[PROBE_MARKS_MAX], size_t *count,
                 struct error *error)
{
    uint8_t tail[TAIL_SIZE];
    size_t tail_size = source->complete && source->size >= sizeof tail ? sizeof tail : 0;
    size_t size = min_u64(PROBE_SIZE, source->size);
    uint8_t *start = malloc(PROBE_SIZE);
    bool read = start ? source_read(source, 0, start, size, error) &&
                            source_read(source, source->size - tail_size, tail, tail_size, error)
                      : error_set(error, ERROR_MEMORY, "out of memory");
    *count = 0;
    for (size_t i = 0; read && i < sizeof magics / sizeof *magics; i++) {
        const struct magic *magic = &magics[i];
        bool in_tail = magic->place == TAIL;
        struct bytes where =
            in_tail ? (struct bytes){tail, tail_size} : (struct bytes){start, size};
        if (fits(magic, where)) {
            uint64_t base = in_tail ? source->size - tail_size : 0;
            marks[(*count)++] = (struct probe_mark){magic->name, base + magic->offset, magic->size};
        }
    }
    free(start);
    return read;
}

bool probe_qcow2(struct source *source, struct error *error)
{
    uint8_t buffer[HEADER_VERSION + 4] = {0};
    const struct bytes start = {buffer, min_u64(sizeof buffer, source->size)};
    if (!source_read(source, 0, buffer, start.size, error)) {
        return false;
    }
    if (bytes_be32(start, HEADER_MAGIC) == QCOW2_MAGIC &&
        (start.size < sizeof buffer || bytes_be32(start, HEADER_VERSION) >= 2)) {
        return true;
    }
    const char *what = probe_describe(source);
    if (source->size > 0 && source->size < HEADER_LENGTH_V2) {
        return error_set(error, PROBLEM_NOT_QCOW2,
                         "not a qcow2 image: only %" PRIu64 " bytes, too short for a header; it "
                         "looks like %s",
                         source->size, what);
    }
    return error_set(error, PROBLEM_NOT_QCOW2, "not a qcow2 image: it looks like %s", what);
}
