// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Inspects the header and its extensions: features, other files, and problems that the parsers
// found.

#include "audit/audit_parts.h"
#include "audit/audit_state.h"
#include "base/checked.h"
#include "format/feature.h"
#include "format/layout.h"
#include "image/reference.h"

#include <inttypes.h>

// --- What the parsers found ----------------------------------------------------------------------

static void inspect_problems(struct audit_state *state)
{
    const struct problems *problems = &state->image->problems;
    audit_problems(state, problems);
    if (problems->dropped > 0) {
        audit_report_file(&state->report, AUDIT_HEADER_BROKEN, "%zu further problems of the header",
                          problems->dropped);
    }
}

// --- Features ------------------------------------------------------------------------------------

static const struct {
    enum feature_type type;
    enum audit_rule rule;
    uint64_t field;
    uint64_t known;
} feature_words[] = {
    {FEATURE_INCOMPATIBLE, AUDIT_UNKNOWN_INCOMPATIBLE, HEADER_INCOMPATIBLE_FEATURES,
     INCOMPATIBLE_KNOWN},
    {FEATURE_COMPATIBLE, AUDIT_UNKNOWN_COMPATIBLE, HEADER_COMPATIBLE_FEATURES,
     COMPATIBLE_LAZY_REFCOUNTS},
    {FEATURE_AUTOCLEAR, AUDIT_UNKNOWN_AUTOCLEAR, HEADER_AUTOCLEAR_FEATURES,
     AUTOCLEAR_BITMAPS | AUTOCLEAR_RAW_DATA_FILE},
};

static void inspect_unknown_features(struct audit_state *state)
{
    const struct header *header = state->header;
    const uint64_t words[] = {header->incompatible_features, header->compatible_features,
                              header->autoclear_features};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint64_t unknown = words[i] & ~feature_words[i].known;
        for (; unknown != 0; unknown &= unknown - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(unknown);
            struct bytes name = {0};
            feature_table_lookup(state->image->extensions.feature_names, feature_words[i].type, bit,
                                 &name);
            audit_report_at(&state->report, feature_words[i].rule, feature_words[i].field,
                            "%s feature bit %u is unknown; the image calls it \"%.*s\"",
                            feature_type_name(feature_words[i].type), bit, audit_shown(name),
                            name.size > 0 ? (const char *)name.data : "");
        }
    }
}

static void inspect_known_features(struct audit_state *state)
{
    const struct header *header = state->header;
    if (header->incompatible_features & INCOMPATIBLE_DIRTY) {
        audit_report_at(&state->report, AUDIT_DIRTY, HEADER_INCOMPATIBLE_FEATURES,
                        "the image was not closed (incompatible feature bit 0)");
    }
    if (header->incompatible_features & INCOMPATIBLE_CORRUPT) {
        audit_report_at(&state->report, AUDIT_CORRUPT, HEADER_INCOMPATIBLE_FEATURES,
                        "the image is marked as corrupt (incompatible feature bit 1)");
    }
    if (header->crypt_method != CRYPT_NONE) {
        audit_report_at(&state->report, AUDIT_ENCRYPTION, HEADER_CRYPT_METHOD,
                        "the disk is encrypted, with method %" PRIu32 "%s", header->crypt_method,
                        header->crypt_method == CRYPT_AES    ? " (aes)"
                        : header->crypt_method == CRYPT_LUKS ? " (luks)"
                                                             : "");
    }
    if (state->source->in_use) {
        audit_report_file(&state->report, AUDIT_IN_USE,
                          "another process has the image open for writing");
    }
}

// --- Extensions ----------------------------------------------------------------------------------

static void inspect_feature_names(struct audit_state *state, const struct extension *extension)
{
    struct feature_entry entry;
    for (size_t i = 0; feature_table_entry(extension->data, i, &entry); i++) {
        audit_name(state, AUDIT_NAME_TEXT, "the name of a feature", entry.name, extension->offset);
    }
}

static void inspect_extensions(struct audit_state *state)
{
    struct extension extension;
    struct extension_walk walk = extension_walk_start(state->image->first_cluster, state->header);
    while (extension_next(&walk, &extension, NULL)) {
        if (!extension_type_name(extension.type)) {
            audit_report_at(&state->report, AUDIT_EXTENSION_UNKNOWN, extension.offset,
                            "the header extension 0x%08" PRIx32 " of %zu bytes is unknown",
                            extension.type, extension.data.size);
        } else if (extension.type == EXTENSION_FEATURE_NAMES) {
            inspect_feature_names(state, &extension);
        } else if (extension.type == EXTENSION_BACKING_FORMAT) {
            audit_name(state, AUDIT_NAME_TEXT, "the format of the backing file", extension.data,
                       extension.offset);
        } else if (extension.type == EXTENSION_DATA_FILE) {
            audit_name(state, AUDIT_NAME_FILE, "the name of the data file", extension.data,
                       extension.offset);
        }
    }
}

// --- Bytes that no program reads -----------------------------------------------------------------

// Finds the first byte in [start, end) of the first cluster that is not zero. False when there is
// none, as far as the file was read.
static bool find_byte(struct audit_state *state, uint64_t start, uint64_t end, uint64_t *found)
{
    uint8_t piece[4096];
    end = min_u64(end, min_u64(state->source->size, state->header->cluster_size));
    while (start < end) {
        uint64_t size = min_u64(end - start, sizeof piece);
        struct error error;
        if (!source_read(state->source, start, piece, (size_t)size, &error)) {
            audit_unreadable(&state->report, &error, "the header");
            return false;
        }
        for (uint64_t i = 0; i < size; i++, start++) {
            if (piece[i] != 0) {
                *found = start;
                return true;
            }
        }
    }
    return false;
}

static void inspect_unknown_fields(struct audit_state *state)
{
    uint64_t at;
    if (find_byte(state, HEADER_COMPRESSION_TYPE + 1, state->header->header_length, &at)) {
        audit_report_at(&state->report, AUDIT_HEADER_UNKNOWN, at,
                        "the header of %" PRIu32 " bytes has unknown fields at its end",
                        state->header->header_length);
    }
}

// The extensions end at the name of the backing file, as in QEMU; but a program may read on when
// the name is empty.
static void inspect_empty_backing_name(struct audit_state *state)
{
    const struct header *header = state->header;
    uint64_t at;
    if (header->backing_file_offset == 0 || header->backing_file_size != 0) {
        return;
    }
    if (find_byte(state, header->backing_file_offset, UINT64_MAX, &at)) {
        audit_report_at(&state->report, AUDIT_HEADER_BROKEN, HEADER_BACKING_FILE_OFFSET,
                        "an empty backing file name at %" PRIu64
                        " ends the header extensions, and data follows at %" PRIu64,
                        header->backing_file_offset, at);
    } else {
        audit_report_at(&state->report, AUDIT_HEADER_UNKNOWN, HEADER_BACKING_FILE_OFFSET,
                        "an empty backing file name at %" PRIu64, header->backing_file_offset);
    }
}

void audit_header(struct audit_state *state)
{
    inspect_problems(state);
    inspect_unknown_fields(state);
    inspect_empty_backing_name(state);
    inspect_unknown_features(state);
    inspect_known_features(state);
    inspect_extensions(state);
}

// --- Other files ---------------------------------------------------------------------------------

// The rules about a file, by the kind of its name.
struct reference_rules {
    enum audit_rule by_kind[REFERENCE_PROTOCOL + 1];
};

static void report_reference(struct audit_state *state, const struct reference_rules *rules,
                             struct bytes name, uint64_t at, const char *what)
{
    enum audit_rule rule = rules->by_kind[reference_kind(name)];
    if (name.size > 0) {
        audit_report_at(&state->report, rule, at, "%s is \"%.*s\"", what, audit_shown(name),
                        (const char *)name.data);
    } else {
        audit_report_at(&state->report, rule, at, "the name of %s cannot be read", what);
    }
}

static void inspect_backing_format(struct audit_state *state, struct bytes name)
{
    struct bytes recorded = state->image->extensions.backing_format;
    enum layer_format format;
    struct error ignored;
    const char *problem = NULL;
    if (!reference_format(name, recorded, &format, &ignored)) {
        problem = "is not raw or qcow2";
    } else if (format == LAYER_PROBE) {
        problem = "is not recorded";
    }
    if (problem) {
        audit_report_at(&state->report, AUDIT_BACKING_FORMAT, state->header->backing_file_offset,
                        "the format of the backing file %s", problem);
    }
}

void audit_references(struct audit_state *state)
{
    static const struct reference_rules backing = {
        {AUDIT_BACKING_FILE, AUDIT_BACKING_FILE_JSON, AUDIT_BACKING_FILE_PROTOCOL}};
    static const struct reference_rules data = {
        {AUDIT_DATA_FILE, AUDIT_DATA_FILE_JSON, AUDIT_DATA_FILE_PROTOCOL}};
    static const struct reference_rules unused = {
        {AUDIT_DATA_FILE_WITHOUT_BIT, AUDIT_DATA_FILE_WITHOUT_BIT, AUDIT_DATA_FILE_WITHOUT_BIT}};
    const struct header *header = state->header;
    struct bytes data_file = state->image->extensions.data_file;
    if (header->backing_file_offset != 0 && header->backing_file_size != 0) {
        struct bytes name = state->image->backing_file;
        report_reference(state, &backing, name, header->backing_file_offset, "the backing file");
        audit_name(state, AUDIT_NAME_FILE, "the name of the backing file", name,
                   header->backing_file_offset);
        inspect_backing_format(state, name);
    }
    if (header_has_data_file(header)) {
        report_reference(state, &data, data_file, HEADER_INCOMPATIBLE_FEATURES, "the data file");
    } else if (data_file.data) {
        report_reference(state, &unused, data_file, HEADER_INCOMPATIBLE_FEATURES,
                         "the data file, which is named but not used,");
    }
}
