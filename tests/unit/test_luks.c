// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/luks.h"
#include "unit.h"

#include "base/checked.h"

enum { AT = 0x40000, LENGTH = 2068480 };

static void store_be32(uint8_t *at, uint32_t value)
{
    for (int i = 3; i >= 0; i--) {
        at[i] = (uint8_t)value;
        value >>= 8;
    }
}

// Without the NUL: a field has its own zeros behind it.
static void store_text(uint8_t *at, const char *text)
{
    for (; *text != '\0'; text++) {
        *at++ = (uint8_t)*text;
    }
}

// A header as cryptsetup and QEMU write it, with key slot 2 in use.
static void make_header(uint8_t header[static LUKS_HEADER_SIZE])
{
    memset(header, 0, LUKS_HEADER_SIZE);
    store_text(header, "LUKS\xba\xbe");
    header[LUKS_VERSION_AT + 1] = LUKS_VERSION;
    store_text(header + LUKS_CIPHER_NAME, "aes");
    store_text(header + LUKS_CIPHER_MODE, "xts-plain64");
    store_text(header + LUKS_HASH, "sha256");
    store_be32(header + LUKS_PAYLOAD_OFFSET, 4040);
    store_be32(header + LUKS_KEY_BYTES, 64);
    store_be32(header + LUKS_MASTER_KEY_ITERATIONS, 123456);
    memset(header + LUKS_MASTER_KEY_DIGEST, 0xd1, LUKS_DIGEST_SIZE);
    memset(header + LUKS_MASTER_KEY_SALT, 0x5a, LUKS_SALT_SIZE);
    store_text(header + LUKS_UUID, "af5d815f-de4a-4395-b376-de139d229b72");
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        uint8_t *slot = header + LUKS_SLOT_TABLE + (size_t)i * LUKS_SLOT_SIZE;
        store_be32(slot, i == 2 ? LUKS_SLOT_IS_ENABLED : LUKS_SLOT_IS_DISABLED);
        store_be32(slot + LUKS_SLOT_ITERATIONS, i == 2 ? 777 : 0);
        memset(slot + LUKS_SLOT_SALT, (int)(0x10 + i), LUKS_SALT_SIZE);
        store_be32(slot + LUKS_SLOT_KEY_OFFSET, 8 + i * 504);
        store_be32(slot + LUKS_SLOT_STRIPES, 4000);
    }
}

static bool parse(const uint8_t *header, struct luks *luks, struct problems *problems)
{
    return luks_parse((struct bytes){header, LUKS_HEADER_SIZE}, AT, LENGTH, luks, problems);
}

static void check_all(const uint8_t *bytes, size_t size, uint8_t want)
{
    CHECK_EQ_U64(bytes[0], want);
    CHECK_MEM(bytes, bytes + 1, size - 1);
}

static void loads_every_field(void)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct luks luks = {0};
    struct problems problems = {0};
    make_header(header);
    REQUIRE(parse(header, &luks, &problems));
    CHECK_EQ_U64(problems.count, 0);
    CHECK_EQ_U64(luks.version, 1);
    CHECK_STR(luks.uuid, "af5d815f-de4a-4395-b376-de139d229b72");
    CHECK_STR(luks.hash, "sha256");
    CHECK_EQ_U64(luks.payload_offset, 2068480);
    CHECK_EQ_U64(luks.key_bytes, 64);
    CHECK_EQ_U64(luks.master_key_iterations, 123456);
    check_all(luks.master_key_digest, LUKS_DIGEST_SIZE, 0xd1);
    check_all(luks.master_key_salt, LUKS_SALT_SIZE, 0x5a);
    problems_free(&problems);
}

static void loads_every_slot(void)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct luks luks = {0};
    struct problems problems = {0};
    make_header(header);
    REQUIRE(parse(header, &luks, &problems));
    CHECK(!luks.slots[0].active);
    CHECK_EQ_U64(luks.slots[0].key_offset, 4096);
    CHECK(luks.slots[2].active);
    CHECK_EQ_U64(luks.slots[2].iterations, 777);
    CHECK_EQ_U64(luks.slots[2].stripes, 4000);
    CHECK_EQ_U64(luks.slots[2].key_offset, 520192);
    CHECK_EQ_U64(luks.slots[7].key_offset, 1810432);
    check_all(luks.slots[0].salt, LUKS_SALT_SIZE, 0x10);
    check_all(luks.slots[7].salt, LUKS_SALT_SIZE, 0x17);
    problems_free(&problems);
}

static void names_cipher_mode_and_iv(const char *name, const char *mode, uint32_t key_bytes,
                                     struct luks *luks)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct problems problems = {0};
    make_header(header);
    memset(header + LUKS_CIPHER_NAME, 0, LUKS_NAME_SIZE + (size_t)LUKS_NAME_SIZE);
    store_text(header + LUKS_CIPHER_NAME, name);
    store_text(header + LUKS_CIPHER_MODE, mode);
    store_be32(header + LUKS_KEY_BYTES, key_bytes);
    CHECK(parse(header, luks, &problems));
    problems_free(&problems);
}

static void mode_xts_halves_the_key(void)
{
    struct luks luks = {0};
    names_cipher_mode_and_iv("aes", "xts-plain64", 64, &luks);
    CHECK_STR(luks.cipher, "aes-256");
    CHECK_STR(luks.mode, "xts");
    CHECK_STR(luks.ivgen, "plain64");
    CHECK_STR(luks.ivgen_hash, "");
}

static void essiv_has_a_hash(void)
{
    struct luks luks = {0};
    names_cipher_mode_and_iv("serpent", "cbc-essiv:sha256", 16, &luks);
    CHECK_STR(luks.cipher, "serpent-128");
    CHECK_STR(luks.mode, "cbc");
    CHECK_STR(luks.ivgen, "essiv");
    CHECK_STR(luks.ivgen_hash, "sha256");
}

static void ecb_has_no_iv(void)
{
    struct luks luks = {0};
    names_cipher_mode_and_iv("aes", "ecb", 32, &luks);
    CHECK_STR(luks.cipher, "aes-256");
    CHECK_STR(luks.mode, "ecb");
    CHECK_STR(luks.ivgen, "");
}

static void a_string_without_nul_is_cut_and_reported(void)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct luks luks = {0};
    struct problems problems = {0};
    make_header(header);
    memset(header + LUKS_CIPHER_NAME, 'A', LUKS_NAME_SIZE);
    REQUIRE(parse(header, &luks, &problems));
    CHECK_STR(luks.cipher, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-256");
    REQUIRE(problems.count == 1);
    CHECK_EQ_U64(problems.items[0].error.offset, AT + LUKS_CIPHER_NAME);
    problems_free(&problems);
}

static void the_largest_key_does_not_overflow(void)
{
    struct luks luks = {0};
    names_cipher_mode_and_iv("abcdefghijklmnopqrstuvwxyz012345", "cbc", UINT32_MAX, &luks);
    CHECK_STR(luks.cipher, "abcdefghijklmnopqrstuvwxyz012345-34359738360");
}

static void refuses_another_magic_and_version(void)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct luks luks = {0};
    struct problems problems = {0};
    make_header(header);
    header[5] = 0;
    CHECK(!parse(header, &luks, &problems));
    CHECK_EQ_U64(problems.count, 1);
    problems_free(&problems);
    make_header(header);
    header[7] = 2;
    CHECK(!parse(header, &luks, &problems));
    CHECK_EQ_U64(problems.count, 1);
    problems_free(&problems);
}

static void refuses_a_short_header(void)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct luks luks = {0};
    struct problems problems = {0};
    make_header(header);
    CHECK(!luks_parse((struct bytes){header, LUKS_HEADER_SIZE - 1}, AT, LENGTH, &luks, &problems));
    CHECK_EQ_U64(problems.count, 1);
    problems_free(&problems);
}

static void header_has_one_problem(size_t field, uint32_t value, const char *code)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct luks luks = {0};
    struct problems problems = {0};
    make_header(header);
    store_be32(header + field, value);
    CHECK(parse(header, &luks, &problems));
    if (CHECK_EQ_U64(problems.count, 1)) {
        CHECK_STR(problems.items[0].error.code, code);
    }
    problems_free(&problems);
}

static void slot_has_one_problem(size_t field, uint32_t value, const char *code)
{
    header_has_one_problem(LUKS_SLOT_TABLE + 2 * (size_t)LUKS_SLOT_SIZE + field, value, code);
}

static void reports_problems_of_the_master_key(void)
{
    header_has_one_problem(LUKS_KEY_BYTES, 0, "corrupt");
    header_has_one_problem(LUKS_KEY_BYTES, CAP_LUKS_KEY_BYTES + 1, "limit");
    header_has_one_problem(LUKS_MASTER_KEY_ITERATIONS, 0, "corrupt");
}

// The fields of a slot that is not in use are not checked.
static void a_slot_that_is_not_active_is_sound(void)
{
    uint8_t header[LUKS_HEADER_SIZE];
    struct luks luks = {0};
    struct problems problems = {0};
    struct problem fault;
    make_header(header);
    store_be32(header + LUKS_SLOT_TABLE + LUKS_SLOT_STRIPES, UINT32_MAX);
    CHECK(parse(header, &luks, &problems));
    CHECK_EQ_U64(problems.count, 0);
    CHECK(luks_slot_sound(&luks, 0, AT, LENGTH, &fault));
    CHECK(luks_slot_sound(&luks, 2, AT, LENGTH, &fault));
    CHECK(!luks_slot_sound(&luks, 2, AT, 520192 + 255999, &fault));
    CHECK_EQ_U64(fault.error.offset, AT + 208 + 2 * 48 + 40);
    CHECK(luks_slot_sound(&luks, 2, AT, 520192 + 256000, &fault));
    problems_free(&problems);
}

static void reports_problems_of_a_slot(void)
{
    slot_has_one_problem(LUKS_SLOT_ACTIVE, 1, "corrupt");
    slot_has_one_problem(LUKS_SLOT_ITERATIONS, 0, "corrupt");
    slot_has_one_problem(LUKS_SLOT_STRIPES, 0, "corrupt");
    slot_has_one_problem(LUKS_SLOT_STRIPES, CAP_LUKS_STRIPES + 1, "limit");
    slot_has_one_problem(LUKS_SLOT_STRIPES, UINT32_MAX, "limit");
    slot_has_one_problem(LUKS_SLOT_KEY_OFFSET, 0, "corrupt");
    slot_has_one_problem(LUKS_SLOT_KEY_OFFSET, UINT32_MAX, "corrupt");
}

int main(void)
{
    RUN(loads_every_field);
    RUN(loads_every_slot);
    RUN(mode_xts_halves_the_key);
    RUN(essiv_has_a_hash);
    RUN(ecb_has_no_iv);
    RUN(a_string_without_nul_is_cut_and_reported);
    RUN(the_largest_key_does_not_overflow);
    RUN(refuses_another_magic_and_version);
    RUN(refuses_a_short_header);
    RUN(reports_problems_of_the_master_key);
    RUN(reports_problems_of_a_slot);
    RUN(a_slot_that_is_not_active_is_sound);
    return unit_done();
}
