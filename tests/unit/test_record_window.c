// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The window over records of different lengths: what it shows, how it reads, where a file ends.

#include "source/record_window.h"

#include "unit.h"
#include "watched.h"

enum { PIECE = RECORD_WINDOW_SIZE, FILE_SIZE = 4 * PIECE };

static uint8_t file[FILE_SIZE]; // no two places within 64 KiB are alike

static void fill_file(void)
{
    for (size_t i = 0; i < FILE_SIZE; i++) {
        file[i] = (uint8_t)(i % 2 == 0 ? i / 2 : i / 512);
    }
}

// A window and the file below it.
struct setup {
    struct record_window window;
    struct watched file;
    struct bytes view;
    struct error error;
};

static struct setup setup_make(void)
{
    return (struct setup){.file = watched_make(file, FILE_SIZE)};
}

static bool look(struct setup *setup, uint64_t offset, size_t size)
{
    return record_window_view(&setup->window, &setup->file.base, offset, size, &setup->view,
                              &setup->error);
}

// No error is left of a read that was cut.
static bool shows(struct setup *setup, uint64_t offset, size_t size)
{
    setup->error = (struct error){0};
    return CHECK(look(setup, offset, size)) && CHECK_EQ_U64(setup->view.size, size) &&
           CHECK_MEM(setup->view.data, file + offset, size) && CHECK(!setup->error.code);
}

static void a_view_is_exactly_what_was_asked_for(void)
{
    struct setup setup = setup_make();
    CHECK(shows(&setup, 0, 1));
    CHECK(shows(&setup, 1, 1));
    CHECK(shows(&setup, 1000, 77));
    CHECK(shows(&setup, 12345, PIECE));
    CHECK(shows(&setup, FILE_SIZE - 1, 1));
    record_window_free(&setup.window);
    CHECK(!setup.window.buffer);
    record_window_free(&setup.window); // twice is fine
}

static void records_that_share_a_piece_are_one_read(void)
{
    struct setup setup = setup_make();
    for (uint64_t at = 1000; at + 100 <= 1000 + PIECE; at += 100) {
        REQUIRE(shows(&setup, at, 100));
    }
    CHECK_EQ_U64(setup.file.reads, 1);
    CHECK_EQ_U64(setup.file.bytes_read, PIECE);
    record_window_free(&setup.window);
}

// A record that the end of a piece cuts in two begins the next piece.
static void a_long_table_is_read_in_few_pieces(void)
{
    struct setup setup = setup_make();
    const size_t record = 1016; // no divisor of a piece
    for (uint64_t at = 0; at + record <= FILE_SIZE; at += record) {
        REQUIRE(shows(&setup, at, record));
    }
    CHECK(setup.file.reads <= FILE_SIZE / (PIECE - record) + 1);
    CHECK(setup.file.bytes_read <= FILE_SIZE + setup.file.reads * record);
    record_window_free(&setup.window);
}

static void parts_of_a_record_are_one_read_in_any_order(void)
{
    struct setup setup = setup_make();
    CHECK(shows(&setup, 5000, 64));
    CHECK(shows(&setup, 5100, 30));
    CHECK(shows(&setup, 5064, 36));
    CHECK(shows(&setup, 5000, 64));
    CHECK_EQ_U64(setup.file.reads, 1);
    CHECK(shows(&setup, 4999, 64)); // before all that was read
    CHECK_EQ_U64(setup.file.reads, 2);
    record_window_free(&setup.window);
}

static void a_record_is_read_up_to_the_last_byte_of_the_file(void)
{
    struct setup setup = setup_make();
    setup.file.base.size = 1000;
    CHECK(shows(&setup, 900, 100));
    CHECK(shows(&setup, 990, 10));
    CHECK_EQ_U64(setup.file.bytes_read, 100);
    CHECK(shows(&setup, 0, 1000));
    record_window_free(&setup.window);
}

static void a_record_without_bytes_may_be_at_the_end(void)
{
    struct setup setup = setup_make();
    setup.file.base.size = 1000;
    CHECK(look(&setup, 1000, 0));
    CHECK_EQ_U64(setup.view.size, 0);
    CHECK(look(&setup, 10, 0));
    CHECK_EQ_U64(setup.view.size, 0);
    record_window_free(&setup.window);
}

// The fault is where the first missing byte is, also after a view that succeeded.
static void check_end(enum source_kind kind, const char *code)
{
    const struct {
        uint64_t offset;
        size_t size;
        uint64_t fault;
    } cases[] = {{990, 11, 1000},
                 {0, 1001, 1000},
                 {999, PIECE, 1000},
                 {1000, 1, 1000},
                 {1001, 1, 1001},
                 {PIECE, 1, PIECE},
                 {UINT64_MAX, 1, UINT64_MAX},
                 {UINT64_MAX, 64, UINT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct setup setup = setup_make();
        setup.file.base.size = 1000;
        setup.file.base.kind = kind;
        CHECK(shows(&setup, 980, 20));
        CHECK(!look(&setup, cases[i].offset, cases[i].size));
        CHECK_STR(setup.error.code, code);
        CHECK(setup.error.has_offset);
        CHECK_EQ_U64(setup.error.offset, cases[i].fault);
        CHECK(shows(&setup, 0, 10));
        record_window_free(&setup.window);
    }
}

static void a_record_past_the_end_is_truncated(void)
{
    check_end(SOURCE_MEMORY, "truncated");
    check_end(SOURCE_DEVICE, "truncated");
}

static void a_record_that_was_not_given_is_unseen(void)
{
    check_end(SOURCE_START, "not-seen");
}

static void nothing_stale_is_shown_after_a_read_that_failed(void)
{
    struct setup setup = setup_make();
    setup.file.bad_start = 2 * PIECE;
    setup.file.bad_end = 2 * PIECE + 1;
    CHECK(shows(&setup, 0, 100));
    CHECK(!look(&setup, 2 * PIECE, 100));
    CHECK_STR(setup.error.code, "io-error");
    CHECK_EQ_U64(setup.error.offset, 2 * PIECE);
    CHECK(!look(&setup, 2 * PIECE, 100)); // and again
    CHECK(shows(&setup, 0, 100));
    CHECK(shows(&setup, 2 * PIECE + 1, 100));
    record_window_free(&setup.window);
}

static bool shows_records(struct setup *setup, uint64_t at, uint64_t end)
{
    while (at < end && shows(setup, at, 100)) {
        at += 100;
    }
    return at >= end;
}

// One bad place costs the record in it and no others, however large a piece is.
static void what_is_before_a_bad_place_is_shown(void)
{
    struct setup setup = setup_make();
    setup.file.bad_start = 10050;
    setup.file.bad_end = 10060;
    CHECK(shows_records(&setup, 0, 10000));
    CHECK(shows_records(&setup, 10100, 20000));
    CHECK(shows(&setup, 10000, 50));
    CHECK(!look(&setup, 10000, 100));
    CHECK_STR(setup.error.code, "io-error");
    CHECK_EQ_U64(setup.error.offset, 10050);
    record_window_free(&setup.window);
}

int main(void)
{
    fill_file();
    RUN(a_view_is_exactly_what_was_asked_for);
    RUN(records_that_share_a_piece_are_one_read);
    RUN(a_long_table_is_read_in_few_pieces);
    RUN(parts_of_a_record_are_one_read_in_any_order);
    RUN(a_record_is_read_up_to_the_last_byte_of_the_file);
    RUN(a_record_without_bytes_may_be_at_the_end);
    RUN(a_record_past_the_end_is_truncated);
    RUN(a_record_that_was_not_given_is_unseen);
    RUN(nothing_stale_is_shown_after_a_read_that_failed);
    RUN(what_is_before_a_bad_place_is_shown);
    return unit_done();
}
