// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/several.h"

#include "base/checked.h"
#include "base/workers.h"
#include "cli/command.h"
#include "cli/diagnostics.h"
#include "cli/image_list.h"
#include "cli/image_process.h"
#include "print/text.h"
#include "print/writer.h"
#include "source/address.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const struct option_row several_rows[] = {
    {"from-file", OPTION_FILE, "LIST", offsetof(struct several_options, list),
     .help = "read names of further images from this file, one a line; - is standard input"},
    {"null", OPTION_FLAG, NULL, offsetof(struct several_options, nul), .letter = '0',
     .help = "names in LIST end with a NUL byte, as find -print0 prints them",
     .needs = "from-file"},
    {.name = NULL},
};

const struct option_row several_jobs_rows[] = {
    {"jobs", OPTION_NUMBER, "N", 0,
     .help = "work on this many images at a time (default: the number of cores)", .least = 1,
     .most = WORKERS_MAX},
    {.name = NULL},
};

enum {
    IMAGES_MAX = 1024,          // that are worked on, or wait for an earlier one
    OUTPUT_HELD_MAX = 16 << 20, // bytes of output that waits for earlier images
    ERRORS_HELD_MAX = 64 << 10, // bytes of errors of an image that wait for its output
    SMALL_IMAGE = 16 << 20,     // bytes of a file that shares a process with others
    CHUNK = 64 << 10,
    PROCESSES_MAX = 2 * WORKERS_MAX + 2, // some of them may be ending
};

// Bytes that grow.
struct held {
    char *data; // owned
    size_t size, room;
};

enum image_state { IMAGE_WAITS, IMAGE_RUNS, IMAGE_FINISHED };

// The process that an image needs.
enum image_place { PLACE_TOGETHER, PLACE_ALONE, PLACE_FIRST };

struct image_job {
    char *path; // owned
    enum image_state state;
    enum image_place place;
    bool again; // what it prints is void: it needs another process
    bool died;  // its process ended early, in the way that waitpid() gave
    int how;
    int status;
    struct held output, errors;
};

struct running {
    size_t images[IMAGES_TOGETHER]; // in their order
    size_t count, current;
};

struct queue {
    const struct several *several;
    struct image_list list;
    bool list_ended;
    struct image_job jobs[IMAGES_MAX]; // a ring
    size_t first, end;                 // images: those before the first one are printed
    size_t held;                       // bytes of output of images behind the first one
    struct image_process processes[PROCESSES_MAX];
    struct running running[PROCESSES_MAX];
    size_t process_count;
    bool heading_printed; // of the first image
    bool block_printed;   // of any image
    struct writer writer;
    int status;
};

static struct image_job *job_at(struct queue *queue, size_t image)
{
    return &queue->jobs[image % IMAGES_MAX];
}

// --- Exit status ---------------------------------------------------------------------------------

static int badness(int status)
{
    static const int order[] = {EXIT_DONE, EXIT_LEAKS, EXIT_FOUND, EXIT_CANNOT};
    int i = 0;
    while (i < (int)(sizeof order / sizeof order[0]) && order[i] != status) {
        i++;
    }
    return i;
}

static void add_status(struct queue *queue, int status)
{
    if (badness(status) > badness(queue->status)) {
        queue->status = status;
    }
}

// --- Output --------------------------------------------------------------------------------------

static bool hold(struct held *held, const char *data, size_t size)
{
    if (size > held->room - held->size) {
        size_t room = 2 * (held->size + size);
        char *grown = realloc(held->data, room);
        if (!grown) {
            return false;
        }
        held->data = grown;
        held->room = room;
    }
    memcpy(held->data + held->size, data, size);
    held->size += size;
    return true;
}

static void drop(struct held *held)
{
    free(held->data);
    *held = (struct held){0};
}

// The line before the text of the first image.
static void print_heading(struct queue *queue)
{
    if (queue->several->json || !queue->several->headings || queue->heading_printed) {
        return;
    }
    char *shown = address_shown(job_at(queue, queue->first)->path);
    writer_string(&queue->writer, queue->block_printed ? "\n" : "");
    text_safe(&queue->writer, shown ? shown : "?");
    writer_string(&queue->writer, ":\n");
    free(shown);
    queue->heading_printed = true;
    queue->block_printed = true;
}

static void print_output(struct queue *queue, const char *data, size_t size)
{
    if (size > 0) {
        print_heading(queue);
        writer_bytes(&queue->writer, data, size);
    }
}

// Errors of an image follow its output.
static void print_errors(struct queue *queue, struct held *errors)
{
    struct error ignored;
    if (errors->size > 0) {
        struct writer *writer = &queue->writer;
        if (writer_finish(writer, &ignored)) {
            struct writer out;
            writer_init(&out, STDERR_FILENO);
            writer_bytes(&out, errors->data, errors->size);
            writer_finish(&out, &ignored);
        }
        drop(errors);
    }
}

static void print_held(struct queue *queue)
{
    struct image_job *job = job_at(queue, queue->first);
    queue->held -= job->output.size;
    print_output(queue, job->output.data, job->output.size);
    drop(&job->output);
}

static void explain_end(const struct image_job *job)
{
    struct error error;
    if (WIFSIGNALED(job->how)) {
        error_set(&error, ERROR_IO, "the process that reads it was ended by signal %d (%s)",
                  WTERMSIG(job->how), strsignal(WTERMSIG(job->how)));
    } else {
        error_set(&error, ERROR_IO, "the process that reads it ended early, with status %d",
                  WEXITSTATUS(job->how));
    }
    print_error(job->path, &error);
}

static void print_end(struct queue *queue, struct image_job *job)
{
    print_errors(queue, &job->errors);
    if (job->died) {
        explain_end(job);
    }
    add_status(queue, job->status);
    if (queue->several->on_status) {
        queue->several->on_status(queue->several->context, job->status);
    }
    free(job->path);
}

// Prints all images up to the first one that is not finished, and what that one printed so far.
static void print_finished(struct queue *queue)
{
    while (queue->first < queue->end) {
        struct image_job *job = job_at(queue, queue->first);
        print_held(queue);
        if (job->state != IMAGE_FINISHED) {
            return;
        }
        print_end(queue, job);
        queue->first++;
        queue->heading_printed = false;
    }
}

static void lack_memory(struct queue *queue)
{
    struct error error;
    error_set(&error, ERROR_MEMORY, "out of memory");
    print_error(NULL, &error);
    add_status(queue, EXIT_CANNOT);
}

// --- Images that wait ----------------------------------------------------------------------------

static enum image_place place_of(const struct queue *queue, const char *path)
{
    struct stat status;
    bool small = !queue->several->alone && strcmp(path, "-") != 0 && !address_is(path) &&
                 stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
                 status.st_size <= SMALL_IMAGE;
    return small ? PLACE_TOGETHER : PLACE_ALONE;
}

// Takes names while there are any and there is room.
static void take_names(struct queue *queue)
{
    struct error error;
    char *path;
    while (!queue->list_ended && queue->end - queue->first < IMAGES_MAX) {
        switch (image_list_next(&queue->list, &path, &error)) {
        case IMAGE_LIST_NAME:
            *job_at(queue, queue->end++) =
                (struct image_job){.path = path, .place = place_of(queue, path)};
            break;
        case IMAGE_LIST_BAD:
            print_error(queue->list.path, &error);
            add_status(queue, EXIT_CANNOT);
            break;
        case IMAGE_LIST_END:
            queue->list_ended = true;
            break;
        case IMAGE_LIST_WAIT:
            return;
        }
    }
}

static void read_list(struct queue *queue)
{
    struct error error;
    if (!image_list_read(&queue->list, &error)) {
        print_error(queue->list.path, &error);
        add_status(queue, EXIT_CANNOT);
    }
}

// --- Processes -----------------------------------------------------------------------------------

static bool has_images(const struct queue *queue, size_t process)
{
    const struct running *running = &queue->running[process];
    return queue->processes[process].pid > 0 && running->current < running->count;
}

// Processes at work, without those that are ending.
static size_t count_working(const struct queue *queue)
{
    size_t count = 0;
    for (size_t i = 0; i < queue->process_count; i++) {
        count += has_images(queue, i);
    }
    return count;
}

static size_t count_waiting(struct queue *queue)
{
    size_t count = 0;
    for (size_t image = queue->first; image < queue->end; image++) {
        count += job_at(queue, image)->state == IMAGE_WAITS;
    }
    return count;
}

// The first image from `image` on that waits and can be worked on now.
static size_t next_waiting(struct queue *queue, size_t image)
{
    while (image < queue->end &&
           (job_at(queue, image)->state != IMAGE_WAITS ||
            (job_at(queue, image)->place == PLACE_FIRST && image != queue->first))) {
        image++;
    }
    return image;
}

// Chooses the images of the next process: small ones share it, when there are enough for all.
static struct running choose_images(struct queue *queue, size_t image, size_t most)
{
    struct running running = {.images = {image}, .count = 1};
    if (job_at(queue, image)->place != PLACE_TOGETHER) {
        return running;
    }
    while (running.count < most) {
        image = next_waiting(queue, image + 1);
        if (image == queue->end) {
            break;
        }
        if (job_at(queue, image)->place == PLACE_TOGETHER) {
            running.images[running.count++] = image;
        }
    }
    return running;
}

// PROCESSES_MAX: none is free.
static size_t free_process(const struct queue *queue)
{
    size_t i = 0;
    while (i < queue->process_count && queue->processes[i].pid > 0) {
        i++;
    }
    return i;
}

static void fail_images(struct queue *queue, const struct running *running)
{
    for (size_t i = 0; i < running->count; i++) {
        struct image_job *job = job_at(queue, running->images[i]);
        job->state = IMAGE_FINISHED;
        job->status = EXIT_CANNOT;
    }
}

static void start_process(struct queue *queue, size_t i, const struct running *chosen,
                          unsigned jobs)
{
    const struct several *several = queue->several;
    struct image_job *first = job_at(queue, chosen->images[0]);
    struct image_work work = {
        .count = chosen->count,
        .together = first->place == PLACE_TOGETHER,
        .may_prompt = first->place == PLACE_FIRST,
        .jobs = first->place == PLACE_TOGETHER ? 1 : jobs,
        .context = several->context,
        .adopt = several->adopt,
        .adopted = several->adopted,
        .run = several->run,
    };
    for (size_t k = 0; k < chosen->count; k++) {
        struct image_job *job = job_at(queue, chosen->images[k]);
        job->state = IMAGE_RUNS;
        work.paths[k] = job->path;
        work.numbers[k] = chosen->images[k];
    }
    struct error error;
    queue->running[i] = *chosen;
    queue->process_count += i == queue->process_count;
    if (!image_process_start(&queue->processes[i], &work, queue->processes, queue->process_count,
                             queue->list.fd, &error)) {
        print_error(first->path, &error);
        fail_images(queue, chosen);
    }
}

// Starts processes for waiting images, as many as may run. The first image can always start: all
// others may wait until it is printed.
static void start_processes(struct queue *queue)
{
    size_t running = count_working(queue);
    size_t waiting = count_waiting(queue);
    size_t image = queue->first;
    size_t process;
    while (waiting > 0 && (image = next_waiting(queue, image)) < queue->end &&
           (process = free_process(queue)) < PROCESSES_MAX) {
        bool room = running < queue->several->jobs && queue->held < OUTPUT_HELD_MAX;
        if (!room && image != queue->first) {
            return;
        }
        size_t free = running < queue->several->jobs ? queue->several->jobs - running : 1;
        size_t share = min_u64(divide_up(waiting, free), IMAGES_TOGETHER);
        struct running chosen = choose_images(queue, image, share);
        size_t all = min_u64(running + waiting, queue->several->jobs);
        start_process(queue, process, &chosen,
                      queue->several->jobs / (unsigned)(all > 0 ? all : 1));
        running++;
        waiting -= chosen.count;
    }
}

// --- What processes print ------------------------------------------------------------------------

// Takes what was read of an image's output.
static void take_output(struct queue *queue, size_t image, const char *data, size_t size)
{
    struct image_job *job = job_at(queue, image);
    if (job->again) {
        return;
    }
    if (image == queue->first) {
        print_output(queue, data, size);
    } else if (hold(&job->output, data, size)) {
        queue->held += size;
    } else {
        lack_memory(queue);
    }
}

static void take_errors(struct queue *queue, size_t image, const char *data, size_t size)
{
    struct image_job *job = job_at(queue, image);
    if (!hold(&job->errors, data, size)) {
        lack_memory(queue);
    }
    if (image == queue->first && job->errors.size > ERRORS_HELD_MAX && !job->again) {
        print_errors(queue, &job->errors);
    }
}

// Reads the available output. False at its end.
static bool read_some(struct queue *queue, int fd, size_t image,
                      void (*take)(struct queue *, size_t, const char *, size_t))
{
    static char chunk[CHUNK];
    ssize_t got = read(fd, chunk, sizeof chunk);
    if (got > 0) {
        take(queue, image, chunk, (size_t)got);
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

static void read_all(struct queue *queue, const struct image_process *process, size_t image)
{
    while (read_some(queue, process->output, image, take_output)) {
    }
    while (read_some(queue, process->errors, image, take_errors)) {
    }
}

// The process said that the image is done, or it ended.
static void finish_image(struct queue *queue, struct image_job *job, int status)
{
    if (job->again) {
        queue->held -= job->output.size;
        drop(&job->output);
        drop(&job->errors);
        job->again = false;
        job->state = IMAGE_WAITS;
        return;
    }
    job->state = IMAGE_FINISHED;
    job->status = status;
}

// The images that the process did not come to wait for another one.
static void end_process(struct queue *queue, size_t i)
{
    struct running *running = &queue->running[i];
    bool early = running->current < running->count;
    size_t image = early ? running->images[running->current] : 0;
    if (early) {
        read_all(queue, &queue->processes[i], image);
    }
    int how = image_process_end(&queue->processes[i]);
    if (!early) {
        return;
    }
    struct image_job *job = job_at(queue, image);
    job->again = false;
    job->died = true;
    job->how = how;
    finish_image(queue, job, EXIT_CANNOT);
    while (++running->current < running->count) {
        job_at(queue, running->images[running->current])->state = IMAGE_WAITS;
    }
}

static void take_message(struct queue *queue, size_t i)
{
    struct image_process *process = &queue->processes[i];
    struct running *running = &queue->running[i];
    int status = 0;
    enum image_message message = image_process_message(process, &status);
    if (message == IMAGE_ENDED || running->current == running->count) {
        end_process(queue, i);
        return;
    }
    size_t image = running->images[running->current];
    struct image_job *job = job_at(queue, image);
    if (message == IMAGE_DONE) {
        read_all(queue, process, image);
        finish_image(queue, job, status);
        running->current++;
    } else if (!job->again) {
        job->again = true;
        job->place = message == IMAGE_NEEDS_FILES ? PLACE_ALONE : PLACE_FIRST;
    }
    image_process_continue(process);
}

// --- Waiting -------------------------------------------------------------------------------------

enum { POLLS_MAX = 3 * PROCESSES_MAX + 1 };

struct polls {
    struct pollfd fds[POLLS_MAX];
    size_t process[POLLS_MAX];
    size_t count;
};

static void add_poll(struct polls *polls, int fd, size_t process)
{
    polls->fds[polls->count] = (struct pollfd){.fd = fd, .events = POLLIN};
    polls->process[polls->count++] = process;
}

static void choose_polls(const struct queue *queue, struct polls *polls)
{
    polls->count = 0;
    if (queue->list.fd >= 0 && queue->end - queue->first < IMAGES_MAX) {
        add_poll(polls, queue->list.fd, PROCESSES_MAX);
    }
    for (size_t i = 0; i < queue->process_count; i++) {
        const struct image_process *process = &queue->processes[i];
        const struct running *running = &queue->running[i];
        if (process->pid == 0) {
            continue;
        }
        add_poll(polls, process->control, i);
        bool works = has_images(queue, i);
        bool is_first = works && running->images[running->current] == queue->first;
        if (works && (is_first || queue->held < OUTPUT_HELD_MAX)) {
            add_poll(polls, process->output, i);
            add_poll(polls, process->errors, i);
        }
    }
}

static void take_event(struct queue *queue, const struct polls *polls, size_t i)
{
    size_t process = polls->process[i];
    int fd = polls->fds[i].fd;
    if (process == PROCESSES_MAX) {
        read_list(queue);
    } else if (fd == queue->processes[process].control) {
        take_message(queue, process);
    } else if (has_images(queue, process)) { // the message was before this
        const struct running *running = &queue->running[process];
        bool output = fd == queue->processes[process].output;
        read_some(queue, fd, running->images[running->current], output ? take_output : take_errors);
    }
}

// False when the wait failed.
static bool wait_for_events(struct queue *queue)
{
    static struct polls polls;
    choose_polls(queue, &polls);
    if (polls.count == 0) {
        return true;
    }
    int ready = poll(polls.fds, (nfds_t)polls.count, -1);
    for (size_t i = 0; ready > 0 && i < polls.count; i++) {
        if (polls.fds[i].revents != 0) {
            take_event(queue, &polls, i);
        }
    }
    return ready >= 0 || errno == EINTR;
}

static bool is_done(const struct queue *queue)
{
    bool alive = false;
    for (size_t i = 0; i < queue->process_count; i++) {
        alive = alive || queue->processes[i].pid > 0;
    }
    return queue->list_ended && queue->first == queue->end && !alive;
}

static void end_early(struct queue *queue)
{
    for (size_t i = 0; i < queue->process_count; i++) {
        if (queue->processes[i].pid > 0) {
            kill(queue->processes[i].pid, SIGKILL);
            image_process_end(&queue->processes[i]);
        }
    }
    for (; queue->first < queue->end; queue->first++) {
        struct image_job *job = job_at(queue, queue->first);
        drop(&job->output);
        drop(&job->errors);
        free(job->path);
    }
}

static int run_queue(struct queue *queue)
{
    struct error error;
    bool going = true;
    while (going && !is_done(queue)) {
        take_names(queue);
        start_processes(queue);
        print_finished(queue);
        // What the first image has printed is shown while it is worked on.
        going = writer_finish(&queue->writer, &error);
        if (!going) {
            print_error(NULL, &error);
        } else {
            going = wait_for_events(queue);
        }
    }
    end_early(queue);
    return going ? queue->status : EXIT_CANNOT;
}

// --- The command line ----------------------------------------------------------------------------

static bool check_standard_input(const struct command *command, const struct image_names *names,
                                 unsigned readers)
{
    readers += names->list && strcmp(names->list, "-") == 0;
    for (size_t i = 0; i < names->count; i++) {
        readers += strcmp(names->words[i], "-") == 0;
    }
    if (readers > 1) {
        command_usage_error(command, "standard input cannot be read for two purposes");
    }
    return readers <= 1;
}

bool image_names_take(const struct command *command, int argc, char **argv,
                      const struct several_options *options, unsigned readers,
                      struct image_names *names)
{
    static char standard_input[] = "-";
    static char *const no_words[] = {standard_input};
    *names = (struct image_names){.words = argv + optind,
                                  .count = (size_t)(argc - optind),
                                  .list = options->list,
                                  .separator = options->nul ? '\0' : '\n'};
    names->several = names->list || names->count > 1;
    if (!command_image_words(command, argc, argv)) {
        return false;
    }
    if (names->count == 0 && !names->list) {
        names->words = no_words;
        names->count = 1;
        if (isatty(STDIN_FILENO)) {
            command_usage_error(command, "no image is given");
            return false;
        }
    }
    for (size_t i = 0; i < names->count; i++) {
        names->standard_input = names->standard_input || strcmp(names->words[i], "-") == 0;
    }
    return check_standard_input(command, names, readers);
}

int several_run(const struct several *several, const struct image_names *names)
{
    struct error error;
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        error_set(&error, ERROR_MEMORY, "out of memory");
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    int status = EXIT_CANNOT;
    queue->several = several;
    writer_init(&queue->writer, STDOUT_FILENO);
    signal(SIGCHLD, SIG_DFL); // where it is ignored, there is nothing to wait for
    if (image_list_open(&queue->list, names->words, names->count, names->list, names->separator,
                        &error)) {
        status = run_queue(queue);
        image_list_close(&queue->list);
    } else {
        print_error(names->list, &error);
    }
    free(queue);
    return status;
}
