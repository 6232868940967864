// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What files are taken for: the marks are those of the formats, drawn into files of zeros.

#include "image/probe.h"

#include "unit.h"
#include "watched.h"

#include <string.h>

enum { FILE_SIZE = 512 * 1024, SECTOR = 512 };

static uint8_t file[FILE_SIZE];
static struct watched source;

// A file of zeros.
static void make_file(uint64_t size)
{
    memset(file, 0, sizeof file);
    source = watched_make(file, sizeof file);
    source.base.size = size;
}

#define PUT(offset, string) memcpy(file + (offset), (string), sizeof(string) - 1)

static const char *describe(void)
{
    return probe_describe(&source.base);
}

static bool contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

// ---- Formats that are known by bytes at a place ------------------------------------------------

struct format {
    uint64_t offset;
    size_t size;
    const char *mark;
    const char *name;
    bool disk; // QEMU finds it by this mark when no format is named
};

#define MARK(offset, mark, name, disk)             \
    {                                              \
        offset, sizeof(mark) - 1, mark, name, disk \
    }

static const struct format formats[] = {
    MARK(0, "QFI\xfb\0\0\0\1", "qcow image of version 1", true),
    MARK(0, "KDMV\1\0\0\0", "VMDK", true), // a sparse extent
    MARK(0, "COWD\1\0\0\0", "VMDK", true), // one of ESX
    MARK(0, "# Disk DescriptorFile\nversion=1\n", "VMDK", true),
    MARK(0, "vhdxfile", "VHDX", true),
    MARK(0, "conectix", "VHD", true), // a dynamic one begins with a copy of its footer
    MARK(64, "\x7f\x10\xda\xbe", "VDI", true),
    MARK(0, "QED\0", "QED", true),
    MARK(0, "WithoutFreeSpace\2\0\0\0", "Parallels", true), // its only version
    MARK(0, "WithouFreSpacExt\2\0\0\0", "Parallels", true),
    MARK(0, "LUKS\xba\xbe\0\1", "LUKS", true),
    MARK(0, "LUKS\xba\xbe\0\2", "LUKS", true),
    MARK(0, "shdw", "ASIF", false),
    MARK(0, "\x1f\x8b\x08", "gzip", false),
    MARK(0, "BZh91AY&SY", "bzip2", false),
    MARK(0, "\xfd\x37\x7a\x58\x5a\0", "xz", false),
    MARK(0, "\x28\xb5\x2f\xfd", "zstd", false),
    MARK(0, "\x04\x22\x4d\x18", "LZ4", false),
    MARK(0, "7z\xbc\xaf\x27\x1c", "7-Zip", false),
    MARK(0, "PK\x03\x04", "zip", false),
    MARK(257,
         "ustar\0"
         "00",
         "tar", false),
    MARK(257, "ustar  \0", "tar", false), // of GNU
    MARK(0, "\x7f\x45LF\2\1\1", "ELF", false),
    MARK(0, "%PDF-1.7", "PDF", false),
    MARK(0, "#!/bin/sh\n", "script", false),
    MARK(0, "<?xml version=\"1.0\"?>", "XML", false),
    MARK(0, "<!DOCTYPE html>", "web page", false),
    MARK(0, "<!doctype html>", "web page", false),
    MARK(0, "<html>", "web page", false),
    // The first descriptor of a volume is in sector 16, of 2048 bytes, behind a byte for its type.
    MARK(16 * 2048 + 1, "CD001\1", "ISO 9660", false),
    MARK(16 * 2048 + 1, "BEA01\1", "UDF", false),
    MARK(17 * 2048 + 1, "NSR02\1", "UDF", false),
    MARK(17 * 2048 + 1, "NSR03\1", "UDF", false),
    MARK(0, "hsqs", "squashfs", false),
    // The header of a GPT is in sector 1, of 512 or 4096 bytes.
    MARK(512, "EFI PART\0\0\1\0", "GPT", false),
    MARK(4096, "EFI PART\0\0\1\0", "GPT", false),
    MARK(1024 + 56, "\x53\xef", "ext4", false), // magic 0xef53 of a superblock at 1024
    MARK(1024, "H+", "HFS+", false),
    MARK(1024, "HX", "HFS+", false),
    MARK(0, "XFSB", "XFS", false),
    MARK(65536 + 64, "_BHRfS_M", "Btrfs", false),
    MARK(3, "NTFS    ", "NTFS", false),
    MARK(3, "EXFAT   ", "exFAT", false),
    MARK(54, "FAT12   ", "FAT", false),
    MARK(54, "FAT16   ", "FAT", false),
    MARK(82, "FAT32   ", "FAT", false),
    MARK(1024, "\x10\x20\xf5\xf2", "F2FS", false),
    MARK(1024, "\xe2\xe1\xf5\xe0", "EROFS", false),
    MARK(65536 + 52, "ReIsErFs", "ReiserFS", false),
    MARK(65536 + 52, "ReIsEr2Fs", "ReiserFS", false),
    MARK(8192 + 52, "ReIsErFs", "ReiserFS", false),
    MARK(65536, "ReIsEr4", "Reiser4", false),
    MARK(32768, "JFS1", "JFS", false),
    MARK(65536, "\x01\x16\x19\x70", "GFS2", false),
    MARK(4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcache",
         false),
    MARK(2 * 512, "OCFSV2", "OCFS2", false), // in block 2
    MARK(2 * 4096, "OCFSV2", "OCFS2", false),
    MARK(8192 + 1372, "\x54\x19\x01\0", "UFS", false),    // UFS1 in little endian
    MARK(65536 + 1372, "\x19\x01\x54\x19", "UFS", false), // UFS2
    MARK(512, "\x57\x45\x56\x82", "BSD", false),          // DISKMAGIC
    MARK(4096 - 10, "SWAPSPACE2", "swap", false),         // at the end of a page
    MARK(16384 - 10, "SWAPSPACE2", "swap", false),
    MARK(65536 - 10, "SWAPSPACE2", "swap", false),
    MARK(512 + 24, "LVM2 001", "LVM", false), // the label is in one of the first four sectors
    MARK(3 * 512 + 24, "LVM2 001", "LVM", false),
    MARK(4096, "\xfc\x4e\x2b\xa9\1\0\0\0", "RAID", false), // version 1.2
    MARK(510, "\x55\xaa", "boot sector", false),
    MARK(1024 + 16, "\x7f\x13", "Minix", false), // 0x137f, and so on
    MARK(1024 + 16, "\x13\x8f", "Minix", false),
    MARK(1024 + 16, "\x68\x24", "Minix", false),
    MARK(1024 + 16, "\x24\x78", "Minix", false),
    MARK(1024 + 24, "\x5a\x4d", "Minix", false),
    MARK(16 * 2048 + 9, "CDROM\1", "High Sierra", false),
    MARK(16 * 2048 + 1, "BOOT2\1", "UDF", false),
    MARK(16 * 2048 + 1, "CDW02\1", "UDF", false),
    MARK(16 * 2048 + 1, "TEA01\1", "UDF", false),
    MARK(16 * 2048 + 4096 + 1, "NSR03\1", "UDF", false),
    MARK(1024, "BD", "HFS", false),
    MARK(8192, "\x49\xe8\x95\xf9", "HPFS", false),
    MARK(512, "\x45\x3d\xcd\x28", "cramfs", false),
    MARK(512 + 32, "BFS1", "BeFS", false),
    MARK(4096, "SPB500", "NetWare", false),
    MARK(1024, "\xf5\xfc\x01\xa5", "VxFS", false),
    MARK(512 + 504, "\x20\x7e\x18\xfd", "System V", false), // 0xfd187e20
    MARK(9 * 1024 + 512 + 504, "\x20\x7e\x18\xfd", "System V", false),
    MARK(15 * 1024 + 512 + 504, "\xfd\x18\x7e\x20", "System V", false),
    MARK(18 * 1024 + 512 + 504, "\xfd\x18\x7e\x20", "System V", false),
    MARK(1024 + 1016, "\x2b\x55\x44", "Xenix", false),
    MARK(2048, "\x2b\x55\x44", "Xenix", false),
    MARK(2048, "\x44\x55\x2b", "Xenix", false),
    MARK(32, "NXSB", "APFS", false),
    MARK(32, "ORCLDISK", "Oracle", false),
    MARK(512 + 4, "!Stra0tis\x86\xff\x02^\x41rh", "Stratis", false), // sectors 1 and 9
    MARK(9 * 512 + 4, "!Stra0tis\x86\xff\x02^\x41rh", "Stratis", false),
    MARK(8192 + 20, "ReIsErFs", "ReiserFS", false),
    MARK(8192, "OracleCFS", "OCFS", false),
    MARK(8192, "\xa5\x01\xfc\xf5", "VxFS", false),
    MARK(32769, "NSR02", "UDF", false),
    MARK(524, "\xee\xde\x0d\x60", "Solaris", false), // 0x600ddeee
    MARK(29174, "\x0d\x60\xe5\xca", "UnixWare", false),
    MARK(4096 - 10, "SWAP-SPACE", "swap", false),
    MARK(65536 - 10, "SWAP-SPACE", "swap", false),
    MARK(4096 - 10, "S1SUSPEND\0", "suspended", false),
    MARK(8192 - 10, "S2SUSPEND\0", "suspended", false),
    MARK(16384 - 10, "ULSUSPEND\0", "suspended", false),
    MARK(32768 - 10, "LINHIB0001", "suspended", false),
    MARK(65536 - 10, "\xed\xc3\x02\xe9\x98\x56\xe5\x0c", "suspended", false), // TuxOnIce
    MARK(16384 - 72, "\x57\x29\x03\0\1\0\0\0", "Ultrix", false),
    MARK(9 * 512 + 32, "\xf0\x16\x78\x5a", "HighPoint", false),
    MARK(508, "\xda\xbe", "Sun", false),
    MARK(512, "PM\0\0", "Apple partition", false),
    MARK(1372, "\x54\x19\x01\0", "UFS", false),
    MARK(262144 + 1372, "\x19\x54\x01\x19", "UFS", false), // UFS2 in big endian
    MARK(8192 + 1372, "\x12\x56\x19\0", "UFS", false),
    MARK(131072, "SKUL\xba\xbe", "LUKS", false),
    MARK(16384, "SKUL\xba\xbe", "LUKS", false), // the second header
    MARK(65536, "SKUL\xba\xbe", "LUKS", false),
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

static void put_format(const struct format *format)
{
    memcpy(file + format->offset, format->mark, format->size);
}

static void formats_are_known_by_their_marks(void)
{
    for (size_t i = 0; i < FORMATS; i++) {
        struct error error = {0};
        make_file(FILE_SIZE);
        put_format(&formats[i]);
        if (!CHECK(contains(describe(), formats[i].name))) {
            printf("# %s: taken for %s\n", formats[i].name, describe());
        }
        CHECK(!probe_qcow2(&source.base, &error));
        CHECK_STR(error.code, "not-qcow2");
        CHECK(contains(error.message, formats[i].name));
    }
}

// Only the first sector is read then, and no format is made of it that QEMU does not know.
static void an_unnamed_layer_is_what_qemu_takes_it_for(void)
{
    for (size_t i = 0; i < FORMATS; i++) {
        make_file(FILE_SIZE);
        put_format(&formats[i]);
        const char *other = probe_other_format(&source.base, "layer");
        if (!CHECK((other != NULL) == formats[i].disk)) {
            printf("# %s\n", formats[i].name);
        }
        CHECK(!other || contains(other, formats[i].name));
    }
    make_file(FILE_SIZE);
    CHECK(!probe_other_format(&source.base, "layer"));
    PUT(0, "QFI\xfb\0\0\0\3");
    CHECK(!probe_other_format(&source.base, "layer"));
    CHECK(probe_finds_qcow2(&source.base));
    PUT(0, "QFI\xfb\0\0\0\0"); // no version of anything: raw
    CHECK(!probe_finds_qcow2(&source.base));
    CHECK(!probe_other_format(&source.base, "layer"));
    make_file(0);
    CHECK(!probe_finds_qcow2(&source.base));
    CHECK(!probe_other_format(&source.base, "layer"));
}

static void a_mark_that_the_file_ends_in_is_none(void)
{
    for (size_t i = 0; i < FORMATS; i++) {
        const struct format *format = &formats[i];
        make_file(format->offset + 1); // that much of it says nothing
        put_format(format);
        CHECK(!contains(describe(), format->name));
    }
}

// ---- Footers -----------------------------------------------------------------------------------

// A fixed VHD is a raw disk with a footer of 512 bytes, or 511 as old versions wrote.
static void a_footer_is_in_the_last_sector(void)
{
    const uint64_t sizes[] = {20 * SECTOR, 20 * SECTOR - 1};
    for (size_t i = 0; i < 2; i++) {
        make_file(sizes[i]);
        PUT(510, "\x55\xaa"); // the disk itself has something to be known by
        PUT(19 * SECTOR, "conectix");
        CHECK(contains(describe(), "VHD"));
        CHECK(contains(describe(), "fixed"));
        CHECK(!probe_other_format(&source.base, "layer")); // QEMU reads only the start
    }
    make_file(20 * SECTOR);
    PUT(19 * SECTOR, "koly");
    CHECK(contains(describe(), "DMG"));
}

static void what_is_elsewhere_is_no_footer(void)
{
    make_file(20 * SECTOR);
    PUT(10 * SECTOR, "conectix");
    PUT(17 * SECTOR, "koly");
    CHECK_STR(describe(), "raw data");
}

// Where a pipe ends says nothing of where its file does.
static void the_start_of_a_pipe_has_no_footer(void)
{
    make_file(20 * SECTOR);
    source.base.kind = SOURCE_START;
    PUT(19 * SECTOR, "conectix");
    CHECK(!contains(describe(), "VHD"));
}

// ---- Files without a mark ----------------------------------------------------------------------

static void files_without_a_mark_are_raw(void)
{
    make_file(0);
    CHECK_STR(describe(), "an empty file");
    make_file(1000);
    CHECK_STR(describe(), "nothing but zeros");
    make_file(FILE_SIZE);
    CHECK_STR(describe(), "raw data, zeros at first");
    file[777] = 1;
    CHECK_STR(describe(), "raw data");
    make_file(FILE_SIZE);
    source.bad_start = 600;
    source.bad_end = 601;
    CHECK_STR(describe(), "raw data"); // nothing is known
}

// ---- qcow2 -------------------------------------------------------------------------------------

static void a_file_that_begins_as_qcow2_does_is_one(void)
{
    struct error error;
    const char versions[] = {2, 3, 4, 100};
    for (size_t i = 0; i < sizeof versions; i++) {
        make_file(4096);
        PUT(0, "QFI\xfb");
        file[7] = (uint8_t)versions[i];
        CHECK(probe_qcow2(&source.base, &error));
    }
    for (uint64_t size = 4; size < 8; size++) { // cut off, which is to be said of the header
        make_file(size);
        PUT(0, "QFI\xfb");
        CHECK(probe_qcow2(&source.base, &error));
    }
}

static void another_file_is_none(void)
{
    struct error error = {0};
    make_file(4096);
    PUT(0, "QFI\xfa\0\0\0\3");
    CHECK(!probe_qcow2(&source.base, &error));
    CHECK_STR(error.code, "not-qcow2");
    CHECK(contains(error.message, "raw data"));
    make_file(3);
    PUT(0, "QFI");
    CHECK(!probe_qcow2(&source.base, &error));
    CHECK_STR(error.code, "not-qcow2");
    CHECK(contains(error.message, "3 bytes"));
    make_file(0);
    CHECK(!probe_qcow2(&source.base, &error));
    CHECK(contains(error.message, "an empty file"));
}

static void a_file_that_cannot_be_read_is_neither(void)
{
    struct error error = {0};
    make_file(4096);
    PUT(0, "QFI\xfb\0\0\0\3");
    source.bad_start = 4;
    source.bad_end = 5;
    CHECK(!probe_qcow2(&source.base, &error));
    CHECK_STR(error.code, "io-error");
    CHECK(!probe_other_format(&source.base, "layer"));
}

// ---- Marks in a file that is a qcow2 image, too ------------------------------------------------

static struct probe_mark marks[PROBE_MARKS_MAX];
static size_t mark_count;

static void make_qcow2(uint64_t size)
{
    make_file(size);
    PUT(0, "QFI\xfb\0\0\0\3");
}

static bool find_marks(void)
{
    struct error error;
    return CHECK(probe_marks(&source.base, marks, &mark_count, &error));
}

// Whether there is one of that name at that offset.
static bool is_marked(const char *name, uint64_t offset)
{
    for (size_t i = 0; i < mark_count; i++) {
        if (contains(marks[i].name, name) && marks[i].offset == offset) {
            return true;
        }
    }
    return false;
}

static void an_image_alone_has_no_mark(void)
{
    const uint64_t sizes[] = {8, 511, 512, 513, 4096, FILE_SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        make_qcow2(sizes[i]);
        find_marks();
        CHECK_EQ_U64(mark_count, 0);
    }
}

static void every_mark_behind_the_start_is_found(void)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (formats[i].offset < 8) {
            continue; // where the image itself begins
        }
        make_qcow2(FILE_SIZE);
        put_format(&formats[i]);
        find_marks();
        if (!CHECK(mark_count == 1 && is_marked(formats[i].name, marks[0].offset) &&
                   marks[0].offset >= formats[i].offset && marks[0].size >= 2 &&
                   marks[0].offset + marks[0].size <= formats[i].offset + formats[i].size)) {
            printf("# %s: %zu marks\n", formats[i].name, mark_count);
        }
    }
}

static void all_marks_of_a_file_are_found(void)
{
    make_qcow2(FILE_SIZE);
    PUT(257, "ustar");
    PUT(510, "\x55\xaa");
    PUT(512, "EFI PART");
    PUT(1080, "\x53\xef");
    PUT(32769, "CD001");
    PUT(34817, "NSR03");
    PUT(FILE_SIZE - SECTOR, "koly");
    PUT(FILE_SIZE - 22, "PK\5\6");
    find_marks();
    CHECK_EQ_U64(mark_count, 8);
    CHECK(is_marked("tar", 257));
    CHECK(is_marked("boot sector", 510));
    CHECK(is_marked("GPT", 512));
    CHECK(is_marked("ext4", 1080));
    CHECK(is_marked("ISO 9660", 32769));
    CHECK(is_marked("UDF", 34817));
    CHECK(is_marked("DMG", FILE_SIZE - SECTOR));
    CHECK(is_marked("zip", FILE_SIZE - 22));
}

// The end record of a zip archive is 22 bytes and a comment, of which its last two bytes tell the
// length.
static void put_zip_end(uint64_t at, unsigned comment)
{
    PUT(at, "PK\5\6");
    file[at + 20] = (uint8_t)comment;
    file[at + 21] = (uint8_t)(comment >> 8);
}

static void a_zip_archive_ends_with_its_comment(void)
{
    const unsigned comments[] = {0, 1, 300, 65535};
    for (size_t i = 0; i < sizeof comments / sizeof comments[0]; i++) {
        uint64_t at = FILE_SIZE - 22 - comments[i];
        make_qcow2(FILE_SIZE);
        put_zip_end(at, comments[i]);
        find_marks();
        CHECK_EQ_U64(mark_count, 1);
        CHECK(is_marked("zip", at));
    }
    make_qcow2(FILE_SIZE);
    put_zip_end(FILE_SIZE - 22 - 300, 299); // it ends before the file does
    put_zip_end(FILE_SIZE - 22 - 500, 501); // or behind
    find_marks();
    CHECK_EQ_U64(mark_count, 0);
}

static void a_small_file_can_have_a_mark_at_its_end(void)
{
    make_qcow2(100);
    put_zip_end(100 - 22 - 10, 10);
    find_marks();
    CHECK(is_marked("zip", 68));
    make_qcow2(SECTOR);
    put_zip_end(SECTOR - 22, 0);
    find_marks();
    CHECK(is_marked("zip", SECTOR - 22));
}

// Of the first sector without its bytes 148 to 155, which count as blanks, the sum in octal digits:
// "QFI\xfb" and 3 are 81 + 70 + 73 + 251 + 3, and eight blanks 256.
static void a_tar_archive_without_a_magic_is_known_by_its_checksum(void)
{
    make_qcow2(FILE_SIZE);
    PUT(148, "001336");
    find_marks();
    CHECK_EQ_U64(mark_count, 1);
    CHECK(is_marked("tar", 148));
    PUT(148, "001337");
    find_marks();
    CHECK_EQ_U64(mark_count, 0);
    make_qcow2(511); // no whole sector
    PUT(148, "001336");
    find_marks();
    CHECK_EQ_U64(mark_count, 0);
}

// libblkid takes such a sector for a partition table.
static void an_atari_partition_table_is_known_by_its_partitions(void)
{
    static const char partition[] = "\x01GEM\0\0\0\2\0\0\0\x64"; // sectors 2 to 102
    make_qcow2(FILE_SIZE);
    PUT(0x1c2, "\0\0\4\0"); // 1024 sectors: all of the file
    PUT(0x1c6 + 12, partition);
    find_marks();
    CHECK_EQ_U64(mark_count, 1);
    CHECK(is_marked("Atari", 0x1c6 + 12));
    file[0x1c2 + 3] = 1; // more sectors than the file has
    find_marks();
    CHECK_EQ_U64(mark_count, 0);
    PUT(0x1c2, "\0\0\0\x65"); // fewer than the partition needs
    find_marks();
    CHECK_EQ_U64(mark_count, 0);
    PUT(0x1c2, "\0\0\4\0");
    file[0x1c6 + 12] = 2; // not in use
    find_marks();
    CHECK_EQ_U64(mark_count, 0);
    PUT(0x1c6 + 12, "\x01G-M");
    find_marks();
    CHECK_EQ_U64(mark_count, 0);
}

static void of_the_start_of_a_pipe_the_end_is_not_marked(void)
{
    make_qcow2(FILE_SIZE);
    source.base.kind = SOURCE_START;
    PUT(FILE_SIZE - SECTOR, "koly");
    put_zip_end(FILE_SIZE - 22, 0);
    PUT(257, "ustar");
    find_marks();
    CHECK_EQ_U64(mark_count, 1);
    CHECK(is_marked("tar", 257));
}

static void marks_that_cannot_be_read_are_an_error(void)
{
    const uint64_t places[] = {0, 70000, FILE_SIZE - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct error error = {0};
        make_qcow2(FILE_SIZE);
        PUT(257, "ustar");
        source.bad_start = places[i];
        source.bad_end = places[i] + 1;
        CHECK(!probe_marks(&source.base, marks, &mark_count, &error));
        CHECK_STR(error.code, "io-error");
        CHECK_EQ_U64(error.offset, places[i]);
        CHECK_EQ_U64(mark_count, 0);
    }
}

int main(void)
{
    RUN(formats_are_known_by_their_marks);
    RUN(an_unnamed_layer_is_what_qemu_takes_it_for);
    RUN(a_mark_that_the_file_ends_in_is_none);
    RUN(a_footer_is_in_the_last_sector);
    RUN(what_is_elsewhere_is_no_footer);
    RUN(the_start_of_a_pipe_has_no_footer);
    RUN(files_without_a_mark_are_raw);
    RUN(a_file_that_begins_as_qcow2_does_is_one);
    RUN(another_file_is_none);
    RUN(a_file_that_cannot_be_read_is_neither);
    RUN(an_image_alone_has_no_mark);
    RUN(every_mark_behind_the_start_is_found);
    RUN(all_marks_of_a_file_are_found);
    RUN(a_zip_archive_ends_with_its_comment);
    RUN(a_small_file_can_have_a_mark_at_its_end);
    RUN(a_tar_archive_without_a_magic_is_known_by_its_checksum);
    RUN(an_atari_partition_table_is_known_by_its_partitions);
    RUN(of_the_start_of_a_pipe_the_end_is_not_marked);
    RUN(marks_that_cannot_be_read_are_an_error);
    return unit_done();
}
