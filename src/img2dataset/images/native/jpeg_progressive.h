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

/* ---- tables ---- */

/* What a look finds, in `values` of the table; from the lowest bit on:
 *    6 how many bits to take; 0 = a longer code than LOOKAHEAD_BITS, or one that is not allowed
 *    1 IS_EOB: the value is EOBRUN, or, if the look does not see that whole, what ends_band finds
 *    1 IS_CUT: the code alone was seen, not the bits behind it; its symbol is in place of the value
 *    5 steps to the position behind: zeros, and the coefficient itself
 *    3 unused
 *   16 the value, signed, shifted by Al; 0 of ZRL
 * A look that finds neither a whole symbol nor its code alone is all 0. */
#define IS_EOB 0x40
#define IS_CUT 0x80
#define SEEN_BITS(seen) ((int)((seen) & 0x3f))
#define SEEN_STEPS(seen) ((int)((seen) >> 8 & 0x1f))
#define SEEN_VALUE(seen) ((int)(int16_t)((seen) >> 16))

#define MAX_AC_BITS 10 /* of a coefficient of 8-bit samples */

INLINE int is_eob(int symbol) { return (symbol & 15) == 0 && symbol != ZRL; }

/* Bits that follow the code of a symbol. */
INLINE int count_appended(int symbol) { return is_eob(symbol) ? symbol >> 4 : symbol & 15; }

/* Whether a scan of that Al may have the symbol: beyond, coefficients would be too large. */
INLINE int is_allowed(int symbol, int is_refinement, int al)
{
    return (symbol & 15) <= (is_refinement ? 1 : MAX_AC_BITS - al);
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
    const uint32_t flags = (is_eob(symbol) ? IS_EOB : 0) | ((uint32_t)(symbol >> 4) + 1) << 8;
    if (appended > rest) return flags | IS_CUT | (uint32_t)length | (uint32_t)symbol << 16;
    const int value = find_value(symbol, tail >> (rest - appended), al);
    return flags | (uint32_t)(length + appended) | (uint32_t)value << 16;
}

/* Make the codes and the lookahead of a scan; 0 if the codes are none. */
static int build_progressive_table(HuffmanTable *table, int is_refinement, int al)
{
    const int kind = (is_refinement ? BUILT_AC_REFINEMENT : BUILT_AC_FIRST) | al << BUILT_AL_SHIFT;
    uint32_t code = 0;
    int at = 0;
    if (table->built_as == kind) return 1;
    table->built_as = NOT_BUILT;
    memset(table->values, 0, sizeof table->values);
    for (int length = 1; length <= 16; length++) {
        table->valoffset[length] = at - (int32_t)code;
        for (int i = 0; i < table->code_counts[length]; i++, at++, code++) {
            const int rest = LOOKAHEAD_BITS - length;
            if (at >= 256 || code >= (1u << length) - (length == 16)) return 0;
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
    int steps, value, is_eob;
} Symbol;

/* Decode a symbol that one look does not see whole; its `steps` are 0 if there is none.  Takes 31
 * bits at most. */
INLINE Symbol decode_cut_symbol(BitReader *bits, const HuffmanTable *table, uint32_t seen,
                                int is_refinement, int al)
{
    int symbol, length = SEEN_BITS(seen);
    if (seen & IS_CUT) {
        symbol = SEEN_VALUE(seen);
    } else {
        const int found = decode_long_code((uint32_t)(bits->buffer >> 48), table, 1);
        if (found < 0 || !is_allowed(found & 0xff, is_refinement, al)) return (Symbol){0, 0, 0};
        symbol = found & 0xff, length = found >> 8;
    }
    skip_bits(bits, length);
    const int appended = count_appended(symbol);
    const uint32_t tail = appended ? receive(bits, appended) : 0;
    return (Symbol){(symbol >> 4) + 1, find_value(symbol, tail, al), is_eob(symbol)};
}

INLINE Symbol decode_symbol_at_once(BitReader *bits, const HuffmanTable *table, int is_refinement,
                                    int al)
{
    const uint32_t seen = table->values[bits->buffer >> (64 - LOOKAHEAD_BITS)];
    if (__builtin_expect(SEEN_BITS(seen) == 0 || seen & IS_CUT, 0))
        return decode_cut_symbol(bits, table, seen, is_refinement, al);
    skip_bits(bits, SEEN_BITS(seen));
    return (Symbol){SEEN_STEPS(seen), SEEN_VALUE(seen), (seen & IS_EOB) != 0};
}

/* ---- blocks ---- */

/* The part of a scan header that blocks need, and EOBRUN: blocks to come that end at once. */
typedef struct {
    int ss, se, al;
    const HuffmanTable *table;
    int32_t eobrun;
} Band;

/* Decode the first bits of coefficients into `block`, where they are 0; 0 if there are no such. */
INLINE int decode_ac_first(BitReader *bits, Band *band, int16_t *block, uint64_t *nonzero)
{
    uint64_t found = 0;
    int at = band->ss;
    if (bits->next > bits->end + DCTSIZE) return 0;
    while (at <= band->se) {
        refill_bits(bits);
        const Symbol symbol = decode_symbol_at_once(bits, band->table, 0, band->al);
        if (symbol.is_eob) {
            band->eobrun = symbol.value - 1;
            break;
        }
        at += symbol.steps;
        if (symbol.steps == 0 || at > band->se + 1) return 0;
        block[NATURAL_ORDER[at - 1]] = (int16_t)symbol.value;
        found |= (uint64_t)(symbol.value != 0) << (at - 1);
    }
    *nonzero |= found;
    return 1;
}

/* Correction bits that were read, from the top, in the order of their coefficients. */
typedef struct {
    uint64_t bits;
    int count;
} Corrections;

/* Read up to 63 correction bits.  At least 32 bits are there. */
INLINE void read_corrections(BitReader *bits, int count, Corrections *corrections)
{
    if (__builtin_expect(count > 32, 0)) {
        corrections->bits |= (bits->buffer & ~(~0ull >> 32)) >> corrections->count;
        corrections->count += 32;
        skip_bits(bits, 32);
        refill_bits(bits);
        count -= 32;
    }
    corrections->bits |= (bits->buffer & ~(~0ull >> count)) >> corrections->count;
    corrections->count += count;
    skip_bits(bits, count);
}

/* Move the coefficients of `mask` whose correction bit is 1 away from 0. */
INLINE void apply_corrections(int16_t *block, uint64_t mask, uint64_t bits, int al)
{
    for (; bits; mask &= mask - 1, bits <<= 1) {
        int16_t *coefficient = block + NATURAL_ORDER[__builtin_ctzll(mask)];
        const int sign = *coefficient >> 15, step = (int)(bits >> 63) << al;
        *coefficient = (int16_t)(*coefficient + ((step ^ sign) - sign));
    }
}

INLINE uint64_t mask_band(const Band *band)
{
    return ~0ull >> (63 - band->se) & ~0ull << band->ss;
}

/* Decode one more bit of coefficients; 0 if that makes no sense. */
INLINE int decode_ac_refinement(BitReader *bits, Band *band, int16_t *block, uint64_t *nonzero)
{
    const uint64_t within = mask_band(band), old = *nonzero & within;
    uint64_t rest = within, found = 0; /* rest: positions not yet passed */
    Corrections corrections = {0, 0};
    if (bits->next > bits->end + DCTSIZE) return 0;
    while (rest) {
        refill_bits(bits);
        const Symbol symbol = decode_symbol_at_once(bits, band->table, 1, band->al);
        if (symbol.is_eob) {
            band->eobrun = symbol.value - 1;
            refill_bits(bits);
            read_corrections(bits, __builtin_popcountll(old & rest), &corrections);
            break;
        }
        uint64_t zeros = rest & ~old;
        for (int i = 1; i < symbol.steps; i++) zeros &= zeros - 1;
        if (zeros == 0 || symbol.steps == 0) return 0;
        const uint64_t here = zeros & -zeros;
        read_corrections(bits, __builtin_popcountll(old & rest & (here - 1)), &corrections);
        rest &= ~(here | (here - 1));
        block[NATURAL_ORDER[__builtin_ctzll(here)]] = (int16_t)symbol.value;
        found |= symbol.value ? here : 0;
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
    refill_bits(bits);
    read_corrections(bits, __builtin_popcountll(old), &corrections);
    apply_corrections(block, old, corrections.bits, band->al);
    return 1;
}

#endif
