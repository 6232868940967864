// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/jobs.h"

#include "base/workers.h"

#include <unistd.h>

unsigned jobs_default(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;
}

bool jobs_parse(const struct command *command, const char *text, unsigned *jobs)
{
    uint64_t number;
    if (!parse_size(text, &number) || number < 1 || number > WORKERS_MAX) {
        command_usage_error(command, "--jobs takes a number from 1 to %d, not \"%s\"", WORKERS_MAX,
                            text);
        return false;
    }
    *jobs = (unsigned)number;
    return true;
}
