// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Work that is bounded by what the caller wants to spend on it, whatever an image asks for.

#ifndef TABLES_BUDGET_H
#define TABLES_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    uint64_t left; // bytes
    uint64_t seek; // bytes that any read costs at least, because it takes the time of a seek
    bool ended;    // something cost more than was left
};

// Takes `cost` bytes off. False when they are not left, now and from then on.
static inline bool budget_spend(struct budget *budget, uint64_t cost)
{
    budget->ended = budget->ended || cost > budget->left;
    budget->left = budget->ended ? 0 : budget->left - cost;
    return !budget->ended;
}

// The same for a read of `size` bytes, or for the question whether there is a hole: 0 bytes.
static inline bool budget_read(struct budget *budget, uint64_t size)
{
    return budget_spend(budget, size > budget->seek ? size : budget->seek);
}

// True when nothing is left for what comes next, which is then left out.
static inline bool budget_spent(struct budget *budget)
{
    budget->ended = budget->ended || budget->left == 0;
    return budget->ended;
}

#endif
