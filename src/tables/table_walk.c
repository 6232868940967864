// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/table_walk.h"

enum { ENTRY_SIZE = 8 }; // of all tables except L2 tables and refcount blocks

// Skips the hole at the next entry. Asking the file system takes longer than reading from memory.
static bool skip_hole(struct table_walk *walk, uint64_t offset)
{
    struct table_file *file = walk->file;
    if (table_window_has(&file->window, offset, walk->entry_size)) {
        return false;
    }
    uint64_t hole = source_hole_again(file->source, offset, &file->hole) / walk->entry_size;
    walk->next += min_u64(hole, walk->size - walk->next);
    return hole > 0;
}

static bool ended(const struct table_walk *walk)
{
    return walk->budget && walk->budget->ended;
}

// Takes a read of `size` bytes off the budget.
static bool pay(struct table_walk *walk, uint64_t size)
{
    return !walk->budget || budget_read(walk->budget, size);
}

// Returns a view of the entries from walk->next on.
static enum walk_step fill_view(struct table_walk *walk, struct error *error)
{
    struct table_file *file = walk->file;
    walk->view = (struct bytes){0};
    while (walk->next < walk->size && !ended(walk)) {
        uint64_t offset = walk->offset + walk->next * walk->entry_size;
        uint64_t rest = (walk->size - walk->next) * walk->entry_size;
        struct bytes view;
        if (skip_hole(walk, offset)) {
            pay(walk, 0);
            continue;
        }
        if (!table_window_view(&file->window, file->source, offset, walk->entry_size, rest, &view,
                               error)) {
            walk->next++;
            return WALK_ERROR;
        }
        if (pay(walk, view.size)) {
            walk->first = walk->next;
            walk->view = view;
            l1_announce_tables(file->source, view, walk->table_size);
            return WALK_FOUND;
        }
    }
    return WALK_END;
}

enum walk_step table_walk_view(struct table_walk *walk, struct error *error)
{
    enum walk_step step = fill_view(walk, error);
    uint64_t count = walk->view.size / walk->entry_size;
    walk->view.size = count * walk->entry_size;
    walk->next += count;
    return step;
}

static struct table_entry last_entry(const struct table_walk *walk, uint64_t value)
{
    uint64_t index = walk->next - 1;
    return (struct table_entry){index, walk->offset + index * ENTRY_SIZE, value};
}

enum walk_step table_walk_entry(struct table_walk *walk, struct table_entry *entry,
                                struct error *error)
{
    for (;;) {
        uint64_t count = walk->view.size / ENTRY_SIZE;
        for (uint64_t i = walk->next - walk->first; i < count; i++) {
            uint64_t value = bytes_be64(walk->view, i * ENTRY_SIZE);
            if (value != 0) {
                walk->next = walk->first + i + 1;
                *entry = last_entry(walk, value);
                return WALK_FOUND;
            }
        }
        walk->next = max_u64(walk->next, walk->first + count);
        enum walk_step step = fill_view(walk, error);
        if (step != WALK_FOUND) {
            *entry = last_entry(walk, 0);
            return step;
        }
    }
}

bool table_walk_load(struct table_walk *walk, uint64_t index, uint64_t *value, struct error *error)
{
    walk->next = index;
    enum walk_step step = fill_view(walk, error);
    *value = step == WALK_FOUND && walk->first == index ? bytes_be64(walk->view, 0) : 0;
    return step != WALK_ERROR;
}
