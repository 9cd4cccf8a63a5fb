/* The Huffman codes of any JPEG, passed over: which coefficients they bring, not their values
 * (ITU-T T.81, F.2 and G.2).
 *
 * A look at LOOK_BITS bits passes over all the coefficients that it sees whole, which are one to
 * three in a photo.  The bits of a scan are read where they lie.  Never reads out of bounds: behind
 * the last bit come zeros, which are counted.
 */
#ifndef IMG2DATASET_JPEG_CODES_H
#define IMG2DATASET_JPEG_CODES_H

#include <stdint.h>
#include <string.h>

#include "_wide.h"

#define LOOK_BITS 10
#define MAX_LOOK_BITS 14
#define LOOKS_PER_FILL 4 /* that 56 bits are enough for */
#define MAX_LOOK_STEPS 32
#define END_STEPS 128 /* EOB is so many steps */
#define LOOK_MASK ((1u << LOOK_BITS) - 1)

/* A symbol of an AC table is a run of zeros and the size of the coefficient behind it, whose bits
 * follow its code; of a DC table the size alone. */
typedef struct {
    int32_t code_end[17]; /* by length: MAXCODE + 1 */
    int32_t valoffset[17];
    uint8_t huffval[256];
    int is_sound;
    int is_prepared;
    /* by the next LOOK_BITS bits: length << 8 | symbol; 0 = the code is longer, or is none */
    uint16_t symbols[1 << LOOK_BITS];
    /* and for AC: steps << 5 | bits, of all coefficients whose codes are seen, and of EOB */
    uint16_t moves[1 << LOOK_BITS];
    /* those of them that are not 0 */
    uint32_t nonzero[1 << LOOK_BITS];
} WalkTable;

typedef struct {
    const uint8_t *at, *end;
    uint64_t buffer; /* the next bits, from the top */
    int buffered, padded; /* bits; those of them that are zeros behind the end */
} WalkBits;

/* ---- tables ---- */

static void prepare_symbols(WalkTable *table)
{
    memset(table->symbols, 0, sizeof table->symbols);
    for (int length = 1; length <= LOOK_BITS; length++) {
        const int32_t first = length == 1 ? 0 : table->code_end[length - 1] * 2;
        for (int32_t code = first; code < table->code_end[length]; code++) {
            const uint8_t symbol = table->huffval[(uint8_t)(code + table->valoffset[length])];
            const int rest = LOOK_BITS - length;
            for (int32_t tail = 0; tail < 1 << rest; tail++)
                table->symbols[code << rest | tail] = (uint16_t)(length << 8 | symbol);
        }
    }
}

static void prepare_move(WalkTable *table, uint32_t index)
{
    int bits = 0, steps = 0;
    uint32_t nonzero = 0;
    while (bits < LOOK_BITS) {
        const int seen = table->symbols[index << bits & LOOK_MASK];
        const int run = seen >> 4 & 15, size = seen & 15, length = seen >> 8;
        const int is_end = size == 0 && run < 15;
        if (seen == 0 || bits + length > LOOK_BITS || steps + run + 1 > MAX_LOOK_STEPS) break;
        if (is_end && run > 0) break; /* as long as its bits say */
        if (bits + length + size > MAX_LOOK_BITS) break;
        bits += length + size;
        steps += is_end ? END_STEPS : run + 1;
        if (is_end) break;
        if (size) nonzero |= 1u << (steps - 1);
    }
    table->moves[index] = (uint16_t)(steps << 5 | bits);
    table->nonzero[index] = nonzero;
}

/* Make the looks of a sound table. */
static void prepare_table(WalkTable *table, int is_ac)
{
    if (table->is_prepared) return;
    prepare_symbols(table);
    for (uint32_t i = 0; is_ac && i <= LOOK_MASK; i++) prepare_move(table, i);
    table->is_prepared = 1;
}

/* ---- bits ---- */

static inline void fill_bits_singly(WalkBits *bits)
{
    while (bits->buffered <= 56) {
        uint64_t byte = 0;
        const uint8_t *at = bits->at;
        if (at < bits->end && *at == 0xff)
            while (at + 1 < bits->end && at[1] == 0xff) at++;
        if (at < bits->end && *at != 0xff) {
            byte = *at;
            bits->at = at + 1;
        } else if (at + 1 < bits->end && at[1] == 0) {
            byte = 0xff;
            bits->at = at + 2;
        } else {
            bits->padded += 8;
        }
        bits->buffer |= byte << (56 - bits->buffered);
        bits->buffered += 8;
    }
}

/* Fill the buffer to 56 bits at least.  Bits beyond `buffered` may be there already: the same ones
 * are put there again. */
INLINE void fill_bits(WalkBits *bits)
{
    uint64_t word = 0;
    if (bits->end - bits->at >= 8) memcpy(&word, bits->at, 8);
    else word = ~word;
    if (((~word - 0x0101010101010101u) & word & 0x8080808080808080u) == 0) { /* no byte is 0xff */
        bits->buffer |= __builtin_bswap64(word) >> bits->buffered;
        bits->at += (63 - bits->buffered) >> 3;
        bits->buffered |= 56;
        return;
    }
    bits->buffer = bits->buffered ? bits->buffer & ~0ull << (64 - bits->buffered) : 0;
    fill_bits_singly(bits);
}

INLINE void pass_bits(WalkBits *bits, int count) /* 0 to 56, which are there */
{
    bits->buffer <<= count;
    bits->buffered -= count;
}

INLINE int read_bits(WalkBits *bits, int count) /* 0 to 16 */
{
    if (count == 0) return 0;
    if (bits->buffered < count) fill_bits(bits);
    const int value = (int)(bits->buffer >> (64 - count));
    pass_bits(bits, count);
    return value;
}

INLINE void pass_many_bits(WalkBits *bits, int count) /* 0 to 64 */
{
    for (; count > 32; count -= 32) {
        if (bits->buffered < 32) fill_bits(bits);
        pass_bits(bits, 32);
    }
    if (bits->buffered < count) fill_bits(bits);
    pass_bits(bits, count);
}

static int decode_long_symbol(WalkBits *bits, const WalkTable *table) /* -1: there is none */
{
    for (int length = LOOK_BITS + 1; length <= 16; length++) {
        const int32_t code = (int32_t)(bits->buffer >> (64 - length));
        if (code >= table->code_end[length]) continue;
        pass_bits(bits, length);
        return table->huffval[(uint8_t)(code + table->valoffset[length])];
    }
    return -1;
}

INLINE int decode_symbol(WalkBits *bits, const WalkTable *table) /* -1: there is none */
{
    if (bits->buffered < 16) fill_bits(bits);
    const int seen = table->symbols[bits->buffer >> (64 - LOOK_BITS)];
    if (seen == 0) return decode_long_symbol(bits, table);
    pass_bits(bits, seen >> 8);
    return seen & 0xff;
}

#endif
