// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// qcow2-info: inspects qcow2 disk images. The table of commands.
//
// Where things are; each folder knows only those above it. README.md beside this file says more.
//
//   base/      bytes and their bounds, errors, memory, worker threads, the sandbox
//   source/    where bytes come from and how they move
//   format/    qcow2 on disk: bytes in, structs out
//   codec/     decompressors, ciphers and key slots
//   image/     a disk made of layers, and its guest bytes
//   tables/    walks over all tables of an image
//   info/      answers, one room each, as plain structs;
//   check/     the rooms do not know one another
//   audit/
//   output/    those structs as text and JSON
//   commands/  one command a file: its options and what it prints

#include "commands/command.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct command *const commands[] = {&command_info, &command_map, &command_cat,
                                                 &command_check, &command_audit};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static void print_help(void)
{
    puts("usage: qcow2-info [COMMAND] [IMAGE] [OPTION]...\n"
         "\n"
         "Tells the truth about a qcow2 disk image.\n"
         "\n"
         "Commands (info when none is given):");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-6s %s\n", commands[i]->name, commands[i]->summary);
    }
    puts("\n"
         "IMAGE is a file or a block device; with - or none it is standard input. One that is\n"
         "called like a command is reached as ./map.\n"
         "\n"
         "  --help     this help; qcow2-info COMMAND --help tells about one command\n"
         "  --version  the version and the libraries in use\n"
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

// Removes the first argument that names a command, which may stand behind options, and returns it;
// info when there is none.
static const struct command *take_command(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            break;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            continue;
        }
        const struct command *command = find_command(argv[i]);
        if (command) {
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
            (*argc)--;
            return command;
        }
        break;
    }
    return &command_info;
}

static int flush_stdout(void)
{
    if (fflush(stdout) != 0) {
        perror("qcow2-info: cannot write the output");
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    unsetenv("POSIXLY_CORRECT"); // options may follow the image anywhere
    if (!fill_standard_descriptors()) {
        perror("qcow2-info: cannot open /dev/null");
        return EXIT_CANNOT;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return flush_stdout();
    }
    raise_descriptor_limit();
    const struct command *command = take_command(&argc, argv);
    return command->run(command, argc, argv);
}
