/* Progressive scans of AC coefficients: bits -> the coefficients of a block (ITU-T T.81, annex G).
 *
 * A look at LOOKAHEAD_BITS bits gives run, value and length together.  Which coefficients of a
 * block are not 0 is a mask of 64 bits: what a refinement passes over is a few operations on it,
 * and all correction bits of a block are applied at once.
 *
 * Nothing here reads or writes out of bounds: a block takes at most PADDING_BYTES, and begins only
 * where bits are; positions are compared with Se before they are used.
 */
#ifndef IMG2DATASET_JPEG_PROGRESSIVE_H
#define IMG2DATASET_JPEG_PROGRESSIVE_H

#include "jpeg_huffman.h"
#include "jpeg_weights.h" /* vectors */

/* ---- tables ---- */

/* What a look finds, in `values` of the table; from the lowest bit on:
 *    6 how many bits to take
 *    1 IS_EOB: the value is EOBRUN
 *    1 IS_ODD: EOB; or only a code was seen whole, not the bits behind it, and its symbol is in
 *      the place of the value; or, with 0 bits to take, not even that, or it is not allowed
 *    8 four times the run of zeros
 *   16 the value, signed, shifted by Al; 0 of ZRL */
#define IS_EOB 0x40
#define IS_ODD 0x80
#define SEEN_BITS(seen) ((int)((seen) & 0x3f))
#define SEEN_RUNS(seen) ((int)((seen) >> 8 & 0xff))
#define SEEN_VALUE(seen) ((int)(int16_t)((seen) >> 16))

#define MAX_AC_BITS 10 /* of a coefficient of 8-bit samples */

INLINE int is_eob(int symbol) { return (symbol & 15) == 0 && symbol != ZRL; }

/* Bits that follow the code of a symbol. */
INLINE int count_appended(int symbol) { return is_eob(symbol) ? symbol >> 4 : symbol & 15; }

/* Whether a scan of that Al may have the symbol: beyond, coefficients would be too large. */
INLINE int is_allowed(int symbol, int is_refinement, int al)
{
    const int size = symbol & 15;
    return size == 0 || (size + al <= MAX_AC_BITS && (size == 1 || !is_refinement));
}

/* The value of a symbol with its bits: a coefficient, or EOBRUN. */
INLINE int find_value(int symbol, uint32_t appended, int al)
{
    if (is_eob(symbol)) return (int)((1u << (symbol >> 4)) + appended);
    return extend(appended, symbol & 15) * (1 << al);
}

static uint32_t describe_look(int length, int symbol, uint32_t tail, int al)
{
    const int rest = LOOKAHEAD_BITS - length, appended = count_appended(symbol);
    if (appended > rest) return IS_ODD | (uint32_t)length | (uint32_t)symbol << 16;
    const uint32_t value = (uint32_t)find_value(symbol, tail >> (rest - appended), al) << 16;
    if (is_eob(symbol)) return value | IS_ODD | IS_EOB | (uint32_t)(length + appended);
    return value | (uint32_t)(symbol >> 4) << 10 | (uint32_t)(length + appended);
}

/* Make the codes and the lookahead of a scan; 0 if the codes are none. */
static int build_progressive_table(HuffmanTable *table, int is_refinement, int al)
{
    const int kind = (is_refinement ? BUILT_AC_REFINEMENT : BUILT_AC_FIRST) | al << BUILT_AL_SHIFT;
    uint32_t code = 0;
    int at = 0;
    if (table->built_as == kind) return 1;
    table->built_as = NOT_BUILT;
    for (int i = 0; i < 1 << LOOKAHEAD_BITS; i++) table->values[i] = IS_ODD;
    for (int length = 1; length <= 16; length++) {
        table->valoffset[length] = at - (int32_t)code;
        for (int i = 0; i < table->code_counts[length]; i++, at++, code++) {
            const int rest = LOOKAHEAD_BITS - length;
            if (at >= 256 || code >= (1u << length) - 1) return 0; /* all ones is no code */
            const int symbol = table->huffval[at];
            if (rest < 0 || !is_allowed(symbol, is_refinement, al)) continue;
            for (uint32_t tail = 0; tail < 1u << rest; tail++)
                table->values[code << rest | tail] = describe_look(length, symbol, tail, al);
        }
        table->code_end[length] = code << (16 - length);
        code <<= 1;
    }
    table->code_end[17] = UINT32_MAX;
    table->built_as = kind;
    return 1;
}

/* ---- symbols ---- */

typedef struct {
    int run, value;
    enum { COEFFICIENT, EOB, NO_CODE } kind;
} Symbol;

/* Decode a symbol of which a look says that it IS_ODD.  Takes 31 bits at most. */
INLINE Symbol decode_odd_symbol(BitReader *bits, const HuffmanTable *table, uint32_t seen,
                                int is_refinement, int al)
{
    int symbol = SEEN_VALUE(seen), length = SEEN_BITS(seen);
    if (seen & IS_EOB) {
        skip_bits(bits, length);
        return (Symbol){0, symbol, EOB};
    }
    refill_bits(bits);
    if (length == 0) {
        const int found = decode_long_code((uint32_t)(bits->buffer >> 48), table, 1);
        symbol = found & 0xff, length = found >> 8;
        if (found < 0 || !is_allowed(symbol, is_refinement, al)) return (Symbol){0, 0, NO_CODE};
    }
    skip_bits(bits, length);
    const int appended = count_appended(symbol);
    const uint32_t tail = appended ? receive(bits, appended) : 0;
    return (Symbol){symbol >> 4, find_value(symbol, tail, al), is_eob(symbol) ? EOB : COEFFICIENT};
}

INLINE uint32_t look(const BitReader *bits, const HuffmanTable *table)
{
    return table->values[bits->buffer >> (64 - LOOKAHEAD_BITS)];
}

/* ---- blocks ---- */

#define WINDOW_BITS 8 /* of a mask, that are seen at once */
#define FAR 15

/* By the next bits of a mask, and in each by a run of zeros, four bits: how many ones come before
 * the zero behind that run; FAR if they do not show it. */
typedef struct {
    uint64_t ones[1 << WINDOW_BITS];
} ZeroFinder;

static void make_zero_finder(ZeroFinder *finder)
{
    for (int window = 0; window < 1 << WINDOW_BITS; window++) {
        uint64_t ones = ~0ull;
        for (int at = 0, zeros = 0; at < WINDOW_BITS; at++)
            if (!(window >> at & 1)) {
                ones ^= (uint64_t)(FAR ^ (at - zeros)) << 4 * zeros;
                zeros++;
            }
        finder->ones[window] = ones;
    }
}

/* How many ones of a mask come before the zero behind a run of zeros. */
INLINE int count_far_ones(uint64_t mask, int run)
{
    uint64_t zeros = ~mask;
    for (int i = 0; i < run; i++) zeros &= zeros - 1;
    return zeros ? __builtin_ctzll(zeros) - run : 64;
}

/* What blocks need of a scan, and EOBRUN: blocks to come that end at once. */
typedef struct {
    int ss, se, al;
    const HuffmanTable *table;
    const ZeroFinder *finder;
    int32_t eobrun;
} Band;

/* A block whose coefficients are all 0 has none in memory yet. */
INLINE void begin_block(int16_t *block, uint64_t nonzero)
{
    if (nonzero == 0)
        for (int i = 0; i < 64; i += 16) *(Shorts16 *)(block + i) = (Shorts16){0};
}

/* Instead of a position: the band ended; and nothing that makes sense. */
#define ENDED 1000
#define LOST 1001

/* Decode the next coefficient behind `at`; returns its position. */
INLINE int decode_next(BitReader *bits, Band *band, int at, int *value)
{
    const uint32_t seen = look(bits, band->table);
    if (!(seen & IS_ODD)) {
        skip_bits(bits, SEEN_BITS(seen));
        *value = SEEN_VALUE(seen);
        return at + (SEEN_RUNS(seen) >> 2);
    }
    const Symbol symbol = decode_odd_symbol(bits, band->table, seen, 0, band->al);
    if (symbol.kind == NO_CODE) return LOST;
    *value = symbol.value;
    if (symbol.kind == COEFFICIENT) {
        refill_bits(bits); /* for the looks that are left */
        return at + symbol.run;
    }
    band->eobrun = symbol.value - 1;
    return ENDED;
}

/* Decode the first bits of coefficients; 0 if there are no such. */
INLINE int decode_ac_first(BitReader *bits, Band *band, int16_t *block, uint64_t *nonzero)
{
    uint64_t found = 0;
    int at = band->ss, value = 0;
    if (bits->next > bits->end + DCTSIZE) return 0;
    begin_block(block, *nonzero);
    while (at <= band->se) {
        refill_bits(bits);
        for (int i = 0; i < LOOKS_PER_REFILL && at <= band->se; i++) {
            at = decode_next(bits, band, at, &value);
            if (at == ENDED) break;
            if (at > band->se) return 0;
            block[NATURAL_ORDER[at]] = (int16_t)value;
            found |= (uint64_t)(value != 0) << at++;
        }
    }
    *nonzero |= found;
    return 1;
}

/* Correction bits that were read, from the top, in the order of their coefficients. */
typedef struct {
    uint64_t bits;
    int count;
} Corrections;

/* Keep the next `count` correction bits, up to 56. */
INLINE void keep_corrections(uint64_t buffer, int count, Corrections *corrections)
{
    corrections->bits |= (buffer & ~(~0ull >> count)) >> corrections->count;
    corrections->count += count;
}

/* Read up to 63 correction bits. */
INLINE void read_corrections(BitReader *bits, int count, Corrections *corrections)
{
    refill_bits(bits);
    if (__builtin_expect(count > 32, 0)) {
        keep_corrections(bits->buffer, 32, corrections);
        skip_bits(bits, 32);
        refill_bits(bits);
        count -= 32;
    }
    keep_corrections(bits->buffer, count, corrections);
    skip_bits(bits, count);
}

/* Move the coefficients of `mask` whose correction bit is 1 away from 0. */
INLINE void apply_corrections(int16_t *block, uint64_t mask, uint64_t bits, int al)
{
    while (bits)
        for (int i = 0; i < 4; i++) { /* behind the last, nothing is added to the last one */
            const int at = __builtin_ctzll(mask | 1ull << 63);
            int16_t *coefficient = block + NATURAL_ORDER[at];
            const int sign = *coefficient >> 15, step = (int)(bits >> 63) << al;
            *coefficient = (int16_t)(*coefficient + ((step ^ sign) - sign));
            mask &= mask - 1;
            bits <<= 1;
        }
}

INLINE uint64_t mask_band(const Band *band)
{
    return ~0ull >> (63 - band->se) & ~0ull << band->ss;
}

/* Go on as `refine_next` where a look does not see all: at the end of the band, with a long code,
 * or before a coefficient far away. */
INLINE int refine_oddly(BitReader *bits, Band *band, uint32_t seen, uint64_t ahead, int at,
                        Corrections *corrections, int *value)
{
    Symbol symbol = {SEEN_RUNS(seen) >> 2, SEEN_VALUE(seen), COEFFICIENT};
    if (seen & IS_ODD)
        symbol = decode_odd_symbol(bits, band->table, seen, 1, band->al);
    else
        skip_bits(bits, SEEN_BITS(seen));
    if (symbol.kind == NO_CODE) return LOST;
    const int ones = symbol.kind == EOB ? __builtin_popcountll(ahead)
                                        : count_far_ones(ahead, symbol.run);
    if (ones > 63) return LOST;
    read_corrections(bits, ones, corrections);
    *value = symbol.value;
    if (symbol.kind == COEFFICIENT) {
        refill_bits(bits); /* for the looks that are left */
        return at + symbol.run + ones;
    }
    band->eobrun = symbol.value - 1;
    return ENDED;
}

/* Read the next coefficient behind `at` that was 0 and no longer is, and the correction bits of
 * those before it that are `old`; returns its position. */
INLINE int refine_next(BitReader *bits, Band *band, uint64_t old, int at, Corrections *corrections,
                       int *value)
{
    const uint64_t ahead = old >> at;
    const uint64_t window = band->finder->ones[ahead & ((1 << WINDOW_BITS) - 1)];
    const uint32_t seen = look(bits, band->table);
    const int ones = (int)(window >> SEEN_RUNS(seen)) & FAR;
    if (__builtin_expect(seen & IS_ODD || ones == FAR, 0))
        return refine_oddly(bits, band, seen, ahead, at, corrections, value);
    keep_corrections(bits->buffer << SEEN_BITS(seen), ones, corrections);
    skip_bits(bits, SEEN_BITS(seen) + ones);
    *value = SEEN_VALUE(seen);
    return at + (SEEN_RUNS(seen) >> 2) + ones;
}

#define REFINEMENTS_PER_REFILL 3 /* of LOOKAHEAD_BITS and, in a window, 7 corrections each */

/* Decode one more bit of coefficients; 0 if that makes no sense. */
INLINE int decode_ac_refinement(BitReader *bits, Band *band, int16_t *block, uint64_t *nonzero)
{
    const uint64_t old = *nonzero & mask_band(band);
    uint64_t found = 0;
    Corrections corrections = {0, 0};
    int at = band->ss, value = 0;
    if (bits->next > bits->end + DCTSIZE) return 0;
    begin_block(block, *nonzero);
    while (at <= band->se) {
        refill_bits(bits);
        for (int i = 0; i < REFINEMENTS_PER_REFILL && at <= band->se; i++) {
            at = refine_next(bits, band, old, at, &corrections, &value);
            if (at == ENDED) break;
            if (at > band->se) return 0;
            block[NATURAL_ORDER[at]] = (int16_t)value;
            found |= (uint64_t)(value != 0) << at++;
        }
    }
    apply_corrections(block, old, corrections.bits, band->al);
    *nonzero |= found;
    return 1;
}

/* Refine a block of an end-of-band run. */
INLINE int refine_ended(BitReader *bits, const Band *band, int16_t *block, uint64_t nonzero)
{
    const uint64_t old = nonzero & mask_band(band);
    Corrections corrections = {0, 0};
    if (old == 0) return 1;
    if (bits->next > bits->end + DCTSIZE) return 0;
    read_corrections(bits, __builtin_popcountll(old), &corrections);
    apply_corrections(block, old, corrections.bits, band->al);
    return 1;
}

#endif
