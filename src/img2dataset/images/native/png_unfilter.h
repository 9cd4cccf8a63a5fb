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

#if defined(__x86_64__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "_wide.h"

#define PADDING_BYTES 16 /* at least two of the largest pixels */

enum { NONE, SUB, UP, AVERAGE, PAETH, FILTERS };

typedef uint8_t Bytes8 __attribute__((vector_size(8)));
typedef uint8_t Bytes16 __attribute__((vector_size(16)));
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

/* The first four lanes of `low`, and behind them those of `high`. */
INLINE Shorts8 join_halves(Shorts8 low, Shorts8 high)
{
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11);
#else
    return __builtin_shuffle(low, high, (Shorts8){0, 1, 2, 3, 8, 9, 10, 11});
#endif
}

/* One instruction each, which compilers do not find by themselves. */
#if defined(__x86_64__)
INLINE Shorts8 widen(Bytes8 v)
{
    return (Shorts8)_mm_unpacklo_epi8(_mm_cvtsi64_si128((int64_t)v), _mm_setzero_si128());
}
/* Of lanes from 0 to 255. */
INLINE Bytes8 narrow(Shorts8 v)
{
    return (Bytes8)_mm_cvtsi128_si64(_mm_packus_epi16((__m128i)v, (__m128i)v));
}
INLINE Shorts8 magnitude(Shorts8 v) { return (Shorts8)_mm_max_epi16((__m128i)v, (__m128i)-v); }
INLINE Shorts8 smaller(Shorts8 v, Shorts8 w)
{
    return (Shorts8)_mm_min_epi16((__m128i)v, (__m128i)w);
}
#else
INLINE Shorts8 widen(Bytes8 v) { return __builtin_convertvector(v, Shorts8); }
INLINE Bytes8 narrow(Shorts8 v) { return __builtin_convertvector(v, Bytes8); }
#if defined(__ARM_NEON)
INLINE Shorts8 magnitude(Shorts8 v) { return (Shorts8)vabsq_s16((int16x8_t)v); }
INLINE Shorts8 smaller(Shorts8 v, Shorts8 w)
{
    return (Shorts8)vminq_s16((int16x8_t)v, (int16x8_t)w);
}
#else
INLINE Shorts8 magnitude(Shorts8 v) { return (v ^ v >> 15) - (v >> 15); }
INLINE Shorts8 smaller(Shorts8 v, Shorts8 w) { return ((v < w) & v) | (~(v < w) & w); }
#endif
#endif

/* Two pixels, of four bytes each. */
INLINE Shorts8 widen_words(uint32_t low, uint32_t high)
{
    const uint64_t both = low | (uint64_t)high << 32;
    Bytes8 value;
    memcpy(&value, &both, sizeof value);
    return widen(value);
}

/* Lanes from 0 to 255, added as bytes are. */
INLINE Shorts8 add_bytes(Shorts8 v, Shorts8 w) { return (Shorts8)((Bytes16)v + (Bytes16)w); }

INLINE Shorts8 choose(Shorts8 condition, Shorts8 yes, Shorts8 no)
{
    return (condition & yes) | (~condition & no);
}

/* `raw` and of a (left), b (above) and c (above and left) the one nearest to a + b - c, in this
 * order.  What could be added afterwards is added to each of them: the next pixel waits for it. */
INLINE Shorts8 add_paeth(Shorts8 raw, Shorts8 a, Shorts8 b, Shorts8 c)
{
    const Shorts8 from_c = b - c, to_c = a - c;
    const Shorts8 pa = magnitude(from_c), pb = magnitude(to_c), pc = magnitude(from_c + to_c);
    const Shorts8 nearer = choose(pb < pa, add_bytes(b, raw), add_bytes(a, raw));
    return choose(pc < smaller(pa, pb), add_bytes(c, raw), nearer);
}

INLINE Shorts8 add_average(Shorts8 raw, Shorts8 a, Shorts8 b)
{
    return add_bytes(raw, (a + b) >> 1);
}

/* `filters` is that of the first four lanes, and that of the last four. */
INLINE Shorts8 add_prediction(const int filters[2], Shorts8 raw, Shorts8 a, Shorts8 b, Shorts8 c)
{
    if (filters[0] == filters[1])
        return filters[0] == PAETH ? add_paeth(raw, a, b, c) : add_average(raw, a, b);
    const Shorts8 first = {-1, -1, -1, -1, 0, 0, 0, 0};
    return choose(filters[0] == PAETH ? first : ~first, add_paeth(raw, a, b, c),
                  add_average(raw, a, b));
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
        a = add_prediction(filters, widen(load_eight(raw + i)), a, b, c);
        c = b;
        const Bytes8 made = narrow(a);
        memcpy(to + i, &made, 8);
    }
}

/* ---- two rows ---- */

INLINE void unfilter_two(uint8_t *const to[2], const uint8_t *above, const uint8_t *const raw[2],
                         int64_t bytes, const int step, const int filters[2])
{
    uint8_t *const first = to[0], *const second = to[1] - step;
    const uint8_t *const first_raw = raw[0], *const second_raw = raw[1] - step;
    Shorts8 a = {0}, c = {0};
    for (int64_t i = 0; i < bytes + step; i += step) {
        /* the first row's pixel is above the second's */
        const Shorts8 b = join_halves(widen_words(load_word(above + i), 0), a);
        const uint32_t behind = i == 0 ? 0 : load_word(second_raw + i);
        a = add_prediction(filters, widen_words(load_word(first_raw + i), behind), a, b, c);
        c = b;
        const Bytes8 made = narrow(a);
        uint32_t lanes[2];
        memcpy(lanes, &made, sizeof lanes);
        store_word(first + i, lanes[0]);
        store_word(second + i, lanes[1]);
    }
}
#endif
