// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/call_filter.h"

#if WITH_SECCOMP

#include <unistd.h>

static bool add(scmp_filter_ctx filter, uint32_t action, const struct call_rule *rule)
{
    if (rule->call < 0) {
        return true;
    }
    return seccomp_rule_add_array(filter, action, rule->call, rule->conditional, &rule->only) == 0;
}

static bool add_rules(scmp_filter_ctx filter, uint32_t action, const struct call_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (!add(filter, action, &rules->rules[i])) {
            return false;
        }
    }
    return true;
}

static bool add_calls(scmp_filter_ctx filter, uint32_t action, const struct calls *calls)
{
    for (size_t i = 0; i < calls->count; i++) {
        const struct call_rule rule = {.call = calls->calls[i]};
        if (!add(filter, action, &rule)) {
            return false;
        }
    }
    return true;
}

static bool add_all(scmp_filter_ctx filter, const struct call_filter *lists)
{
    const struct call_rule own_signal = {SCMP_SYS(tgkill), IS(0, getpid())};
    return add_rules(filter, SCMP_ACT_ALLOW, &lists->allowed[0]) &&
           add_rules(filter, SCMP_ACT_ALLOW, &lists->allowed[1]) &&
           add(filter, SCMP_ACT_ALLOW, &own_signal) &&
           add_calls(filter, SCMP_ACT_ERRNO(EACCES), &lists->refused) &&
           add_calls(filter, SCMP_ACT_KILL_PROCESS, &lists->deadly);
}

bool call_filter_enter(const struct call_filter *lists)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter) {
        return false;
    }
#if SCMP_VER_MAJOR > 2 || SCMP_VER_MINOR >= 5
    // Some kernels before 5.16 slow down all memory access of a filtered process, unless this is
    // asked for; others do not know it.
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
#endif
    bool entered = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
                   add_all(filter, lists) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return entered;
}

#endif
