// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Sizes as people write them on a command line.

#include "cli/option_values.h"

#include "unit.h"

static void check_size(const char *text, uint64_t want)
{
    uint64_t size = 0;
    if (!CHECK(parse_size(text, &size)) || !CHECK_EQ_U64(size, want)) {
        printf("# \"%s\"\n", text);
    }
}

static void check_refused(const char *text)
{
    uint64_t size;
    if (!CHECK(!parse_size(text, &size))) {
        printf("# \"%s\" was taken for %" PRIu64 "\n", text, size);
    }
}

static void plain_numbers_are_bytes(void)
{
    check_size("0", 0);
    check_size("1", 1);
    check_size("4096", 4096);
    check_size("00010", 10);
    check_size("18446744073709551615", UINT64_MAX);
    check_size("512B", 512);
    check_size("512b", 512);
}

static void units_are_powers_of_1024(void)
{
    check_size("1K", 1024);
    check_size("64K", 65536);
    check_size("1M", 1048576);
    check_size("2G", UINT64_C(2) << 30);
    check_size("3T", UINT64_C(3) << 40);
    check_size("4P", UINT64_C(4) << 50);
    check_size("15E", UINT64_C(15) << 60);
    check_size("0E", 0);
}

static void units_may_be_small_and_have_an_ending(void)
{
    check_size("64k", 65536);
    check_size("64kB", 65536);
    check_size("64Kb", 65536);
    check_size("64KiB", 65536);
    check_size("64kib", 65536);
    check_size("1mIb", 1048576);
    check_size("2gb", UINT64_C(2) << 30);
}

static void a_number_beyond_64_bits_is_refused(void)
{
    check_refused("18446744073709551616");
    check_refused("99999999999999999999999");
    check_refused("16E");
    check_refused("18014398509481984K");
    check_size("18014398509481983K", UINT64_C(18014398509481983) << 10);
}

static void what_is_no_number_is_refused(void)
{
    static const char *const texts[] = {"",    "K",   "B",     "-1",  "+1",  "0x10", "1.5M", "1e3",
                                        "one", "1KK", "1KiBB", "1Bi", "1i",  "1iB",  "1KB2", "1KM",
                                        "1k1", "1Z",  "1Y",    "1%",  "1,5", "1_0",  "1Ki"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_refused(texts[i]);
    }
}

static void spaces_are_refused(void)
{
    check_refused(" 1");
    check_refused("1 ");
    check_refused("1 K");
    check_refused("1K ");
    check_refused("1\t");
    check_refused("1\n");
    check_refused(" ");
}

int main(void)
{
    RUN(plain_numbers_are_bytes);
    RUN(units_are_powers_of_1024);
    RUN(units_may_be_small_and_have_an_ending);
    RUN(a_number_beyond_64_bits_is_refused);
    RUN(what_is_no_number_is_refused);
    RUN(spaces_are_refused);
    return unit_done();
}
