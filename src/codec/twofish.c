// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/twofish.h"

#if WITH_NETTLE

#include "base/secret.h"

#include <nettle/twofish.h>
#include <nettle/version.h>
#include <nettle/xts.h>
#include <stdio.h>
#include <stdlib.h>

struct contexts {
    struct twofish_ctx data, tweak;
};

struct twofish192 {
    struct secret memory; // owned; contains the contexts
    const struct contexts *contexts;
};

bool twofish192_available(void)
{
    return true;
}

const char *twofish192_version(char text[static TWOFISH_VERSION_SIZE])
{
    snprintf(text, TWOFISH_VERSION_SIZE, "%d.%d", nettle_version_major(), nettle_version_minor());
    return text;
}

struct twofish192 *twofish192_open(struct bytes keys)
{
    struct error ignored; // there is only one possible error
    struct bytes first;
    struct bytes second;
    struct twofish192 *cipher = calloc(1, sizeof *cipher);
    if (!cipher || !bytes_view(keys, 0, TWOFISH192_KEY, &first) ||
        !bytes_view(keys, TWOFISH192_KEY, TWOFISH192_KEY, &second) ||
        !secret_make(&cipher->memory, sizeof(struct contexts), &ignored)) {
        free(cipher);
        return NULL;
    }
    struct contexts *contexts = (void *)cipher->memory.data; // pages of its own
    twofish192_set_key(&contexts->data, first.data);
    twofish192_set_key(&contexts->tweak, second.data);
    cipher->contexts = contexts;
    return cipher;
}

void twofish192_close(struct twofish192 *cipher)
{
    if (cipher) {
        secret_free(&cipher->memory);
        free(cipher);
    }
}

// Functions with the types that nettle's modes expect.
static void encrypt_blocks(const void *context, size_t size, uint8_t *to, const uint8_t *from)
{
    twofish_encrypt(context, size, to, from);
}

static void decrypt_blocks(const void *context, size_t size, uint8_t *to, const uint8_t *from)
{
    twofish_decrypt(context, size, to, from);
}

void twofish192_decrypt(const struct twofish192 *cipher, const uint8_t *iv, uint8_t *data,
                        size_t size)
{
    xts_decrypt_message(&cipher->contexts->data, &cipher->contexts->tweak, decrypt_blocks,
                        encrypt_blocks, iv, size, data, data);
}

void twofish192_encrypt(const struct twofish192 *cipher, const uint8_t *iv, uint8_t *data,
                        size_t size)
{
    xts_encrypt_message(&cipher->contexts->data, &cipher->contexts->tweak, encrypt_blocks, iv, size,
                        data, data);
}

#else

bool twofish192_available(void)
{
    return false;
}

const char *twofish192_version(char text[static TWOFISH_VERSION_SIZE])
{
    (void)text;
    return NULL;
}

struct twofish192 *twofish192_open(struct bytes keys)
{
    (void)keys;
    return NULL;
}

void twofish192_close(struct twofish192 *cipher)
{
    (void)cipher;
}

void twofish192_decrypt(const struct twofish192 *cipher, const uint8_t *iv, uint8_t *data,
                        size_t size)
{
    (void)cipher, (void)iv, (void)data, (void)size;
}

void twofish192_encrypt(const struct twofish192 *cipher, const uint8_t *iv, uint8_t *data,
                        size_t size)
{
    (void)cipher, (void)iv, (void)data, (void)size;
}

#endif
