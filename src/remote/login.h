// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Credentials for a server, from files: header lines, and user and password from a netrc file.

#ifndef REMOTE_LOGIN_H
#define REMOTE_LOGIN_H

#include "base/bytes.h"
#include "base/error.h"

enum { LOGIN_FILE_MAX = 64 << 10, LOGIN_HEADERS_MAX = 64 };

struct login_headers {
    char *text; // owned: the whole file, with a NUL behind each line
    const char *lines[LOGIN_HEADERS_MAX];
    size_t count;
};

// Reads header lines, one a line, such as "Authorization: Bearer abc". Empty lines and those that
// begin with "#" are skipped. False with an error that names the file and never a line's contents.
bool login_read_headers(const char *path, struct login_headers *headers, struct error *error);

struct login {
    char *text;           // owned: the netrc file; of one that was searched the words
    const char *user;     // NULL: the file has none for the host
    const char *password; // "": none
};

bool login_read_netrc(const char *path, struct login *login, struct error *error);

// Finds user and password for a host: those of "machine HOST", else of "default". Once only.
void login_find(struct login *login, struct bytes host);

#endif
