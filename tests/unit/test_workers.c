// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The ordered work queue: with any number of threads items are finished in order, and nothing
// hangs.

#include "base/workers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

enum {
    ITEMS_MAX = 20,
    NOBODY = 1 << 30,
    HANG_SECONDS = 60, // after so long a test that hangs is killed
};

static const unsigned all_jobs[] = {1, 2, 3, 8};

struct item {
    unsigned number;
    uint64_t result; // what run made of the number
    unsigned worker;
};

struct plan {
    unsigned jobs, slots;
    unsigned fail_at; // the item whose finish fails
    unsigned slow;    // every so many items one takes longer; 0: none does

    atomic_uint ran;
    atomic_bool worker_out_of_range, worker_used_twice;
    atomic_flag busy[WORKERS_MAX];
    unsigned finished; // items, in order
    bool out_of_order, wrong_result, finished_after_failure;
};

static uint64_t result_of(unsigned number)
{
    return (uint64_t)number * 2654435761U + 1;
}

static void pause_for(long microseconds)
{
    struct timespec time = {.tv_nsec = microseconds * 1000};
    nanosleep(&time, NULL);
}

static void plan_run(void *context, unsigned worker, void *argument)
{
    struct plan *plan = context;
    struct item *item = argument;
    if (worker >= plan->jobs) {
        plan->worker_out_of_range = true;
        return;
    }
    if (atomic_flag_test_and_set(&plan->busy[worker])) {
        plan->worker_used_twice = true;
    }
    if (plan->slow && item->number % plan->slow == 0) {
        pause_for(300);
    }
    item->result = result_of(item->number);
    item->worker = worker;
    plan->ran++;
    atomic_flag_clear(&plan->busy[worker]);
}

static bool plan_finish(void *context, void *argument)
{
    struct plan *plan = context;
    struct item *item = argument;
    if (plan->finished > plan->fail_at) {
        plan->finished_after_failure = true;
    }
    if (item->number != plan->finished) {
        plan->out_of_order = true;
    }
    if (item->result != result_of(item->number)) {
        plan->wrong_result = true;
    }
    plan->finished++;
    return item->number != plan->fail_at;
}

static const struct work plan_work = {plan_run, plan_finish};

// Submits `count` items, as far as the queue takes them. Returns how many it took.
static unsigned submit(struct workers *workers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct item *item = workers_item(workers);
        if (!item) {
            return i;
        }
        *item = (struct item){.number = i};
        workers_submit(workers);
    }
    return count;
}

static struct workers *start(struct plan *plan, struct item *items)
{
    struct error error;
    return workers_start(&plan_work, plan, plan->jobs, items, sizeof *items, plan->slots, &error);
}

static void check_sound(const struct plan *plan)
{
    CHECK(!plan->out_of_order);
    CHECK(!plan->wrong_result);
    CHECK(!plan->finished_after_failure);
    CHECK(!plan->worker_out_of_range);
    CHECK(!plan->worker_used_twice);
}

// All items of a plan that does not fail.
static void check_all(unsigned jobs, unsigned slots, unsigned count, unsigned slow)
{
    struct plan plan = {.jobs = jobs, .slots = slots, .fail_at = NOBODY, .slow = slow};
    struct item items[ITEMS_MAX];
    struct workers *workers = start(&plan, items);
    REQUIRE(workers != NULL);
    CHECK_EQ_U64(submit(workers, count), count);
    CHECK(workers_drain(workers));
    CHECK_EQ_U64(plan.finished, count);
    CHECK_EQ_U64(plan.ran, count);
    CHECK(workers_drain(workers));
    workers_stop(workers);
    check_sound(&plan);
}

static void items_are_finished_in_the_order_of_submission(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        check_all(all_jobs[i], all_jobs[i] * 2 + 2, 5000, 0);
    }
}

static void a_slow_item_holds_up_the_order_and_not_the_result(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        check_all(all_jobs[i], all_jobs[i] * 2 + 2, 200, 7);
    }
}

static void one_slot_is_enough_for_any_number_of_threads(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        check_all(all_jobs[i], 1, 300, 50);
    }
}

static void fewer_items_than_slots_are_finished_by_draining(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        check_all(all_jobs[i], ITEMS_MAX, 3, 0);
        check_all(all_jobs[i], ITEMS_MAX, 1, 0);
        check_all(all_jobs[i], ITEMS_MAX, 0, 0);
    }
}

static void one_job_runs_and_finishes_when_an_item_is_submitted(void)
{
    struct plan plan = {.jobs = 1, .slots = 4, .fail_at = NOBODY};
    struct item items[4];
    struct workers *workers = start(&plan, items);
    REQUIRE(workers != NULL);
    CHECK_EQ_U64(submit(workers, 2), 2);
    CHECK_EQ_U64(plan.ran, 2);
    CHECK_EQ_U64(plan.finished, 2);
    workers_stop(workers);
}

static void check_failure(unsigned jobs, unsigned slots, unsigned count, unsigned fail_at)
{
    struct plan plan = {.jobs = jobs, .slots = slots, .fail_at = fail_at, .slow = 5};
    struct item items[ITEMS_MAX];
    struct workers *workers = start(&plan, items);
    REQUIRE(workers != NULL);
    submit(workers, count);
    CHECK(!workers_drain(workers));
    CHECK_EQ_U64(plan.finished, fail_at + 1);
    CHECK(workers_item(workers) == NULL);
    CHECK(!workers_drain(workers));
    workers_stop(workers);
    CHECK_EQ_U64(plan.finished, fail_at + 1);
    check_sound(&plan);
}

static void a_finish_that_fails_ends_it_wherever_it_is(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        for (unsigned fail_at = 0; fail_at < 30; fail_at++) {
            check_failure(all_jobs[i], all_jobs[i] * 2 + 2, 30, fail_at);
            check_failure(all_jobs[i], 1, 30, fail_at);
        }
    }
}

static void a_finish_that_fails_refuses_what_would_follow(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        struct plan plan = {.jobs = all_jobs[i], .slots = 4, .fail_at = 0};
        struct item items[4];
        struct workers *workers = start(&plan, items);
        REQUIRE(workers != NULL);
        CHECK(submit(workers, 1000) <= 4);
        CHECK_EQ_U64(plan.finished, 1);
        workers_stop(workers);
    }
}

static void stopping_does_not_wait_for_what_was_not_begun(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        struct plan plan = {.jobs = all_jobs[i], .slots = ITEMS_MAX, .fail_at = NOBODY, .slow = 1};
        struct item items[ITEMS_MAX];
        struct workers *workers = start(&plan, items);
        REQUIRE(workers != NULL);
        CHECK_EQ_U64(submit(workers, ITEMS_MAX), ITEMS_MAX);
        workers_stop(workers);
        unsigned ran = plan.ran;
        CHECK(ran <= ITEMS_MAX);
        pause_for(2000);
        CHECK_EQ_U64(plan.ran, ran); // nothing runs once it is stopped
        check_sound(&plan);
    }
}

static void start_and_stop(unsigned jobs, unsigned count)
{
    struct plan plan = {.jobs = jobs, .slots = 2, .fail_at = NOBODY};
    struct item items[2];
    struct workers *workers = start(&plan, items);
    REQUIRE(workers != NULL);
    CHECK_EQ_U64(submit(workers, count), count);
    workers_stop(workers);
}

static void stopping_at_once_is_fine(void)
{
    for (size_t i = 0; i < sizeof all_jobs / sizeof all_jobs[0]; i++) {
        for (unsigned round = 0; round < 50; round++) {
            start_and_stop(all_jobs[i], round % 3);
        }
    }
}

static void stopping_nothing_is_fine(void)
{
    workers_stop(NULL);
}

static void more_than_one_thread_works(void)
{
    struct plan plan = {.jobs = 4, .slots = 10, .fail_at = NOBODY, .slow = 1};
    struct item items[10];
    bool seen[4] = {false};
    struct workers *workers = start(&plan, items);
    REQUIRE(workers != NULL);
    for (unsigned round = 0; round < 20; round++) {
        plan.finished = 0;
        CHECK_EQ_U64(submit(workers, 10), 10);
        CHECK(workers_drain(workers));
        for (unsigned i = 0; i < 10; i++) {
            seen[items[i].worker] = true;
        }
    }
    workers_stop(workers);
    CHECK((unsigned)seen[0] + seen[1] + seen[2] + seen[3] > 1);
}

static void the_greatest_number_of_threads_can_be_had(void)
{
    check_all(WORKERS_MAX, ITEMS_MAX, 1000, 0);
}

int main(void)
{
    alarm(HANG_SECONDS);
    RUN(items_are_finished_in_the_order_of_submission);
    RUN(a_slow_item_holds_up_the_order_and_not_the_result);
    RUN(one_slot_is_enough_for_any_number_of_threads);
    RUN(fewer_items_than_slots_are_finished_by_draining);
    RUN(one_job_runs_and_finishes_when_an_item_is_submitted);
    RUN(a_finish_that_fails_ends_it_wherever_it_is);
    RUN(a_finish_that_fails_refuses_what_would_follow);
    RUN(stopping_does_not_wait_for_what_was_not_begun);
    RUN(stopping_at_once_is_fine);
    RUN(stopping_nothing_is_fine);
    RUN(more_than_one_thread_works);
    RUN(the_greatest_number_of_threads_can_be_had);
    return unit_done();
}
