// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A process for one image of several, or for a few small ones: a fault in it ends no other, and its
// sandbox is closed before it parses the first of them. What it writes comes back in pipes.

#ifndef CLI_IMAGE_PROCESS_H
#define CLI_IMAGE_PROCESS_H

#include "base/error.h"

#include <sys/types.h>

enum { IMAGES_TOGETHER = 16 }; // small images of one process

// What a process is asked to do.
struct image_work {
    const char *paths[IMAGES_TOGETHER]; // borrowed
    size_t numbers[IMAGES_TOGETHER];
    size_t count;
    bool together;   // all are opened first; a process of its own may open more files
    bool may_prompt; // no other process prompts
    unsigned jobs;   // threads
    void *context;
    void (*adopt)(void *adopted); // begins the process; may be NULL
    void *adopted;
    // Returns an exit status.
    int (*run)(void *context, const char *path, size_t number, unsigned jobs);
};

struct image_process {
    pid_t pid; // 0: there is none
    // The ends of this process, closed on exec: what it writes, which can be read without waiting,
    // and a socket.
    int output, errors, control;
};

// What a process says about the image that it works on. It goes on after image_process_continue().
enum image_message {
    IMAGE_DONE,        // with the exit status
    IMAGE_NEEDS_FILES, // the image has to have a process of its own; what follows is void
    IMAGE_NEEDS_PROMPT,
    IMAGE_ENDED, // the process ended
};

// Starts a process. `others`: those whose descriptors it must not keep; `also`: another one, or -1.
bool image_process_start(struct image_process *process, const struct image_work *work,
                         const struct image_process *others, size_t other_count, int also,
                         struct error *error);

// Reads a message, which waits for one. `*status` is set for IMAGE_DONE.
enum image_message image_process_message(const struct image_process *process, int *status);

// The message was taken, and what the process wrote before it was read.
void image_process_continue(const struct image_process *process);

// Waits for the end. Returns how it ended, as waitpid() does.
int image_process_end(struct image_process *process);

// --- In the process -----------------------------------------------------------------------------

// Whether this process can prompt at the terminal now. If not, the image is worked on later by one
// that can. True in a process that image_process_start() did not start.
bool image_process_takes_terminal(void);

#endif
