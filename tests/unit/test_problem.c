// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The table of problems, and the list that counts what it cannot keep.

#include "format/problem.h"

#include "unit.h"

static bool ends_something(enum problem_kind kind)
{
    return kind == PROBLEM_BACKING_FILE || kind == PROBLEM_LUKS_UNREADABLE ||
           kind == PROBLEM_SNAPSHOTS_END || kind == PROBLEM_BITMAPS_END;
}

static void every_kind_has_a_code_and_a_meaning_of_its_own(void)
{
    for (size_t i = PROBLEM_NONE + 1; i < PROBLEM_KINDS; i++) {
        CHECK((problem_rules[i].code == NULL) == ends_something((enum problem_kind)i));
        REQUIRE(problem_rules[i].meaning != NULL);
        for (size_t j = PROBLEM_NONE + 1; j < i; j++) {
            CHECK(strcmp(problem_rules[i].meaning, problem_rules[j].meaning) != 0);
        }
    }
}

static void a_problem_has_what_its_row_says(void)
{
    struct problems problems = {0};
    struct problem problem;
    problems_note(&problems, PROBLEM_REFCOUNT_ORDER, 96, "refcount_order is %d", 7);
    problems_note(&problems, PROBLEM_L1_SIZE, 36, "l1_size is %d", 1);
    REQUIRE(problems_get(&problems, 0, &problem));
    CHECK_STR(problem.error.code, "limit");
    CHECK_STR(problem.error.message, "refcount_order is 7");
    CHECK_STR(problem_severity(&problem), "warning");
    CHECK_EQ_U64(problem.count, 1);
    REQUIRE(problems_get(&problems, 1, &problem));
    CHECK_STR(problem.error.code, "corrupt");
    CHECK_EQ_U64(problem.error.offset, 36);
    CHECK_STR(problem_severity(&problem), "unreadable");
    CHECK(!problems_get(&problems, 2, &problem));
    CHECK(problems.unreadable);
    CHECK_STR(problems.first_unreadable.message, "l1_size is 1");
    problems_free(&problems);
}

static void an_error_keeps_its_code_and_place(void)
{
    struct error error;
    error_set(&error, ERROR_IO, "the disk is on fire");
    struct problem problem = problem_of_error(PROBLEM_SNAPSHOTS_END, &error);
    CHECK_STR(problem.error.code, "io-error");
    CHECK(!problem.error.has_offset);
    CHECK(!problem.unreadable);
}

static void a_full_list_ends_with_the_number_of_the_others(void)
{
    struct problems problems = {0};
    struct problem problem;
    for (size_t i = 0; i < PROBLEMS_MAX + 3; i++) {
        problems_note(&problems, i < PROBLEMS_MAX ? PROBLEM_BITMAP_TYPE : PROBLEM_L1_SIZE, i, "no");
    }
    REQUIRE(problems_get(&problems, PROBLEMS_MAX, &problem));
    CHECK(problem.kind == PROBLEM_MORE);
    CHECK_STR(problem.error.code, "limit");
    CHECK_STR(problem.error.message, "3 further problems are not listed");
    CHECK(!problem.error.has_offset);
    CHECK_EQ_U64(problem.count, 3);
    CHECK(!problems_get(&problems, PROBLEMS_MAX + 1, &problem));
    CHECK_EQ_U64(problems.first_unreadable.offset, PROBLEMS_MAX);
    problems_free(&problems);
}

int main(void)
{
    RUN(every_kind_has_a_code_and_a_meaning_of_its_own);
    RUN(a_problem_has_what_its_row_says);
    RUN(an_error_keeps_its_code_and_place);
    RUN(a_full_list_ends_with_the_number_of_the_others);
    return unit_done();
}
