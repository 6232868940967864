// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/diagnostics.h"

#include "print/text.h"
#include "print/writer.h"
#include "source/address.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print_diagnostic(const char *path, const char *label, const struct error *error)
{
    struct writer out;
    struct error ignored;
    writer_init(&out, STDERR_FILENO);
    writer_string(&out, "qcow2-info: ");
    if (path) {
        char *shown = address_shown(path); // a web address may have secrets in it
        text_safe(&out, shown ? shown : "?");
        writer_string(&out, ": ");
        free(shown);
    }
    writer_string(&out, label);
    text_safe(&out, error->message);
    if (error->has_offset) {
        writer_format(&out, " (at offset %" PRIu64 ")", error->offset);
    }
    writer_string(&out, "\n");
    writer_finish(&out, &ignored);
}

void print_error(const char *path, const struct error *error)
{
    print_diagnostic(path, "", error);
}

void print_warning(const char *path, const struct error *error)
{
    print_diagnostic(path, "warning: ", error);
}

int command_usage_error(const struct command *command, const char *format, ...)
{
    if (format) {
        struct error error = {0};
        va_list args;
        va_start(args, format);
        vsnprintf(error.message, sizeof error.message, format, args);
        va_end(args);
        print_error(NULL, &error);
    }
    fprintf(stderr, "Try: qcow2-info %s --help\n", command->name);
    return EXIT_USAGE;
}
