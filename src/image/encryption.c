// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/encryption.h"

#include "base/checked.h"
#include "base/secret.h"
#include "codec/crypto.h"
#include "codec/luks_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { AES_KEY_SIZE = 16 };

// Method AES has fixed parameters.
static const struct cipher_spec aes_spec = {"aes", "cbc", "plain64", "", AES_KEY_SIZE};

static struct cipher_spec luks_spec(const struct luks *luks)
{
    return (struct cipher_spec){luks->cipher_name, luks->mode, luks->ivgen, luks->ivgen_hash,
                                luks->key_bytes};
}

// --- The header ----------------------------------------------------------------------------------

bool encryption_load_luks(const struct image *image, struct luks *luks, struct problems *problems)
{
    const struct extensions *extensions = &image->extensions;
    uint8_t start[LUKS_HEADER_SIZE];
    struct error error;
    if (image->header.crypt_method != CRYPT_LUKS || !extensions->has_encryption) {
        return false;
    }
    if (extensions->encryption_length < sizeof start) {
        problems_note(problems, PROBLEM_LUKS_HEADER, extensions->encryption_extension_at,
                      "the encryption header has %" PRIu64 " bytes, too few for a LUKS header",
                      extensions->encryption_length);
        return false;
    }
    if (!source_read(image->source, extensions->encryption_offset, start, sizeof start, &error)) {
        error_prefix(&error, "the encryption header at %" PRIu64, extensions->encryption_offset);
        struct problem unreadable = problem_of_error(PROBLEM_LUKS_UNREADABLE, &error);
        problems_add(problems, &unreadable);
        return false;
    }
    return luks_parse((struct bytes){start, sizeof start}, extensions->encryption_offset,
                      extensions->encryption_length, luks, problems);
}

bool encryption_supported(const struct image *image, const struct luks *luks, struct problem *fault)
{
    struct error error;
    if (image->header.crypt_method > CRYPT_LUKS) {
        return problem_at(fault, PROBLEM_ENCRYPTION_UNKNOWN, HEADER_CRYPT_METHOD,
                          "encryption method %" PRIu32 " is unknown", image->header.crypt_method);
    }
    struct cipher_spec spec = luks ? luks_spec(luks) : aes_spec;
    bool known = cipher_supported(&spec, &error);
    if (known && luks && !crypto_hash_find(luks->hash)) {
        known = error_set(&error, ERROR_USAGE, "hash \"%s\" is not supported", luks->hash);
    }
    return known ? true
                 : problem_at(fault, PROBLEM_ENCRYPTION_UNSUPPORTED, HEADER_CRYPT_METHOD,
                              "guest data is encrypted (%s): %s",
                              image->header.crypt_method == CRYPT_AES ? "aes" : "luks",
                              error.message);
}

// --- Method AES ----------------------------------------------------------------------------------

// The passphrase is the key: it is cut, or padded with zeros.
static struct cipher *open_aes(struct bytes passphrase, struct error *error)
{
    struct secret key;
    if (!secret_make(&key, AES_KEY_SIZE, error)) {
        return NULL;
    }
    if (passphrase.size > 0) {
        memcpy(key.data, passphrase.data, (size_t)min_u64(passphrase.size, AES_KEY_SIZE));
    }
    struct cipher *cipher = cipher_open(&aes_spec, secret_bytes(&key), error);
    secret_free(&key);
    return cipher;
}

// --- Method LUKS ---------------------------------------------------------------------------------

// The search for the key slot that the passphrase opens.
struct search {
    const struct image *image;
    const struct luks *luks;
    struct bytes passphrase;
    uint32_t max_iterations;
    uint64_t spent;    // iterations so far, never above max_iterations
    struct secret key; // owned; from the slot that was found
    int slot;
    unsigned tried;
    unsigned skipped;   // active slots that could not be tried
    struct error fault; // why the first of them was skipped
};

// Iterations of the hash for a key of `size` bytes: each block of the key takes all of them.
static uint64_t iterations_of(const struct luks *luks, uint32_t iterations, size_t size)
{
    const struct crypto_hash *hash = crypto_hash_find(luks->hash);
    return hash ? iterations * divide_up(size, hash->size) : iterations;
}

static uint64_t iterations_of_master_key(const struct luks *luks)
{
    return iterations_of(luks, luks->master_key_iterations, sizeof luks->master_key_digest);
}

// Iterations to try a slot: its own, and those of the master key.
static uint64_t iterations_of_slot(const struct luks *luks, int number)
{
    return iterations_of(luks, luks->slots[number].iterations, luks->key_bytes) +
           iterations_of_master_key(luks);
}

static bool few_iterations(const struct search *search, uint64_t iterations, const char *whose,
                           uint64_t at, struct problem *fault)
{
    char spent[64] = "";
    if (iterations <= search->max_iterations - search->spent) {
        return true;
    }
    if (search->spent > 0) {
        snprintf(spent, sizeof spent, " after the %" PRIu64 " of other key slots", search->spent);
    }
    return problem_at(fault, PROBLEM_LUKS_ITERATIONS_LIMIT, at,
                      "%s needs %" PRIu64 " iterations of key derivation%s, above %" PRIu32
                      "; to allow more, use --max-kdf-iterations",
                      whose, iterations, spent, search->max_iterations);
}

static bool read_material(const struct search *search, int number, struct secret *material,
                          struct error *error)
{
    const struct luks_slot *slot = &search->luks->slots[number];
    const struct image *image = search->image;
    if (!secret_make(material, luks_key_material_size(search->luks->key_bytes, slot->stripes),
                     error)) {
        return false;
    }
    // No overflow: a header was read at the first offset, and the second is below 2^41.
    if (source_read(image->source, image->extensions.encryption_offset + slot->key_offset,
                    material->data, material->size, error)) {
        return true;
    }
    secret_free(material);
    return error_prefix(error, "the key material of LUKS key slot %d", number);
}

static bool try_slot(struct search *search, int number, bool *opens, struct error *error)
{
    const struct luks *luks = search->luks;
    const struct luks_slot *slot = &luks->slots[number];
    const struct luks_key_slot step = {
        .cipher = luks_spec(luks),
        .hash = luks->hash,
        .salt = {slot->salt, sizeof slot->salt},
        .iterations = slot->iterations,
        .stripes = slot->stripes,
        .digest = {luks->master_key_digest, sizeof luks->master_key_digest},
        .digest_salt = {luks->master_key_salt, sizeof luks->master_key_salt},
        .digest_iterations = luks->master_key_iterations,
    };
    struct secret material;
    if (!read_material(search, number, &material, error)) {
        return false;
    }
    bool tried = luks_key_open(&step, search->passphrase, &material, &search->key, opens, error);
    secret_free(&material);
    return tried;
}

static bool can_try_slot(const struct search *search, int number, struct problem *fault)
{
    const struct extensions *extensions = &search->image->extensions;
    uint64_t at = extensions->encryption_offset;
    char name[32];
    snprintf(name, sizeof name, "LUKS key slot %d", number);
    return luks_slot_sound(search->luks, (size_t)number, at, extensions->encryption_length,
                           fault) &&
           few_iterations(search, iterations_of_slot(search->luks, number), name,
                          at + LUKS_SLOT_TABLE + (uint64_t)number * LUKS_SLOT_SIZE +
                              LUKS_SLOT_ITERATIONS,
                          fault);
}

// Keeps the full reason for the first slot, and the numbers of the others.
static void note_skipped(struct search *search, int number, const struct error *fault)
{
    if (search->skipped++ == 0) {
        search->fault = *fault;
        return;
    }
    size_t length = strlen(search->fault.message);
    snprintf(search->fault.message + length, sizeof search->fault.message - length,
             "; key slot %d was skipped, too", number);
}

static bool find_slot(struct search *search)
{
    for (int number = 0; number < LUKS_SLOTS; number++) {
        struct problem fault;
        bool opens = false;
        if (!search->luks->slots[number].active) {
            continue;
        }
        if (can_try_slot(search, number, &fault) &&
            try_slot(search, number, &opens, &fault.error)) {
            search->tried++;
            search->spent += iterations_of_slot(search->luks, number);
        } else {
            note_skipped(search, number, &fault.error);
        }
        if (opens) {
            search->slot = number;
            return true;
        }
    }
    return false;
}

static const char *newline_hint(struct bytes passphrase)
{
    bool newline = passphrase.size > 0 && passphrase.data[passphrase.size - 1] == '\n';
    return newline ? "; it ends with a newline, which --key-strip-newline drops" : "";
}

// Sets the reason why no slot was found.
static bool set_search_error(const struct search *search, struct error *error)
{
    if (search->tried == 0) {
        *error = search->fault;
        return false;
    }
    if (!search->fault.code) {
        return error_set(error, ERROR_KEY,
                         "the passphrase opens none of the LUKS key slots in use (%u): it is "
                         "wrong, or their key material is damaged%s",
                         search->tried, newline_hint(search->passphrase));
    }
    *error = search->fault;
    error->code = ERROR_KEY;
    return error_prefix(error,
                        "the passphrase is wrong, or belongs to a key slot that was skipped");
}

// The fault of the first active slot.
static bool has_slot_to_try(const struct search *search, uint64_t at, struct problem *fault)
{
    bool active = false;
    for (int number = 0; number < LUKS_SLOTS; number++) {
        struct problem later;
        if (!search->luks->slots[number].active) {
            continue;
        }
        if (can_try_slot(search, number, active ? &later : fault)) {
            return true;
        }
        active = true;
    }
    return active ? false
                  : problem_at(fault, PROBLEM_LUKS_NO_SLOT, at + LUKS_SLOT_TABLE,
                               "no LUKS key slot is in use: no passphrase can open the image");
}

// Loads a LUKS header and checks that it is possible to get a key from it.
static bool load_sound_luks(const struct image *image, uint32_t max_iterations, struct luks *luks,
                            struct problem *fault)
{
    uint64_t at = image->extensions.encryption_offset;
    struct problems problems = {0};
    bool loaded = encryption_load_luks(image, luks, &problems);
    if (!loaded && problems.count > 0) {
        *fault = problems.items[0];
    } else if (!loaded) {
        struct error error;
        error_set(&error, ERROR_CORRUPT, "the image has no LUKS header");
        *fault = problem_of_error(PROBLEM_ENCRYPTION_NO_POINTER, &error);
    }
    problems_free(&problems);
    if (!loaded || !luks_master_key_sound(luks, at, fault) ||
        !encryption_supported(image, luks, fault)) {
        return false;
    }
    const struct search search = {.image = image, .luks = luks, .max_iterations = max_iterations};
    return few_iterations(&search, iterations_of_master_key(luks), "the LUKS master key",
                          at + LUKS_MASTER_KEY_ITERATIONS, fault) &&
           has_slot_to_try(&search, at, fault);
}

static struct cipher *open_luks(const struct image *image, struct bytes passphrase,
                                uint32_t max_iterations, int *slot, struct error *error)
{
    struct luks luks;
    struct search search = {.image = image,
                            .luks = &luks,
                            .passphrase = passphrase,
                            .max_iterations = max_iterations,
                            .slot = ENCRYPTION_NO_SLOT};
    struct problem fault;
    if (!load_sound_luks(image, max_iterations, &luks, &fault)) {
        *error = fault.error;
        return NULL;
    }
    if (!find_slot(&search)) {
        set_search_error(&search, error);
        return NULL;
    }
    struct cipher_spec spec = luks_spec(&luks);
    struct cipher *cipher = cipher_open(&spec, secret_bytes(&search.key), error);
    secret_free(&search.key);
    *slot = search.slot;
    return cipher;
}

// --- Both ----------------------------------------------------------------------------------------

bool encryption_check(const struct image *image, uint32_t max_iterations, struct problem *fault)
{
    struct luks luks;
    // Without the library, report only this.
    return encryption_supported(image, NULL, fault) &&
           (image->header.crypt_method != CRYPT_LUKS ||
            load_sound_luks(image, max_iterations, &luks, fault));
}

struct cipher *encryption_open(const struct image *image, struct bytes passphrase,
                               uint32_t max_iterations, int *slot, struct error *error)
{
    *slot = ENCRYPTION_NO_SLOT;
    return image->header.crypt_method == CRYPT_LUKS
               ? open_luks(image, passphrase, max_iterations, slot, error)
               : open_aes(passphrase, error);
}
