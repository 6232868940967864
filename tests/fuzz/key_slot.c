// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Key slots: from a passphrase to the cipher of the data. An input is a LUKS header with key
// material behind it; its UUID is the passphrase. No input opens itself, so the last slot that can
// be tried is made to: what it holds is worked out here a second time, and the digest of that put
// into the header.

#include "base/checked.h"
#include "codec/crypto.h"
#include "codec/luks_key.h"
#include "harness.h"
#include "image/encryption.h"

#include <stdlib.h>
#include <string.h>

enum {
    AT = SECTOR_SIZE,    // of the header in its file
    ITERATIONS_MAX = 16, // so that eight slots take no time
    KEY_MAX = 64,
    // All slots of so many, with four blocks of the shortest hash in a key, and the master key.
    ALL_ITERATIONS_MAX = LUKS_SLOTS * 5 * ITERATIONS_MAX,
    NUMBER_SIZE = 4, // of a block, in front of what is hashed
    PROBE = 2 * CIPHER_SECTOR,
};

// The second of two sectors has a number with more than 32 bits.
#define PROBE_SECTOR UINT64_C(0xffffffff)

struct locked {
    uint8_t *file; // owned
    size_t size;
    struct image image; // its source is owned
    struct luks luks;   // zeros when there is no header
    struct bytes passphrase;
};

// --- A second time -------------------------------------------------------------------------------

static void derive(const char *hash, struct bytes text, const uint8_t *salt, uint32_t iterations,
                   uint8_t *key, size_t size)
{
    struct error error;
    MUST(crypto_pbkdf2(crypto_hash_find(hash), text, (struct bytes){salt, LUKS_SALT_SIZE},
                       iterations, key, size, &error));
}

static enum crypto_mode mode_of(const struct luks *luks)
{
    static const struct {
        const char *name;
        enum crypto_mode mode;
    } modes[] = {{"xts", CRYPTO_XTS}, {"cbc", CRYPTO_CBC}, {"ctr", CRYPTO_CTR}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(luks->mode, modes[i].name) == 0) {
            return modes[i].mode;
        }
    }
    return CRYPTO_ECB;
}

// A closed one where vectors are not encrypted.
static struct crypto_cipher open_essiv(const struct luks *luks, struct bytes key)
{
    struct crypto_cipher essiv = {0};
    uint8_t digest[CRYPTO_DIGEST_MAX];
    if (strcmp(luks->ivgen, "essiv") != 0) {
        return essiv;
    }
    const struct crypto_hash *hash = crypto_hash_find(luks->ivgen_hash);
    struct crypto_hasher *hasher = crypto_hasher_open(hash, true);
    MUST(hasher);
    crypto_hasher_digest(hasher, key, (struct bytes){0}, digest);
    crypto_hasher_close(hasher);
    MUST(crypto_cipher_open(&essiv, crypto_algorithm_find(luks->cipher_name, hash->size),
                            CRYPTO_ECB, (struct bytes){digest, hash->size}));
    return essiv;
}

static void decrypt_again(const struct luks *luks, struct bytes key, uint64_t sector, uint8_t *data,
                          size_t size)
{
    enum crypto_mode mode = mode_of(luks);
    size_t number_size = strcmp(luks->ivgen, "plain") == 0 ? 4 : 8;
    size_t key_size = key.size / (mode == CRYPTO_XTS ? 2 : 1);
    struct crypto_cipher essiv = open_essiv(luks, key);
    struct crypto_cipher cipher;
    MUST(
        crypto_cipher_open(&cipher, crypto_algorithm_find(luks->cipher_name, key_size), mode, key));
    for (size_t at = 0; at < size; at += CIPHER_SECTOR, sector++) {
        uint8_t vector[CRYPTO_BLOCK_MAX] = {0};
        for (size_t i = 0; i < number_size; i++) {
            vector[i] = (uint8_t)(sector >> (8 * i));
        }
        MUST(!essiv.handle || crypto_cipher_encrypt(&essiv, NULL, vector, essiv.block_size));
        MUST(crypto_cipher_decrypt(&cipher, vector, data + at, CIPHER_SECTOR));
    }
    crypto_cipher_close(&cipher);
    crypto_cipher_close(&essiv);
}

// Number and block as one text; keys are too short for a number above 255.
static void diffuse_again(struct crypto_hasher *hasher, size_t digest_size, uint8_t *key,
                          size_t size)
{
    for (size_t at = 0; at < size; at += digest_size) {
        uint8_t text[NUMBER_SIZE + CRYPTO_DIGEST_MAX] = {0, 0, 0, (uint8_t)(at / digest_size)};
        uint8_t digest[CRYPTO_DIGEST_MAX];
        size_t part = (size_t)min_u64(digest_size, size - at);
        memcpy(text + NUMBER_SIZE, key + at, part);
        crypto_hasher_digest(hasher, (struct bytes){text, NUMBER_SIZE + part}, (struct bytes){0},
                             digest);
        memcpy(key + at, digest, part);
    }
}

static void merge_again(const struct luks *luks, const uint8_t *material, uint32_t stripes,
                        uint8_t *key)
{
    const struct crypto_hash *hash = crypto_hash_find(luks->hash);
    struct crypto_hasher *hasher = crypto_hasher_open(hash, true);
    MUST(hasher);
    memset(key, 0, luks->key_bytes);
    for (uint32_t left = stripes; left > 0; left--) {
        for (size_t i = 0; i < luks->key_bytes; i++) {
            key[i] ^= *material++;
        }
        if (left > 1) {
            diffuse_again(hasher, hash->size, key, luks->key_bytes);
        }
    }
    crypto_hasher_close(hasher);
}

// The master key that a slot holds for the passphrase: luks.key_bytes.
static void find_key(const struct locked *locked, const struct luks_slot *slot, uint8_t *key)
{
    const struct luks *luks = &locked->luks;
    uint8_t derived[KEY_MAX];
    size_t size = luks_key_material_size(luks->key_bytes, slot->stripes);
    uint8_t *material = malloc(size);
    MUST(material);
    memcpy(material, locked->file + AT + slot->key_offset, size);
    derive(luks->hash, locked->passphrase, slot->salt, slot->iterations, derived, luks->key_bytes);
    decrypt_again(luks, (struct bytes){derived, luks->key_bytes}, 0, material, size);
    merge_again(luks, material, slot->stripes, key);
    free(material);
}

// --- What must hold ------------------------------------------------------------------------------

// NULL after a valid error.
static struct cipher *try_open(const struct locked *locked, struct bytes passphrase,
                               uint32_t max_iterations, int *slot, struct error *error)
{
    *error = (struct error){0};
    struct cipher *cipher =
        encryption_open(&locked->image, passphrase, max_iterations, slot, error);
    if (!cipher) {
        MUST(*slot == ENCRYPTION_NO_SLOT);
        MUST(error->code && error->message[0] != '\0');
        return NULL;
    }
    MUST(*slot >= 0 && *slot < LUKS_SLOTS);
    MUST(locked->luks.slots[*slot].active);
    MUST(locked->luks.slots[*slot].iterations <= max_iterations);
    struct problem fault;
    MUST(encryption_check(&locked->image, max_iterations, &fault));
    return cipher;
}

static void must_be_refused(const struct locked *locked, struct bytes passphrase)
{
    struct error error;
    int slot;
    MUST(!try_open(locked, passphrase, ALL_ITERATIONS_MAX, &slot, &error));
    MUST(error.code == ERROR_KEY);
}

static void must_decrypt(const struct cipher *cipher, const struct luks *luks, struct bytes key)
{
    uint8_t data[PROBE] = {0};
    uint8_t again[PROBE];
    struct cipher_state *state = cipher_state_open(cipher);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(7 * i + i / 256);
    }
    memcpy(again, data, sizeof again);
    MUST(state && cipher_decrypt(state, PROBE_SECTOR, data, sizeof data));
    decrypt_again(luks, key, PROBE_SECTOR, again, sizeof again);
    MUST(memcmp(data, again, sizeof data) == 0);
    cipher_state_close(state);
}

static bool can_be_tried(const struct locked *locked, size_t number)
{
    const struct luks *luks = &locked->luks;
    const struct luks_slot *slot = &luks->slots[number];
    uint64_t length = locked->image.extensions.encryption_length;
    struct problem fault;
    return slot->active && slot->iterations <= ITERATIONS_MAX &&
           luks->master_key_iterations <= ITERATIONS_MAX &&
           luks_master_key_sound(luks, AT, &fault) &&
           luks_slot_sound(luks, number, AT, length, &fault) &&
           encryption_supported(&locked->image, luks, &fault) &&
           range_inside(slot->key_offset, luks_key_material_size(luks->key_bytes, slot->stripes),
                        locked->size - AT);
}

// A slot that asks for more must not use up what this one needs.
static void disable_dear_slots(struct locked *locked)
{
    for (size_t i = 0; i < LUKS_SLOTS; i++) {
        struct luks_slot *slot = &locked->luks.slots[i];
        uint8_t *state = locked->file + AT + LUKS_SLOT_TABLE + i * LUKS_SLOT_SIZE;
        if (slot->active && slot->iterations > ITERATIONS_MAX) {
            slot->active = false;
            memcpy(state, "\0\0\xde\xad", sizeof(uint32_t));
        }
    }
}

// One before it may hold the same key.
static void must_open(struct locked *locked, size_t number)
{
    const struct luks *luks = &locked->luks;
    uint8_t *digest = locked->file + AT + LUKS_MASTER_KEY_DIGEST;
    uint8_t key[KEY_MAX];
    uint8_t other[LUKS_UUID_SIZE];
    struct error error;
    int slot;
    find_key(locked, &luks->slots[number], key);
    derive(luks->hash, (struct bytes){key, luks->key_bytes}, luks->master_key_salt,
           luks->master_key_iterations, digest, LUKS_DIGEST_SIZE);
    disable_dear_slots(locked);
    struct cipher *cipher = try_open(locked, locked->passphrase, ALL_ITERATIONS_MAX, &slot, &error);
    MUST(cipher && (size_t)slot <= number);
    must_decrypt(cipher, luks, (struct bytes){key, luks->key_bytes});
    cipher_close(cipher);

    // Not with fewer iterations than it asks for, another passphrase, or another digest.
    cipher_close(
        try_open(locked, locked->passphrase, luks->slots[number].iterations - 1, &slot, &error));
    memcpy(other, locked->passphrase.data, sizeof other);
    other[0] ^= 1;
    must_be_refused(locked, (struct bytes){other, sizeof other});
    digest[LUKS_DIGEST_SIZE - 1] ^= 1;
    must_be_refused(locked, locked->passphrase);
}

// --- Inputs --------------------------------------------------------------------------------------

static void lock(struct bytes input, struct locked *locked)
{
    struct problems problems = {0};
    struct error error;
    // The header may name more than the file has.
    uint64_t length = max_u64(input.size, bytes_be32(input, LUKS_PAYLOAD_OFFSET));
    *locked = (struct locked){.file = malloc(AT + input.size), .size = AT + input.size};
    MUST(locked->file);
    memset(locked->file, 0xff, AT);
    memcpy(locked->file + AT, input.data, input.size);
    locked->passphrase = (struct bytes){locked->file + AT + LUKS_UUID, LUKS_UUID_SIZE};
    locked->image.source =
        source_open_memory((struct bytes){locked->file, locked->size}, true, &error);
    MUST(locked->image.source);
    locked->image.header.crypt_method = CRYPT_LUKS;
    locked->image.extensions = (struct extensions){
        .has_encryption = true, .encryption_offset = AT, .encryption_length = length};
    luks_parse((struct bytes){locked->file + AT, LUKS_HEADER_SIZE}, AT, length, &locked->luks,
               &problems);
    problems_free(&problems);
}

void run_key_slot(struct bytes input)
{
    struct locked locked;
    struct error error;
    int slot;
    size_t number = LUKS_SLOTS;
    if (input.size < LUKS_HEADER_SIZE) {
        return; // run_luks() has those
    }
    lock(input, &locked);
    cipher_close(try_open(&locked, locked.passphrase, ITERATIONS_MAX, &slot, &error));
    while (number > 0 && !can_be_tried(&locked, number - 1)) {
        number--;
    }
    if (number > 0) {
        must_open(&locked, number - 1);
    }
    source_close(locked.image.source);
    free(locked.file);
}
