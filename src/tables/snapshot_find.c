// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/snapshot_find.h"

#include "tables/name_list.h"
#include "tables/snapshot_reader.h"

// The result of one walk over the table.
struct search {
    const char *wanted;
    struct snapshot by_id, by_name;
    unsigned ids, names; // how many snapshots have it as id, as name and not as id
    struct name_list list;
};

static void search_take(struct search *search, const struct snapshot *snapshot)
{
    if (name_is(snapshot->id, search->wanted)) {
        search->by_id = *snapshot;
        search->ids++;
    }
    if (!name_is(snapshot->id, search->wanted) && name_is(snapshot->name, search->wanted)) {
        search->by_name = *snapshot;
        search->names++;
    }
    name_list_add(&search->list, snapshot->id, snapshot->name);
}

bool snapshot_find(const struct image *image, const char *id_or_name, struct snapshot *found,
                   struct error *error)
{
    struct search search = {.wanted = id_or_name};
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(image);
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        search_take(&search, &snapshot);
    }
    struct error ended = reader.ended;
    snapshot_reader_free(&reader);

    if (search.ids + search.names == 1) {
        *found = search.ids == 1 ? search.by_id : search.by_name;
        found->id = found->name = (struct bytes){0};
        return true;
    }
    if (ended.code) {
        *error = ended;
        return error_prefix(error, "snapshot \"%s\" was not found, and the table ends early",
                            id_or_name);
    }
    return error_set(error, ERROR_NOT_FOUND, "there is %s snapshot \"%s\"; %s",
                     search.ids + search.names == 0 ? "no" : "more than one", id_or_name,
                     name_list_text(&search.list));
}
