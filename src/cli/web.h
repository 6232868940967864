// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Web addresses of the command line: their options, the process that fetches, and what it did. One
// a run of the program.

#ifndef CLI_WEB_H
#define CLI_WEB_H

#include "cli/options.h"
#include "source/source.h"

// Remembers the words of the command line: objects are fetched only from servers that they name.
// They have to stay where they are.
void web_command_line(int argc, char **argv);

// Whether files may name web addresses.
bool web_references_allowed(void);

// Ranges that cannot be fetched are unreadable places of their objects, which others do not share.
// To be called before the first object is opened.
void web_salvage(void);

// Opens the object at an address; starts the process that fetches when there is none.
struct source *web_open(const char *address, struct error *error);

// No further object is opened.
void web_done(void);

// Ends the process that fetches, once all its sources are closed. Reports what --stats asks for,
// and what could not be fetched when the command went on without it. Returns the exit status.
int web_end(int status);

// "libcurl 7.88.1", and how the process that fetches is confined, for people: starts it to see.
enum { WEB_TEXT_SIZE = ERROR_MESSAGE_SIZE };
void web_describe(char library[static WEB_TEXT_SIZE], char confinement[static WEB_TEXT_SIZE]);

#endif
