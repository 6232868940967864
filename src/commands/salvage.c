// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/salvage.h"

#include "cli/diagnostics.h"
#include "print/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool open_log(struct salvage *salvage, const char *log_path, int output,
                     const struct inputs *inputs, struct error *error)
{
    salvage->log_fd = output_open(log_path, inputs, error);
    if (salvage->log_fd < 0) {
        return false;
    }
    writer_init(salvage->log, salvage->log_fd);
    if (output_same(salvage->log_fd, output)) {
        return error_set(error, ERROR_USAGE, "it is the same file as the output");
    }
    return output_empty(log_path, salvage->log_fd, error);
}

bool salvage_start(struct salvage *salvage, const char *path, const char *log_path, int output,
                   const struct inputs *inputs, struct error *error)
{
    *salvage = (struct salvage){.path = path, .log_fd = -1};
    if (!log_path) {
        return true;
    }
    salvage->log = malloc(sizeof *salvage->log);
    if (!salvage->log) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    if (!open_log(salvage, log_path, output, inputs, error)) {
        return error_prefix(error, "salvage log %s", log_path);
    }
    return true;
}

static void write_log(struct salvage *salvage)
{
    struct json json;
    json_init(&json, salvage->log, JSON_COMPACT);
    json_object(&json);
    json_key_u64(&json, "start", salvage->start);
    json_key_u64(&json, "length", salvage->length);
    json_key_text(&json, "code", salvage->error.code);
    json_key_text(&json, "message", salvage->error.message);
    if (salvage->error.has_offset) {
        json_key_u64(&json, "offset", salvage->error.offset);
    }
    json_finish(&json);
}

// Reports the last range, which cannot grow any more.
static void report_range(struct salvage *salvage)
{
    struct error warning = salvage->error;
    if (salvage->length == 0) {
        return;
    }
    error_prefix(&warning, "%" PRIu64 " bytes cannot be read", salvage->length);
    print_warning(salvage->path, &warning);
    if (salvage->log) {
        write_log(salvage);
    }
    salvage->ranges++;
    salvage->bytes += salvage->length;
    salvage->length = 0;
}

void salvage_fault(struct salvage *salvage, uint64_t start, uint64_t length,
                   const struct error *error)
{
    if (salvage->length > 0 && start == salvage->start + salvage->length &&
        error->code == salvage->error.code) {
        salvage->length += length;
        return;
    }
    report_range(salvage);
    salvage->start = start;
    salvage->length = length;
    salvage->error = *error;
}

bool salvage_end(struct salvage *salvage, struct error *error)
{
    bool written = true;
    report_range(salvage);
    if (salvage->log_fd >= 0) {
        written = writer_finish(salvage->log, error);
        if (close(salvage->log_fd) != 0 && written) {
            written = error_set(error, ERROR_IO, "%s", strerror(errno));
        }
    }
    free(salvage->log);
    return written ? true : error_prefix(error, "salvage log");
}
