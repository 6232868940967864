// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/snapshot.h"
#include "unit.h"

#include "format/layout.h"

static const struct header header_v3 = {
    .version = 3,
    .cluster_bits = 16,
    .size = 10485760,
    .geometry_known = true,
    .cluster_size = 65536,
    .l2_entry_size = 8,
    .l2_entries = 8192,
};

// The head of an entry with 24 bytes of extra data, id "12" and a name of 5 bytes.
static const uint8_t entry[SNAPSHOT_HEAD_SIZE] = {
    0,    0,    0,    0,    0, 4,    0, 0,                   // L1 table at 0x40000
    0,    0,    0,    1,                                     // L1 entries
    0,    2,    0,    5,                                     // length of id and name
    0x65, 0x53, 0xf1, 0x00,                                  // seconds: 1700000000
    0,    0,    0,    7,                                     // nanoseconds
    0,    0,    0,    0,    0, 0,    3, 0xe8, 0, 0, 0x10, 0, // VM state size of 32 bits: 4096
    0,    0,    0,    24,                                    // extra data
    0,    0,    0,    2,    0, 0,    0, 0,                   // VM state size: 8 GiB
    0,    0,    0,    0,    0, 0x50, 0, 0,                   // disk size: 5 MiB
    0,    0,    0,    0,    0, 0,    0, 42,                  // icount
};

static struct snapshot parsed(const uint8_t *data, size_t size)
{
    struct snapshot snapshot = {0};
    CHECK(snapshot_parse((struct bytes){data, size}, &header_v3, &snapshot));
    return snapshot;
}

static struct problems checked(const struct snapshot *snapshot)
{
    struct problems problems = {0};
    snapshot_check(snapshot, &header_v3, 1000, &problems);
    return problems;
}

static void loads_every_field(void)
{
    struct snapshot snapshot = parsed(entry, sizeof entry);
    CHECK_EQ_U64(snapshot.l1_table_offset, 0x40000);
    CHECK_EQ_U64(snapshot.l1_size, 1);
    CHECK_EQ_U64(snapshot.date_sec, 1700000000);
    CHECK_EQ_U64(snapshot.date_nsec, 7);
    CHECK_EQ_U64(snapshot.vm_clock_nsec, 1000);
    CHECK_EQ_U64(snapshot.vm_state_size, UINT64_C(8) << 30);
    CHECK_EQ_U64(snapshot.disk_size, 5 << 20);
    CHECK(snapshot.has_icount);
    CHECK_EQ_U64(snapshot.icount, 42);
}

static void finds_names_and_next_entry(void)
{
    struct snapshot snapshot = parsed(entry, sizeof entry);
    CHECK_EQ_U64(snapshot.names_at, 64);
    CHECK_EQ_U64(snapshot.end, 71);
    CHECK_EQ_U64(snapshot_next(&snapshot), 72);
}

static void takes_id_and_name_from_their_bytes(void)
{
    struct snapshot snapshot = parsed(entry, sizeof entry);
    static const uint8_t names[] = "12hello";
    REQUIRE(snapshot_set_names(&snapshot, (struct bytes){names, 7}));
    CHECK_EQ_U64(snapshot.id.size, 2);
    CHECK_MEM(snapshot.id.data, "12", 2);
    CHECK_EQ_U64(snapshot.name.size, 5);
    CHECK_MEM(snapshot.name.data, "hello", 5);
    CHECK(!snapshot_set_names(&snapshot, (struct bytes){names, 6}));
}

static void without_extra_data_sizes_are_the_old_ones(void)
{
    uint8_t data[sizeof entry];
    memcpy(data, entry, sizeof data);
    data[SNAPSHOT_EXTRA_SIZE + 3] = 0;
    struct snapshot snapshot = parsed(data, SNAPSHOT_FIXED_SIZE);
    CHECK_EQ_U64(snapshot.vm_state_size, 4096);
    CHECK_EQ_U64(snapshot.disk_size, 10485760);
    CHECK(!snapshot.has_icount);
    CHECK_EQ_U64(snapshot.names_at, 40);
}

static void half_a_field_of_extra_data_is_absent(void)
{
    uint8_t data[sizeof entry];
    memcpy(data, entry, sizeof data);
    data[SNAPSHOT_EXTRA_SIZE + 3] = 15;
    struct snapshot snapshot = parsed(data, sizeof data);
    CHECK_EQ_U64(snapshot.vm_state_size, UINT64_C(8) << 30);
    CHECK_EQ_U64(snapshot.disk_size, 10485760);
}

static void all_ones_are_no_icount(void)
{
    uint8_t data[sizeof entry];
    memcpy(data, entry, sizeof data);
    memset(data + 56, 0xff, 8);
    struct snapshot snapshot = parsed(data, sizeof data);
    CHECK(!snapshot.has_icount);
}

static void refuses_a_cut_head(void)
{
    struct snapshot snapshot;
    CHECK(!snapshot_parse((struct bytes){entry, 39}, &header_v3, &snapshot));
    CHECK(!snapshot_parse((struct bytes){entry, 63}, &header_v3, &snapshot));
    CHECK(!snapshot_parse((struct bytes){NULL, 0}, &header_v3, &snapshot));
}

static void survives_the_largest_lengths(void)
{
    uint8_t data[sizeof entry];
    memset(data, 0xff, sizeof data);
    struct snapshot snapshot = parsed(data, sizeof data);
    CHECK_EQ_U64(snapshot.names_at, UINT64_C(40) + UINT32_MAX);
    CHECK_EQ_U64(snapshot.end, UINT64_C(40) + UINT32_MAX + 131070);
    CHECK_EQ_U64(snapshot_next(&snapshot) % 8, 0);
}

static void a_sound_entry_has_no_problems(void)
{
    struct snapshot snapshot = parsed(entry, sizeof entry);
    struct problems problems = checked(&snapshot);
    CHECK_EQ_U64(problems.count, 0);
    problems_free(&problems);
}

static void reports_one_problem(struct snapshot snapshot, const char *code, uint64_t offset)
{
    struct problems problems = checked(&snapshot);
    if (CHECK_EQ_U64(problems.count, 1)) {
        CHECK_STR(problems.items[0].error.code, code);
        CHECK_EQ_U64(problems.items[0].error.offset, offset);
        CHECK(!problems.items[0].unreadable);
    }
    problems_free(&problems);
}

static void reports_problems_of_the_l1_table(void)
{
    struct snapshot snapshot = parsed(entry, sizeof entry);
    snapshot.l1_table_offset = 0x40200;
    reports_one_problem(snapshot, "corrupt", 1000);
    snapshot.l1_table_offset = 0;
    reports_one_problem(snapshot, "corrupt", 1000);
    snapshot.l1_table_offset = UINT64_C(1) << 56;
    reports_one_problem(snapshot, "limit", 1000);
    snapshot = parsed(entry, sizeof entry);
    snapshot.l1_size = CAP_L1_SIZE + 1;
    reports_one_problem(snapshot, "limit", 1008);
    snapshot.l1_size = 0;
    reports_one_problem(snapshot, "corrupt", 1008);
}

static void reports_too_little_and_too_much_extra_data(void)
{
    struct snapshot snapshot = parsed(entry, sizeof entry);
    snapshot.extra_size = 8;
    reports_one_problem(snapshot, "corrupt", 1036);
    snapshot.extra_size = 1025;
    reports_one_problem(snapshot, "limit", 1036);
}

static void reports_a_date_with_too_many_nanoseconds(void)
{
    struct snapshot snapshot = parsed(entry, sizeof entry);
    snapshot.date_nsec = 1000000000;
    reports_one_problem(snapshot, "corrupt", 1020);
}

static void version_2_needs_no_extra_data(void)
{
    struct header header_v2 = header_v3;
    struct problems problems = {0};
    struct snapshot snapshot = parsed(entry, sizeof entry);
    header_v2.version = 2;
    snapshot.extra_size = 0;
    snapshot_check(&snapshot, &header_v2, 0, &problems);
    CHECK_EQ_U64(problems.count, 0);
    problems_free(&problems);
}

int main(void)
{
    RUN(loads_every_field);
    RUN(finds_names_and_next_entry);
    RUN(takes_id_and_name_from_their_bytes);
    RUN(without_extra_data_sizes_are_the_old_ones);
    RUN(half_a_field_of_extra_data_is_absent);
    RUN(all_ones_are_no_icount);
    RUN(refuses_a_cut_head);
    RUN(survives_the_largest_lengths);
    RUN(a_sound_entry_has_no_problems);
    RUN(reports_problems_of_the_l1_table);
    RUN(reports_too_little_and_too_much_extra_data);
    RUN(reports_a_date_with_too_many_nanoseconds);
    RUN(version_2_needs_no_extra_data);
    return unit_done();
}
