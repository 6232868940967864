// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/curl.h"

#if WITH_CURL

#include <dlfcn.h>
#include <stddef.h>

// The interface of number 4 has not changed since 2006. Debian has builds of several TLS libraries.
static const char *const files[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.4.dylib"};

#define FUNCTION(member, name)                      \
    {                                               \
        name, offsetof(struct curl_library, member) \
    }

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    FUNCTION(global_init, "curl_global_init"),
    FUNCTION(version_info, "curl_version_info"),
    FUNCTION(open, "curl_easy_init"),
    FUNCTION(set, "curl_easy_setopt"),
    FUNCTION(get, "curl_easy_getinfo"),
    FUNCTION(text, "curl_easy_strerror"),
    FUNCTION(append, "curl_slist_append"),
    FUNCTION(multi_open, "curl_multi_init"),
    FUNCTION(multi_set, "curl_multi_setopt"),
    FUNCTION(multi_add, "curl_multi_add_handle"),
    FUNCTION(multi_remove, "curl_multi_remove_handle"),
    FUNCTION(multi_perform, "curl_multi_perform"),
    FUNCTION(multi_poll, "curl_multi_poll"),
    FUNCTION(multi_read, "curl_multi_info_read"),
};

bool curl_load(struct curl_library *curl)
{
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof files / sizeof files[0]; i++) {
        library = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    }
    for (size_t i = 0; library && i < sizeof functions / sizeof functions[0]; i++) {
        void *found = dlsym(library, functions[i].name);
        if (!found) {
            return false;
        }
        *(void **)((char *)curl + functions[i].offset) = found;
    }
    return library != NULL;
}

#endif
