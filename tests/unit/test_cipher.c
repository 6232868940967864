// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What is expected was computed with OpenSSL.

#include "codec/cipher.h"

#include "unit.h"

enum { KEY_MAX = 64, DATA = 2 * CIPHER_SECTOR, BLOCK = 16 };

#define FAR UINT64_C(0x123456789a) // needs more than 32 bits

static uint8_t key[KEY_MAX];
static uint8_t data[DATA];

static void make_input(void)
{
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(3 * i + 1);
    }
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(7 * i + i / 256);
    }
}

static void refuses(struct cipher_spec spec, const char *words)
{
    struct error error = {0};
    CHECK(!cipher_supported(&spec, &error));
    if (!CHECK(strstr(error.message, words))) {
        printf("# %s\n", error.message);
    }
    CHECK(!cipher_open(&spec, (struct bytes){key, spec.key_size}, &error));
}

#if WITH_LIBGCRYPT

// The first block of each of the two sectors that `data` decrypts to.
struct expected {
    struct cipher_spec spec;
    uint64_t sector;
    uint8_t first[BLOCK], second[BLOCK];
};

// clang-format off
static const struct expected all_expected[] = {
    {{"aes", "xts", "plain64", "", 64}, 0,
     {0x0d, 0xf9, 0x32, 0x43, 0x4e, 0xae, 0x82, 0x45, 0x8c, 0x11, 0x10, 0x7d, 0x9d, 0xa5, 0x98, 0xd3},
     {0xe2, 0x18, 0x1c, 0x72, 0x8c, 0x63, 0x7f, 0x08, 0x08, 0x29, 0x67, 0xbf, 0xd1, 0x78, 0xc4, 0xe7}},
    {{"aes", "xts", "plain64", "", 64}, FAR,
     {0x8e, 0xa0, 0x54, 0x67, 0x72, 0x8e, 0x4b, 0x53, 0x91, 0x28, 0xa9, 0x37, 0x10, 0xc4, 0x85, 0x27},
     {0xe0, 0xd8, 0x2d, 0x48, 0x18, 0x1f, 0x97, 0x5f, 0xac, 0xf3, 0x38, 0x1a, 0x4c, 0xd8, 0x7d, 0x33}},
    {{"aes", "xts", "plain", "", 32}, FAR,
     {0x6f, 0x8a, 0xc6, 0x21, 0x07, 0xf0, 0xfc, 0x51, 0xfb, 0xb2, 0x6c, 0x87, 0x35, 0x53, 0x06, 0x18},
     {0x1f, 0x30, 0xb4, 0x3b, 0x80, 0x05, 0x56, 0xa8, 0xfc, 0x2b, 0xec, 0x8e, 0x6f, 0xbd, 0xba, 0xc0}},
    {{"aes", "cbc", "essiv", "sha256", 32}, FAR,
     {0x17, 0x52, 0xfe, 0xd8, 0xad, 0x07, 0xfd, 0xfe, 0x17, 0x91, 0x2f, 0x45, 0x88, 0x8c, 0xdf, 0xbc},
     {0x78, 0xfe, 0x73, 0xc8, 0x00, 0xf3, 0x95, 0x04, 0x03, 0xe3, 0xd7, 0xb3, 0x18, 0x01, 0x4e, 0xe4}},
    {{"aes", "cbc", "plain64", "", 16}, 7,
     {0x00, 0x72, 0xf1, 0x1d, 0xd1, 0xe5, 0x36, 0x77, 0x25, 0x1c, 0x6d, 0x2b, 0x42, 0xc1, 0x2a, 0x84},
     {0x29, 0x5b, 0x2a, 0x7c, 0xa1, 0xd5, 0x4e, 0x30, 0x51, 0x77, 0x79, 0xa0, 0xbd, 0x2a, 0xb6, 0xd4}},
    {{"aes", "ctr", "plain64", "", 32}, UINT64_C(0xffffffffff),
     {0xc7, 0xc6, 0x40, 0xcc, 0x1a, 0xba, 0xf5, 0xa9, 0x33, 0xb1, 0x8f, 0xa2, 0xfa, 0x85, 0x13, 0x07},
     {0x25, 0xfb, 0xd8, 0x54, 0x8a, 0x58, 0xce, 0x47, 0x04, 0xb9, 0x03, 0x26, 0x0d, 0xdf, 0x6f, 0x3f}},
    {{"aes", "ecb", "", "", 16}, 5,
     {0x07, 0x72, 0xf1, 0x1d, 0xd1, 0xe5, 0x36, 0x77, 0x25, 0x1c, 0x6d, 0x2b, 0x42, 0xc1, 0x2a, 0x84},
     {0x21, 0x5b, 0x2a, 0x7c, 0xa1, 0xd5, 0x4e, 0x30, 0x51, 0x77, 0x79, 0xa0, 0xbd, 0x2a, 0xb6, 0xd4}},
    {{"aes", "xts", "essiv", "md5", 32}, 9,
     {0x6c, 0x48, 0xef, 0x11, 0x11, 0x76, 0x5e, 0xe3, 0x07, 0xd7, 0xdf, 0xfe, 0x55, 0xa0, 0x3c, 0x46},
     {0x96, 0x6b, 0x8b, 0xb4, 0x97, 0x1f, 0x23, 0x73, 0xbb, 0xc9, 0x8e, 0x99, 0xc5, 0xba, 0xd2, 0xab}},
};
// clang-format on

static void decrypts(const struct expected *expected)
{
    struct error error;
    CHECK(cipher_supported(&expected->spec, &error));
    make_input();
    struct cipher *cipher =
        cipher_open(&expected->spec, (struct bytes){key, expected->spec.key_size}, &error);
    REQUIRE(cipher);
    // The key is a copy.
    memset(key, 0, sizeof key);
    struct cipher_state *state = cipher_state_open(cipher);
    if (CHECK(state) && CHECK(cipher_decrypt(state, expected->sector, data, sizeof data))) {
        CHECK_MEM(data, expected->first, BLOCK);
        CHECK_MEM(data + CIPHER_SECTOR, expected->second, BLOCK);
    }
    cipher_state_close(state);
    cipher_close(cipher);
}

static void decrypts_sectors(void)
{
    for (size_t i = 0; i < sizeof all_expected / sizeof all_expected[0]; i++) {
        decrypts(&all_expected[i]);
    }
}

// One at a time, and in any order, as threads come to them.
static void a_sector_depends_on_no_other(void)
{
    const struct expected *expected = &all_expected[0];
    struct error error;
    make_input();
    struct cipher *cipher =
        cipher_open(&expected->spec, (struct bytes){key, expected->spec.key_size}, &error);
    REQUIRE(cipher);
    struct cipher_state *state = cipher_state_open(cipher);
    struct cipher_state *other = cipher_state_open(cipher);
    CHECK(cipher_decrypt(state, 1, data + CIPHER_SECTOR, CIPHER_SECTOR));
    CHECK(cipher_decrypt(other, 0, data, CIPHER_SECTOR));
    CHECK_MEM(data, expected->first, BLOCK);
    CHECK_MEM(data + CIPHER_SECTOR, expected->second, BLOCK);
    cipher_state_close(state);
    cipher_state_close(other);
    cipher_close(cipher);
}

static void names_what_is_not_supported(void)
{
    refuses((struct cipher_spec){"rot", "cbc", "plain", "", 16}, "cipher \"rot\"");
    refuses((struct cipher_spec){"aes", "cbc", "plain", "", 17}, "keys of 136 bits");
    refuses((struct cipher_spec){"aes", "xts", "plain", "", 33}, "cipher \"aes\"");
    refuses((struct cipher_spec){"aes", "xts", "plain", "", 0}, "keys of 0 bits");
    refuses((struct cipher_spec){"twofish", "cbc", "plain", "", 24}, "keys of 192 bits");
    refuses((struct cipher_spec){"cast5", "xts", "plain", "", 32}, "has no mode xts");
    refuses((struct cipher_spec){"aes", "gcm", "plain", "", 16}, "cipher mode \"gcm\"");
    refuses((struct cipher_spec){"aes", "cbc", "", "", 16}, "IV generator \"\"");
    refuses((struct cipher_spec){"aes", "cbc", "benbi", "", 16}, "IV generator \"benbi\"");
    refuses((struct cipher_spec){"aes", "cbc", "essiv", "", 16}, "IV hash \"\"");
    refuses((struct cipher_spec){"aes", "cbc", "essiv", "sha1", 16}, "does not fit cipher");
    refuses((struct cipher_spec){"cast5", "cbc", "essiv", "sha256", 16}, "does not fit cipher");
}

int main(void)
{
    RUN(decrypts_sectors);
    RUN(a_sector_depends_on_no_other);
    RUN(names_what_is_not_supported);
    return unit_done();
}

#else

static void names_the_library(void)
{
    make_input();
    refuses((struct cipher_spec){"aes", "cbc", "plain64", "", 16}, "libgcrypt");
}

int main(void)
{
    RUN(names_the_library);
    return unit_done();
}

#endif
