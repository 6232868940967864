// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/deflate_blocks.h"

#include <string.h>

enum {
    LITERALS_MAX = 286, // literals, the end of the block, lengths
    DISTANCES_MAX = 30,
    FIXED_LITERALS = 288,
    FIXED_DISTANCES = 32,
    END_OF_BLOCK = 256,
    LENGTH_CODES = 19, // of the code in which code lengths are written
    CODE_BITS_MAX = 15,
    HEADER_BITS = 3, // of a block, before its codes
    TABLE_BITS = 11, // codes up to this length take one step
    LENGTH_BITS = 7, // of the code in which code lengths are written
};

// What comes next: a literal or a length, a distance, another block, or nothing that means
// anything.
enum next { NEXT_LITERAL, NEXT_DISTANCE, NEXT_BLOCK, NEXT_NONE };

// ---- Bits ---------------------------------------------------------------------------------------

// The lowest bit of a byte comes first. Behind the end there are zeros.
struct bit_reader {
    struct bytes rest; // what is not in `bits` yet
    uint64_t bits;
    unsigned count;   // of `bits` that are there
    unsigned missing; // ... that stand for bytes behind the end
};

// refill() for the last bytes and behind them.
static void refill_slowly(struct bit_reader *reader)
{
    while (reader->count <= 56) {
        if (reader->rest.size > 0) {
            reader->bits |= (uint64_t)reader->rest.data[0] << reader->count;
            reader->rest = bytes_from(reader->rest, 1);
        } else {
            reader->missing += 8;
        }
        reader->count += 8;
    }
}

// Makes at least 56 bits available.
static inline void refill(struct bit_reader *reader)
{
    struct bytes word;
    if (!bytes_view(reader->rest, 0, 8, &word)) {
        refill_slowly(reader);
        return;
    }
    reader->bits |= load_le64(word.data) << reader->count;
    unsigned taken = (63 - reader->count) / 8;
    reader->rest = bytes_from(reader->rest, taken);
    reader->count += taken * 8;
}

static void skip(struct bit_reader *reader, unsigned count)
{
    reader->bits >>= count;
    reader->count -= count;
}

// The next `count` bits, at most 16, which refill() has made available.
static unsigned take(struct bit_reader *reader, unsigned count)
{
    unsigned value = (unsigned)(reader->bits & ((1U << count) - 1));
    skip(reader, count);
    return value;
}

// True when bits were taken that the stream does not have.
static bool is_past_end(const struct bit_reader *reader)
{
    return reader->missing > reader->count;
}

// A reader at a position of the stream.
static struct bit_reader reader_at(struct bytes stored, uint64_t position)
{
    struct bit_reader reader = {.rest = bytes_from(stored, (size_t)(position / 8))};
    refill(&reader);
    skip(&reader, position % 8);
    return reader;
}

static uint64_t position_of(const struct bit_reader *reader, struct bytes stored)
{
    return 8 * (uint64_t)(stored.size - reader->rest.size) + reader->missing - reader->count;
}

// ---- Codes --------------------------------------------------------------------------------------

// A step over a symbol, or over a literal and what follows it.
struct step {
    uint8_t code_bits; // of the codes; 0: longer than the table has room for
    uint8_t bits;      // those behind a length or a distance included
    uint8_t next;      // an enum next; in the code of code lengths, the symbol
    uint8_t unused;    // a size of four bytes makes the table's index a shift
};

// What a symbol is, without its code: `bits` are those behind it.
typedef struct step step_fn(unsigned symbol);

struct code {
    step_fn *step_of;
    // The canonical code: codes of each length, and symbols in order.
    uint16_t counts[CODE_BITS_MAX + 1];
    uint16_t symbols[FIXED_LITERALS];
};

static struct step literal_step(unsigned symbol)
{
    if (symbol <= END_OF_BLOCK) {
        return (struct step){.next = symbol < END_OF_BLOCK ? NEXT_LITERAL : NEXT_BLOCK};
    }
    if (symbol >= LITERALS_MAX) {
        return (struct step){.next = NEXT_NONE};
    }
    unsigned length = symbol - END_OF_BLOCK - 1; // 0 to 28; the last has no further bits
    unsigned extra = length < 8 || length == 28 ? 0 : length / 4 - 1;
    return (struct step){.bits = (uint8_t)extra, .next = NEXT_DISTANCE};
}

static struct step distance_step(unsigned symbol)
{
    unsigned extra = symbol < 4 ? 0 : symbol / 2 - 1;
    return (struct step){.bits = (uint8_t)extra,
                         .next = symbol < DISTANCES_MAX ? NEXT_LITERAL : NEXT_NONE};
}

static struct step length_step(unsigned symbol)
{
    return (struct step){.next = (uint8_t)symbol};
}

static struct step with_code(struct step step, unsigned code_bits)
{
    step.code_bits = (uint8_t)code_bits;
    step.bits = (uint8_t)(step.bits + code_bits);
    return step;
}

static unsigned reversed(unsigned value, unsigned bits)
{
    unsigned result = 0;
    for (; bits > 0; bits--, value >>= 1) {
        result = result << 1 | (value & 1);
    }
    return result;
}

// Sorts the symbols. False when the code is not complete, or has more codes than there is room for.
static bool sort_symbols(struct code *code, const uint8_t *lengths, unsigned count)
{
    uint16_t place[CODE_BITS_MAX + 2] = {0};
    int room = 1;
    memset(code->counts, 0, sizeof code->counts);
    for (unsigned symbol = 0; symbol < count; symbol++) {
        code->counts[lengths[symbol]]++;
    }
    code->counts[0] = 0;
    for (unsigned length = 1; length <= CODE_BITS_MAX; length++) {
        room = 2 * room - code->counts[length];
        place[length + 1] = (uint16_t)(place[length] + code->counts[length]);
        if (room < 0) {
            return false;
        }
    }
    for (unsigned symbol = 0; symbol < count; symbol++) {
        if (lengths[symbol] > 0) {
            code->symbols[place[lengths[symbol]]++] = (uint16_t)symbol;
        }
    }
    return room == 0;
}

// Fills a table of steps, by the next `table_bits` of the stream, for a code that is sorted.
static void fill_steps(const struct code *code, struct step *steps, unsigned table_bits)
{
    memset(steps, 0, sizeof *steps << table_bits);
    unsigned next = 0;
    unsigned index = 0;
    for (unsigned length = 1; length <= table_bits; length++, next <<= 1) {
        for (unsigned end = index + code->counts[length]; index < end; index++, next++) {
            struct step step = with_code(code->step_of(code->symbols[index]), length);
            for (unsigned at = reversed(next, length); at < 1U << table_bits; at += 1U << length) {
                steps[at] = step;
            }
        }
    }
}

// Makes one step of a literal and what follows it, where the table has room for both.
static void join_steps(struct step *steps, unsigned table_bits)
{
    // From the end: the step at i goes on at a place below i, which is still single.
    for (unsigned i = 1U << table_bits; i-- > 0;) {
        struct step step = steps[i];
        while (step.code_bits > 0 && step.next == NEXT_LITERAL) {
            struct step then = steps[i >> step.code_bits];
            unsigned code_bits = step.code_bits + then.code_bits;
            if (then.code_bits == 0 || code_bits > table_bits) {
                break;
            }
            step.code_bits = (uint8_t)code_bits;
            step.bits = (uint8_t)(step.bits + then.bits);
            step.next = then.next;
        }
        steps[i] = step;
    }
}

// One bit after the other: for a code that is longer than the table's.
static struct step long_step(const struct code *code, uint64_t bits)
{
    unsigned value = 0;
    unsigned first = 0;
    unsigned index = 0;
    for (unsigned length = 1; length <= CODE_BITS_MAX; length++, bits >>= 1) {
        value |= (unsigned)(bits & 1);
        unsigned count = code->counts[length];
        if (value - first < count) {
            return with_code(code->step_of(code->symbols[index + value - first]), length);
        }
        index += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    return with_code((struct step){.next = NEXT_NONE}, 1);
}

// ---- Blocks -------------------------------------------------------------------------------------

struct walk {
    struct bit_reader reader;
    // By what comes next: a literal or a length, a distance.
    struct code codes[2];
    struct step steps[2][1 << TABLE_BITS];
};

// Reads a code and the bits behind it, at most 28: a distance has 15 and 13. Says what comes next.
static inline unsigned skip_code(const struct walk *walk, struct bit_reader *reader, unsigned next)
{
    struct step step = walk->steps[next][reader->bits & ((1U << TABLE_BITS) - 1)];
    if (step.code_bits == 0) {
        step = long_step(&walk->codes[next], reader->bits);
    }
    skip(reader, step.bits);
    return step.next;
}

// Reads codes to the end of the block. What comes next cannot be guessed, so nothing here branches
// on it but the end of the block.
static bool skip_codes(struct walk *walk)
{
    struct bit_reader reader = walk->reader;
    unsigned next = NEXT_LITERAL;
    while (next <= NEXT_DISTANCE && !is_past_end(&reader)) {
        refill(&reader);
        next = skip_code(walk, &reader, next);
        if (next <= NEXT_DISTANCE) {
            next = skip_code(walk, &reader, next);
        }
    }
    walk->reader = reader;
    return next == NEXT_BLOCK && !is_past_end(&reader);
}

// False when the length contradicts its complement, or bytes are missing.
static bool read_stored(struct bit_reader *reader, struct bytes stored, struct deflate_block *block)
{
    skip(reader, reader->count % 8);
    refill(reader);
    unsigned length = take(reader, 16);
    unsigned complement = take(reader, 16);
    uint64_t start = position_of(reader, stored);
    block->plain_end = start + 8 * (uint64_t)length;
    return (length ^ complement) == 0xffff && !is_past_end(reader) &&
           bytes_view(stored, start / 8, length, &block->plain);
}

static void make_fixed(struct walk *walk)
{
    uint8_t lengths[FIXED_LITERALS];
    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    sort_symbols(&walk->codes[NEXT_LITERAL], lengths, FIXED_LITERALS);
    memset(lengths, 5, FIXED_DISTANCES);
    sort_symbols(&walk->codes[NEXT_DISTANCE], lengths, FIXED_DISTANCES);
}

// Reads the code of the code lengths.
static bool read_length_code(struct bit_reader *reader, unsigned count, struct step *steps)
{
    static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LENGTH_CODES] = {0};
    struct code code = {.step_of = length_step};
    for (unsigned i = 0; i < count; i++) {
        refill(reader);
        lengths[order[i]] = (uint8_t)take(reader, 3);
    }
    if (!sort_symbols(&code, lengths, LENGTH_CODES)) {
        return false;
    }
    fill_steps(&code, steps, LENGTH_BITS);
    return true;
}

// How often a repeat of the code of code lengths says to, and what.
static unsigned take_repeat(struct bit_reader *reader, unsigned symbol)
{
    if (symbol == 16) {
        return 3 + take(reader, 2);
    }
    return symbol == 17 ? 3 + take(reader, 3) : 11 + take(reader, 7);
}

// Reads `count` code lengths. False also when a repeat goes past them, or repeats nothing.
static bool read_lengths(struct bit_reader *reader, const struct step *steps, uint8_t *lengths,
                         unsigned count)
{
    for (unsigned i = 0; i < count;) {
        refill(reader);
        struct step step = steps[reader->bits & ((1U << LENGTH_BITS) - 1)];
        skip(reader, step.bits);
        if (step.next <= CODE_BITS_MAX) {
            lengths[i++] = step.next;
            continue;
        }
        unsigned repeat = take_repeat(reader, step.next);
        if (repeat > count - i || (step.next == 16 && i == 0)) {
            return false;
        }
        memset(lengths + i, step.next == 16 ? lengths[i - 1] : 0, repeat);
        i += repeat;
    }
    return !is_past_end(reader);
}

static bool read_codes(struct bit_reader *reader, struct code codes[2])
{
    uint8_t lengths[LITERALS_MAX + DISTANCES_MAX] = {0};
    struct step steps[1 << LENGTH_BITS] = {{0}};
    refill(reader);
    unsigned literals = 257 + take(reader, 5);
    unsigned distances = 1 + take(reader, 5);
    unsigned length_codes = 4 + take(reader, 4);
    return literals <= LITERALS_MAX && distances <= DISTANCES_MAX &&
           read_length_code(reader, length_codes, steps) &&
           read_lengths(reader, steps, lengths, literals + distances) &&
           lengths[END_OF_BLOCK] > 0 && sort_symbols(&codes[NEXT_LITERAL], lengths, literals) &&
           sort_symbols(&codes[NEXT_DISTANCE], lengths + literals, distances);
}

// Notes the code that ends the block.
static void find_end_code(const struct code *literals, struct deflate_block *block)
{
    unsigned code = 0;
    unsigned index = 0;
    for (unsigned length = 1; length <= CODE_BITS_MAX; length++, code <<= 1) {
        for (unsigned end = index + literals->counts[length]; index < end; index++, code++) {
            if (literals->symbols[index] == END_OF_BLOCK) {
                block->end_bits = length;
                block->end_code = reversed(code, length);
                return;
            }
        }
    }
}

bool deflate_block_read(struct bytes stored, uint64_t start, struct deflate_block *block)
{
    struct bit_reader reader = reader_at(stored, start);
    struct code codes[2];
    bool is_last = take(&reader, 1) != 0;
    unsigned type = take(&reader, 2);
    *block = (struct deflate_block){
        .start = start, .is_last = is_last, .type = (enum deflate_block_type)type};
    switch (type) {
    case DEFLATE_STORED:
        return read_stored(&reader, stored, block);
    case DEFLATE_FIXED:
        return !is_past_end(&reader);
    case DEFLATE_DYNAMIC:
        if (!read_codes(&reader, codes)) {
            return false;
        }
        find_end_code(&codes[NEXT_LITERAL], block);
        return true;
    default:
        return false;
    }
}

bool deflate_block_find_end(struct bytes stored, const struct deflate_block *block, uint64_t most,
                            uint64_t *end)
{
    unsigned found = 0;
    for (unsigned back = 0; block->end_bits > 0 && back < 8; back++) {
        struct bit_reader reader = reader_at(stored, most - back - block->end_bits);
        if (take(&reader, block->end_bits) == block->end_code) {
            *end = most - back;
            found++;
        }
    }
    return found == 1;
}

bool deflate_block_skip(struct bytes stored, const struct deflate_block *block, uint64_t *end)
{
    struct walk walk; // too large to be cleared for each block
    walk.reader = reader_at(stored, block->start);
    skip(&walk.reader, HEADER_BITS);
    walk.codes[NEXT_LITERAL].step_of = literal_step;
    walk.codes[NEXT_DISTANCE].step_of = distance_step;
    if (block->type == DEFLATE_FIXED) {
        make_fixed(&walk);
    } else if (!read_codes(&walk.reader, walk.codes)) {
        return false;
    }
    fill_steps(&walk.codes[NEXT_LITERAL], walk.steps[NEXT_LITERAL], TABLE_BITS);
    join_steps(walk.steps[NEXT_LITERAL], TABLE_BITS);
    fill_steps(&walk.codes[NEXT_DISTANCE], walk.steps[NEXT_DISTANCE], TABLE_BITS);
    if (!skip_codes(&walk)) {
        return false;
    }
    *end = position_of(&walk.reader, stored);
    return true;
}
