// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct thread {
    struct workers *workers;
    unsigned index;
    pthread_t id;
};

struct workers {
    const struct work *work;
    void *context;
    char *items;
    size_t size, count;
    bool failed; // a finish function failed; used only by the caller's thread

    // Items are numbered from 0 in the order of submission; item n is in slot n % count.
    // finished ≤ taken ≤ submitted ≤ finished + count.
    pthread_mutex_t lock;
    pthread_cond_t work_there, item_done;
    uint64_t submitted, taken, finished;
    bool *done; // by slot
    bool stop;

    unsigned threads_started;
    struct thread threads[];
};

unsigned workers_default(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;
}

static void *item_of(struct workers *workers, uint64_t number)
{
    return workers->items + number % workers->count * workers->size;
}

static void *thread_main(void *argument)
{
    struct thread *thread = argument;
    struct workers *workers = thread->workers;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->stop && workers->taken == workers->submitted) {
            pthread_cond_wait(&workers->work_there, &workers->lock);
        }
        if (workers->stop) {
            break;
        }
        uint64_t number = workers->taken++;
        pthread_mutex_unlock(&workers->lock);
        workers->work->run(workers->context, thread->index, item_of(workers, number));
        pthread_mutex_lock(&workers->lock);
        workers->done[number % workers->count] = true;
        pthread_cond_signal(&workers->item_done);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

// Signals are handled by the caller's thread.
static bool start_threads(struct workers *workers, unsigned jobs)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < jobs; i++) {
        struct thread *thread = &workers->threads[i];
        *thread = (struct thread){.workers = workers, .index = i};
        if (pthread_create(&thread->id, NULL, thread_main, thread) != 0) {
            break;
        }
        workers->threads_started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return workers->threads_started > 0;
}

struct workers *workers_start(const struct work *work, void *context, unsigned jobs, void *items,
                              size_t size, size_t count, struct error *error)
{
    struct workers *workers = calloc(1, sizeof *workers + jobs * sizeof workers->threads[0]);
    bool *done = calloc(count, sizeof *done);
    if (!workers || !done) {
        free(workers);
        free(done);
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    workers->work = work;
    workers->context = context;
    workers->items = items;
    workers->size = size;
    workers->count = count;
    workers->done = done;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work_there, NULL);
    pthread_cond_init(&workers->item_done, NULL);
    if (jobs > 1 && !start_threads(workers, jobs)) {
        error_set(error, ERROR_MEMORY, "cannot start a thread");
        workers_stop(workers);
        return NULL;
    }
    return workers;
}

// Waits for the oldest unfinished item and finishes it.
static void finish_oldest(struct workers *workers)
{
    size_t slot = workers->finished % workers->count;
    if (workers->threads_started > 0) {
        pthread_mutex_lock(&workers->lock);
        while (!workers->done[slot]) {
            pthread_cond_wait(&workers->item_done, &workers->lock);
        }
        pthread_mutex_unlock(&workers->lock);
    }
    workers->failed = !workers->work->finish(workers->context, item_of(workers, workers->finished));
    workers->done[slot] = false;
    workers->finished++;
}

void *workers_item(struct workers *workers)
{
    if (!workers->failed && workers->submitted - workers->finished == workers->count) {
        finish_oldest(workers);
    }
    return workers->failed ? NULL : item_of(workers, workers->submitted);
}

void workers_submit(struct workers *workers)
{
    if (workers->threads_started == 0) {
        workers->work->run(workers->context, 0, item_of(workers, workers->submitted++));
        workers->taken++;
        finish_oldest(workers);
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->submitted++;
    pthread_cond_signal(&workers->work_there);
    pthread_mutex_unlock(&workers->lock);
}

bool workers_drain(struct workers *workers)
{
    while (!workers->failed && workers->finished < workers->submitted) {
        finish_oldest(workers);
    }
    return !workers->failed;
}

void workers_stop(struct workers *workers)
{
    if (!workers) {
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->stop = true;
    pthread_cond_broadcast(&workers->work_there);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->threads_started; i++) {
        pthread_join(workers->threads[i].id, NULL);
    }
    pthread_cond_destroy(&workers->item_done);
    pthread_cond_destroy(&workers->work_there);
    pthread_mutex_destroy(&workers->lock);
    free(workers->done);
    free(workers);
}
