// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Runs every command of the program on images of which nothing is known, and ends with an abort
// when one of them does not end as it should: in time, within memory, by itself, with a status that
// is documented, one line of text a problem on standard error, and what a program can read on
// standard output.
//
//     judge [--every N] SECONDS PROGRAM DOCUMENTS IMAGE...
//
// With --every N an image is given to one command in N, the next image to the next ones. A command
// may take so many seconds of CPU time. All JSON that was printed is appended to the file
// DOCUMENTS. Each command line is printed before it runs.

#include "capture.h"
#include "cli/command.h"
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifdef SANITIZED
enum { MEMORY_LIMITED = false };
#else
enum { MEMORY_LIMITED = true };
#endif

enum {
    MEMORY_MAX = 256 << 20, // of addresses: bytes
    ARGUMENTS_MAX = 8,
};

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_BYTES };

// What a command may do. Exit 1 always has a line on standard error.
static const struct rule {
    const char *arguments[ARGUMENTS_MAX];
    const char *statuses; // a digit each
    enum format format;
    bool in_part; // prints as much as it can, and then fails
    bool one;     // one document of JSON, when it is done
} rules[] = {
    {{"info"}, "01", .format = FORMAT_TEXT},
    {{"info", "--json"}, "01", .format = FORMAT_JSON, .one = true},
    {{"info", "--json", "--backing-chain"},
     "01",
     .format = FORMAT_JSON,
     .in_part = true,
     .one = true},
    {{"map"}, "01", .format = FORMAT_TEXT, .in_part = true},
    {{"map", "--json", "--host-offsets"}, "01", .format = FORMAT_JSON, .in_part = true},
    {{"map", "--totals"}, "01", .format = FORMAT_TEXT},
    {{"map", "--json", "--bitmap", "one", "--force"}, "01", .format = FORMAT_JSON, .in_part = true},
    {{"map", "--json", "--since", "1"}, "01", .format = FORMAT_JSON, .in_part = true},
    {{"cat", "--snapshot", "1", "--length", "1M"}, "01", .format = FORMAT_BYTES, .in_part = true},
    {{"cat", "--jobs", "2", "--length", "1M"}, "01", .format = FORMAT_BYTES, .in_part = true},
    {{"cat", "--salvage", "--output", "disk"}, "01", .format = FORMAT_TEXT},
    {{"check"}, "0123", .format = FORMAT_TEXT, .in_part = true},
    {{"check", "--json", "--data", "--jobs", "2"},
     "0123",
     .format = FORMAT_JSON,
     .in_part = true,
     .one = true},
    {{"compare", "base"}, "012", .format = FORMAT_TEXT, .in_part = true},
    {{"compare", "--all", "--json", "--jobs", "2", "base"},
     "012",
     .format = FORMAT_JSON,
     .in_part = true},
    {{"digest"}, "01", .format = FORMAT_TEXT},
    {{"digest", "--json", "--flat", "--length", "1M", "--jobs", "2"}, "01", .format = FORMAT_JSON},
    {{"audit"}, "012", .format = FORMAT_TEXT},
    {{"audit", "--json"}, "012", .format = FORMAT_JSON, .one = true},
    {{"usage"}, "01", .format = FORMAT_TEXT, .in_part = true},
    {{"usage", "--json"}, "01", .format = FORMAT_JSON, .in_part = true, .one = true},
};

// What judge's own command line asks for.
struct trial {
    const char *program;
    rlim_t seconds; // of CPU time, at most, for each command
    size_t every;   // each image goes to one command in so many
    FILE *documents;
};

struct outcome {
    int status;
    struct bytes output, errors; // owned
};

static void limit(int resource, rlim_t most)
{
    const struct rlimit limits = {most, most};
    MUST(setrlimit(resource, &limits) == 0);
}

// In the child.
static _Noreturn void become(const struct trial *trial, const struct rule *rule, const char *image,
                             int output, int errors)
{
    char *arguments[ARGUMENTS_MAX + 3] = {(char *)(uintptr_t)trial->program};
    size_t count = 1;
    while (rule->arguments[count - 1]) {
        arguments[count] = (char *)(uintptr_t)rule->arguments[count - 1];
        count++;
    }
    arguments[count] = (char *)(uintptr_t)image;
    int input = open("/dev/null", O_RDONLY);
    MUST(dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
         dup2(errors, STDERR_FILENO) >= 0);
    limit(RLIMIT_CPU, trial->seconds);
    limit(RLIMIT_CORE, 0);
    if (MEMORY_LIMITED) {
        limit(RLIMIT_AS, MEMORY_MAX);
    }
    execv(trial->program, arguments);
    _exit(127);
}

static void free_outcome(struct outcome *outcome)
{
    free((void *)(uintptr_t)outcome->output.data);
    free((void *)(uintptr_t)outcome->errors.data);
}

static struct outcome run(const struct trial *trial, const struct rule *rule, const char *image)
{
    int output = capture_open();
    int errors = capture_open();
    int status;
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        become(trial, rule, image, output, errors);
    }
    MUST(waitpid(child, &status, 0) == child);
    struct outcome outcome = {.output = capture_read(output), .errors = capture_read(errors)};
    close(output);
    close(errors);
    if (!WIFEXITED(status)) {
        printf("ended by signal %d\n%s", WTERMSIG(status), (const char *)outcome.errors.data);
    }
    fflush(stdout);
    MUST(WIFEXITED(status));
    outcome.status = WEXITSTATUS(status);
    return outcome;
}

// A problem is a line that begins with the name of the program.
static void must_be_problems(struct bytes errors)
{
    static const char start[] = "qcow2-info: ";
    must_be_text(errors);
    for (const char *line = (const char *)errors.data; *line; line = strchr(line, '\n') + 1) {
        MUST(strncmp(line, start, sizeof start - 1) == 0);
    }
}

// Whether each line is a warning, which a command that is done may print.
static bool only_warnings(struct bytes errors)
{
    for (const char *line = (const char *)errors.data; *line; line = strchr(line, '\n') + 1) {
        const char *warning = strstr(line, ": warning: ");
        if (!warning || warning > strchr(line, '\n')) {
            return false;
        }
    }
    return true;
}

static void must_be_documents(const struct rule *rule, const struct outcome *outcome)
{
    size_t count;
    cJSON_Delete(must_be_json(outcome->output, &count));
    MUST(count <= 1 || !rule->one);
    MUST(count == 1 || !rule->one || outcome->status == EXIT_CANNOT);
}

static void judge(const struct rule *rule, const struct outcome *outcome, FILE *documents)
{
    MUST(outcome->status < 10 && strchr(rule->statuses, '0' + outcome->status));
    must_be_problems(outcome->errors);
    if (outcome->status == EXIT_CANNOT) {
        MUST(outcome->errors.size > 0);
        MUST(rule->in_part || outcome->output.size == 0);
    } else {
        MUST(only_warnings(outcome->errors));
    }
    switch (rule->format) {
    case FORMAT_TEXT:
        must_be_text(outcome->output);
        break;
    case FORMAT_JSON:
        must_be_documents(rule, outcome);
        MUST(fwrite(outcome->output.data, 1, outcome->output.size, documents) ==
             outcome->output.size);
        break;
    case FORMAT_BYTES:
        break;
    }
}

static void judge_image(const struct trial *trial, const struct rule *rule, const char *image)
{
    for (size_t i = 0; rule->arguments[i]; i++) {
        printf("%s ", rule->arguments[i]);
    }
    printf("%s\n", image);
    fflush(stdout);
    struct outcome outcome = run(trial, rule, image);
    judge(rule, &outcome, trial->documents);
    free_outcome(&outcome);
    unlink("disk");
}

static void judge_images(const struct trial *trial, char **images)
{
    for (size_t image = 0; images[image]; image++) {
        for (size_t rule = image % trial->every; rule < sizeof rules / sizeof rules[0];
             rule += trial->every) {
            judge_image(trial, &rules[rule], images[image]);
        }
    }
}

int main(int argc, char **argv)
{
    struct trial trial = {.every = 1};
    if (argc > 2 && strcmp(argv[1], "--every") == 0) {
        trial.every = strtoul(argv[2], NULL, 10);
        argv += 2;
        argc -= 2;
    }
    trial.seconds = argc > 4 ? strtoul(argv[1], NULL, 10) : 0;
    if (trial.seconds == 0 || trial.every == 0) {
        fprintf(stderr, "usage: judge [--every N] SECONDS PROGRAM DOCUMENTS IMAGE...\n");
        return EXIT_USAGE;
    }
    trial.program = argv[2];
    trial.documents = fopen(argv[3], "ab");
    if (!trial.documents) {
        perror(argv[3]);
        return EXIT_CANNOT;
    }
    judge_images(&trial, argv + 4);
    return fclose(trial.documents) == 0 ? EXIT_DONE : EXIT_CANNOT;
}
