// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The functions of libcurl. The library is loaded when it is used, by the process that uses it: the
// process that parses images never has it in memory, and local images do not wait for it.

#ifndef REMOTE_CURL_H
#define REMOTE_CURL_H

#if WITH_CURL

#include <curl/curl.h>
#include <stdbool.h>

struct curl_library {
    CURLcode (*global_init)(long flags);
    curl_version_info_data *(*version_info)(CURLversion version);
    CURL *(*open)(void);
    CURLcode (*set)(CURL *easy, CURLoption option, ...);
    CURLcode (*get)(CURL *easy, CURLINFO info, ...);
    const char *(*text)(CURLcode code);
    struct curl_slist *(*append)(struct curl_slist *list, const char *text);
    CURLM *(*multi_open)(void);
    CURLMcode (*multi_set)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_perform)(CURLM *multi, int *running);
    CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *fds, unsigned count, int timeout_ms,
                            int *ready);
    CURLMsg *(*multi_read)(CURLM *multi, int *left);
};

// False when the library is not installed, or lacks one of the functions.
bool curl_load(struct curl_library *curl);

#endif

#endif
