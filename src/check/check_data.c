// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Reads and decodes the data of the active disk and of all snapshots.

#include "base/checked.h"
#include "check/check_parts.h"
#include "check/data_seen.h"
#include "image/export.h"
#include "tables/snapshot_reader.h"

#include <inttypes.h>

struct data_check {
    struct check *check;
    const struct check_options *options;
    uint64_t disks_done;    // guest bytes of the disks that were read before this one
    struct data_seen *seen; // what the disks share is read once
    bool out_of_memory;
};

// Reports a fault in a lower layer: its tables were not checked, and its host offsets are not
// offsets in the image.
static void fault_below(struct data_check *data, const struct fault *fault)
{
    const struct error *error = &fault->error;
    const struct finding at = {.kind = error->code == ERROR_UNDECODABLE ? FINDING_UNDECODABLE
                                                                        : FINDING_UNREADABLE_DATA,
                               .has_guest = true,
                               .guest_offset = fault->start};
    if (error->has_offset) {
        findings_add(&data->check->findings, &at, "%" PRIu64 " bytes: %s (at offset %" PRIu64 ")",
                     fault->length, error->message, error->offset);
    } else {
        findings_add(&data->check->findings, &at, "%" PRIu64 " bytes: %s", fault->length,
                     error->message);
    }
}

static void on_fault(void *context, const struct fault *fault)
{
    struct data_check *data = context;
    const struct error *error = &fault->error;
    struct finding at = {.kind = FINDING_UNDECODABLE,
                         .has_host = error->has_offset,
                         .host_offset = error->offset,
                         .has_guest = true,
                         .guest_offset = fault->start};
    if (error->code == ERROR_MEMORY) {
        data->out_of_memory = true;
        return;
    }
    if (fault->depth > 0) {
        fault_below(data, fault);
        return;
    }
    if (error->code == ERROR_IO || error->code == ERROR_TRUNCATED) {
        at.kind = FINDING_UNREADABLE_DATA;
    } else if (error->code != ERROR_UNDECODABLE) {
        return; // the tables were checked before
    }
    findings_add(&data->check->findings, &at, "%" PRIu64 " bytes: %s", fault->length,
                 error->message);
}

static void on_progress(void *context, uint64_t done)
{
    const struct data_check *data = context;
    if (data->options->on_progress) {
        data->options->on_progress(data->options->context, add_clipped(data->disks_done, done));
    }
}

static uint64_t pass_range(void *context, uint64_t guest_offset)
{
    const struct data_check *data = context;
    return data_seen_range(data->seen, guest_offset);
}

static uint64_t pass_extent(void *context, const struct extent *extent, bool *is_passed)
{
    const struct data_check *data = context;
    return data_seen_extent(data->seen, extent, is_passed);
}

static bool read_disk(const struct view *view, struct data_check *data, struct error *error)
{
    struct export_options request = {
        .length = view->size,
        .jobs = data->options->jobs,
        .as_stored = true,
        .salvage = true,
        .on_fault = on_fault,
        .on_progress = on_progress,
        .pass_range = pass_range,
        .pass_extent = pass_extent,
        .context = data,
    };
    data_seen_view(data->seen, view);
    if (!export_disk(view, &request, EXPORT_NOWHERE, error)) {
        return false;
    }
    data->disks_done = add_clipped(data->disks_done, request.length);
    return data->out_of_memory ? error_set(error, ERROR_MEMORY, "out of memory") : true;
}

static bool read_snapshots(const struct chain *chain, struct data_check *data, struct error *error)
{
    struct snapshot snapshot;
    bool done = true;
    struct snapshot_reader reader = snapshot_reader_start(chain->layers[0].image);
    while (done && snapshot_reader_next(&reader, &snapshot, NULL)) {
        struct view view;
        struct error ignored; // the tables were checked before
        if (view_snapshot(chain, &snapshot, "", &view, &ignored) && view.size > 0) {
            done = read_disk(&view, data, error);
        }
    }
    snapshot_reader_free(&reader);
    return done;
}

bool check_data(const struct chain *chain, const struct check_options *options, struct check *check,
                struct error *error)
{
    struct data_check data = {.check = check, .options = options, .seen = data_seen_make(chain)};
    struct view active = view_active(chain);
    bool done = data.seen || error_set(error, ERROR_MEMORY, "out of memory");
    done = done && read_disk(&active, &data, error) && read_snapshots(chain, &data, error);
    data_seen_free(data.seen);
    return done;
}
