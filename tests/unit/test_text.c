// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/text.h"
#include "printed.h"
#include "unit.h"

static struct printed printed;

static void size_is(uint64_t size, const char *want)
{
    char text[TEXT_SIZE_MAX];
    text_size(size, text);
    CHECK_STR(text, want);
}

static void short_size_is(uint64_t size, const char *want)
{
    char text[TEXT_SIZE_MAX];
    text_short_size(size, text);
    CHECK_STR(text, want);
}

static void small_sizes_are_bytes(void)
{
    size_is(0, "0 bytes");
    size_is(1, "1 byte");
    size_is(512, "512 bytes");
    size_is(1023, "1023 bytes");
}

static void sizes_have_both_units(void)
{
    size_is(1024, "1 KiB (1024 bytes)");
    size_is(20480, "20 KiB (20480 bytes)");
    size_is(10485760, "10 MiB (10485760 bytes)");
    size_is(UINT64_C(1) << 30, "1 GiB (1073741824 bytes)");
    size_is(UINT64_C(5) << 40, "5 TiB (5497558138880 bytes)");
}

static void sizes_have_three_digits_that_count(void)
{
    short_size_is(1536, "1.5 KiB");
    short_size_is(1331, "1.3 KiB");
    short_size_is(202028, "197 KiB");
    short_size_is(12633, "12.3 KiB");
    short_size_is(2359296, "2.25 MiB");
}

static void rounding_goes_on_to_the_next_unit(void)
{
    short_size_is(1048575, "1 MiB");
    short_size_is((UINT64_C(1) << 40) - 1, "1 TiB");
    short_size_is(1047552, "1023 KiB");
}

static void the_largest_sizes_fit(void)
{
    size_is(UINT64_C(1) << 63, "8 EiB (9223372036854775808 bytes)");
    size_is(UINT64_MAX, "16 EiB (18446744073709551615 bytes)");
}

static void date_is(uint32_t seconds, const char *want)
{
    char text[TEXT_DATE_MAX];
    text_date(seconds, text);
    CHECK_STR(text, want);
}

static void dates_are_rfc_3339(void)
{
    date_is(0, "1970-01-01T00:00:00Z");
    date_is(86399, "1970-01-01T23:59:59Z");
    date_is(1700000000, "2023-11-14T22:13:20Z");
    date_is(2147483648, "2038-01-19T03:14:08Z");
    date_is(UINT32_MAX, "2106-02-07T06:28:15Z");
}

static void leap_days_are_kept(void)
{
    date_is(68169600, "1972-02-29T00:00:00Z");
    date_is(68256000, "1972-03-01T00:00:00Z");
    date_is(951782400, "2000-02-29T00:00:00Z");
    date_is(951868800, "2000-03-01T00:00:00Z");
    date_is(978307199, "2000-12-31T23:59:59Z");
    date_is(4107456000, "2100-02-28T00:00:00Z");
    date_is(4107542400, "2100-03-01T00:00:00Z");
}

static void clock_is(uint64_t nanoseconds, const char *want)
{
    char text[TEXT_CLOCK_MAX];
    text_clock(nanoseconds, text);
    CHECK_STR(text, want);
}

static void clocks_have_milliseconds(void)
{
    clock_is(0, "00:00:00.000");
    clock_is(999999, "00:00:00.000");
    clock_is(UINT64_C(3723004000000), "01:02:03.004");
    clock_is(UINT64_C(360000000000000), "100:00:00.000");
    clock_is(UINT64_MAX, "5124095:34:33.709");
}

static void name_is(const char *bytes, size_t size, const char *want)
{
    struct bytes name = {(const uint8_t *)bytes, size};
    printed_start(&printed);
    text_name(&printed.writer, name);
    CHECK_STR(printed_end(&printed), want);
}

#define NAME_IS(literal, want) name_is(literal, sizeof(literal) - 1, want)

static void plain_names_stand_as_they_are(void)
{
    NAME_IS("", "");
    NAME_IS("snapshot \"1\"", "snapshot \"1\"");
    NAME_IS("gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
}

static void a_terminal_is_not_steered(void)
{
    NAME_IS("a\x1b[31mb\n\r\t\0\x7f", "a\\x1b[31mb\\x0a\\x0d\\x09\\x00\\x7f");
    NAME_IS("\xc2\x9b"
            "31m",
            "\\u{9b}31m");
}

static void directions_of_writing_are_shown(void)
{
    NAME_IS("evil\xe2\x80\xaegpj.exe", "evil\\u{202e}gpj.exe");
    NAME_IS("\xe2\x81\xa6\xd8\x9c", "\\u{2066}\\u{61c}");
}

static void what_is_not_seen_is_shown(void)
{
    NAME_IS("a\xc2\xad\xe2\x80\x8b\xe2\x80\x8d"
            "b",
            "a\\u{ad}\\u{200b}\\u{200d}b");
    NAME_IS("\xef\xbb\xbfx\xe2\x81\xa0\xf3\xa0\x80\xa1", "\\u{feff}x\\u{2060}\\u{e0021}");
}

static void a_name_has_no_columns(void)
{
    NAME_IS("a b c", "a b c");
    NAME_IS("a  b", "a\\x20\\x20b");
    NAME_IS(" a ", "\\x20a\\x20");
    NAME_IS(" ", "\\x20");
    NAME_IS("\xc3\xbc   \\ \xc3\xbc", "\xc3\xbc\\x20\\x20\\x20\\\\ \xc3\xbc");
    NAME_IS("\" \" \x1b ", "\" \" \\x1b\\x20");
}

static void bad_bytes_are_shown(void)
{
    NAME_IS("\xff\xc3x\xed\xa0\x80", "\\xff\\xc3x\\xed\\xa0\\x80");
}

static void an_escape_cannot_be_forged(void)
{
    NAME_IS("\\x1b", "\\\\x1b");
}

static void widths_are_those_of_what_is_shown(void)
{
    static const uint8_t name[] = "a\x1b\xc3\xbc\xe2\x80\xae\\";
    struct bytes bytes = {name, sizeof name - 1};
    CHECK_EQ_U64(text_name_width(bytes, 100), 1 + 4 + 1 + 8 + 2);
    CHECK_EQ_U64(text_name_width(bytes, 3), 3);
    CHECK_EQ_U64(text_name_width((struct bytes){(const uint8_t *)"a  b c", 6}, 100), 1 + 4 + 4 + 3);
    CHECK_EQ_U64(text_name_width((struct bytes){0}, 3), 0);
}

static void blanks_are_counted(void)
{
    char want[101];
    memset(want, ' ', 100);
    want[100] = '\0';
    printed_start(&printed);
    text_blanks(&printed.writer, 100);
    text_blanks(&printed.writer, 0);
    CHECK_STR(printed_end(&printed), want);
}

int main(void)
{
    RUN(small_sizes_are_bytes);
    RUN(sizes_have_both_units);
    RUN(sizes_have_three_digits_that_count);
    RUN(rounding_goes_on_to_the_next_unit);
    RUN(the_largest_sizes_fit);
    RUN(dates_are_rfc_3339);
    RUN(leap_days_are_kept);
    RUN(clocks_have_milliseconds);
    RUN(plain_names_stand_as_they_are);
    RUN(a_terminal_is_not_steered);
    RUN(directions_of_writing_are_shown);
    RUN(what_is_not_seen_is_shown);
    RUN(a_name_has_no_columns);
    RUN(bad_bytes_are_shown);
    RUN(an_escape_cannot_be_forged);
    RUN(widths_are_those_of_what_is_shown);
    RUN(blanks_are_counted);
    return unit_done();
}
