// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What is expected was computed with the hashes and the PBKDF2 of Python, the ciphers of OpenSSL,
// and a merge written from the specification.

#include "codec/luks_key.h"

#include "unit.h"

enum { MATERIAL = 2048, SALT = 32, DIGEST = 20 };

static const char passphrase[] = "correct horse";
static uint8_t pattern[MATERIAL];
static uint8_t salt[SALT], digest_salt[SALT];

static void make_input(void)
{
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(11 * i + i / 256);
    }
    for (size_t i = 0; i < SALT; i++) {
        salt[i] = (uint8_t)i;
        digest_salt[i] = (uint8_t)(100 + i);
    }
}

// clang-format off
static const uint8_t wide_key[64] = {
    0x20, 0x0f, 0xfc, 0xcb, 0x80, 0x79, 0x90, 0xc2, 0x3b, 0xc0, 0xe7, 0xcd, 0xb7, 0xae, 0x7d, 0xa9,
    0x27, 0xa7, 0xf3, 0x4c, 0x57, 0xde, 0x52, 0xae, 0xb8, 0xd7, 0xa4, 0xef, 0x97, 0xa3, 0x98, 0xb3,
    0xd6, 0xff, 0x86, 0x71, 0x67, 0x66, 0xf3, 0x3f, 0xc5, 0xc0, 0x32, 0x4e, 0xfe, 0x12, 0xd2, 0x84,
    0x22, 0xc2, 0x04, 0x25, 0x04, 0x2f, 0x16, 0x18, 0x09, 0x2e, 0x9c, 0x52, 0x86, 0x92, 0xd2, 0xde};
static const uint8_t wide_digest[DIGEST] = {
    0xcf, 0x25, 0x1d, 0x80, 0xec, 0x7c, 0x86, 0x3e, 0x26, 0x87, 0xbb, 0x44, 0x52, 0x12, 0x28, 0x59,
    0xcb, 0x3d, 0x7b, 0x65};
static const uint8_t odd_key[24] = {
    0x7e, 0x23, 0x7b, 0xa5, 0x77, 0x29, 0x02, 0x47, 0x7c, 0x27, 0x47, 0x69, 0x89, 0x4b, 0x1b, 0xce,
    0xa9, 0x7b, 0xb2, 0xbf, 0xe1, 0x08, 0xdc, 0x6e};
static const uint8_t odd_digest[DIGEST] = {
    0xe5, 0xcd, 0x36, 0xce, 0xed, 0xb1, 0xce, 0x65, 0xd5, 0x2d, 0xa5, 0xc1, 0x7a, 0x9a, 0x66, 0x62,
    0xfb, 0xca, 0x73, 0x44};
// clang-format on

static struct luks_key_slot wide_slot(void)
{
    return (struct luks_key_slot){
        .cipher = {"aes", "xts", "plain64", "", sizeof wide_key},
        .hash = "sha256",
        .salt = {salt, SALT},
        .iterations = 10,
        .stripes = 7,
        .digest = {wide_digest, DIGEST},
        .digest_salt = {digest_salt, SALT},
        .digest_iterations = 3,
    };
}

// Opens a slot with the pattern for its material.
static bool open_slot(const struct luks_key_slot *slot, const char *text, struct secret *key,
                      bool *opens, struct error *error)
{
    struct secret material;
    *key = (struct secret){0};
    make_input();
    if (!secret_make(&material, luks_key_material_size(slot->cipher.key_size, slot->stripes),
                     error)) {
        return false;
    }
    memcpy(material.data, pattern, material.size);
    bool tried = luks_key_open(slot, (struct bytes){(const uint8_t *)text, strlen(text)}, &material,
                               key, opens, error);
    secret_free(&material);
    return tried;
}

static void material_is_whole_sectors(void)
{
    CHECK_EQ_U64(luks_key_material_size(64, 4000), 256000);
    CHECK_EQ_U64(luks_key_material_size(24, 4000), 96256);
    CHECK_EQ_U64(luks_key_material_size(1, 1), 512);
    CHECK_EQ_U64(luks_key_material_size(512, 1), 512);
}

#if WITH_LIBGCRYPT

static void merges(const char *hash, uint32_t stripes, size_t size, const uint8_t *want)
{
    uint8_t key[64];
    struct error error;
    make_input();
    CHECK(luks_merge(hash, pattern, stripes, size, key, &error));
    CHECK_MEM(key, want, size);
}

// A stripe is more than one digest, as long as its last one is short; or less than one.
static void merges_stripes(void)
{
    // clang-format off
    static const uint8_t by_sha1[48] = {
        0x64, 0x3c, 0x25, 0x8c, 0x2c, 0xa8, 0x28, 0x96, 0x85, 0x1c, 0x22, 0xae, 0xdf, 0xc8, 0xe9, 0x42,
        0x3c, 0x6c, 0x2d, 0x09, 0x1b, 0x45, 0xdd, 0x5f, 0xb7, 0xa6, 0xea, 0x4b, 0x88, 0xc6, 0xf5, 0x97,
        0x5f, 0x62, 0x40, 0x08, 0xc8, 0xe2, 0x35, 0x67, 0x2c, 0xc3, 0x9b, 0x7b, 0x21, 0xf5, 0x4e, 0xd0};
    static const uint8_t by_sha512[16] = {
        0x0a, 0xf0, 0x2f, 0x08, 0x58, 0xca, 0x85, 0xcf, 0xa9, 0xe0, 0x12, 0x5f, 0x36, 0x98, 0xc4, 0x5e};
    // clang-format on
    merges("sha1", 4, sizeof by_sha1, by_sha1);
    merges("sha512", 3, sizeof by_sha512, by_sha512);
    make_input();
    merges("sha256", 1, 32, pattern);
}

static void opens_a_slot(const struct luks_key_slot *slot, const uint8_t *want)
{
    struct secret key;
    struct error error;
    bool opens = false;
    REQUIRE(open_slot(slot, passphrase, &key, &opens, &error));
    REQUIRE(opens);
    CHECK_EQ_U64(key.size, slot->cipher.key_size);
    CHECK_MEM(key.data, want, key.size);
    secret_free(&key);
}

static void opens_slots(void)
{
    struct luks_key_slot slot = wide_slot();
    opens_a_slot(&slot, wide_key);
    // Its material ends within a sector, and its key is longer than a digest.
    slot.cipher = (struct cipher_spec){"aes", "cbc", "plain", "", sizeof odd_key};
    slot.hash = "sha1";
    slot.stripes = 5;
    slot.digest = (struct bytes){odd_digest, DIGEST};
    opens_a_slot(&slot, odd_key);
}

static void another_passphrase_opens_nothing(void)
{
    static const char *const others[] = {"", "correct hors", "correct horse\n", "Correct horse"};
    const struct luks_key_slot slot = wide_slot();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct secret key;
        struct error error;
        bool opens = true;
        CHECK(open_slot(&slot, others[i], &key, &opens, &error));
        CHECK(!opens);
        CHECK(!key.data);
    }
}

static void every_part_of_a_slot_counts(void)
{
    struct secret key;
    struct error error;
    bool opens = true;
    struct luks_key_slot slot = wide_slot();
    slot.iterations++;
    CHECK(open_slot(&slot, passphrase, &key, &opens, &error) && !opens);
    slot = wide_slot();
    slot.stripes--;
    CHECK(open_slot(&slot, passphrase, &key, &opens, &error) && !opens);
    slot = wide_slot();
    slot.digest_iterations++;
    CHECK(open_slot(&slot, passphrase, &key, &opens, &error) && !opens);
    slot = wide_slot();
    slot.salt.size--;
    CHECK(open_slot(&slot, passphrase, &key, &opens, &error) && !opens);
    slot = wide_slot();
    slot.digest_salt.size--;
    CHECK(open_slot(&slot, passphrase, &key, &opens, &error) && !opens);
    slot = wide_slot();
    slot.digest.data = odd_digest;
    CHECK(open_slot(&slot, passphrase, &key, &opens, &error) && !opens);
}

static void cannot_try(struct luks_key_slot slot, const char *words)
{
    struct secret key;
    struct error error;
    bool opens = true;
    CHECK(!open_slot(&slot, passphrase, &key, &opens, &error));
    CHECK(!opens);
    CHECK(!key.data);
    CHECK(strstr(error.message, words));
}

static void names_what_is_not_supported(void)
{
    struct luks_key_slot slot = wide_slot();
    slot.hash = "sha3";
    cannot_try(slot, "hash \"sha3\"");
    slot = wide_slot();
    slot.cipher.name = "rot";
    cannot_try(slot, "cipher \"rot\"");
}

int main(void)
{
    RUN(material_is_whole_sectors);
    RUN(merges_stripes);
    RUN(opens_slots);
    RUN(another_passphrase_opens_nothing);
    RUN(every_part_of_a_slot_counts);
    RUN(names_what_is_not_supported);
    return unit_done();
}

#else

static void names_the_library(void)
{
    const struct luks_key_slot slot = wide_slot();
    struct secret key;
    struct error error;
    bool opens = true;
    CHECK(sizeof wide_key + sizeof odd_key + sizeof odd_digest > 0);
    CHECK(!open_slot(&slot, passphrase, &key, &opens, &error));
    CHECK(!opens);
    CHECK(strstr(error.message, "libgcrypt"));
}

int main(void)
{
    RUN(material_is_whole_sectors);
    RUN(names_the_library);
    return unit_done();
}

#endif
