// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Which data of a chain have been read, so that what snapshots share is read once. Exact while the
// memory lasts: what no longer fits is read again, and nothing is passed over that was not read.

#ifndef CHECK_DATA_SEEN_H
#define CHECK_DATA_SEEN_H

#include "image/extent.h"

struct data_seen;

// Takes at most 128 MiB. NULL without memory. The chain outlives it.
struct data_seen *data_seen_make(const struct chain *chain);
void data_seen_free(struct data_seen *seen); // NULL is fine

// Which disk is read from now on.
void data_seen_view(struct data_seen *seen, const struct view *view);

// How many bytes from a guest offset on are mapped by L2 tables all of whose data have been read.
// Notes the table that maps the offset, whose data are about to be.
uint64_t data_seen_range(struct data_seen *seen, uint64_t guest_offset);

// How many bytes of an extent of data have been read, or have not: `is_seen` says which, and from
// then on they have. All of an extent that is no data has not.
uint64_t data_seen_extent(struct data_seen *seen, const struct extent *extent, bool *is_seen);

#endif
