// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/json.h"
#include "printed.h"
#include "unit.h"

static struct printed printed;
static struct json json;

static void start(enum json_style style)
{
    printed_start(&printed);
    json_init(&json, &printed.writer, style);
}

static const char *finish(void)
{
    json_finish(&json);
    return printed_end(&printed);
}

// A string of `size` bytes, printed alone; without the newline.
static const char *string(const char *bytes, size_t size)
{
    start(JSON_COMPACT);
    json_string(&json, (struct bytes){(const uint8_t *)bytes, size});
    finish();
    printed.text[strlen(printed.text) - 1] = '\0';
    return printed.text;
}

#define STRING(literal) string(literal, sizeof(literal) - 1)
#define BAD             "\xef\xbf\xbd"

static void pretty_print_has_two_blanks_a_level(void)
{
    start(JSON_PRETTY);
    json_object(&json);
    json_key_u64(&json, "a", 1);
    json_key_array(&json, "b");
    json_bool(&json, true);
    json_null(&json);
    json_end(&json);
    json_key_text(&json, "c", "x");
    json_end(&json);
    CHECK_STR(finish(),
              "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null\n  ],\n  \"c\": \"x\"\n}\n");
}

static void compact_print_is_one_line(void)
{
    start(JSON_COMPACT);
    json_object(&json);
    json_key_u64(&json, "a", 1);
    json_key_array(&json, "b");
    json_bool(&json, false);
    json_null(&json);
    json_end(&json);
    json_end(&json);
    CHECK_STR(finish(), "{\"a\":1,\"b\":[false,null]}\n");
}

static void empty_levels_stay_on_their_line(void)
{
    start(JSON_PRETTY);
    json_object(&json);
    json_key_array(&json, "a");
    json_end(&json);
    json_key_object(&json, "b");
    json_end(&json);
    json_end(&json);
    CHECK_STR(finish(), "{\n  \"a\": [],\n  \"b\": {}\n}\n");
}

static void finish_closes_what_is_open(void)
{
    start(JSON_COMPACT);
    json_array(&json);
    json_object(&json);
    json_key_array(&json, "a");
    json_u64(&json, 1);
    CHECK_STR(finish(), "[{\"a\":[1]}]\n");
}

static void finish_gives_a_lone_key_a_value(void)
{
    start(JSON_COMPACT);
    json_object(&json);
    json_key(&json, "a");
    CHECK_STR(finish(), "{\"a\":null}\n");
}

static void documents_may_follow_each_other(void)
{
    start(JSON_COMPACT);
    for (uint64_t i = 0; i < 2; i++) {
        json_object(&json);
        json_key_u64(&json, "n", i);
        json_end(&json);
        json_finish(&json);
    }
    CHECK_STR(printed_end(&printed), "{\"n\":0}\n{\"n\":1}\n");
}

static void deepest_nesting_fits(void)
{
    start(JSON_PRETTY);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        json_array(&json);
    }
    const char *text = finish();
    size_t opened = 0;
    size_t closed = 0;
    for (; *text != '\0'; text++) {
        opened += *text == '[';
        closed += *text == ']';
    }
    CHECK_EQ_U64(opened, JSON_DEPTH_MAX);
    CHECK_EQ_U64(closed, JSON_DEPTH_MAX);
}

static void integers_are_exact(void)
{
    start(JSON_COMPACT);
    json_array(&json);
    json_u64(&json, 0);
    json_u64(&json, UINT64_C(9007199254740993));
    json_u64(&json, UINT64_MAX);
    CHECK_STR(finish(), "[0,9007199254740993,18446744073709551615]\n");
}

static void plain_text_stands_as_it_is(void)
{
    CHECK_STR(STRING(""), "\"\"");
    CHECK_STR(STRING("snapshot 1 <&>'/"), "\"snapshot 1 <&>'/\"");
    CHECK_STR(STRING("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
              "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

static void quotes_and_backslashes_are_escaped(void)
{
    CHECK_STR(STRING("a\"b\\c"), "\"a\\\"b\\\\c\"");
}

static void control_characters_are_escaped(void)
{
    CHECK_STR(STRING("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    CHECK_STR(STRING("\0\1\x1b[31m\x1f"), "\"\\u0000\\u0001\\u001b[31m\\u001f\"");
    CHECK_STR(STRING("\x7f"), "\"\\u007f\"");
    CHECK_STR(STRING("\xc2\x80\xc2\x9f\xc2\xa0\xc2\xa1"), "\"\\u0080\\u009f\\u00a0\xc2\xa1\"");
}

static void separators_and_directions_are_escaped(void)
{
    CHECK_STR(STRING("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"");
    CHECK_STR(STRING("\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xb0"), "\"\\u202a\\u202e\xe2\x80\xb0\"");
    CHECK_STR(STRING("\xe2\x81\xa6\xe2\x81\xa9"), "\"\\u2066\\u2069\"");
    CHECK_STR(STRING("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"), "\"\\u200e\\u200f\\u061c\"");
}

static void what_is_not_seen_is_escaped(void)
{
    CHECK_STR(STRING("a\xe2\x80\x8b\xef\xbb\xbf!"), "\"a\\u200b\\ufeff!\"");
    // A tag, and beside it what can be seen.
    CHECK_STR(STRING("\xf3\xa0\x80\xa1\xf3\xa0\x81\xbf"), "\"\\udb40\\udc21\\udb40\\udc7f\"");
    CHECK_STR(STRING("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"");
}

static void each_bad_byte_is_replaced(void)
{
    CHECK_STR(STRING("a\xff\xfe!"), "\"a" BAD BAD "!\"");
    CHECK_STR(STRING("\x80"), "\"" BAD "\"");
    CHECK_STR(STRING("QFI\xfb"), "\"QFI" BAD "\"");
}

static void cut_sequences_are_replaced_byte_by_byte(void)
{
    CHECK_STR(STRING("\xc3"), "\"" BAD "\"");
    CHECK_STR(STRING("\xe2\x82"), "\"" BAD BAD "\"");
    CHECK_STR(STRING("\xf0\x9f\x98"), "\"" BAD BAD BAD "\"");
    CHECK_STR(STRING("\xe2\x82x"), "\"" BAD BAD "x\"");
    CHECK_STR(STRING("\xf0\x9f\xc3\xbc"), "\"" BAD BAD "\xc3\xbc\"");
}

static void overlong_sequences_are_replaced_byte_by_byte(void)
{
    CHECK_STR(STRING("\xc0\x80"), "\"" BAD BAD "\"");
    CHECK_STR(STRING("\xc1\xbf"), "\"" BAD BAD "\"");
    CHECK_STR(STRING("\xe0\x9f\xbf"), "\"" BAD BAD BAD "\"");
    CHECK_STR(STRING("\xf0\x8f\xbf\xbf"), "\"" BAD BAD BAD BAD "\"");
}

static void surrogates_and_what_is_too_large_are_replaced(void)
{
    CHECK_STR(STRING("\xed\xa0\x80"), "\"" BAD BAD BAD "\"");
    CHECK_STR(STRING("\xed\xbf\xbf"), "\"" BAD BAD BAD "\"");
    CHECK_STR(STRING("\xf4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\"");
    CHECK_STR(STRING("\xf8\x88\x80\x80\x80"), "\"" BAD BAD BAD BAD BAD "\"");
}

static void limits_of_each_length_are_kept(void)
{
    CHECK_STR(STRING("\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
              "\"\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"");
    CHECK_STR(STRING("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
}

static void base64_is(const char *bytes, const char *want)
{
    start(JSON_COMPACT);
    json_base64(&json, (struct bytes){(const uint8_t *)bytes, strlen(bytes)});
    CHECK_STR(finish(), want);
}

// The vectors of RFC 4648, and one with both digits that are no letters.
static void base64_is_padded(void)
{
    base64_is("", "\"\"\n");
    base64_is("f", "\"Zg==\"\n");
    base64_is("fo", "\"Zm8=\"\n");
    base64_is("foo", "\"Zm9v\"\n");
    base64_is("foob", "\"Zm9vYg==\"\n");
    base64_is("fooba", "\"Zm9vYmE=\"\n");
    base64_is("foobar", "\"Zm9vYmFy\"\n");
    base64_is("\xfb\xff\xbf", "\"+/+/\"\n");
}

static void formatted_strings_are_strings(void)
{
    start(JSON_COMPACT);
    json_format(&json, "unknown-0x%08x", 0xabcU);
    CHECK_STR(finish(), "\"unknown-0x00000abc\"\n");
}

int main(void)
{
    RUN(pretty_print_has_two_blanks_a_level);
    RUN(compact_print_is_one_line);
    RUN(empty_levels_stay_on_their_line);
    RUN(finish_closes_what_is_open);
    RUN(finish_gives_a_lone_key_a_value);
    RUN(documents_may_follow_each_other);
    RUN(deepest_nesting_fits);
    RUN(integers_are_exact);
    RUN(plain_text_stands_as_it_is);
    RUN(quotes_and_backslashes_are_escaped);
    RUN(control_characters_are_escaped);
    RUN(separators_and_directions_are_escaped);
    RUN(what_is_not_seen_is_escaped);
    RUN(each_bad_byte_is_replaced);
    RUN(cut_sequences_are_replaced_byte_by_byte);
    RUN(overlong_sequences_are_replaced_byte_by_byte);
    RUN(surrogates_and_what_is_too_large_are_replaced);
    RUN(limits_of_each_length_are_kept);
    RUN(base64_is_padded);
    RUN(formatted_strings_are_strings);
    return unit_done();
}
