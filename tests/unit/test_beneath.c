// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A folder outside of which nothing is opened, also while links and folders are exchanged.

#include "source/beneath.h"

#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// in/file, in/sub/file and in/sub/deep/file lie inside; out/file, out/deep/file and inside/file do
// not, though "inside" begins like "in". Each holds one byte: 'i' or 'o'.
static void make_file(const char *path, char byte)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, &byte, 1) == 1);
    close(fd);
}

static void make_files(void)
{
    static const char *const folders[] = {"in",  "in/sub",   "in/sub/deep", "in/sub/deep/er",
                                          "out", "out/deep", "inside"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        CHECK(mkdir(folders[i], 0700) == 0);
    }
    make_file("in/file", 'i');
    make_file("in/sub/file", 'i');
    make_file("in/sub/deep/file", 'i');
    make_file("out/file", 'o');
    make_file("out/deep/file", 'o');
    make_file("inside/file", 'o');
    CHECK(symlink("sub/file", "in/to-inside") == 0);
    CHECK(symlink("../out/file", "in/to-outside") == 0);
    CHECK(symlink("../../out", "in/sub/folder-outside") == 0);
    CHECK(symlink("../in/file", "out/back-inside") == 0);
    CHECK(symlink("../out/back-inside", "in/there-and-back") == 0);
    CHECK(symlink("nowhere", "in/dangling") == 0);
    CHECK(symlink("circle", "in/circle") == 0);
    CHECK(symlink("in", "link-to-in") == 0);
}

// The byte that the file holds; 'x' and `error` when it is not opened.
static char open_below(const struct folder *folder, const char *path, struct error *error)
{
    char byte = 'x';
    struct source *source = folder_open_source(folder, path, error);
    if (source) {
        CHECK(source_read(source, 0, &byte, 1, error));
        source_close(source);
    }
    return byte;
}

static struct folder *open_in(const char *path)
{
    struct error error;
    struct folder *folder = folder_open(path, &error);
    CHECK(folder != NULL);
    return folder;
}

static const char *const inside[] = {
    "in/file",         "in/sub/file",           "./in//sub/./deep/file", "in/sub/../file",
    "out/../in/file",  "in/to-inside",          "out/back-inside",       "in/there-and-back",
    "link-to-in/file", "in/sub/deep/../../file"};

static const char *const outside[] = {
    "out/file", "inside/file", "in/../out/file", "in/to-outside", "in/sub/folder-outside/file",
    "in/sub/folder-outside/deep/file", "/etc/passwd", "/", "out",
    // Their existence is not reported.
    "out/missing", "missing", "/missing/missing", "in/sub/folder-outside/missing"};

static void check_both(const char *path)
{
    struct error error;
    struct folder *folder = open_in(path);
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        if (!CHECK(open_below(folder, inside[i], &error) == 'i')) {
            printf("# %s in %s: %s\n", inside[i], path, error.message);
        }
    }
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        char want[64];
        snprintf(want, sizeof want, "lies outside of %s", path);
        error = (struct error){0};
        if (!CHECK(open_below(folder, outside[i], &error) == 'x') ||
            !CHECK(error.code == ERROR_OUTSIDE) || !CHECK_STR(error.message, want)) {
            printf("# %s in %s\n", outside[i], path);
        }
    }
    folder_close(folder);
}

static void names_are_resolved_before_they_are_judged(void)
{
    check_both("in");
}

static void the_folder_may_be_named_in_any_way(void)
{
    char absolute[PATH_MAX];
    char here[PATH_MAX - 8];
    check_both("in/");
    check_both("./out/../in//");
    check_both("link-to-in");
    CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(absolute, sizeof absolute, "%s/in", here);
    check_both(absolute);
}

static void in_the_root_everything_lies(void)
{
    struct error error;
    struct folder *folder = open_in("/");
    CHECK(open_below(folder, "out/file", &error) == 'o');
    CHECK(open_below(folder, "in/to-outside", &error) == 'o');
    folder_close(folder);
}

static void an_error_inside_is_reported_unchanged(void)
{
    static const struct {
        const char *path;
        const char *message;
    } errors[] = {{"in/missing", "cannot open: No such file or directory"},
                  {"in/dangling", "cannot open: No such file or directory"},
                  {"in/file/file", "cannot open: Not a directory"},
                  {"in/circle", "cannot open: Too many levels of symbolic links"},
                  {"in/sub", "is a directory"},
                  {"in", "is a directory"},
                  {"in/fifo", "is neither a regular file nor a block device"}};
    struct error error;
    struct folder *folder = open_in("in");
    CHECK(mkfifo("in/fifo", 0600) == 0);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        error = (struct error){0};
        CHECK(open_below(folder, errors[i].path, &error) == 'x');
        CHECK_STR(error.message, errors[i].message);
    }
    folder_close(folder);
}

static void what_is_no_folder_is_an_error(void)
{
    struct error error;
    CHECK(folder_open("missing", &error) == NULL);
    CHECK(error.code == ERROR_NOT_FOUND);
    CHECK(folder_open("in/file", &error) == NULL);
    CHECK_STR(error.message, "cannot open: Not a directory");
    folder_close(NULL);
}

// A folder that is renamed stays the one that was opened, but its old name leads elsewhere then.
static void a_folder_that_is_renamed_does_not_open_what_takes_its_place(void)
{
    struct error error;
    struct folder *folder = open_in("in/sub");
    CHECK(rename("in/sub", "in/renamed") == 0);
    CHECK(symlink("../out", "in/sub") == 0);
    CHECK(open_below(folder, "in/sub/file", &error) == 'x');
    CHECK(error.code == ERROR_OUTSIDE);
    CHECK(unlink("in/sub") == 0);
    CHECK(rename("in/renamed", "in/sub") == 0);
    folder_close(folder);
}

// ---- Links and folders are exchanged
// meanwhile-----------------------------------------------------

static atomic_bool stop;
static atomic_uint exchanges;
static const char *exchanged; // the name in question: a folder, or a link out of "in"
static const char *link_target;

static void *exchange(void *unused)
{
    while (!atomic_load(&stop)) {
        if (rename(exchanged, "in/aside") != 0 || symlink(link_target, exchanged) != 0 ||
            unlink(exchanged) != 0 || rename("in/aside", exchanged) != 0) {
            return &stop; // anything but NULL
        }
        atomic_fetch_add(&exchanges, 1);
    }
    return unused;
}

// Goes on until both sides have done enough: on a busy machine one of them may have to wait.
static void check_race(const char *name, const char *target, const char *path)
{
    enum { TIMES = 20000, ENOUGH = 1000, TIMES_AT_MOST = 5000000 };
    struct folder *folder = open_in("in");
    pthread_t thread;
    void *failed = NULL;
    unsigned opened = 0;
    unsigned escaped = 0;
    exchanged = name;
    link_target = target;
    atomic_store(&stop, false);
    atomic_store(&exchanges, 0);
    REQUIRE(pthread_create(&thread, NULL, exchange, NULL) == 0);
    for (unsigned i = 0; i < TIMES || ((opened < ENOUGH || atomic_load(&exchanges) < ENOUGH) &&
                                       i < TIMES_AT_MOST && escaped == 0);
         i++) {
        struct error error;
        char byte = open_below(folder, path, &error);
        opened += byte == 'i';
        escaped += byte == 'o';
    }
    atomic_store(&stop, true);
    pthread_join(thread, &failed);
    CHECK(failed == NULL);
    CHECK_EQ_U64(escaped, 0);
    CHECK(opened >= ENOUGH && atomic_load(&exchanges) >= ENOUGH);
    folder_close(folder);
}

static void a_folder_exchanged_for_a_link_never_leads_outside(void)
{
    check_race("in/sub", "../out", "in/sub/deep/file");
}

static void a_file_exchanged_for_a_link_never_leads_outside(void)
{
    check_race("in/sub/deep/file", "../../../out/file", "in/sub/deep/file");
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

int main(void)
{
    char top[] = "/tmp/qcow2-info-beneath-XXXXXX";
    if (!mkdtemp(top) || chdir(top) != 0) {
        perror("test_beneath: cannot prepare");
        return 1;
    }
    make_files();
    RUN(names_are_resolved_before_they_are_judged);
    RUN(the_folder_may_be_named_in_any_way);
    RUN(in_the_root_everything_lies);
    RUN(an_error_inside_is_reported_unchanged);
    RUN(what_is_no_folder_is_an_error);
    RUN(a_folder_that_is_renamed_does_not_open_what_takes_its_place);
    RUN(a_folder_exchanged_for_a_link_never_leads_outside);
    RUN(a_file_exchanged_for_a_link_never_leads_outside);
    bool removed = chdir("/") == 0 && nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0;
    return unit_done() || !removed;
}
