// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parts of remote sources that need no server: answers, the cache, the queue, credentials.

#include "remote/answer.h"
#include "remote/cache.h"
#include "remote/login.h"
#include "remote/lost.h"
#include "remote/wanted.h"

#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

// ---- Answers ------------------------------------------------------------------------------------

// Takes a header, line by line.
static struct answer read_header(const char *header)
{
    struct answer answer = {0};
    for (const char *line = header; *line != '\0';) {
        size_t size = strcspn(line, "\n") + 1;
        CHECK(answer_line(&answer, (struct bytes){(const uint8_t *)line, size}));
        line += size;
    }
    return answer;
}

static enum verdict judge(const char *header, const struct validators *validators, uint64_t offset,
                          uint64_t length)
{
    struct error error = {0};
    struct answer answer = read_header(header);
    enum verdict verdict = answer_judge(&answer, validators, offset, length, &error);
    CHECK((verdict == VERDICT_FAIL || verdict == VERDICT_AGAIN) == (error.code != NULL));
    return verdict;
}

#define PART "HTTP/1.1 206 Partial Content\r\n"

static void the_range_that_was_asked_for_is_taken(void)
{
    const struct validators none = {0};
    const struct validators known = {.known = true, .size = 100, .tag = "\"a\""};
    CHECK(judge(PART "content-range: bytes 0-9/100\r\ncontent-length: 10\r\n\r\n", &none, 0, 10) ==
          VERDICT_TAKE);
    CHECK(judge(PART "Content-Range: bytes 0-99/100\r\n\r\n", &none, 0, 1000) == VERDICT_TAKE);
    CHECK(judge(PART "Content-Range: bytes 50-59/100\r\nETag: \"a\"\r\n\r\n", &known, 50, 10) ==
          VERDICT_TAKE);
    CHECK(judge("HTTP/1.1 100 Continue\r\n\r\n" PART "Content-Range: bytes 0-9/100\r\n\r\n", &none,
                0, 10) == VERDICT_TAKE);
}

static void any_other_range_is_not(void)
{
    static const char *const ranges[] = {
        "bytes 1-10/100",
        "bytes 0-8/100",
        "bytes 0-10/100",
        "bytes 0-9/9",
        "bytes 0-9/*",
        "bytes */100",
        "0-9/100",
        "bytes 0-9",
        "bytes 0-9/100x",
        "bytes -9/100",
        "bytes 9-0/100",
        "items 0-9/100",
        "bytes 0-18446744073709551615/100",
        "bytes 0-9/18446744073709551616",
        "",
    };
    const struct validators none = {0};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        char header[200];
        snprintf(header, sizeof header, PART "Content-Range: %s\r\n\r\n", ranges[i]);
        if (!CHECK(judge(header, &none, 0, 10) == VERDICT_FAIL)) {
            printf("# %s\n", ranges[i]);
        }
    }
    CHECK(judge(PART "\r\n", &none, 0, 10) == VERDICT_FAIL);
    CHECK(judge(PART "Content-Range: bytes 0-9/100\r\nContent-Range: bytes 0-9/100\r\n\r\n", &none,
                0, 10) == VERDICT_FAIL);
    CHECK(judge(PART "Content-Range: bytes 0-9/100\r\nContent-Encoding: gzip\r\n\r\n", &none, 0,
                10) == VERDICT_FAIL);
}

static void a_change_is_seen(void)
{
    const struct validators tagged = {.known = true, .size = 100, .tag = "\"a\"", .modified = "x"};
    const struct validators timed = {.known = true, .size = 100, .modified = "x"};
#define SAME PART "Content-Range: bytes 0-9/100\r\n"
    CHECK(judge(SAME "ETag: \"a\"\r\nLast-Modified: y\r\n\r\n", &tagged, 0, 10) == VERDICT_TAKE);
    CHECK(judge(SAME "ETag: \"b\"\r\nLast-Modified: x\r\n\r\n", &tagged, 0, 10) == VERDICT_FAIL);
    CHECK(judge(SAME "Last-Modified: x\r\n\r\n", &tagged, 0, 10) == VERDICT_FAIL);
    CHECK(judge(SAME "Last-Modified: x\r\n\r\n", &timed, 0, 10) == VERDICT_TAKE);
    CHECK(judge(SAME "Last-Modified: y\r\n\r\n", &timed, 0, 10) == VERDICT_FAIL);
    CHECK(judge(PART "Content-Range: bytes 0-9/101\r\nLast-Modified: x\r\n\r\n", &timed, 0, 10) ==
          VERDICT_FAIL);
}

static void other_answers(void)
{
    const struct validators none = {0};
    const struct validators known = {.known = true, .size = 100};
    CHECK(judge("HTTP/1.1 200 OK\r\n\r\n", &none, 0, 10) == VERDICT_FAIL);
    CHECK(judge("HTTP/2 404 \r\n\r\n", &none, 0, 10) == VERDICT_FAIL);
    CHECK(judge("HTTP/1.1 503 Busy\r\n\r\n", &none, 0, 10) == VERDICT_AGAIN);
    CHECK(judge("HTTP/1.1 429 Slow\r\n\r\n", &none, 0, 10) == VERDICT_AGAIN);
    CHECK(judge("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", &none, 0, 10) == VERDICT_REDIRECT);
    CHECK(judge("HTTP/1.1 302 Found\r\n\r\n", &none, 0, 10) == VERDICT_FAIL);
    CHECK(judge("HTTP/1.1 304 Not Modified\r\n\r\n", &none, 0, 10) == VERDICT_FAIL);
    CHECK(judge("HTTP/1.1 416 No\r\nContent-Range: bytes */0\r\n\r\n", &none, 0, 10) ==
          VERDICT_EMPTY);
    CHECK(judge("HTTP/1.1 416 No\r\nContent-Range: bytes */0\r\n\r\n", &known, 0, 10) ==
          VERDICT_FAIL);
    CHECK(judge("", &none, 0, 10) == VERDICT_FAIL);
}

static void a_header_has_an_end(void)
{
    static const uint8_t line[1000] = {'X'};
    struct answer answer = {0};
    size_t lines = 0;
    while (answer_line(&answer, (struct bytes){line, sizeof line})) {
        lines++;
    }
    CHECK_EQ_U64(lines, ANSWER_HEADER_MAX / sizeof line);
}

// ---- The cache ----------------------------------------------------------------------------------

static struct cache cache;

static struct block *fill(uint64_t index, bool ahead)
{
    struct block *block = cache_claim(&cache, 0, index, ahead);
    if (block) {
        block->state = BLOCK_HERE;
    }
    return block;
}

static void the_least_recently_used_block_makes_room(void)
{
    cache_init(&cache);
    for (uint64_t i = 0; i < REMOTE_PLACES; i++) {
        REQUIRE(fill(i, false));
    }
    cache_use(&cache, cache_find(&cache, 0, 0));
    REQUIRE(fill(1000, false));
    CHECK(cache_find(&cache, 0, 0) && cache_find(&cache, 0, 1000));
    CHECK(!cache_find(&cache, 0, 1) && !cache_find(&cache, 1, 2));
}

static void a_block_in_use_stays(void)
{
    cache_init(&cache);
    REQUIRE(fill(0, false));
    cache_find(&cache, 0, 0)->readers = 1;
    REQUIRE(cache_claim(&cache, 0, 1, false)); // and one that is coming
    for (uint64_t i = 2; i < 3 * REMOTE_PLACES; i++) {
        REQUIRE(fill(i, false));
    }
    CHECK(cache_find(&cache, 0, 0) && cache_find(&cache, 0, 1));
}

static void what_was_fetched_ahead_stays_until_it_is_read(void)
{
    cache_init(&cache);
    uint64_t ahead = 0;
    while (fill(ahead, true)) {
        ahead++;
    }
    CHECK_EQ_U64(ahead, CACHE_AHEAD_MAX);
    CHECK_EQ_U64(cache_room_ahead(&cache), 0);
    for (uint64_t i = 1000; i < 1000 + REMOTE_PLACES - 1; i++) {
        REQUIRE(fill(i, false));
    }
    for (uint64_t i = 0; i < ahead; i++) {
        REQUIRE(cache_find(&cache, 0, i));
    }
    cache_use(&cache, cache_find(&cache, 0, 0));
    CHECK_EQ_U64(cache_room_ahead(&cache), CACHE_AHEAD_MAX); // reads have passed the others
    CHECK(fill(ahead, true));
}

static void what_was_expected_in_vain_goes(void)
{
    cache_init(&cache);
    REQUIRE(fill(0, true)); // never read
    for (uint64_t i = 1; i < 2 * REMOTE_PLACES; i++) {
        struct block *block = fill(i, true);
        REQUIRE(block);
        cache_use(&cache, block);
    }
    CHECK(!cache_find(&cache, 0, 0));
}

static void one_that_is_read_makes_room_for_one_ahead(void)
{
    cache_init(&cache);
    CHECK_EQ_U64(cache_room_ahead(&cache), CACHE_AHEAD_MAX);
    for (uint64_t i = 0; i < CACHE_AHEAD_MAX; i++) {
        REQUIRE(fill(i, true));
    }
    CHECK_EQ_U64(cache_room_ahead(&cache), 0);
    cache_use(&cache, cache_find(&cache, 0, 5));
    cache_use(&cache, cache_find(&cache, 0, 5));
    CHECK_EQ_U64(cache_room_ahead(&cache), 1);
}

static void neighbours_in_the_queue_are_found_in_any_order(void)
{
    static struct wanted wanted;
    static const uint64_t order[] = {10, 7, 12, 11, 9, 20, 13, 5};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        wanted_add(&wanted, 1, order[i]);
    }
    wanted_add(&wanted, 2, 8);
    struct wanted_run run = wanted_run(&wanted, 1, 10, 16);
    CHECK(run.first == 9 && run.count == 5 && !run.is_newest);
    run = wanted_run(&wanted, 1, 10, 3); // what follows is first
    CHECK(run.first == 10 && run.count == 3);
    wanted_drop(&wanted, 1, 11, 1);
    run = wanted_run(&wanted, 1, 10, 16);
    CHECK(run.first == 9 && run.count == 2);
    run = wanted_run(&wanted, 2, 8, 16);
    CHECK(run.first == 8 && run.count == 1 && run.is_newest);
}

static void the_queue_keeps_its_order(void)
{
    static struct wanted wanted;
    for (uint64_t i = 0; i < WANTED_MAX + 10; i++) {
        wanted_add(&wanted, 1, i);
    }
    wanted_drop(&wanted, 1, 0, 1);
    wanted_drop(&wanted, 1, 2, 1);
    wanted_drop(&wanted, 2, 1, 1);
    CHECK_EQ_U64(wanted_next(&wanted)->index, 1);
    wanted_take(&wanted);
    CHECK_EQ_U64(wanted_next(&wanted)->index, 3);
    uint64_t count = 0;
    for (; wanted_next(&wanted); count++) {
        wanted_take(&wanted);
    }
    CHECK_EQ_U64(count, WANTED_MAX - 3);
}

static void lost_ranges_in_a_row_have_an_end(void)
{
    static struct lost lost;
    struct lost_range range = {.object = 1, .count = 4};
    error_set(&range.error, ERROR_IO, "away");
    unsigned added = 0;
    for (; added < 1000; added++) {
        range.first = added * 10;
        if (!lost_add(&lost, &range)) {
            break;
        }
    }
    CHECK_EQ_U64(added, LOST_ROW_MAX - 1);
    const struct error *error = lost_find(&lost, 1, 13);
    REQUIRE(error);
    CHECK_STR(error->message, "away");
    CHECK(!lost_find(&lost, 1, 14) && !lost_find(&lost, 1, 9) && !lost_find(&lost, 0, 13));
    for (; added < 1000; added++) { // many, but not in a row
        lost_break_row(&lost);
        if (!lost_add(&lost, &range)) {
            break;
        }
    }
    CHECK_EQ_U64(added, LOST_MAX);
}

// ---- Credentials --------------------------------------------------------------------------------

static char path[] = "/tmp/qcow2-info-login-XXXXXX";

static void write_file(const char *content)
{
    FILE *file = fopen(path, "w");
    fputs(content, file);
    fclose(file);
}

static void netrc_names_hosts(void)
{
    static const struct {
        const char *text, *user, *password;
    } rows[] = {
        {"machine h login u password p", "u", "p"},
        {"machine x login a password b\nmachine H\tlogin u\npassword \"p \\\"q\"\n", "u", "p \"q"},
        {"machine x login a\ndefault login u password p", "u", "p"},
        {"# machine h login no\nmachine h account a login u", "u", ""},
        {"macdef init\nmachine h login no\n\nmachine h login u password p", "u", "p"},
        {"machine x login machine password h", NULL, NULL},
        {"machine", NULL, NULL},
        {"", NULL, NULL},
    };
    const struct bytes host = {(const uint8_t *)"h", 1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login login;
        struct error error;
        write_file(rows[i].text);
        REQUIRE(login_read_netrc(path, &login, &error));
        login_find(&login, host);
        CHECK_STR(login.user, rows[i].user);
        CHECK_STR(login.password, rows[i].password);
        free(login.text);
    }
}

static void headers_are_lines(void)
{
    struct login_headers headers;
    struct error error;
    write_file("# comment\r\nX-A: b\r\n\nX-C:d");
    REQUIRE(login_read_headers(path, &headers, &error));
    REQUIRE(headers.count == 2);
    CHECK_STR(headers.lines[0], "X-A: b");
    CHECK_STR(headers.lines[1], "X-C:d");
    free(headers.text);
    static const char *const bad[] = {"not a header", "Name:", "range: bytes=0-1", ": x", "X Y: z"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(bad[i]);
        CHECK(!login_read_headers(path, &headers, &error));
        CHECK(!strstr(error.message, bad[i])); // it may be a secret
        free(headers.text);
    }
}

int main(void)
{
    RUN(the_range_that_was_asked_for_is_taken);
    RUN(any_other_range_is_not);
    RUN(a_change_is_seen);
    RUN(other_answers);
    RUN(a_header_has_an_end);
    RUN(the_least_recently_used_block_makes_room);
    RUN(a_block_in_use_stays);
    RUN(what_was_fetched_ahead_stays_until_it_is_read);
    RUN(what_was_expected_in_vain_goes);
    RUN(one_that_is_read_makes_room_for_one_ahead);
    RUN(neighbours_in_the_queue_are_found_in_any_order);
    RUN(the_queue_keeps_its_order);
    RUN(lost_ranges_in_a_row_have_an_end);
    int fd = mkstemp(path);
    if (fd < 0) {
        return 1;
    }
    close(fd);
    RUN(netrc_names_hosts);
    RUN(headers_are_lines);
    unlink(path);
    return unit_done();
}
