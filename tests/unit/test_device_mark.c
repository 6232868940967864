// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Marks far from the start of a file, and counted from its end, in files whose size is no multiple
// of anything, too.

#include "image/device_mark.h"

#include "unit.h"
#include "watched.h"

enum { FILE_MAX = 5 << 20, MIB = 1 << 20 };

static uint8_t file[FILE_MAX];
static struct watched source;
static struct probe_mark marks[DEVICE_MARKS_MAX];
static size_t count;

static bool find(uint64_t size)
{
    struct error error;
    source = watched_make(file, sizeof file);
    source.base.size = size;
    return CHECK(device_marks(&source.base, marks, &count, &error));
}

// Puts a mark into the file of zeros, looks, and takes it away. True when just this one is found.
static bool is_found(uint64_t at, struct bytes mark, uint64_t size, const char *name)
{
    memcpy(file + at, mark.data, mark.size);
    bool found =
        find(size) && count == 1 && marks[0].offset == at && strstr(marks[0].name, name) != NULL;
    memset(file + at, 0, mark.size);
    return found;
}

struct end_mark {
    uint64_t unit, before; // bytes: the end rounded down to `unit`, and so many before it
    size_t size;
    const char *mark;
    const char *name;
};

#define END(unit, before, mark, name)              \
    {                                              \
        unit, before, sizeof(mark) - 1, mark, name \
    }

static const struct end_mark end_marks[] = {
    END(65536, 65536, "\xfc\x4e\x2b\xa9", "Linux RAID"), // version 0.90
    END(65536, 65536, "\xa9\x2b\x4e\xfc", "Linux RAID"),
    END(4096, 8192, "\xfc\x4e\x2b\xa9", "Linux RAID"), // 1.0
    END(512, 512, "\xde\x11\xde\x11", "DDF"),
    END(512, 257 * 512, "\xde\x11\xde\x11", "DDF"),
    END(512, 1024, "Intel Raid ISM Cfg Sig. 1.2.00", "Intel"),
    END(512, 512, "$XIDE$", "LSI"),
    END(512, 512, "JM", "JMicron"),
    END(512, 1024, "NVIDIA", "NVIDIA"),
    END(512, 512, "\x37\xfc\x4d\x1e", "Adaptec"),
    END(512, 11 * 512, "\xf3\x16\x78\x5a", "HighPoint"),
    END(512, 63 * 512, "Promise Technology, Inc.", "Promise"),
    END(512, 3087 * 512, "Promise Technology, Inc.", "Promise"),
    END(512, 16 * 512, "Promise Technology, Inc.", "Promise"),
    END(1, 4096 - 60, "\x83\x74\x02\x6b", "DRBD"), // 0x83740267 and 4, 5, 6
    END(1, 4096 - 60, "\x83\x74\x02\x6c", "DRBD"),
    END(1, 4096 - 60, "\x83\x74\x02\x6d", "DRBD"),
};

static void marks_at_the_end_follow_the_size_of_the_file(void)
{
    static const uint64_t sizes[] = {4 * MIB, 4 * MIB - 1, 4 * MIB - 511, 4 * MIB - 512, 3333333};
    for (size_t i = 0; i < sizeof end_marks / sizeof end_marks[0]; i++) {
        const struct end_mark *mark = &end_marks[i];
        const struct bytes bytes = {(const uint8_t *)mark->mark, mark->size};
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            uint64_t at = sizes[j] / mark->unit * mark->unit - mark->before;
            if (!CHECK(is_found(at, bytes, sizes[j], mark->name))) {
                printf("# %s in a file of %llu bytes\n", mark->name, (unsigned long long)sizes[j]);
            }
            CHECK(!is_found(at + 1, bytes, sizes[j], mark->name));
        }
    }
}

static void a_file_that_is_too_short_has_none(void)
{
    static const uint64_t sizes[] = {0, 1, 511, 512, 1000, 4096, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        find(sizes[i]);
        CHECK_EQ_U64(count, 0);
    }
}

static void of_the_start_of_a_pipe_the_end_is_not_looked_at(void)
{
    struct error error;
    static const uint8_t raid[] = {'$', 'X', 'I', 'D', 'E', '$'};
    static const uint8_t vmfs[] = {0x0d, 0xd0, 0x01, 0xc0};
    memcpy(file + 2 * MIB - 512, raid, sizeof raid);
    memcpy(file + MIB, vmfs, sizeof vmfs);
    find(2 * MIB);
    CHECK_EQ_U64(count, 2);
    source.base.kind = SOURCE_START;
    CHECK(device_marks(&source.base, marks, &count, &error));
    CHECK_EQ_U64(count, 1);
    CHECK_EQ_U64(marks[0].offset, MIB);
    memset(file, 0, sizeof file);
}

static void marks_in_the_middle_are_where_they_always_are(void)
{
    const struct bytes volume = {(const uint8_t *)"\x0d\xd0\x01\xc0", 4}; // 0xc001d00d
    const struct bytes vmfs = {(const uint8_t *)"\x5e\xf1\xab\x2f", 4};   // 0x2fabf15e
    const struct bytes luks = {(const uint8_t *)"SKUL\xba\xbe", 6};
    const struct bytes ufs = {(const uint8_t *)"\x19\x01\x54\x19", 4};
    CHECK(is_found(MIB, volume, 5 * MIB, "VMFS"));
    CHECK(is_found(2 * MIB, vmfs, 5 * MIB, "VMFS"));
    CHECK(!is_found(2 * MIB, vmfs, 2 * MIB + 3, "VMFS"));
    for (uint64_t at = 128 << 10; at <= 4 * MIB; at *= 2) {
        CHECK(is_found(at, luks, 5 * MIB, "LUKS"));
    }
    CHECK(is_found(0x55c, ufs, 5 * MIB, "UFS"));
    CHECK(is_found((8 << 10) + 0x55c, ufs, 5 * MIB, "UFS"));
    CHECK(is_found((64 << 10) + 0x55c, ufs, 5 * MIB, "UFS"));
    CHECK(is_found((256 << 10) + 0x55c, ufs, 5 * MIB, "UFS"));
}

// A sector whose words, or bytes, add up as the firmware wants it.
static void a_mark_with_a_checksum_is_one_when_that_is_right(void)
{
    uint8_t silicon[512] = {[0x63] = 0x2f, [0x116] = 1, [0x13e] = 0xff, [0x13f] = 0xd0};
    uint8_t via[512] = {0x55, 0xaa, 1, [50] = (0x55 + 0xaa + 1) & 0xff};
    memcpy(file + 4 * MIB - 512, silicon, 512);
    find(4 * MIB);
    CHECK(count == 1 && strstr(marks[0].name, "Silicon") &&
          marks[0].offset == 4 * MIB - 512 + 0x60);
    file[4 * MIB - 1 - 0x100]++;
    find(4 * MIB);
    CHECK_EQ_U64(count, 0);
    memset(file, 0, sizeof file);
    CHECK(is_found(4 * MIB - 512, (struct bytes){via, 512}, 4 * MIB, "VIA"));
    via[49]++;
    CHECK(!is_found(4 * MIB - 512, (struct bytes){via, 512}, 4 * MIB, "VIA"));
}

// The checksum is that of a few lines of Python, and libblkid takes the block for a superblock.
static void nilfs_has_a_superblock_at_each_end(void)
{
    static const uint64_t size = 4 * MIB + 100;
    static const uint64_t places[] = {1024, 4 * MIB - 4096};
    uint8_t block[280] = {[0] = 2,        [6] = 0x34,  [7] = 0x34,  [8] = 280 & 0xff,
                          [9] = 280 >> 8, [12] = 0x34, [13] = 0x12, [16] = 0x98,
                          0x22,           0x5b,        0x42,        [20] = 2,
                          [24] = 100};
    for (size_t i = 0; i < 2; i++) {
        memcpy(file + places[i], block, sizeof block);
        find(size);
        CHECK(count == 1 && strstr(marks[0].name, "NILFS") && marks[0].offset == places[i] + 6);
        file[places[i] + 100]++;
        find(size);
        CHECK_EQ_U64(count, 0);
        memset(file, 0, sizeof file);
    }
}

// A record of version 1, 2 or both in any of the first sectors.
static void a_log_of_xfs_begins_in_the_first_256_kib(void)
{
    uint8_t record[12] = {0xfe, 0xed, 0xba, 0xbe, [11] = 2};
    const struct bytes bytes = {record, sizeof record};
    CHECK(is_found(512, bytes, 5 * MIB, "XFS"));
    CHECK(is_found((256 << 10) - 512, bytes, 5 * MIB, "XFS"));
    CHECK(!is_found(256 << 10, bytes, 5 * MIB, "XFS"));
    CHECK(!is_found(513, bytes, 5 * MIB, "XFS"));
    record[11] = 3;
    CHECK(is_found(512, bytes, 5 * MIB, "XFS"));
    record[11] = 4;
    CHECK(!is_found(512, bytes, 5 * MIB, "XFS"));
}

// Four uberblocks, in any of the labels, in either order of bytes.
static void a_zfs_pool_has_four_uberblocks(void)
{
    static const uint8_t little[8] = {0x0c, 0xb1, 0xba};
    static const uint8_t big[8] = {0, 0, 0, 0, 0, 0xba, 0xb1, 0x0c};
    static const uint64_t size = 4 * MIB + 12345;
    static const uint64_t labels[] = {0, 256 << 10, 4 * MIB - (512 << 10), 4 * MIB - (256 << 10)};
    for (size_t label = 0; label < 4; label++) {
        uint64_t first = labels[label] + (128 << 10) + 5 * 1024;
        for (unsigned number = 1; number <= 4; number++) {
            memcpy(file + first + (number - 1) * 7 * 1024ULL, number % 2 ? little : big, 8);
            find(size);
            CHECK_EQ_U64(count, number / 4);
        }
        CHECK(strstr(marks[0].name, "ZFS") && marks[0].offset == first);
        memset(file, 0, sizeof file);
    }
    for (size_t label = 0; label < 4; label++) {
        memcpy(file + labels[label] + (128 << 10), little, 8);
    }
    find(size);
    CHECK_EQ_U64(count, 1);
    memset(file, 0, sizeof file);
}

static void a_place_that_cannot_be_read_is_an_error(void)
{
    static const uint64_t places[] = {MIB, 2 * MIB, 4 * MIB - 512, 200 << 10, 4 * MIB - 4096};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct error error = {0};
        find(4 * MIB);
        source.bad_start = places[i];
        source.bad_end = places[i] + 100;
        CHECK(!device_marks(&source.base, marks, &count, &error));
        CHECK_STR(error.code, "io-error");
    }
}

int main(void)
{
    RUN(marks_at_the_end_follow_the_size_of_the_file);
    RUN(a_file_that_is_too_short_has_none);
    RUN(of_the_start_of_a_pipe_the_end_is_not_looked_at);
    RUN(marks_in_the_middle_are_where_they_always_are);
    RUN(a_mark_with_a_checksum_is_one_when_that_is_right);
    RUN(nilfs_has_a_superblock_at_each_end);
    RUN(a_log_of_xfs_begins_in_the_first_256_kib);
    RUN(a_zfs_pool_has_four_uberblocks);
    RUN(a_place_that_cannot_be_read_is_an_error);
    return unit_done();
}
