// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over one table of an image: an L1 table, an L2 table, the refcount table, a refcount block
// or a bitmap table. It skips holes of the file, where all entries are 0, keeps within a budget,
// and returns the entries as they are in the file.

#ifndef TABLES_TABLE_WALK_H
#define TABLES_TABLE_WALK_H

#include "base/checked.h"
#include "image/image.h"
#include "image/run.h"
#include "source/table_window.h"
#include "tables/budget.h"

// Shared by consecutive walks over tables of one kind, so that tables which are adjacent in the
// file are read together.
struct table_file {
    struct source *source;
    struct table_window window;
    struct hole hole; // the last one that was found in the file
};

struct table_walk {
    struct table_file *file;
    struct budget *budget; // for reads; NULL: unlimited
    uint64_t offset;       // of the table, in bytes
    uint64_t size;         // entries
    size_t entry_size;     // bytes
    uint32_t table_size;   // bytes of each L2 table that entries refer to, which are announced to
                           // the source; 0: not announced
    uint64_t next;         // index of the entry to return next
    uint64_t first;        // index of the first entry in the view
    struct bytes view;     // whole entries, valid until another walk uses the file
};

struct table_entry {
    uint64_t index;
    uint64_t at; // byte offset of the entry
    uint64_t value;
};

enum walk_step {
    WALK_END,   // of the table, or of the budget
    WALK_FOUND, // the next part was returned
    WALK_ERROR, // an entry could not be read; the next step begins after it
};

static inline struct table_file table_file_make(struct source *source)
{
    return (struct table_file){.source = source, .window = table_window_make(TABLE_WINDOW_MAX)};
}

static inline void table_file_free(struct table_file *file)
{
    table_window_free(&file->window);
}

static inline struct table_walk table_walk_make(struct table_file *file, uint64_t offset,
                                                uint64_t size, size_t entry_size,
                                                struct budget *budget)
{
    return (struct table_walk){
        .file = file, .budget = budget, .offset = offset, .size = size, .entry_size = entry_size};
}

// A walk over a table whose entries have 8 bytes, for table_walk_entry().

static inline struct table_walk l1_walk(struct table_file *file, struct l1_table l1,
                                        struct budget *budget)
{
    return table_walk_make(file, l1.offset, l1.size, L1_ENTRY_SIZE, budget);
}

static inline struct table_walk bitmap_walk(struct table_file *file, uint64_t table_offset,
                                            uint32_t table_size, struct budget *budget)
{
    return table_walk_make(file, table_offset, table_size, BITMAP_TABLE_ENTRY_SIZE, budget);
}

static inline struct table_walk refcount_table_walk(struct table_file *file,
                                                    const struct header *header)
{
    uint64_t bytes = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    return table_walk_make(file, header->refcount_table_offset, bytes / REFCOUNT_TABLE_ENTRY_SIZE,
                           REFCOUNT_TABLE_ENTRY_SIZE, NULL);
}

// A walk for table_walk_view().
static inline struct table_walk l2_walk(struct table_file *file, const struct header *header,
                                        uint64_t l2_offset, struct budget *budget)
{
    return table_walk_make(file, l2_offset, header->cluster_size / header->l2_entry_size,
                           header->l2_entry_size, budget);
}

// Returns the next entries in walk->view; the first has the index walk->first.
enum walk_step table_walk_view(struct table_walk *walk, struct error *error);

// Returns the next entry that is not 0; on an error, the index and offset of the entry that could
// not be read.
enum walk_step table_walk_entry(struct table_walk *walk, struct table_entry *entry,
                                struct error *error);

// Goes to the entry at `index`, which is below the size of the table, and loads it. False when it
// cannot be read.
bool table_walk_load(struct table_walk *walk, uint64_t index, uint64_t *value, struct error *error);

#endif
