// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "where/where.h"

#include "base/checked.h"
#include "capture.h"
#include "harness.h"
#include "layers.h"
#include "output/where_output.h"

#include <stdlib.h>

enum { PLACES = 8 }; // of the disk

static void must_print(struct writer *text, struct writer *json)
{
    size_t documents;
    struct bytes text_printed = capture_end(text);
    struct bytes json_printed = capture_end(json);
    must_be_text(text_printed);
    cJSON_Delete(must_be_json(json_printed, &documents));
    MUST(documents == 1);
    free((void *)(uintptr_t)text_printed.data);
    free((void *)(uintptr_t)json_printed.data);
}

static void print_guest(const struct where_guest *where)
{
    struct writer *text = capture_start();
    struct writer *writer = capture_start();
    struct json json;
    where_print_guest_text(where, text);
    json_init(&json, writer, JSON_COMPACT);
    where_print_guest_json(where, &json);
    must_print(text, writer);
}

static void print_host(const struct where_host *where)
{
    struct writer *text = capture_start();
    struct writer *writer = capture_start();
    struct json json;
    where_print_host_text(where, text);
    json_init(&json, writer, JSON_COMPACT);
    where_print_host_json(where, &json);
    must_print(text, writer);
}

static bool has_reference(const struct where_host *host, uint64_t at)
{
    for (size_t i = 0; i < host->count; i++) {
        const struct where_reference *reference = &host->references[i];
        if (reference->table == WHERE_L2_TABLE && reference->at == at && !reference->snapshot) {
            return true;
        }
    }
    return host->total > host->count;
}

// What the image itself has of a guest offset leads back to it.
static void must_lead_back(const struct chain *chain, const struct where_guest *guest)
{
    const struct where_layer *first = &guest->layers[0];
    struct where_hosts hosts;
    struct error error;
    if (guest->fault.code || !first->stretch.has_host ||
        header_has_data_file(&first->layer->image->header)) {
        return;
    }
    MUST(where_hosts(chain, &first->stretch.host_offset, 1, &hosts, &error));
    MUST(hosts.count == 1);
    MUST(has_reference(&hosts.items[0], first->l2.at));
    print_host(&hosts.items[0]);
    where_hosts_free(&hosts);
}

static void look_at(const struct chain *chain)
{
    struct view view = view_active(chain);
    for (uint64_t i = 0; i < PLACES && view.size > 0; i++) {
        struct where_guest guest;
        struct error error;
        uint64_t offset = view.size / PLACES * i + (i % 2 ? 0 : min_u64(view.size - 1, 513));
        MUST(where_guest(&view, min_u64(offset, view.size - 1), &guest, &error));
        MUST(guest.count >= 1 && guest.count <= chain->count);
        print_guest(&guest);
        must_lead_back(chain, &guest);
        where_guest_free(&guest);
    }
}

void run_where(struct bytes input)
{
    struct choices choices = choices_of(input);
    struct chain_options options = {.no_data_file = true};
    struct memory_files files;
    struct chain chain;
    struct error error;
    if (layers_open(input, &choices, options, &files, &chain, &error)) {
        look_at(&chain);
    }
    chain_close(&chain);
}
