// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/options.h"

#include "base/checked.h"
#include "commands/open.h"
#include "commands/version.h"
#include "output/writer.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

// Tells what getopt_long() could not take. In `optopt` it left the letter, the value in the table,
// or 0 for a word that is not in it.
static void tell_bad_option(const char *given, const char *short_options)
{
    struct error error;
    if (optopt == 0) {
        error_set(&error, ERROR_USAGE, "unknown or ambiguous option \"%s\"", given);
    } else if (optopt >= OPTION_HELP || strncmp(given, "--", 2) == 0) {
        error_set(&error, ERROR_USAGE, "option \"%s\" %s", given,
                  strchr(given, '=') ? "takes no value" : "needs a value");
    } else {
        error_set(&error, ERROR_USAGE, "%s -%c",
                  strchr(short_options, optopt) ? "a value is missing for" : "unknown option",
                  optopt);
    }
    print_error(NULL, &error);
}

int command_next_option(int argc, char **argv, const char *short_options,
                        const struct option *table)
{
    int option;
    opterr = 0; // its messages would go to a terminal with whatever is in the arguments
    while ((option = getopt_long(argc, argv, short_options, table, NULL)) == OPTION_NO_SANDBOX) {
        open_without_sandbox();
    }
    if (option == '?') {
        tell_bad_option(argv[optind - 1], short_options);
    }
    return option;
}

int command_about(const struct command *command, int option)
{
    struct writer out;
    struct error error;
    writer_init(&out, STDOUT_FILENO);
    if (option == OPTION_VERSION) {
        print_version(&out);
    } else {
        writer_format(&out, "usage: qcow2-info %s %s\n\n%s\n\n", command->name, command->usage,
                      command->summary);
        writer_string(&out, command->help);
    }
    if (!writer_finish(&out, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}

bool command_image_argument(const struct command *command, int argc, char **argv, const char **path)
{
    if (optind + 1 < argc) {
        command_usage_error(command, "one image is expected, and \"%s\" is one too many%s",
                            argv[optind + 1],
                            access(argv[optind], F_OK) == 0 ? "" : "; the first is no file");
        return false;
    }
    if (optind == argc && isatty(STDIN_FILENO)) {
        command_usage_error(command, "no image is given");
        return false;
    }
    *path = optind == argc ? "-" : argv[optind];
    return true;
}

static bool parse_unit(const char *text, unsigned *shift)
{
    static const char letters[] = "KMGTPE";
    char upper = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
    const char *letter = upper ? strchr(letters, upper) : NULL;
    *shift = 0;
    if (letter) {
        *shift = 10 * (unsigned)(letter - letters + 1);
        text++;
        if (strcasecmp(text, "iB") == 0) {
            return true;
        }
    }
    return *text == '\0' || strcasecmp(text, "B") == 0;
}

bool parse_size(const char *text, uint64_t *size)
{
    uint64_t number = 0;
    unsigned shift;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (!checked_multiply(number, 10, &number) ||
            !checked_add(number, (uint64_t)(*digit - '0'), &number)) {
            return false;
        }
    }
    return digit != text && parse_unit(digit, &shift) &&
           checked_multiply(number, UINT64_C(1) << shift, size);
}
