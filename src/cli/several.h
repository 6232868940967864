// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Runs a command on several images at a time, and prints what it says about them in their order.

#ifndef CLI_SEVERAL_H
#define CLI_SEVERAL_H

#include "cli/options.h"

struct several_options {
    const char *list; // a file with names of images; NULL: none
    bool nul;         // each name in it ends with a NUL byte
};
extern const struct option_row several_rows[]; // of struct several_options
// "jobs", a uint32_t: of commands that have no other use of it.
extern const struct option_row several_jobs_rows[];

// The images of a command line.
struct image_names {
    char *const *words; // borrowed; "-" is standard input
    size_t count;
    const char *list;    // a file with further names; NULL: none
    char separator;      // of names in it
    bool standard_input; // one of the words is "-"
    bool several;        // or a list, even of one
};

// Takes the images that options_parse() left, which is standard input when there are none.
// `readers`: how often the options read standard input. False after printing a usage error.
bool image_names_take(const struct command *command, int argc, char **argv,
                      const struct several_options *options, unsigned readers,
                      struct image_names *names);

// What a command does with each image of several.
struct several {
    bool json;     // one object a line, else blocks of text
    bool headings; // text: a line "FILE:" before each block
    bool alone;    // options name other files, which are opened with each image
    unsigned jobs; // processes at a time, and threads of all of them together
    void *context;
    // In the process of an image, before it opens files, with `adopted`; may be NULL.
    void (*adopt)(void *adopted);
    void *adopted;
    // Prints about an image, the one with this number from 0 on, with this many threads. Returns an
    // exit status.
    int (*run)(void *context, const char *path, size_t number, unsigned jobs);
    // In this process, with the exit status of each image in their order; may be NULL.
    void (*on_status)(void *context, int status);
};

// Returns the worst exit status of all images: could not be read, then found something bad, then
// leaks.
int several_run(const struct several *several, const struct image_names *names);

#endif
