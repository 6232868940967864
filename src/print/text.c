// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/text.h"

#include "base/checked.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SECONDS_A_DAY = 86400, MILLISECONDS_AN_HOUR = 3600000 };

// Hundredths of a unit, rounded to three significant digits.
static uint64_t round_hundredths(uint64_t hundredths)
{
    uint64_t step = hundredths >= 10000 ? 100 : hundredths >= 1000 ? 10 : 1;
    return (hundredths + step / 2) / step * step;
}

void text_short_size(uint64_t size, char text[static TEXT_SIZE_MAX])
{
    static const char units[] = "KMGTPE";
    if (size < 1024) {
        snprintf(text, TEXT_SIZE_MAX, "%" PRIu64 " byte%s", size, size == 1 ? "" : "s");
        return;
    }
    unsigned unit = ((unsigned)(63 - __builtin_clzll(size))) / 10;
    unsigned shift = 10 * unit;
    uint64_t whole = size >> shift;
    uint64_t rest = size & ((UINT64_C(1) << shift) - 1);
    // The remainder is reduced to ten bits first, so that the product fits into 64 bits.
    uint64_t hundredths =
        round_hundredths(whole * 100 + ((rest >> (shift - 10)) * 100 + 512) / 1024);
    if (hundredths >= 102400 && units[unit] != '\0') {
        hundredths = 100;
        unit++;
    }
    int length =
        snprintf(text, TEXT_SIZE_MAX, "%" PRIu64 ".%02" PRIu64, hundredths / 100, hundredths % 100);
    while (text[length - 1] == '0') {
        length--;
    }
    length -= text[length - 1] == '.';
    snprintf(text + length, TEXT_SIZE_MAX - (size_t)length, " %ciB", units[unit - 1]);
}

void text_size(uint64_t size, char text[static TEXT_SIZE_MAX])
{
    text_short_size(size, text);
    if (size >= 1024) {
        size_t length = strlen(text);
        snprintf(text + length, TEXT_SIZE_MAX - length, " (%" PRIu64 " bytes)", size);
    }
}

// The Gregorian date of a day that is counted from 1970-01-01. Years are counted from March, so
// that a leap day is the last day of its year, and from 1600, where a 400-year period of the
// calendar begins.
static void civil_date(uint32_t day, unsigned *year, unsigned *month, unsigned *month_day)
{
    uint32_t days = day + 135080; // since 1600-03-01
    uint32_t era = days / 146097; // days in 400 years
    days %= 146097;
    uint32_t of_era = (days - days / 1460 + days / 36524 - days / 146096) / 365;
    uint32_t of_year = days - (365 * of_era + of_era / 4 - of_era / 100);
    uint32_t from_march = (5 * of_year + 2) / 153;
    *month_day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = 1600 + era * 400 + of_era + (*month <= 2);
}

// Writes a number with a fixed number of digits, quickly: tables can have tens of thousands of
// dates.
static char *put_digits(char *at, unsigned number, size_t digits)
{
    for (size_t i = digits; i-- > 0; number /= 10) {
        at[i] = (char)('0' + number % 10);
    }
    return at + digits;
}

void text_date(uint32_t seconds, char text[static TEXT_DATE_MAX])
{
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned rest = seconds % SECONDS_A_DAY;
    civil_date(seconds / SECONDS_A_DAY, &year, &month, &day);
    const struct {
        unsigned number;
        unsigned digits;
        char after;
    } parts[] = {{year, 4, '-'},        {month, 2, '-'},          {day, 2, 'T'},
                 {rest / 3600, 2, ':'}, {rest / 60 % 60, 2, ':'}, {rest % 60, 2, 'Z'}};
    char *at = text;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        at = put_digits(at, parts[i].number, parts[i].digits);
        *at++ = parts[i].after;
    }
    *at = '\0';
}

void text_clock(uint64_t nanoseconds, char text[static TEXT_CLOCK_MAX])
{
    uint64_t milliseconds = nanoseconds / 1000000;
    unsigned rest = (unsigned)(milliseconds % MILLISECONDS_AN_HOUR);
    snprintf(text, TEXT_CLOCK_MAX, "%02" PRIu64 ":%02u:%02u.%03u",
             milliseconds / MILLISECONDS_AN_HOUR, rest / 60000, rest / 1000 % 60, rest % 1000);
}

enum { PIECE_MAX = 16 };

// One piece of a name, as it is printed.
struct piece {
    const char *text;
    size_t size;    // bytes
    size_t columns; // width on a screen
    char escaped[PIECE_MAX];
};

// The rest of a name.
struct rest {
    struct bytes name;
    bool after_blank; // or at the start of the name
};

// Names are printed between blanks: two adjacent blanks, or a blank at an end, would look like the
// gap between columns.
static bool shows_blank(const struct rest *rest, size_t at)
{
    size_t next = at + 1;
    return !rest->after_blank && next < rest->name.size && rest->name.data[next] != ' ';
}

// Takes the part that is printed unchanged.
static size_t take_plain(struct rest *rest)
{
    size_t length = utf8_plain_run(rest->name);
    size_t taken = 0;
    while (taken < length && (rest->name.data[taken] != ' ' || shows_blank(rest, taken))) {
        rest->after_blank = rest->name.data[taken] == ' ';
        taken++;
    }
    return taken;
}

static void escape_byte(uint8_t byte, struct piece *piece)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(piece->escaped, (char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, 4);
    piece->size = piece->columns = 4;
}

// Takes one character. Returns its size in bytes.
static size_t take_character(struct rest *rest, struct piece *piece)
{
    uint32_t code_point;
    size_t taken = utf8_decode(rest->name, &code_point);
    piece->text = piece->escaped;
    rest->after_blank = taken == 1 && code_point == ' ';
    if (taken == 0 || rest->after_blank || (taken == 1 && utf8_is_unsafe(code_point))) {
        escape_byte(rest->name.data[0], piece);
        return 1;
    }
    if (utf8_is_unsafe(code_point)) {
        piece->size = piece->columns =
            (size_t)snprintf(piece->escaped, PIECE_MAX, "\\u{%" PRIx32 "}", code_point);
    } else if (code_point == '\\') {
        piece->text = "\\\\";
        piece->size = piece->columns = 2;
    } else {
        piece->text = (const char *)rest->name.data;
        piece->size = taken;
        piece->columns = 1;
    }
    return taken;
}

static void next_piece(struct rest *rest, struct piece *piece)
{
    piece->text = (const char *)rest->name.data;
    size_t taken = take_plain(rest);
    piece->size = piece->columns = taken;
    if (taken == 0) {
        taken = take_character(rest, piece);
    }
    rest->name = bytes_from(rest->name, taken);
}

void text_name(struct writer *writer, struct bytes name)
{
    struct rest rest = {name, true};
    struct piece piece;
    while (rest.name.size > 0) {
        next_piece(&rest, &piece);
        writer_bytes(writer, piece.text, piece.size);
    }
}

void text_safe(struct writer *writer, const char *string)
{
    text_name(writer, (struct bytes){(const uint8_t *)string, strlen(string)});
}

size_t text_name_width(struct bytes name, size_t enough)
{
    struct rest rest = {name, true};
    struct piece piece;
    size_t width = 0;
    while (rest.name.size > 0 && width < enough) {
        next_piece(&rest, &piece);
        width += piece.columns;
    }
    return min_u64(width, enough);
}

void text_count(struct writer *writer, uint64_t count, const char *one, const char *many)
{
    writer_format(writer, "%" PRIu64 " %s", count, count == 1 ? one : many);
}

void text_place(struct writer *writer, uint64_t offset)
{
    writer_format(writer, "at %" PRIu64 " (0x%" PRIx64 ")", offset, offset);
}

void text_blanks(struct writer *writer, size_t count)
{
    static const char blanks[] = "                                ";
    while (count > 0) {
        size_t size = count < sizeof blanks - 1 ? count : sizeof blanks - 1;
        writer_bytes(writer, blanks, size);
        count -= size;
    }
}

void text_total(struct writer *writer, const char *name, uint64_t bytes, uint64_t size)
{
    char text[TEXT_SIZE_MAX];
    double percent = size > 0 ? 100.0 * (double)bytes / (double)size : 0.0;
    text_size(bytes, text);
    writer_format(writer, "%-10s  %6.2f%%  %s\n", name, percent, text);
}
