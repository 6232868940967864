// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/luks.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t luks_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe};

// The location of the header, and the list that its problems are added to.
struct context {
    uint64_t at, length;
    struct problems *problems;
};

// Copies a string of at most `size` bytes with a NUL at its end. Without a NUL it is cut at `size`.
static void load_string(struct bytes start, size_t offset, size_t size, const char *name,
                        const struct context *context, char *string)
{
    struct bytes field;
    string[0] = '\0';
    if (!bytes_view(start, offset, size, &field)) {
        return;
    }
    const uint8_t *end = memchr(field.data, '\0', size);
    size_t length = end ? (size_t)(end - field.data) : size;
    memcpy(string, field.data, length);
    string[length] = '\0';
    if (!end) {
        problems_note(context->problems, PROBLEM_LUKS_NAME, context->at + offset,
                      "the LUKS %s has no NUL at its end", name);
    }
}

static void load_bytes(struct bytes start, size_t offset, size_t size, uint8_t *bytes)
{
    struct bytes field;
    if (bytes_view(start, offset, size, &field)) {
        memcpy(bytes, field.data, size);
    }
}

static void load_fields(struct bytes start, const struct context *context, struct luks *luks)
{
    load_string(start, LUKS_CIPHER_NAME, LUKS_NAME_SIZE, "cipher name", context, luks->cipher_name);
    load_string(start, LUKS_CIPHER_MODE, LUKS_NAME_SIZE, "cipher mode", context, luks->cipher_mode);
    load_string(start, LUKS_HASH, LUKS_NAME_SIZE, "hash name", context, luks->hash);
    load_string(start, LUKS_UUID, LUKS_UUID_SIZE, "UUID", context, luks->uuid);
    luks->payload_offset = (uint64_t)bytes_be32(start, LUKS_PAYLOAD_OFFSET) * SECTOR_SIZE;
    luks->key_bytes = bytes_be32(start, LUKS_KEY_BYTES);
    luks->master_key_iterations = bytes_be32(start, LUKS_MASTER_KEY_ITERATIONS);
    load_bytes(start, LUKS_MASTER_KEY_DIGEST, LUKS_DIGEST_SIZE, luks->master_key_digest);
    load_bytes(start, LUKS_MASTER_KEY_SALT, LUKS_SALT_SIZE, luks->master_key_salt);
}

// "xts-plain64" is a mode and a generator of initialisation vectors; "cbc-essiv:sha256" also has a
// hash for the generator.
static void derive_names(struct luks *luks)
{
    size_t mode = strcspn(luks->cipher_mode, "-");
    const char *ivgen = luks->cipher_mode + mode + (luks->cipher_mode[mode] == '-');
    size_t name = strcspn(ivgen, ":");
    const char *hash = ivgen + name + (ivgen[name] == ':');
    snprintf(luks->mode, sizeof luks->mode, "%.*s", (int)mode, luks->cipher_mode);
    snprintf(luks->ivgen, sizeof luks->ivgen, "%.*s", (int)name, ivgen);
    snprintf(luks->ivgen_hash, sizeof luks->ivgen_hash, "%s", hash);

    // Mode xts uses two keys of half the length.
    uint64_t bits = (uint64_t)luks->key_bytes * 8 / (strcmp(luks->mode, "xts") == 0 ? 2 : 1);
    snprintf(luks->cipher, sizeof luks->cipher, "%s-%" PRIu64, luks->cipher_name, bits);
}

static void add_unless(bool sound, const struct problem *fault, const struct context *context)
{
    if (!sound) {
        problems_add(context->problems, fault);
    }
}

bool luks_slot_sound(const struct luks *luks, size_t number, uint64_t at, uint64_t length,
                     struct problem *fault)
{
    const struct luks_slot *slot = &luks->slots[number];
    uint64_t place = at + LUKS_SLOT_TABLE + number * LUKS_SLOT_SIZE;
    uint64_t sectors = divide_up((uint64_t)slot->stripes * luks->key_bytes, SECTOR_SIZE);
    if (!slot->active) {
        return true;
    }
    if (slot->iterations == 0 || slot->stripes == 0) {
        return problem_at(fault, PROBLEM_LUKS_SLOT, place,
                          "LUKS key slot %zu has %" PRIu32 " iterations and %" PRIu32 " stripes",
                          number, slot->iterations, slot->stripes);
    }
    if (slot->stripes > CAP_LUKS_STRIPES) {
        return problem_at(fault, PROBLEM_LUKS_SLOT_LIMIT, place + LUKS_SLOT_STRIPES,
                          "LUKS key slot %zu has %" PRIu32 " stripes, above %" PRIu32, number,
                          slot->stripes, CAP_LUKS_STRIPES);
    }
    if (slot->key_offset < LUKS_HEADER_SIZE ||
        !range_inside(slot->key_offset, sectors * SECTOR_SIZE, length)) {
        return problem_at(
            fault, PROBLEM_LUKS_SLOT, place + LUKS_SLOT_KEY_OFFSET,
            "the key material of LUKS key slot %zu lies outside the encryption header", number);
    }
    return true;
}

bool luks_master_key_sound(const struct luks *luks, uint64_t at, struct problem *fault)
{
    if (luks->key_bytes == 0) {
        return problem_at(fault, PROBLEM_LUKS_MASTER_KEY, at + LUKS_KEY_BYTES,
                          "the LUKS master key has no bytes");
    }
    if (luks->key_bytes > CAP_LUKS_KEY_BYTES) {
        return problem_at(fault, PROBLEM_LUKS_MASTER_KEY_LIMIT, at + LUKS_KEY_BYTES,
                          "the LUKS master key has %" PRIu32 " bytes, above %" PRIu32,
                          luks->key_bytes, CAP_LUKS_KEY_BYTES);
    }
    if (luks->master_key_iterations == 0) {
        return problem_at(fault, PROBLEM_LUKS_MASTER_KEY, at + LUKS_MASTER_KEY_ITERATIONS,
                          "the LUKS master key has no iterations");
    }
    return true;
}

static void load_slot(struct bytes start, size_t number, const struct context *context,
                      struct luks *luks)
{
    size_t offset = LUKS_SLOT_TABLE + number * LUKS_SLOT_SIZE;
    uint32_t state = bytes_be32(start, offset + LUKS_SLOT_ACTIVE);
    struct problem fault;
    luks->slots[number] = (struct luks_slot){
        .active = state == LUKS_SLOT_IS_ENABLED,
        .iterations = bytes_be32(start, offset + LUKS_SLOT_ITERATIONS),
        .stripes = bytes_be32(start, offset + LUKS_SLOT_STRIPES),
        .key_offset = (uint64_t)bytes_be32(start, offset + LUKS_SLOT_KEY_OFFSET) * SECTOR_SIZE,
    };
    load_bytes(start, offset + LUKS_SLOT_SALT, LUKS_SALT_SIZE, luks->slots[number].salt);
    if (state != LUKS_SLOT_IS_ENABLED && state != LUKS_SLOT_IS_DISABLED) {
        problems_note(context->problems, PROBLEM_LUKS_SLOT_STATE, context->at + offset,
                      "LUKS key slot %zu is neither enabled nor disabled (0x%08" PRIx32 ")", number,
                      state);
    }
    add_unless(luks_slot_sound(luks, number, context->at, context->length, &fault), &fault,
               context);
}

static bool check_identity(struct bytes start, const struct context *context)
{
    struct bytes magic;
    if (start.size < LUKS_HEADER_SIZE ||
        !bytes_view(start, LUKS_MAGIC, sizeof luks_magic, &magic) ||
        memcmp(magic.data, luks_magic, sizeof luks_magic) != 0) {
        problems_note(context->problems, PROBLEM_LUKS_HEADER, context->at,
                      "there is no LUKS header at %" PRIu64, context->at);
        return false;
    }
    uint16_t version = bytes_be16(start, LUKS_VERSION_AT);
    if (version != LUKS_VERSION) {
        problems_note(context->problems, PROBLEM_LUKS_HEADER, context->at + LUKS_VERSION_AT,
                      "the LUKS header has version %u instead of %d", version, LUKS_VERSION);
    }
    return version == LUKS_VERSION;
}

bool luks_parse(struct bytes start, uint64_t at, uint64_t length, struct luks *luks,
                struct problems *problems)
{
    const struct context context = {at, length, problems};
    struct luks parsed = {0};
    struct problem fault;
    if (!check_identity(start, &context)) {
        return false;
    }
    parsed.version = bytes_be16(start, LUKS_VERSION_AT);
    load_fields(start, &context, &parsed);
    derive_names(&parsed);
    add_unless(luks_master_key_sound(&parsed, at, &fault), &fault, &context);
    for (size_t i = 0; i < LUKS_SLOTS; i++) {
        load_slot(start, i, &context, &parsed);
    }
    *luks = parsed;
    return true;
}
