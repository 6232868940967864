// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Memory in pieces that are freed together.

#include "base/arena.h"

#include "unit.h"

#include <string.h>

enum {
    PIECE = 16 * 1024,
    PIECES = 1000, // blocks of every size, and several of the largest
};

static bool is_zeroed(const uint8_t *piece)
{
    return piece[0] == 0 && memcmp(piece, piece + 1, PIECE - 1) == 0;
}

static void pieces_are_zeroed_and_do_not_overlap(void)
{
    static uint8_t *pieces[PIECES];
    struct arena arena = {.piece = PIECE};
    size_t zeroed = 0;
    size_t kept = 0;
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = arena_take(&arena);
        REQUIRE(pieces[i]);
        zeroed += is_zeroed(pieces[i]);
        memset(pieces[i], (int)(i % 255 + 1), PIECE);
    }
    for (size_t i = 0; i < PIECES; i++) {
        kept += pieces[i][0] == i % 255 + 1 && memcmp(pieces[i], pieces[i] + 1, PIECE - 1) == 0;
    }
    CHECK_EQ_U64(zeroed, PIECES);
    CHECK_EQ_U64(kept, PIECES);
    arena_free(&arena);
}

static void what_is_taken_after_freeing_is_zeroed_again(void)
{
    struct arena arena = {.piece = PIECE};
    arena_free(&arena);
    for (size_t i = 0; i < PIECES; i++) {
        void *piece = arena_take(&arena);
        REQUIRE(piece);
        memset(piece, 0xff, PIECE);
    }
    arena_free(&arena);
    size_t zeroed = 0;
    for (size_t i = 0; i < PIECES; i++) {
        const uint8_t *piece = arena_take(&arena);
        REQUIRE(piece);
        zeroed += is_zeroed(piece);
    }
    CHECK_EQ_U64(zeroed, PIECES);
    arena_free(&arena);
}

int main(void)
{
    RUN(pieces_are_zeroed_and_do_not_overlap);
    RUN(what_is_taken_after_freeing_is_zeroed_again);
    return unit_done();
}
