// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/probe.h"

#include "base/checked.h"
#include "format/layout.h"
#include "format/problem.h"
#include "image/device_mark.h"
#include "image/disk_format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_SIZE = 512 };

// Bytes at the end that are searched for footers of disks: QEMU rounds the length of a file up to a
// sector and reads the last sector, for a DMG also any byte of the sector before it, and Virtual PC
// has written footers of 511 bytes.
enum { FOOTERS_SIZE = 2 * SECTOR_SIZE - 1 };

// Pointer files of programs that store large files elsewhere are shorter than this.
enum { STAND_SIZE = 1024 };

enum place {
    STAND,  // a text of less than STAND_SIZE bytes that stands for a file, at the start
    START,  // anything else
    FOOTER, // in the last FOOTERS_SIZE bytes, and not within the last 510
    TAIL,   // counted from the start of the last 512 bytes
};

#define MAGIC(place, offset, string, name)              \
    {                                                   \
        place, offset, sizeof(string) - 1, string, name \
    }

static const char minix[] = "a Minix file system";
static const char sysv[] = "a System V file system";
static const char suspended[] = "Linux swap space with a suspended system";

// At the end of a page of 4 KiB to 64 KiB.
#define PAGE_MAGICS(string, name)                                               \
    MAGIC(START, 0xff6, string, name), MAGIC(START, 0x1ff6, string, name),      \
        MAGIC(START, 0x3ff6, string, name), MAGIC(START, 0x7ff6, string, name), \
        MAGIC(START, 0xfff6, string, name)

// The first row that fits counts, behind the disk images that QEMU finds: what wraps them, then
// what a raw disk may begin with. A fixed VHD is a raw disk with a footer, so it comes before
// those.
static const struct magic {
    enum place place;
    uint32_t offset;
    size_t size;
    const char *bytes;
    const char *name;
} magics[] = {
    MAGIC(FOOTER, 0, "conectix", "a VHD (vpc) disk of fixed size"),
    MAGIC(FOOTER, 0, "koly", "an Apple disk image (DMG)"),
    MAGIC(STAND, 0, "version https://git-lfs.github.com/spec/",
          "a Git LFS pointer: fetch the file with git lfs pull"),
    MAGIC(STAND, 0, "version https://hawser.github.com/spec/",
          "a Git LFS pointer: fetch the file with git lfs pull"),
    MAGIC(STAND, 0, "/annex/objects/", "a git-annex pointer: fetch the file with git annex get"),
    MAGIC(START, 0, "# Disk DescriptorFile", "a VMDK descriptor"),
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
    MAGIC(START, 1024, "H+", "an HFS+ file system"),
    MAGIC(START, 0, "XFSB", "an XFS file system"),
    MAGIC(START, 0x10040, "_BHRfS_M", "a Btrfs file system"),
    MAGIC(START, 3, "NTFS    ", "an NTFS file system"),
    MAGIC(START, 54, "FAT1", "a FAT file system"),
    MAGIC(START, 82, "FAT32", "a FAT file system"),
    MAGIC(START, 1024, "HX", "an HFS+ file system"),
    MAGIC(START, 3, "EXFAT   ", "an exFAT file system"),
    MAGIC(START, 1024, "\x10\x20\xf5\xf2", "an F2FS file system"),
    MAGIC(START, 1024, "\xe2\xe1\xf5\xe0", "an EROFS file system"),
    MAGIC(START, 0x2034, "ReIsEr", "a ReiserFS file system"),
    MAGIC(START, 0x10034, "ReIsEr", "a ReiserFS file system"),
    MAGIC(START, 0x2014, "ReIsEr", "a ReiserFS file system"), // the first versions
    MAGIC(START, 0x10000, "ReIsEr4", "a Reiser4 file system"),
    MAGIC(START, 0x8000, "JFS1", "a JFS file system"),
    MAGIC(START, 0x10000, "\x01\x16\x19\x70", "a GFS2 file system"),
    MAGIC(START, 0x1018, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca", "a bcache or bcachefs device"),
    // In blocks of 512 bytes to 4 KiB.
    MAGIC(START, 0x400, "OCFSV2", "an OCFS2 file system"),
    MAGIC(START, 0x800, "OCFSV2", "an OCFS2 file system"),
    MAGIC(START, 0x1000, "OCFSV2", "an OCFS2 file system"),
    MAGIC(START, 0x2000, "OCFSV2", "an OCFS2 file system"),
    MAGIC(START, 0x2000, "OracleCFS", "an OCFS file system"),
    MAGIC(START, 512, "\x57\x45\x56\x82", "a raw disk with a BSD label"),
    // Minix of versions 1, 2 and 3, in both orders of bytes, with names of 14 and 30 bytes.
    MAGIC(START, 0x410, "\x7f\x13", minix),
    MAGIC(START, 0x410, "\x8f\x13", minix),
    MAGIC(START, 0x410, "\x13\x7f", minix),
    MAGIC(START, 0x410, "\x13\x8f", minix),
    MAGIC(START, 0x410, "\x68\x24", minix),
    MAGIC(START, 0x410, "\x78\x24", minix),
    MAGIC(START, 0x410, "\x24\x68", minix),
    MAGIC(START, 0x410, "\x24\x78", minix),
    MAGIC(START, 0x418, "\x5a\x4d", minix),
    MAGIC(START, 0x418, "\x4d\x5a", minix),
    MAGIC(START, 32777, "CDROM", "a High Sierra image"),
    MAGIC(START, 32769, "BOOT2", "a UDF file system"),
    MAGIC(START, 32769, "CDW02", "a UDF file system"),
    MAGIC(START, 32769, "TEA01", "a UDF file system"),
    MAGIC(START, 32769, "NSR0", "a UDF file system"),
    MAGIC(START, 36865, "NSR0", "a UDF file system"), // in sectors of 4 KiB
    MAGIC(START, 1024, "BD", "an HFS file system"),
    MAGIC(START, 8192, "\x49\xe8\x95\xf9", "an HPFS file system"),
    MAGIC(START, 512, "\x45\x3d\xcd\x28", "a cramfs file system"),
    MAGIC(START, 512, "\x28\xcd\x3d\x45", "a cramfs file system"),
    MAGIC(START, 0x220, "BFS1", "a BeFS file system"),
    MAGIC(START, 0x220, "1SFB", "a BeFS file system"),
    MAGIC(START, 4096, "SPB5", "a NetWare file system"),
    MAGIC(START, 1024, "\xf5\xfc\x01\xa5", "a VxFS file system"),
    MAGIC(START, 1024, "\xa5\x01\xfc\xf5", "a VxFS file system"),
    MAGIC(START, 8192, "\xf5\xfc\x01\xa5", "a VxFS file system"), // of HP-UX
    MAGIC(START, 8192, "\xa5\x01\xfc\xf5", "a VxFS file system"),
    MAGIC(START, 0x3f8, "\x20\x7e\x18\xfd", sysv),
    MAGIC(START, 0x3f8, "\xfd\x18\x7e\x20", sysv),
    MAGIC(START, 0x27f8, "\x20\x7e\x18\xfd", sysv),
    MAGIC(START, 0x27f8, "\xfd\x18\x7e\x20", sysv),
    MAGIC(START, 0x3ff8, "\x20\x7e\x18\xfd", sysv),
    MAGIC(START, 0x3ff8, "\xfd\x18\x7e\x20", sysv),
    MAGIC(START, 0x4bf8, "\x20\x7e\x18\xfd", sysv),
    MAGIC(START, 0x4bf8, "\xfd\x18\x7e\x20", sysv),
    MAGIC(START, 0x7f8, "\x2b\x55\x44", "a Xenix file system"),
    MAGIC(START, 0x7f8, "\x44\x55\x2b", "a Xenix file system"),
    MAGIC(START, 0x800, "\x2b\x55\x44", "a Xenix file system"),
    MAGIC(START, 0x800, "\x44\x55\x2b", "a Xenix file system"),
    MAGIC(START, 32, "NXSB", "an APFS container"),
    MAGIC(START, 32, "ORCLDISK", "an Oracle ASM disk"),
    MAGIC(START, 516, "!Stra0tis\x86\xff\x02^\x41rh", "a member of a Stratis pool"),
    MAGIC(START, 4612, "!Stra0tis\x86\xff\x02^\x41rh", "a member of a Stratis pool"),
    PAGE_MAGICS("SWAP-SPACE", "Linux swap space"),
    PAGE_MAGICS("SWAPSPACE2", "Linux swap space"),
    PAGE_MAGICS("S1SUSPEND", suspended),
    PAGE_MAGICS("S2SUSPEND", suspended),
    PAGE_MAGICS("ULSUSPEND", suspended),
    PAGE_MAGICS("LINHIB0001", suspended),
    PAGE_MAGICS("\xed\xc3\x02\xe9\x98\x56\xe5\x0c", suspended),
    MAGIC(START, 16384 - 72, "\x57\x29\x03\0\1\0\0\0", "a raw disk with an Ultrix label"),
    MAGIC(START, 4640, "\xf0\x16\x78\x5a", "a member of a HighPoint RAID"),
    MAGIC(START, 4640, "\xfd\x16\x78\x5a", "a member of a HighPoint RAID"),
    MAGIC(START, 508, "\xda\xbe", "a raw disk with a Sun label"),
    MAGIC(START, 524, "\xee\xde\x0d\x60", "a raw disk with a Solaris label"),
    // Where the label is, and where libblkid searches for it.
    MAGIC(START, 14852, "\x0d\x60\xe5\xca", "a raw disk with a UnixWare label"),
    MAGIC(START, 29174, "\x0d\x60\xe5\xca", "a raw disk with a UnixWare label"),
    MAGIC(START, 512, "PM\0\0", "a raw disk with an Apple partition map"),
    // Its label is in one of the first four sectors.
    MAGIC(START, 24, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 536, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 1048, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 1560, "LVM2 001", "an LVM physical volume"),
    MAGIC(START, 4096, "\xfc\x4e\x2b\xa9", "a member of a Linux RAID"),
    MAGIC(START, 510, "\x55\xaa", "a raw disk with a boot sector"),
    // Second copies, for programs that search for them when the first is missing.
    MAGIC(START, 0x4000, "SKUL\xba\xbe", "a LUKS volume"),
    MAGIC(START, 0x8000, "SKUL\xba\xbe", "a LUKS volume"),
    MAGIC(START, 0x10000, "SKUL\xba\xbe", "a LUKS volume"),
    MAGIC(TAIL, TAIL_SIZE - 22, "PK\5\6", "a zip archive"),
};

// Beside the rows: disk_format_find(), find_zip_comment(), find_old_tar(), find_atari().
enum { FINDERS = 4 };

_Static_assert(sizeof magics / sizeof *magics + FINDERS + DEVICE_MARKS_MAX <= PROBE_MARKS_MAX,
               "there is room for all marks");

static bool fits(const struct magic *magic, struct bytes where)
{
    struct bytes view;
    return bytes_view(where, magic->offset, magic->size, &view) && view.size > 0 &&
           memcmp(view.data, magic->bytes, magic->size) == 0;
}

// The first and the last bytes of a file.
struct ends {
    struct bytes start, end;
    uint64_t size; // of the file
};

static bool find_footer(const struct magic *magic, const struct ends *ends, struct probe_mark *mark)
{
    uint64_t length = align_down(ends->size + SECTOR_SIZE - 1, SECTOR_SIZE);
    uint64_t first = length - min_u64(length, FOOTERS_SIZE);
    uint64_t last = max_u64(length - min_u64(length, SECTOR_SIZE),
                            ends->size - min_u64(ends->size, SECTOR_SIZE - 1));
    uint64_t start = ends->size - ends->end.size;
    for (uint64_t at = max_u64(first, start); at <= last; at++) {
        if (fits(magic, bytes_from(ends->end, (size_t)(at - start)))) {
            *mark = (struct probe_mark){magic->name, at, magic->size};
            return true;
        }
    }
    return false;
}

static bool find_row(const struct magic *magic, const struct ends *ends, struct probe_mark *mark)
{
    struct bytes where = ends->start;
    uint64_t base = 0;
    if (magic->place == FOOTER) {
        return find_footer(magic, ends, mark);
    }
    if (magic->place == TAIL) {
        if (ends->end.size < TAIL_SIZE) {
            return false;
        }
        where = bytes_from(ends->end, ends->end.size - TAIL_SIZE);
        base = ends->size - TAIL_SIZE;
    }
    *mark = (struct probe_mark){magic->name, base + magic->offset, magic->size};
    return fits(magic, where) && (magic->place != STAND || ends->size < STAND_SIZE);
}

static struct bytes bytes_up_to(struct bytes bytes, size_t size)
{
    return (struct bytes){bytes.data, min_u64(bytes.size, size)};
}

static const char *find_magic(const struct ends *ends)
{
    struct probe_mark mark;
    if (disk_format_find(bytes_up_to(ends->start, DISK_FORMAT_SIZE), &mark)) {
        return mark.name;
    }
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (find_row(&magics[i], ends, &mark)) {
            return mark.name;
        }
    }
    return NULL;
}

// The name of the first mark of these kinds that the file has.
static const char *find_at_start(struct source *source, enum place place)
{
    struct error ignored;
    uint8_t buffer[SECTOR_SIZE];
    struct bytes start = {buffer, min_u64(sizeof buffer, source->size)};
    if (!source_read(source, 0, buffer, start.size, &ignored)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (magics[i].place == place && fits(&magics[i], start)) {
            return magics[i].name;
        }
    }
    return NULL;
}

// The first bytes of a file, as QEMU probes them: filled up with zeros. False when a read failed.
static bool read_probed(struct source *source, uint8_t buffer[DISK_FORMAT_SIZE])
{
    struct error ignored;
    memset(buffer, 0, DISK_FORMAT_SIZE);
    return source_read(source, 0, buffer, (size_t)min_u64(DISK_FORMAT_SIZE, source->size),
                       &ignored);
}

const char *probe_other_format(struct source *source, const char *path)
{
    uint8_t buffer[DISK_FORMAT_SIZE];
    struct probe_mark mark;
    if (!read_probed(source, buffer)) {
        return NULL;
    }
    const struct bytes start = {buffer, sizeof buffer};
    return disk_format_find(start, &mark) ? mark.name : disk_format_of_name(path);
}

bool probe_finds_qcow2(struct source *source)
{
    uint8_t buffer[DISK_FORMAT_SIZE];
    if (!read_probed(source, buffer)) {
        return false;
    }
    const struct bytes start = {buffer, sizeof buffer};
    return bytes_be32(start, HEADER_MAGIC) == QCOW2_MAGIC && bytes_be32(start, HEADER_VERSION) >= 2;
}

const char *probe_stand_in(struct source *source)
{
    return source->size < STAND_SIZE ? find_at_start(source, STAND) : NULL;
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

static const char *find_device_mark(struct source *source)
{
    struct probe_mark marks[DEVICE_MARKS_MAX];
    struct error ignored;
    size_t count;
    return device_marks(source, marks, &count, &ignored) && count > 0 ? marks[0].name : NULL;
}

const char *probe_describe(struct source *source)
{
    struct error ignored;
    uint8_t tail[FOOTERS_SIZE];
    size_t tail_size = source_complete(source) ? min_u64(sizeof tail, source->size) : 0;
    size_t size = min_u64(PROBE_SIZE, source->size);
    uint8_t *start = malloc(PROBE_SIZE);
    const char *name = "raw data";
    if (size == 0) {
        name = "an empty file";
    } else if (start && source_read(source, 0, start, size, &ignored) &&
               source_read(source, source->size - tail_size, tail, tail_size, &ignored)) {
        const struct ends ends = {{start, size}, {tail, tail_size}, source->size};
        const char *found = find_magic(&ends);
        found = found ? found : find_device_mark(source);
        bool zeros = all_zeros((struct bytes){start, size});
        const char *of_zeros =
            size == source->size ? "nothing but zeros" : "raw data, zeros at first";
        name = found ? found : zeros ? of_zeros : name;
    }
    free(start);
    return name;
}

// --- Marks of a file that begins as a qcow2 image does -------------------------------------------

// The end record of a zip archive has the length of the comment that follows it.
enum {
    ZIP_END_SIZE = 22,
    ZIP_END_COMMENT_SIZE = 20, // little-endian
    ZIP_COMMENT_MAX = 65535,
    END_SIZE = ZIP_END_SIZE + ZIP_COMMENT_MAX,
};

static bool find_zip_comment(const struct ends *ends, struct probe_mark *mark)
{
    struct bytes record;
    for (size_t at = 0; bytes_view(ends->end, at, ZIP_END_SIZE, &record); at++) {
        size_t comment = (size_t)bytes_u8(record, ZIP_END_COMMENT_SIZE) |
                         (size_t)bytes_u8(record, ZIP_END_COMMENT_SIZE + 1) << 8;
        if (comment > 0 && at + ZIP_END_SIZE + comment == ends->end.size &&
            memcmp(record.data, "PK\5\6", 4) == 0) {
            uint64_t offset = ends->size - ends->end.size + at;
            *mark = (struct probe_mark){"a zip archive with a comment", offset, 4};
            return true;
        }
    }
    return false;
}

// Old tar archives have no magic but a checksum in the first header, which is computed with blanks
// in place of itself.
static bool find_old_tar(const struct ends *ends, struct probe_mark *mark)
{
    enum { CHECKSUM = 148, CHECKSUM_SIZE = 8 };
    struct bytes header;
    unsigned sum = 0;
    unsigned number = 0;
    if (!bytes_view(ends->start, 0, SECTOR_SIZE, &header)) {
        return false;
    }
    for (size_t i = 0; i < header.size; i++) {
        bool counted = i < CHECKSUM || i >= CHECKSUM + CHECKSUM_SIZE;
        sum += counted ? header.data[i] : (uint8_t)' ';
    }
    for (size_t i = CHECKSUM; i < CHECKSUM + CHECKSUM_SIZE; i++) {
        uint8_t byte = header.data[i];
        number = byte >= '0' && byte <= '7' ? number * 8 + (byte - '0') : number;
    }
    *mark = (struct probe_mark){"a tar archive of the old kind", CHECKSUM, CHECKSUM_SIZE};
    return number == sum;
}

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

// An Atari partition table has no magic: one of four partitions is in use, has an id, and ends
// where the disk does or before.
static bool find_atari(const struct ends *ends, struct probe_mark *mark)
{
    enum { DISK_SIZE = 0x1c2, PARTITIONS = 0x1c6, PARTITION_SIZE = 12, COUNT = 4 };
    enum { FLAGS = 0, ID = 1, FIRST = 4, SECTORS = 8, IN_USE = 1 };
    uint64_t disk = bytes_be32(ends->start, DISK_SIZE); // sectors
    if (ends->size < SECTOR_SIZE || disk > ends->size / SECTOR_SIZE) {
        return false;
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct bytes entry = bytes_from(ends->start, PARTITIONS + i * PARTITION_SIZE);
        uint64_t end = (uint64_t)bytes_be32(entry, FIRST) + bytes_be32(entry, SECTORS);
        if ((bytes_u8(entry, FLAGS) & IN_USE) && end <= disk &&
            is_alphanumeric(bytes_u8(entry, ID)) && is_alphanumeric(bytes_u8(entry, ID + 1)) &&
            is_alphanumeric(bytes_u8(entry, ID + 2))) {
            *mark = (struct probe_mark){"a raw disk with an Atari partition table",
                                        PARTITIONS + i * PARTITION_SIZE, PARTITION_SIZE};
            return true;
        }
    }
    return false;
}

// The buffer has room for both ends.
static bool read_ends(struct source *source, uint8_t *buffer, struct ends *ends,
                      struct error *error)
{
    size_t start = min_u64(PROBE_SIZE, source->size);
    size_t end = source_complete(source) ? min_u64(END_SIZE, source->size) : 0;
    *ends = (struct ends){{buffer, start}, {buffer + PROBE_SIZE, end}, source->size};
    return source_read(source, 0, buffer, start, error) &&
           source_read(source, source->size - end, buffer + PROBE_SIZE, end, error);
}

bool probe_marks(struct source *source, struct probe_mark marks[PROBE_MARKS_MAX], size_t *count,
                 struct error *error)
{
    struct ends ends;
    uint8_t *buffer = malloc(PROBE_SIZE + END_SIZE);
    *count = 0;
    if (!buffer) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    bool read = read_ends(source, buffer, &ends, error);
    for (size_t i = 0; read && i < sizeof magics / sizeof *magics; i++) {
        *count += find_row(&magics[i], &ends, &marks[*count]);
    }
    if (read) {
        *count += disk_format_find(bytes_up_to(ends.start, DISK_FORMAT_SIZE), &marks[*count]);
        *count += find_zip_comment(&ends, &marks[*count]);
        *count += find_old_tar(&ends, &marks[*count]);
        *count += find_atari(&ends, &marks[*count]);
    }
    free(buffer);
    size_t of_devices = 0;
    read = read && device_marks(source, &marks[*count], &of_devices, error);
    *count += of_devices;
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
        return error_set(error, ERROR_NOT_QCOW2,
                         "not a qcow2 image: only %" PRIu64 " bytes, too short for a header; it "
                         "looks like %s",
                         source->size, what);
    }
    return error_set(error, ERROR_NOT_QCOW2, "not a qcow2 image: it looks like %s", what);
}
