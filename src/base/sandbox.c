// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/sandbox.h"

#include <stdio.h>

// A sanitizer opens its own files when it reports something, and coverage does so when the program
// ends. Such a build is for tests, and leaves out the parts that would prevent this.
#if INSTRUMENTED
enum { PARTS_POSSIBLE = 0 };
static const char no_landlock[] = "no landlock (instrumented build)";
static const char no_seccomp[] = "no seccomp (instrumented build)";
#else
enum { PARTS_POSSIBLE = SANDBOX_ALL };
static const char no_landlock[] = "no landlock (not offered by this kernel)";
#if WITH_SECCOMP
static const char no_seccomp[] = "no seccomp (not offered by this kernel)";
#else
static const char no_seccomp[] = "no seccomp (not built in)";
#endif
#endif

#ifdef __linux__

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Numbers and layout of the kernel's interface, which are the same on all architectures. They are
// defined here because the headers of a system are often older than its kernel.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum {
    LANDLOCK_VERSION_QUERY = 1,
    LANDLOCK_BELOW_PATH = 1, // the kind of a rule
    LANDLOCK_READ_FILE = 1 << 2,
    LANDLOCK_READ_FOLDER = 1 << 3,
    LANDLOCK_BIND = 1 << 0, // a TCP port
};

struct landlock_ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; // from ABI 4 on
    uint64_t scoped;             // from ABI 6 on
};

struct landlock_path {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

// What each version of the interface can deny in addition to the one before. Rules grant only what
// a process with the network may read.
static const struct {
    long abi;
    struct landlock_ruleset denies;
} landlock_versions[] = {
    {1, {.handled_access_fs = 0x1fff}},  // execute, read, write, list, remove, make
    {2, {.handled_access_fs = 1 << 13}}, // move and link between folders
    {3, {.handled_access_fs = 1 << 14}}, // truncate
    {4, {.handled_access_net = 0x3}},    // bind and connect TCP ports
    {5, {.handled_access_fs = 1 << 15}}, // ioctl of devices
    {6, {.scoped = 0x3}},                // abstract sockets and signals of others
};

// All that a version can deny.
static struct landlock_ruleset denied_by(long abi)
{
    struct landlock_ruleset ruleset = {0};
    for (size_t i = 0; i < sizeof landlock_versions / sizeof landlock_versions[0]; i++) {
        if (landlock_versions[i].abi <= abi) {
            ruleset.handled_access_fs |= landlock_versions[i].denies.handled_access_fs;
            ruleset.handled_access_net |= landlock_versions[i].denies.handled_access_net;
            ruleset.scoped |= landlock_versions[i].denies.scoped;
        }
    }
    return ruleset;
}

// Grants reading a file, or everything below a folder. A missing path is skipped.
static void grant_reading(int ruleset, const char *path)
{
    struct stat status;
    struct landlock_path rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    if (rule.parent_fd < 0) {
        return;
    }
    bool folder = fstat(rule.parent_fd, &status) == 0 && S_ISDIR(status.st_mode);
    rule.allowed_access = LANDLOCK_READ_FILE | (folder ? LANDLOCK_READ_FOLDER : 0);
    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_BELOW_PATH, &rule, 0);
    close(rule.parent_fd);
}

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION_QUERY);
}

bool sandbox_knows_files(void)
{
    return landlock_version() >= 1;
}

// `readable`: NULL for a process without the network.
static unsigned enter_landlock(const char *const *readable)
{
    long abi = landlock_version();
    if (abi < 1) {
        return 0;
    }
    struct landlock_ruleset ruleset = denied_by(abi);
    if (readable) {
        ruleset.handled_access_net &= LANDLOCK_BIND;
    }
    // An older kernel accepts the longer struct as long as its unknown fields are 0.
    long fd = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
    if (fd < 0) {
        return 0;
    }
    for (; readable && *readable; readable++) {
        grant_reading((int)fd, *readable);
    }
    bool entered = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    close((int)fd);
    return entered ? (unsigned)abi : 0;
}

struct sandbox sandbox_enter(enum sandbox_parts parts)
{
    struct sandbox sandbox = {0};
    // Both parts require this of a process without privileges.
    sandbox.no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0;
    if (parts & PARTS_POSSIBLE & SANDBOX_LANDLOCK) {
        sandbox.landlock_abi = enter_landlock(NULL);
    }
    // This is last because it also denies the system calls of the other parts.
    if (parts & PARTS_POSSIBLE & SANDBOX_SECCOMP) {
        sandbox.seccomp = sandbox_filter_calls();
    }
    return sandbox;
}

struct sandbox sandbox_enter_network(const char *const *readable)
{
    struct sandbox sandbox = {0};
    sandbox.no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0;
    if (PARTS_POSSIBLE & SANDBOX_LANDLOCK) {
        sandbox.landlock_abi = enter_landlock(readable);
    }
    if (PARTS_POSSIBLE & SANDBOX_SECCOMP) {
        sandbox.seccomp = sandbox_filter_network_calls(sandbox.landlock_abi > 0);
    }
    return sandbox;
}

#else

struct sandbox sandbox_enter(enum sandbox_parts parts)
{
    (void)parts;
    return (struct sandbox){0};
}

struct sandbox sandbox_enter_network(const char *const *readable)
{
    (void)readable;
    return (struct sandbox){0};
}

bool sandbox_knows_files(void)
{
    return false;
}

#endif

void sandbox_describe(const struct sandbox *sandbox, char text[static SANDBOX_TEXT_SIZE])
{
    char landlock[32];
    snprintf(landlock, sizeof landlock, "landlock (ABI %u)", sandbox->landlock_abi);
    snprintf(text, SANDBOX_TEXT_SIZE, "%s, %s, %s",
             sandbox->landlock_abi > 0 ? landlock : no_landlock,
             sandbox->seccomp ? "seccomp" : no_seccomp,
             sandbox->no_new_privileges ? "no new privileges" : "new privileges are possible");
}
