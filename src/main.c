// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// qcow2-info: inspects qcow2 disk images. Finds the command and runs it.
//
// The folders; each may use only the folders above it. See README.md beside this file.
//
//   base/      bytes and their bounds, errors, memory, worker threads, the sandbox
//   source/    where bytes come from and how they move
//   remote/    objects on web servers, and the process that fetches them
//   format/    qcow2 on disk: bytes in, structs out
//   codec/     decompressors, ciphers and key slots
//   image/     a disk made of layers, and its guest bytes
//   tables/    walks over all tables of an image
//   info/      answers, one folder each, as plain structs;
//   check/     these folders do not know each other
//   audit/
//   usage/
//   where/
//   compare/
//   digest/
//   print/     text, JSON and XML, piece by piece
//   chart/     a range of bytes as a grid of cells
//   output/    the structs of the answers as text, JSON and charts
//   commands/  one command a file: its options and what it prints

#include "cli/diagnostics.h"
#include "cli/suggest.h"
#include "cli/web.h"
#include "commands/commands.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void print_help(void)
{
    puts("usage: qcow2-info [COMMAND] [IMAGE]... [OPTION]...\n"
         "       qcow2-info help [COMMAND]\n"
         "\n"
         "Inspects qcow2 disk images: metadata, extents, contents, corruption, hostile\n"
         "tricks.\n"
         "\n"
         "Commands (the default is info):");
    for (size_t i = 0; all_commands[i]; i++) {
        printf("  %-7s  %s\n", all_commands[i]->name, all_commands[i]->summary);
    }
    puts("\n"
         "IMAGE is a file, a block device or a web address; with - or none it is standard\n"
         "input. A file that has the name of a command is given as ./map.\n"
         "\n"
         "  -h, --help     print this help, or with a command the help of that command\n"
         "  -V, --version  print the version and the libraries in use\n"
         "\n"
         "Manual pages: qcow2-info(1) for commands, qcow2-info(5) for JSON and codes.\n"
         "\n"
         "Example:\n"
         "  qcow2-info disk.qcow2 --json | jq .header.size");
}

// A file that we open must not get the number of a standard descriptor that is closed: messages
// would be written into it. /dev/null the wrong way round fails as a closed one does.
static bool fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        // It stays open for good.
        // cppcheck-suppress leakReturnValNotUsed
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags) != fd) {
            return false;
        }
    }
    return true;
}

// A chain takes a descriptor a layer: as many as we may have.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// The first argument that is not an option, before "--"; argc when there is none.
static int first_word(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            return i;
        }
    }
    return argc;
}

static void remove_argument(int *argc, char **argv, int i)
{
    memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
    (*argc)--;
}

static int flush_stdout(void)
{
    if (fflush(stdout) != 0) {
        perror("qcow2-info: cannot write the output");
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}

static int run(const struct command *command, bool by_default, int argc, char **argv)
{
    struct command running = *command;
    running.all = all_commands;
    running.by_default = by_default;
    return running.run(&running, argc, argv);
}

// "help [COMMAND]", without the word "help".
static int run_help(int argc, char **argv)
{
    static char option[] = "--help";
    char *help[] = {argv[0], option, NULL};
    int word = first_word(argc, argv);
    if (word == argc) {
        print_help();
        return flush_stdout();
    }
    const struct command *command = command_named(all_commands, argv[word]);
    return command ? run(command, false, 2, help) : suggest_command(all_commands, argv[word]);
}

// The first word may be a command, even after options; the default is info.
static int run_command(int argc, char **argv)
{
    int word = first_word(argc, argv);
    const char *name = word < argc ? argv[word] : "";
    const struct command *command = command_named(all_commands, name);
    if (command) {
        remove_argument(&argc, argv, word);
        return run(command, false, argc, argv);
    }
    if (strcmp(name, "help") == 0) {
        remove_argument(&argc, argv, word);
        return run_help(argc, argv);
    }
    return run(all_commands[0], true, argc, argv);
}

int main(int argc, char **argv)
{
    unsetenv("POSIXLY_CORRECT"); // options may follow the image anywhere
    if (!fill_standard_descriptors()) {
        perror("qcow2-info: cannot open /dev/null");
        return EXIT_CANNOT;
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help();
        return flush_stdout();
    }
    raise_descriptor_limit();
    web_command_line(argc, argv);
    return web_end(run_command(argc, argv));
}
