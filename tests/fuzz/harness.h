// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What a fuzz harness is. It takes any bytes, and ends the process when something does not hold
// that has to hold for all of them. Who feeds it is another matter: libfuzzer.c or driver.c.

#ifndef TESTS_FUZZ_HARNESS_H
#define TESTS_FUZZ_HARNESS_H

#include "base/bytes.h"
#include "mutate.h"

struct harness {
    const char *name; // also that of its folder in corpus/
    void (*run)(struct bytes input);
    mutator *mutate; // knows the structure of the input
    size_t size_max; // inputs do not grow beyond it: bytes
};

// The parsers of src/format.
void run_header(struct bytes input);
void run_feature(struct bytes input);
void run_extension(struct bytes input);
void run_entry(struct bytes input);
void run_refcount(struct bytes input);
void run_snapshot(struct bytes input);
void run_bitmap(struct bytes input);
void run_luks(struct bytes input);
void run_key_slot(struct bytes input);

// How images name other files.
void run_name(struct bytes input);

// A line of a list of digests.
void run_digest_list(struct bytes input);

// What comes from web servers, and from the process that talks to them.
void run_address(struct bytes input);
void run_answer(struct bytes input);
void run_reply(struct bytes input);

// The decoders: as built, deflate with zlib alone, and both side by side.
void run_deflate(struct bytes input);
void run_deflate_zlib(struct bytes input);
void run_deflate_both(struct bytes input);
void run_zstd(struct bytes input);

// Whole commands on an image in memory.
void run_info(struct bytes input);
void run_map(struct bytes input);
void run_check(struct bytes input);
void run_cat(struct bytes input);
void run_audit(struct bytes input);
void run_verdicts(struct bytes input);
void run_usage(struct bytes input);
void run_where(struct bytes input);
void run_compare(struct bytes input);
void run_digest(struct bytes input);

// All of them; a row without a name ends the table.
extern const struct harness harnesses[];

// NULL when there is none of that name.
const struct harness *harness_find(const char *name);

// What has to hold. Also without NDEBUG in mind: it is what the harnesses are for.
#define MUST(condition) ((condition) ? (void)0 : must_fail(#condition, __FILE__, __LINE__))
_Noreturn void must_fail(const char *condition, const char *file, int line);

#endif
