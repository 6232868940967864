// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The window over tables: what it shows, how it reads, and where a file ends.

#include "source/table_window.h"

#include "unit.h"
#include "watched.h"

enum { FILE_SIZE = 4 << 20, ENTRY = 8, TABLE = 512 };

static uint8_t file[FILE_SIZE]; // every 8 bytes are their own offset

static void fill_file(void)
{
    for (size_t i = 0; i < FILE_SIZE; i++) {
        file[i] = (uint8_t)((i & ~(size_t)7) >> (56 - 8 * (i & 7)));
    }
}

static struct watched whole_file(void)
{
    return watched_make(file, FILE_SIZE);
}

// A window and the file below it.
struct setup {
    struct table_window window;
    struct watched file;
    struct bytes view;
    struct error error;
};

static struct setup setup_make(size_t capacity)
{
    return (struct setup){.window = table_window_make(capacity), .file = whole_file()};
}

static bool look(struct setup *setup, uint64_t offset, size_t entry, uint64_t wanted)
{
    return table_window_view(&setup->window, &setup->file.base, offset, entry, wanted, &setup->view,
                             &setup->error);
}

// Looks there, at what is seen, and that no error is left of a read that was cut.
static bool shows(struct setup *setup, uint64_t offset, size_t entry, uint64_t wanted)
{
    setup->error = (struct error){0};
    return CHECK(look(setup, offset, entry, wanted)) && CHECK(setup->view.size >= entry) &&
           CHECK(setup->view.size <= wanted) &&
           CHECK_MEM(setup->view.data, file + offset, setup->view.size) &&
           CHECK(!setup->error.code);
}

static void nothing_is_read_or_kept_before_the_first_view(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    CHECK(!setup.window.buffer);
    CHECK_EQ_U64(setup.file.reads, 0);
    table_window_free(&setup.window);
    table_window_free(&setup.window); // twice is fine
}

static void the_first_view_reads_what_is_wanted_and_no_more(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MAX);
    CHECK(shows(&setup, 10 * TABLE, ENTRY, TABLE));
    CHECK_EQ_U64(setup.view.size, TABLE);
    CHECK_EQ_U64(setup.file.reads, 1);
    CHECK_EQ_U64(setup.file.bytes_read, TABLE);
    table_window_free(&setup.window);
}

static void what_was_read_stays(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    CHECK(shows(&setup, TABLE, ENTRY, TABLE));
    CHECK(shows(&setup, TABLE, ENTRY, TABLE));
    CHECK(shows(&setup, TABLE + 200, ENTRY, TABLE - 200));
    CHECK_EQ_U64(setup.view.size, TABLE - 200);
    CHECK(shows(&setup, 2 * TABLE - ENTRY, ENTRY, ENTRY));
    CHECK(shows(&setup, TABLE, ENTRY, TABLE)); // back again
    CHECK_EQ_U64(setup.file.reads, 1);
    table_window_free(&setup.window);
}

// Fewer bytes than are wanted are enough, as long as they hold an entry.
static void a_view_ends_with_the_window(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    CHECK(shows(&setup, 0, ENTRY, TABLE));
    CHECK(shows(&setup, TABLE - ENTRY, ENTRY, TABLE));
    CHECK_EQ_U64(setup.view.size, ENTRY);
    CHECK_EQ_U64(setup.file.reads, 1);
    table_window_free(&setup.window);
}

static void an_entry_across_the_end_of_the_window_is_read_as_a_whole(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    CHECK(shows(&setup, 0, 16, 24));
    CHECK(shows(&setup, 16, 16, 48));
    CHECK_EQ_U64(setup.view.size, 48);
    CHECK_EQ_U64(setup.file.reads, 2);
    table_window_free(&setup.window);
}

static void a_view_never_exceeds_the_capacity(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    CHECK(shows(&setup, 0, ENTRY, FILE_SIZE));
    CHECK_EQ_U64(setup.view.size, TABLE_WINDOW_MIN);
    CHECK(shows(&setup, TABLE_WINDOW_MIN, ENTRY, UINT64_MAX));
    CHECK_EQ_U64(setup.view.size, TABLE_WINDOW_MIN);
    CHECK_EQ_U64(setup.file.bytes_read, 2 * TABLE_WINDOW_MIN);
    table_window_free(&setup.window);
}

static void an_entry_as_large_as_the_capacity_fits(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    CHECK(shows(&setup, 3, TABLE_WINDOW_MIN, TABLE_WINDOW_MIN));
    CHECK(shows(&setup, 4, TABLE_WINDOW_MIN, TABLE_WINDOW_MIN));
    table_window_free(&setup.window);
}

static void tables_that_follow_each_other_are_read_in_ever_larger_pieces(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MAX);
    uint64_t before = 0;
    for (uint64_t at = 0; at < FILE_SIZE; at += TABLE) {
        REQUIRE(shows(&setup, at, ENTRY, TABLE));
        REQUIRE(setup.view.size == TABLE);
        CHECK(setup.file.last_size >= before || at + before > FILE_SIZE);
        before = setup.file.last_size;
    }
    CHECK_EQ_U64(setup.file.bytes_read, FILE_SIZE); // each byte once
    // All reads are of 256 KiB but those that grow to it, by doubling, and the last one.
    CHECK(setup.file.reads <= FILE_SIZE / TABLE_WINDOW_MAX + 12);
    table_window_free(&setup.window);
}

static void tables_apart_are_read_alone(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MAX);
    for (uint64_t i = 0; i < 100; i++) {
        REQUIRE(shows(&setup, i * 3 * TABLE, ENTRY, TABLE));
    }
    for (uint64_t i = 100; i-- > 0;) { // that one is still there
        REQUIRE(shows(&setup, i * TABLE, ENTRY, TABLE));
    }
    CHECK_EQ_U64(setup.file.reads, 200);
    CHECK_EQ_U64(setup.file.bytes_read, 200 * TABLE);
    table_window_free(&setup.window);
}

static void a_jump_ends_the_reading_ahead(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MAX);
    for (uint64_t at = 0; at < 64 * TABLE; at += TABLE) {
        REQUIRE(shows(&setup, at, ENTRY, TABLE));
    }
    CHECK(setup.file.last_size > TABLE);
    REQUIRE(shows(&setup, 1 << 20, ENTRY, TABLE));
    CHECK_EQ_U64(setup.file.last_size, TABLE);
    REQUIRE(shows(&setup, 2 << 20, ENTRY, TABLE));
    CHECK_EQ_U64(setup.file.last_size, TABLE);
    table_window_free(&setup.window);
}

static void reading_ahead_stops_at_the_end_of_the_file(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MAX);
    setup.file.base.size = 5 * TABLE;
    for (uint64_t at = 0; at < 5 * TABLE; at += TABLE) {
        REQUIRE(shows(&setup, at, ENTRY, TABLE));
    }
    CHECK_EQ_U64(setup.file.bytes_read, 5 * TABLE);
    table_window_free(&setup.window);
}

// ---- Where the file ends -----------------------------------------------------------------------

static void a_table_that_is_cut_off_shows_its_whole_entries(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    setup.file.base.size = TABLE + 100; // 6 entries of 16 bytes, and 4 bytes
    CHECK(shows(&setup, TABLE, 16, TABLE));
    CHECK_EQ_U64(setup.view.size, 96);
    CHECK(shows(&setup, TABLE + 80, 16, TABLE));
    CHECK_EQ_U64(setup.view.size, 16);
    CHECK_EQ_U64(setup.file.reads, 1);
    CHECK(!look(&setup, TABLE + 96, 16, TABLE));
    table_window_free(&setup.window);
}

// The fault is where the first missing byte is.
static void check_end(enum source_kind kind, const char *code)
{
    const uint64_t size = TABLE + 100;
    const uint64_t places[] = {TABLE + 96, size - 1, size, size + 1, FILE_SIZE, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct setup setup = setup_make(TABLE_WINDOW_MIN);
        setup.file.base.size = size;
        setup.file.base.kind = kind;
        CHECK(!look(&setup, places[i], ENTRY, TABLE));
        CHECK_STR(setup.error.code, code);
        CHECK(setup.error.has_offset);
        CHECK_EQ_U64(setup.error.offset, places[i] < size ? size : places[i]);
        table_window_free(&setup.window);
    }
}

static void an_entry_past_the_end_is_truncated(void)
{
    check_end(SOURCE_MEMORY, "truncated");
    check_end(SOURCE_FILE, "truncated");
}

static void an_entry_that_was_not_given_is_unseen(void)
{
    check_end(SOURCE_START, "not-seen");
}

static void an_empty_file_has_no_entry(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    setup.file.base.size = 0;
    CHECK(!look(&setup, 0, ENTRY, TABLE));
    CHECK_STR(setup.error.code, "truncated");
    CHECK_EQ_U64(setup.error.offset, 0);
    table_window_free(&setup.window);
}

// ---- Reads that fail ---------------------------------------------------------------------------

static void nothing_stale_is_shown_after_a_read_that_failed(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    setup.file.bad_start = 10 * TABLE;
    setup.file.bad_end = 11 * TABLE;
    CHECK(shows(&setup, 0, ENTRY, TABLE));
    CHECK(!look(&setup, 10 * TABLE, ENTRY, TABLE));
    CHECK_STR(setup.error.code, "io-error");
    CHECK_EQ_U64(setup.error.offset, 10 * TABLE);
    CHECK(!look(&setup, 10 * TABLE, ENTRY, TABLE)); // and again
    CHECK(shows(&setup, 0, ENTRY, TABLE));
    CHECK(shows(&setup, 11 * TABLE, ENTRY, TABLE));
    table_window_free(&setup.window);
}

static bool shows_tables(struct setup *setup, uint64_t first, uint64_t end)
{
    while (first < end && shows(setup, first * TABLE, ENTRY, TABLE)) {
        first++;
    }
    return first >= end;
}

// One bad place costs the entries in it and no others, however much is read ahead.
static void what_is_before_a_bad_place_is_shown(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MAX);
    setup.file.bad_start = 100 * TABLE + 10 * ENTRY + 3;
    setup.file.bad_end = 101 * TABLE;
    CHECK(shows_tables(&setup, 0, 100));
    CHECK(shows_tables(&setup, 101, 200));
    CHECK(shows(&setup, 100 * TABLE, ENTRY, TABLE));
    CHECK_EQ_U64(setup.view.size, 10 * ENTRY);
    CHECK(shows(&setup, 100 * TABLE + 9 * ENTRY, ENTRY, TABLE));
    CHECK_EQ_U64(setup.view.size, ENTRY);
    CHECK(!look(&setup, 100 * TABLE + 10 * ENTRY, ENTRY, TABLE));
    CHECK_STR(setup.error.code, "io-error");
    CHECK_EQ_U64(setup.error.offset, setup.file.bad_start);
    table_window_free(&setup.window);
}

static void a_window_that_was_freed_can_be_made_again(void)
{
    struct setup setup = setup_make(TABLE_WINDOW_MIN);
    CHECK(shows(&setup, 0, ENTRY, TABLE));
    table_window_free(&setup.window);
    CHECK(!setup.window.buffer);
    setup.window = table_window_make(TABLE_WINDOW_MAX);
    CHECK(shows(&setup, 0, ENTRY, TABLE_WINDOW_MAX));
    CHECK_EQ_U64(setup.view.size, TABLE_WINDOW_MAX);
    table_window_free(&setup.window);
}

int main(void)
{
    fill_file();
    RUN(nothing_is_read_or_kept_before_the_first_view);
    RUN(the_first_view_reads_what_is_wanted_and_no_more);
    RUN(what_was_read_stays);
    RUN(a_view_ends_with_the_window);
    RUN(an_entry_across_the_end_of_the_window_is_read_as_a_whole);
    RUN(a_view_never_exceeds_the_capacity);
    RUN(an_entry_as_large_as_the_capacity_fits);
    RUN(tables_that_follow_each_other_are_read_in_ever_larger_pieces);
    RUN(tables_apart_are_read_alone);
    RUN(a_jump_ends_the_reading_ahead);
    RUN(reading_ahead_stops_at_the_end_of_the_file);
    RUN(a_table_that_is_cut_off_shows_its_whole_entries);
    RUN(an_entry_past_the_end_is_truncated);
    RUN(an_entry_that_was_not_given_is_unseen);
    RUN(an_empty_file_has_no_entry);
    RUN(nothing_stale_is_shown_after_a_read_that_failed);
    RUN(what_is_before_a_bad_place_is_shown);
    RUN(a_window_that_was_freed_can_be_made_again);
    return unit_done();
}
