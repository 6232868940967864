// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A budget: limits the work of a walk to a given number of bytes, whatever an image asks for.

#ifndef TABLES_BUDGET_H
#define TABLES_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    uint64_t left; // bytes
    uint64_t seek; // bytes that a read costs at least, because of the time for a seek
    bool ended;    // something cost more than the rest
};

// Takes `cost` bytes off the budget. False, now and from then on, when fewer are left.
static inline bool budget_spend(struct budget *budget, uint64_t cost)
{
    budget->ended = budget->ended || cost > budget->left;
    budget->left = budget->ended ? 0 : budget->left - cost;
    return !budget->ended;
}

// The same for a read of `size` bytes; 0 bytes: for asking whether there is a hole.
static inline bool budget_read(struct budget *budget, uint64_t size)
{
    return budget_spend(budget, size > budget->seek ? size : budget->seek);
}

// True when nothing is left: the caller skips the rest of the work.
static inline bool budget_spent(struct budget *budget)
{
    budget->ended = budget->ended || budget->left == 0;
    return budget->ended;
}

#endif
