/* Filtered rows -> bytes of samples (PNG 9, "Filtering").
 *
 * Sub, Average and Paeth need the pixel that has just been made: one after the other, whatever the
 * processor could do at once.  So two rows are made together where both are of that kind: the
 * second is one pixel behind the first, which is then done with what is above it.
 *
 * Pixels are loaded and stored four or eight bytes at a time, whatever their size; so there must be
 * PADDING_BYTES before and behind every row.
 */
#ifndef IMG2DATASET_PNG_UNFILTER_H
#define IMG2DATASET_PNG_UNFILTER_H

#include <stdint.h>
#include <string.h>

#include "_wide.h"

#define PADDING_BYTES 16 /* at least two of the largest pixels */

enum { NONE, SUB, UP, AVERAGE, PAETH, FILTERS };

typedef uint8_t Bytes8 __attribute__((vector_size(8)));
typedef int16_t Shorts8 __attribute__((vector_size(16)));

INLINE Bytes8 load_eight(const uint8_t *from)
{
    Bytes8 value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE uint32_t load_word(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE void store_word(uint8_t *to, uint32_t value) { memcpy(to, &value, sizeof value); }

INLINE Shorts8 widen(Bytes8 bytes) { return __builtin_convertvector(bytes, Shorts8); }

/* Eight bytes of two pixels, of four bytes each. */
INLINE Bytes8 join_words(uint32_t low, uint32_t high)
{
    const uint64_t both = low | (uint64_t)high << 32;
    Bytes8 value;
    memcpy(&value, &both, sizeof value);
    return value;
}

INLINE Shorts8 magnitude(Shorts8 value)
{
    const Shorts8 sign = value >> 15;
    return (value ^ sign) - sign;
}

INLINE Shorts8 choose(Shorts8 condition, Shorts8 yes, Shorts8 no)
{
    return (condition & yes) | (~condition & no);
}

/* Of a (left), b (above) and c (above and left), the one nearest to a + b - c, in this order. */
INLINE Shorts8 predict_paeth(Shorts8 a, Shorts8 b, Shorts8 c)
{
    const Shorts8 from_c = b - c, to_c = a - c;
    const Shorts8 pa = magnitude(from_c), pb = magnitude(to_c), pc = magnitude(from_c + to_c);
    const Shorts8 above = pb < pa;
    return choose(pc < choose(above, pb, pa), c, choose(above, b, a));
}

/* `filters` is that of the first four lanes, and that of the last four. */
INLINE Shorts8 predict(const int filters[2], Shorts8 a, Shorts8 b, Shorts8 c)
{
    if (filters[0] == filters[1])
        return filters[0] == PAETH ? predict_paeth(a, b, c) : (a + b) >> 1;
    const Shorts8 first = {-1, -1, -1, -1, 0, 0, 0, 0};
    const Shorts8 is_paeth = filters[0] == PAETH ? first : ~first;
    return choose(is_paeth, predict_paeth(a, b, c), (a + b) >> 1);
}

/* ---- one row ---- */

INLINE void unfilter_up(uint8_t *restrict to, const uint8_t *restrict above,
                        const uint8_t *restrict raw, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++) to[i] = (uint8_t)(raw[i] + above[i]);
}

INLINE void unfilter_sub(uint8_t *to, const uint8_t *raw, int64_t bytes, const int step)
{
    Bytes8 left = {0};
    for (int64_t i = 0; i < bytes; i += step) {
        left += load_eight(raw + i);
        memcpy(to + i, &left, 8);
    }
}

INLINE void unfilter_serial(uint8_t *to, const uint8_t *above, const uint8_t *raw, int64_t bytes,
                            const int step, const int filter)
{
    const int filters[2] = {filter, filter};
    Shorts8 a = {0}, c = {0};
    for (int64_t i = 0; i < bytes; i += step) {
        const Shorts8 b = widen(load_eight(above + i));
        a = (predict(filters, a, b, c) + widen(load_eight(raw + i))) & 255;
        c = b;
        const Bytes8 made = __builtin_convertvector(a, Bytes8);
        memcpy(to + i, &made, 8);
    }
}

/* ---- two rows ---- */

/* Of `raw`, the rows begin `stride` apart; of `to`, anywhere. */
INLINE void unfilter_two(uint8_t *const to[2], const uint8_t *above, const uint8_t *const raw[2],
                         int64_t bytes, const int step, const int filters[2])
{
    Bytes8 made = {0};
    Shorts8 a = {0}, c = {0};
    for (int64_t i = 0; i < bytes + step; i += step) {
        uint32_t lanes[2];
        memcpy(lanes, &made, sizeof lanes); /* the first row's pixel is above the second's */
        const Shorts8 b = widen(join_words(load_word(above + i), lanes[0]));
        const uint32_t behind = i == 0 ? 0 : load_word(raw[1] + i - step);
        a = (predict(filters, a, b, c) + widen(join_words(load_word(raw[0] + i), behind))) & 255;
        c = b;
        made = __builtin_convertvector(a, Bytes8);
        memcpy(lanes, &made, sizeof lanes);
        store_word(to[0] + i, lanes[0]);
        store_word(to[1] + i - step, lanes[1]);
    }
}
#endif
