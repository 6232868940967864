// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/device_mark.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    SECTOR = 512,
    MARK_MAX = 32, // bytes of one
};

// Where a mark is: `offset` bytes from the start, or before the end, rounded down to `unit`.
struct place {
    uint32_t unit; // bytes; 0: from the start
    uint64_t offset;
};

#define START(offset) \
    {                 \
        0, offset     \
    }
#define BEFORE(unit, offset) \
    {                        \
        unit, offset         \
    }
#define MARK(place, string, name)               \
    {                                           \
        place, sizeof(string) - 1, string, name \
    }

static const char linux_raid[] = "a member of a Linux RAID";
static const char ufs[] = "a UFS file system";
static const char drbd[] = "a member of a DRBD cluster";
static const char promise[] = "a member of a Promise RAID";
static const char luks[] = "a LUKS volume";

#define PROMISE(sector)                                                                 \
    {                                                                                   \
        BEFORE(SECTOR, (sector)*UINT64_C(512)), 24, "Promise Technology, Inc.", promise \
    }

// Marks of fewer than four bytes are left out: guest data would have them by chance. The exception
// is that of JMicron in find_in_last_sector(), which has only two.
// clang-format off
static const struct row {
    struct place place;
    size_t size;
    const char *bytes;
    const char *name;
} rows[] = {
    // Version 0.90, in both orders of bytes, and 1.0.
    MARK(BEFORE(65536, 65536), "\xfc\x4e\x2b\xa9", linux_raid),
    MARK(BEFORE(65536, 65536), "\xa9\x2b\x4e\xfc", linux_raid),
    MARK(BEFORE(4096, 8192), "\xfc\x4e\x2b\xa9", linux_raid),
    MARK(BEFORE(SECTOR, 512), "\xde\x11\xde\x11", "a member of a DDF RAID"),
    MARK(BEFORE(SECTOR, 257 * UINT64_C(512)), "\xde\x11\xde\x11", "a member of a DDF RAID"),
    MARK(BEFORE(SECTOR, 1024), "Intel Raid ISM Cfg Sig. ", "a member of an Intel RAID"),
    MARK(BEFORE(SECTOR, 512), "$XIDE$", "a member of an LSI RAID"),
    MARK(BEFORE(SECTOR, 1024), "NVIDIA", "a member of an NVIDIA RAID"),
    MARK(BEFORE(SECTOR, 512), "\x37\xfc\x4d\x1e", "a member of an Adaptec RAID"),
    MARK(BEFORE(SECTOR, 11 * UINT64_C(512)), "\xf3\x16\x78\x5a", "a member of a HighPoint RAID"),
    MARK(BEFORE(SECTOR, 11 * UINT64_C(512)), "\xfd\x16\x78\x5a", "a member of a HighPoint RAID"),
    PROMISE(16), PROMISE(63), PROMISE(255), PROMISE(256), PROMISE(399), PROMISE(591), PROMISE(675),
    PROMISE(735), PROMISE(911), PROMISE(951), PROMISE(974), PROMISE(991), PROMISE(3087),
    // Of versions 8 and 9, and one that was not closed.
    MARK(BEFORE(1, 4096 - 60), "\x83\x74\x02\x6b", drbd),
    MARK(BEFORE(1, 4096 - 60), "\x83\x74\x02\x6c", drbd),
    MARK(BEFORE(1, 4096 - 60), "\x83\x74\x02\x6d", drbd),
    MARK(START(1 << 20), "\x0d\xd0\x01\xc0", "a member of a VMFS volume"),
    MARK(START(2 << 20), "\x5e\xf1\xab\x2f", "a VMFS file system"),
    MARK(START(0x20000), "SKUL\xba\xbe", luks),
    MARK(START(0x40000), "SKUL\xba\xbe", luks),
    MARK(START(0x80000), "SKUL\xba\xbe", luks),
    MARK(START(0x100000), "SKUL\xba\xbe", luks),
    MARK(START(0x200000), "SKUL\xba\xbe", luks),
    MARK(START(0x400000), "SKUL\xba\xbe", luks),
};
// clang-format on

static bool find_place(const struct source *source, const struct place *place, size_t size,
                       uint64_t *at)
{
    uint64_t end = source->size;
    if (place->unit > 0) {
        end = source_complete(source) ? align_down(end, place->unit) : 0;
        *at = end - place->offset;
        return place->offset <= end && range_inside(*at, size, source->size);
    }
    *at = place->offset;
    return range_inside(*at, size, source->size);
}

// Reads a place but for its holes: to read in one that was reserved can make data of it.
static bool read_place(struct source *source, uint64_t at, uint8_t *buffer, size_t size,
                       struct error *error)
{
    for (size_t done = 0; done < size;) {
        bool is_hole;
        size_t part = (size_t)min_u64(source_run(source, at + done, &is_hole), size - done);
        if (is_hole) {
            memset(buffer + done, 0, part);
        } else if (!source_read(source, at + done, buffer + done, part, error)) {
            return false;
        }
        done += part;
    }
    return true;
}

static bool find_row(struct source *source, const struct row *row, struct probe_mark *mark,
                     bool *found, struct error *error)
{
    uint8_t bytes[MARK_MAX];
    uint64_t at;
    *found = false;
    if (!find_place(source, &row->place, row->size, &at)) {
        return true;
    }
    if (!read_place(source, at, bytes, row->size, error)) {
        return false;
    }
    *found = memcmp(bytes, row->bytes, row->size) == 0;
    *mark = (struct probe_mark){row->name, at, row->size};
    return true;
}

// --- The last sector
// ------------------------------------------------------------------------------

static unsigned load_le16(struct bytes bytes, size_t offset)
{
    return __builtin_bswap16(bytes_be16(bytes, offset));
}

// A magic and a checksum over the words before it.
static bool is_silicon_image(struct bytes sector)
{
    enum { MAGIC = 0x60, DISK_NUMBER = 0x116, CHECKSUM = 0x13e };
    unsigned sum = 0;
    for (size_t i = 0; i <= CHECKSUM; i += 2) {
        sum += load_le16(sector, i);
    }
    return bytes_be32(sector, MAGIC) == 0x2f && bytes_u8(sector, DISK_NUMBER) < 8 &&
           (sum & 0xffff) == 0;
}

static bool is_via(struct bytes sector)
{
    enum { VERSION = 2, VERSION_MAX = 2, CHECKSUM = 50 };
    unsigned sum = 0;
    for (size_t i = 0; i < CHECKSUM; i++) {
        sum += bytes_u8(sector, i);
    }
    return load_le16(sector, 0) == 0xaa55 && bytes_u8(sector, VERSION) <= VERSION_MAX &&
           (sum & 0xff) == bytes_u8(sector, CHECKSUM);
}

static bool find_in_last_sector(struct source *source, struct probe_mark *marks, size_t *count,
                                struct error *error)
{
    const struct place place = BEFORE(SECTOR, SECTOR);
    uint8_t buffer[SECTOR];
    const struct bytes sector = {buffer, sizeof buffer};
    uint64_t at;
    if (!find_place(source, &place, sizeof buffer, &at)) {
        return true;
    }
    if (!read_place(source, at, buffer, sizeof buffer, error)) {
        return false;
    }
    if (memcmp(buffer, "JM", 2) == 0) {
        marks[(*count)++] = (struct probe_mark){"a member of a JMicron RAID", at, 2};
    }
    if (is_silicon_image(sector)) {
        marks[(*count)++] = (struct probe_mark){"a member of a Silicon Image RAID", at + 0x60, 4};
    }
    if (is_via(sector)) {
        marks[(*count)++] = (struct probe_mark){"a member of a VIA RAID", at, 2};
    }
    return true;
}

// --- UFS -----------------------------------------------------------------------------------------

// Its superblock is in one of four places, in either order of bytes.
static bool find_ufs(struct source *source, struct probe_mark *marks, size_t *count,
                     struct error *error)
{
    static const uint64_t superblocks[] = {0, 8 << 10, 64 << 10, 256 << 10};
    static const uint32_t magics[] = {0x00011954, 0x19540119, 0x00195612,
                                      0x00095014, 0x00612195, 0x05231994};
    enum { MAGIC_AT = 0x55c };
    for (size_t i = 0; i < sizeof superblocks / sizeof superblocks[0]; i++) {
        const struct place place = START(superblocks[i] + MAGIC_AT);
        uint8_t bytes[4];
        uint64_t at;
        if (!find_place(source, &place, sizeof bytes, &at)) {
            continue;
        }
        if (!read_place(source, at, bytes, sizeof bytes, error)) {
            return false;
        }
        uint32_t big = bytes_be32((struct bytes){bytes, sizeof bytes}, 0);
        for (size_t j = 0; j < sizeof magics / sizeof magics[0]; j++) {
            if (big == magics[j] || __builtin_bswap32(big) == magics[j]) {
                marks[(*count)++] = (struct probe_mark){ufs, at, sizeof bytes};
            }
        }
    }
    return true;
}

// --- NILFS2 --------------------------------------------------------------------------------------

static uint32_t load_le32(struct bytes bytes, size_t offset)
{
    return __builtin_bswap32(bytes_be32(bytes, offset));
}

// A magic of two bytes and a checksum, which is computed with zeros in place of itself.
static bool is_nilfs(struct bytes block)
{
    enum { MAGIC = 6, SIZE = 8, SEED = 12, CHECKSUM = 16, CHECKSUM_END = 20 };
    static const uint8_t zeros[CHECKSUM_END - CHECKSUM];
    struct bytes rest;
    unsigned size = load_le16(block, SIZE);
    if (load_le16(block, MAGIC) != 0x3434 || size < CHECKSUM_END ||
        !bytes_view(block, CHECKSUM_END, size - CHECKSUM_END, &rest)) {
        return false;
    }
    // zlib inverts the checksum before and after; this one is not inverted.
    uLong sum = crc32(~load_le32(block, SEED), block.data, CHECKSUM);
    sum = crc32(crc32(sum, zeros, sizeof zeros), rest.data, (uInt)rest.size);
    return (~sum & UINT32_MAX) == load_le32(block, CHECKSUM);
}

static bool find_nilfs(struct source *source, struct probe_mark *marks, size_t *count,
                       struct error *error)
{
    static const struct place superblocks[] = {START(1024), BEFORE(SECTOR, 4096)};
    uint8_t buffer[1024];
    const struct bytes block = {buffer, sizeof buffer};
    for (size_t i = 0; i < sizeof superblocks / sizeof superblocks[0]; i++) {
        uint64_t at;
        if (!find_place(source, &superblocks[i], sizeof buffer, &at)) {
            continue;
        }
        if (!read_place(source, at, buffer, sizeof buffer, error)) {
            return false;
        }
        if (is_nilfs(block)) {
            marks[(*count)++] = (struct probe_mark){"a NILFS2 file system", at + 6, 2};
        }
    }
    return true;
}

// --- XFS logs ------------------------------------------------------------------------------------

// Sets `at` to the offset of the first sector that begins with a record. False when none does.
static bool find_log_record(struct bytes sectors, size_t *at)
{
    enum { VERSION = 8, VERSION_MAX = 3 }; // 1 and 2 as bits
    for (*at = 0; *at + SECTOR <= sectors.size; *at += SECTOR) {
        uint32_t version = bytes_be32(sectors, *at + VERSION);
        if (bytes_be32(sectors, *at) == 0xfeedbabe && version > 0 && version <= VERSION_MAX) {
            return true;
        }
    }
    return false;
}

// An external log has a record at the start of one of its first sectors.
static bool find_xfs_log(struct source *source, struct probe_mark *marks, size_t *count,
                         struct error *error)
{
    enum { SEARCHED = 256 << 10, PIECE = 32 << 10 };
    uint8_t piece[PIECE];
    uint64_t end = min_u64(SEARCHED, source->size);
    for (uint64_t start = 0; start < end; start += PIECE) {
        const struct bytes sectors = {piece, min_u64(PIECE, end - start)};
        size_t at;
        if (!read_place(source, start, piece, sectors.size, error)) {
            return false;
        }
        if (find_log_record(sectors, &at)) {
            marks[(*count)++] = (struct probe_mark){"the log of an XFS file system", start + at, 4};
            return true;
        }
    }
    return true;
}

// --- ZFS -----------------------------------------------------------------------------------------

enum {
    LABEL_SIZE = 256 << 10,
    UBERBLOCKS_AT = 128 << 10, // in a label, up to its end
    UBERBLOCK_SIZE = 1024,
    UBERBLOCKS_WANTED = 4, // of all labels: fewer may be left over from anything
};

struct uberblocks {
    uint8_t *buffer; // of UBERBLOCKS_AT bytes
    uint64_t first;
    unsigned count;
};

static bool count_uberblocks(struct source *source, uint64_t label, struct uberblocks *uberblocks,
                             struct error *error)
{
    const uint64_t magic = UINT64_C(0x00bab10c);
    uint64_t at = label + UBERBLOCKS_AT;
    const struct bytes bytes = {uberblocks->buffer, UBERBLOCKS_AT};
    if (source_hole(source, at) >= UBERBLOCKS_AT) {
        return true;
    }
    if (!read_place(source, at, uberblocks->buffer, UBERBLOCKS_AT, error)) {
        return false;
    }
    for (size_t i = 0; i < UBERBLOCKS_AT; i += UBERBLOCK_SIZE) {
        uint64_t big = bytes_be64(bytes, i);
        if (big == magic || __builtin_bswap64(big) == magic) {
            uberblocks->first = uberblocks->count == 0 ? at + i : uberblocks->first;
            uberblocks->count++;
        }
    }
    return true;
}

// Two labels at the start and two at the end.
static bool find_zfs(struct source *source, struct probe_mark *marks, size_t *count,
                     struct error *error)
{
    uint64_t end = align_down(source->size, LABEL_SIZE);
    uint64_t labels[] = {0, LABEL_SIZE, end - UINT64_C(2) * LABEL_SIZE, end - LABEL_SIZE};
    struct uberblocks uberblocks = {.buffer = malloc(UBERBLOCKS_AT)};
    bool read = uberblocks.buffer || error_set(error, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; read && i < sizeof labels / sizeof labels[0]; i++) {
        bool is_end = i >= 2;
        if (range_inside(labels[i], LABEL_SIZE, source->size) &&
            !(is_end && (!source_complete(source) || labels[i] <= LABEL_SIZE))) {
            read = count_uberblocks(source, labels[i], &uberblocks, error);
        }
    }
    if (read && uberblocks.count >= UBERBLOCKS_WANTED) {
        marks[(*count)++] = (struct probe_mark){"a member of a ZFS pool", uberblocks.first, 8};
    }
    free(uberblocks.buffer);
    return read;
}

bool device_marks(struct source *source, struct probe_mark marks[DEVICE_MARKS_MAX], size_t *count,
                  struct error *error)
{
    _Static_assert(sizeof rows / sizeof rows[0] + 3 + 4 + 2 + 1 + 1 <= DEVICE_MARKS_MAX,
                   "there is room for all");
    *count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool found;
        if (!find_row(source, &rows[i], &marks[*count], &found, error)) {
            return false;
        }
        *count += found;
    }
    return find_in_last_sector(source, marks, count, error) &&
           find_ufs(source, marks, count, error) && find_nilfs(source, marks, count, error) &&
           find_xfs_log(source, marks, count, error) && find_zfs(source, marks, count, error);
}
