/* Entropy-coded bits -> the coefficients of a block, by Huffman tables (ITU-T T.81, annexes C, F).
 *
 * A look at LOOKAHEAD_BITS bits gives up to two coefficients.  Nothing here reads or writes out of
 * bounds: the bits have PADDING_BYTES zeros behind them, and a block, which cannot take more than
 * that, begins only inside of them; positions in a block end in a table with room for the longest
 * run.
 */
#ifndef IMG2DATASET_JPEG_HUFFMAN_H
#define IMG2DATASET_JPEG_HUFFMAN_H

#include <stddef.h>

#include "_wide.h"
#include "jpeg_markers.h"

#define LOOKAHEAD_BITS 10
#define BUILT_AL_SHIFT 4
#define LOOKS_PER_REFILL 5 /* that 56 bits are enough for */
#define PADDING_BYTES 512  /* 64 codes of 16 bits with 11 bits behind each take 216 */

/* Zigzag position -> place in the block (T.81, figure A.6).  A run may lead up to 16 beyond the
 * end, and EOB is EOB_STEPS steps: what is stored there goes to DISCARDED. */
#define EOB_STEPS 128
#define NO_CODE_STEPS 224
#define DISCARDED 64
#define ZRL 0xf0
static const uint8_t NATURAL_ORDER[64 + NO_CODE_STEPS] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
#define FOUR DISCARDED, DISCARDED, DISCARDED, DISCARDED
#define SIXTEEN FOUR, FOUR, FOUR, FOUR
#define SIXTY_FOUR SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN
    SIXTY_FOUR, SIXTY_FOUR, SIXTY_FOUR, SIXTEEN, SIXTEEN,
#undef SIXTY_FOUR
#undef SIXTEEN
#undef FOUR
};


/* ---- tables ---- */

/* A symbol of an AC table is a run of zeros and the size of the coefficient after it, whose bits
 * follow; of a DC table the size alone.  LOOKAHEAD_BITS bits mostly hold one of these whole, or
 * even two, and what they mean is prepared.  What the next look waits for is apart from the
 * values, and small: it has to stay in the cache.  From the lowest bit on, of `moves`:
 *    6 how many bits to take
 *    1 unused
 *    1 HIDDEN: more bits are needed.  0 bits to take = the code is longer than LOOKAHEAD_BITS; else
 *      the coefficient is not all there, and its size is in the place of its value
 *    8 steps to the position behind all that is seen: zeros, and coefficients themselves
 * and of `values`:
 *    5 steps to the position behind the first coefficient
 *   11 its value, signed
 *   16 the value of the second one, signed; without a second, 0 */
#define HIDDEN 0x80
#define TAKEN(moves) ((moves) & 0x3f)
#define STEPS(moves) ((size_t)((moves) >> 8))
#define FIRST_STEPS(values) ((size_t)((values) & 0x1f))
#define VALUE(values) ((int16_t)(values) >> 5)
#define SECOND_VALUE(values) ((int16_t)((values) >> 16))

/* What a table is prepared for; those of progressive scans: see jpeg_progressive.h. */
enum { NOT_BUILT = 0, BUILT_DC, BUILT_AC, BUILT_AC_FIRST, BUILT_AC_REFINEMENT };

typedef struct {
    uint8_t code_counts[17]; /* by length: BITS */
    uint8_t huffval[256];
    int is_defined;
    int built_as; /* from the bit BUILT_AL_SHIFT on, Al of a progressive scan */
    uint16_t moves[1 << LOOKAHEAD_BITS];
    uint32_t values[1 << LOOKAHEAD_BITS];
    /* for codes longer than LOOKAHEAD_BITS, by length: MAXCODE + 1, left-aligned in 16 bits; and
     * VALPTR - MINCODE: what to add to a code to find its place in huffval */
    uint32_t code_end[18];
    int32_t valoffset[17];
} HuffmanTable;

/* EXTEND (T.81, F.2.2.1), without a branch, which could not be predicted. */
INLINE int extend(uint32_t bits, int size)
{
    const int is_negative = size && !(bits >> (size - 1));
    return (int)bits - (-is_negative & ((1 << size) - 1));
}

INLINE size_t count_steps(int symbol, int dc)
{
    return dc ? 1 : symbol == 0 ? EOB_STEPS : (symbol >> 4) + 1;
}

/* Whether baseline knows the symbol: a size for DC; zeros and a size for AC, ZRL, EOB. */
static int is_baseline_symbol(int symbol, int dc)
{
    const int size = symbol & 15;
    if (dc) return symbol <= 11;
    return size <= 10 && (size > 0 || symbol == 0 || symbol == ZRL);
}

static void add_lookahead(HuffmanTable *table, int length, uint32_t code, int symbol, int dc)
{
    const int rest = LOOKAHEAD_BITS - length, size = symbol & 15, whole = size <= rest;
    const int bits = whole ? length + size : length, steps = (int)count_steps(symbol, dc);
    const uint16_t moves = (uint16_t)(steps << 8 | (whole ? 0 : HIDDEN) | bits);
    const uint32_t first = steps == EOB_STEPS ? 1 : (uint32_t)steps; /* a 0 may be stored there */
    for (uint32_t tail = 0; tail < 1u << rest; tail++) {
        const int value = whole ? extend(tail >> (rest - size), size) : size;
        table->moves[code << rest | tail] = moves;
        table->values[code << rest | tail] = (uint16_t)(value * 32) | first;
    }
}

/* Where LOOKAHEAD_BITS bits hold another symbol behind the first, add it. */
static void add_second_coefficients(HuffmanTable *table)
{
    uint16_t moves[1 << LOOKAHEAD_BITS];
    memcpy(moves, table->moves, sizeof moves);
    for (uint32_t i = 0; i < 1u << LOOKAHEAD_BITS; i++) {
        const uint16_t seen = moves[i];
        const int first = TAKEN(seen);
        if (seen & HIDDEN || STEPS(seen) == EOB_STEPS) continue;
        const uint32_t behind = i << first & ((1u << LOOKAHEAD_BITS) - 1);
        const uint16_t next = moves[behind];
        if (next & HIDDEN || first + TAKEN(next) > LOOKAHEAD_BITS) continue;
        table->moves[i] = (uint16_t)(seen + (next & ~HIDDEN));
        table->values[i] |= (uint32_t)(uint16_t)VALUE(table->values[behind]) << 16;
    }
}

/* Make the codes and the lookahead (T.81, annex C); 0 if baseline may not use the table. */
static int build_table(HuffmanTable *table, int dc)
{
    uint32_t code = 0;
    int at = 0;
    const int kind = dc ? BUILT_DC : BUILT_AC;
    if (table->built_as == kind) return 1; /* for another component */
    table->built_as = NOT_BUILT;
    for (int i = 0; i < 1 << LOOKAHEAD_BITS; i++) table->moves[i] = HIDDEN;
    for (int length = 1; length <= 16; length++) {
        table->valoffset[length] = at - (int32_t)code;
        for (int i = 0; i < table->code_counts[length]; i++, at++, code++) {
            if (at >= 256 || !is_baseline_symbol(table->huffval[at], dc)) return 0;
            if (code >= (1u << length) - 1) return 0; /* all ones is no code */
            if (length <= LOOKAHEAD_BITS)
                add_lookahead(table, length, code, table->huffval[at], dc);
        }
        table->code_end[length] = code << (16 - length);
        code <<= 1;
    }
    table->code_end[17] = UINT32_MAX;
    if (!dc) add_second_coefficients(table);
    table->built_as = kind;
    return 1;
}

/* ---- bits ---- */

typedef struct {
    const uint8_t *next, *end;
    uint64_t buffer; /* the next bits, from the top */
    int count;       /* how many of them are valid */
} BitReader;

/* Fill the buffer to at least 56 bits.  Bits beyond `count` may be there already: the same ones
 * are put there again. */
INLINE void refill_bits(BitReader *bits)
{
    uint64_t word;
    memcpy(&word, bits->next, 8);
    bits->buffer |= __builtin_bswap64(word) >> bits->count;
    bits->next += (63 - bits->count) >> 3;
    bits->count |= 56;
}

INLINE void skip_bits(BitReader *bits, int count)
{
    bits->buffer <<= count & 63;
    bits->count -= count;
}

/* RECEIVE (T.81, F.2.2.4). */
INLINE uint32_t receive(BitReader *bits, int count) /* 1 or more */
{
    const uint32_t taken = (uint32_t)(bits->buffer >> (64 - count));
    skip_bits(bits, count);
    return taken;
}

/* DECODE (T.81, F.2.2.3): the symbol of a code of `length` bits or more, and in the bits above 8
 * the length of the code, from the next 16 bits; -1 if there is no such code.  Takes no pointer to
 * the BitReader, which stays in registers. */
static __attribute__((noinline)) int decode_long_code(uint32_t ahead, const HuffmanTable *table,
                                                      int length)
{
    while (ahead >= table->code_end[length]) length++;
    if (length > 16) return -1;
    const uint32_t code = ahead >> (16 - length);
    return length << 8 | table->huffval[(uint8_t)((int32_t)code + table->valoffset[length])];
}

/* Decode a coefficient whose code has `length` bits or more; returns the steps to the position
 * behind it, or NO_CODE_STEPS.  Takes 27 bits at most. */
INLINE size_t decode_coefficient(BitReader *bits, const HuffmanTable *table, int length, int dc,
                                 int *value)
{
    const int found = decode_long_code((uint32_t)(bits->buffer >> 48), table, length);
    if (found < 0) return NO_CODE_STEPS;
    const int symbol = found & 0xff, size = symbol & 15;
    skip_bits(bits, found >> 8);
    *value = size ? extend(receive(bits, size), size) : 0;
    return count_steps(symbol, dc);
}

/* Decode a coefficient that one look does not see whole. */
INLINE size_t decode_hidden(BitReader *bits, const HuffmanTable *table, uint32_t index, int dc,
                            int *value)
{
    refill_bits(bits);
    const uint16_t seen = table->moves[index];
    if (!TAKEN(seen)) return decode_coefficient(bits, table, LOOKAHEAD_BITS + 1, dc, value);
    const int size = VALUE(table->values[index]);
    skip_bits(bits, TAKEN(seen));
    *value = extend(receive(bits, size), size);
    return STEPS(seen);
}

/* Add DIFF to `pred`, PRED of the component; 0 if that gives no coefficient. */
INLINE int decode_dc(BitReader *bits, const HuffmanTable *table, int *pred)
{
    const uint32_t index = (uint32_t)(bits->buffer >> (64 - LOOKAHEAD_BITS));
    const uint16_t seen = table->moves[index];
    int value = VALUE(table->values[index]);
    if (__builtin_expect((seen & HIDDEN) != 0, 0)) {
        if (decode_hidden(bits, table, index, 1, &value) == NO_CODE_STEPS) return 0;
    } else {
        skip_bits(bits, TAKEN(seen));
    }
    *pred += value;
    return *pred >= -2048 && *pred <= 2047;
}

/* Decode one or two coefficients; `at` is the position behind the last one. */
INLINE void decode_ac(BitReader *bits, const HuffmanTable *table, int16_t *block, size_t *at)
{
    const uint32_t index = (uint32_t)(bits->buffer >> (64 - LOOKAHEAD_BITS));
    const uint16_t seen = table->moves[index];
    if (__builtin_expect((seen & HIDDEN) != 0, 0)) {
        int value = 0;
        *at += decode_hidden(bits, table, index, 0, &value);
        block[NATURAL_ORDER[*at - 1]] = (int16_t)value;
        refill_bits(bits); /* for the looks that are left */
        return;
    }
    const uint32_t values = table->values[index];
    const size_t first = *at + FIRST_STEPS(values);
    skip_bits(bits, TAKEN(seen));
    *at += STEPS(seen);
    /* in this order: without a second one, both go to the same place */
    block[NATURAL_ORDER[*at - 1]] = SECOND_VALUE(values);
    block[NATURAL_ORDER[first - 1]] = (int16_t)VALUE(values);
}

/* Decode coefficients one by one, from `at` to the end of the block: a look would take the last
 * one together with what follows the block. */
INLINE int decode_ac_singly(BitReader *bits, const HuffmanTable *table, int16_t *block, size_t at)
{
    while (at < 64) {
        int value = 0;
        refill_bits(bits);
        at += decode_coefficient(bits, table, 1, 0, &value);
        block[NATURAL_ORDER[at - 1]] = (int16_t)value;
    }
    return at == 64 ? 63 : -1;
}

/* Decode a block into `block`, which is all 0; returns the position of its last coefficient,
 * or -1. */
INLINE int decode_block(BitReader *bits, const HuffmanTable *dc, const HuffmanTable *ac, int *pred,
                        int16_t *block)
{
    size_t at = 1, before = 1;
    if (bits->next > bits->end + DCTSIZE) return -1;
    refill_bits(bits);
    if (!decode_dc(bits, dc, pred)) return -1;
    block[0] = (int16_t)*pred;
    BitReader saved = *bits;
    while (at < 64) {
        refill_bits(bits);
        saved = *bits;
        before = at;
        for (int i = 0; i < LOOKS_PER_REFILL && at < 64; i++) decode_ac(bits, ac, block, &at);
    }
    if (at == 64) return 63;
    /* EOB_STEPS beyond the last one, which was at 63 at most */
    if (at > EOB_STEPS && at < EOB_STEPS + 64) return (int)(at - EOB_STEPS) - 1;
    *bits = saved;
    return decode_ac_singly(bits, ac, block, before);
}

#endif
