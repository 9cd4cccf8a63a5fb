/* Area averages: the mean of the source rectangle that an output pixel covers, pixels at the rim
 * counting by the fraction that is inside.  What OpenCV calls INTER_AREA.  The sums are floats, the
 * result is rounded half to even.
 *
 * Rows are summed first, which is the part that compilers vectorise, then columns: a source
 * pixel is touched once in the first pass, and only an output row's worth in the second.
 */
#ifndef IMG2DATASET_AREA_MEANS_H
#define IMG2DATASET_AREA_MEANS_H

#include <math.h>
#include <stdint.h>

#include "_wide.h"

/* Source positions [first, last] that an output position covers; weights of the two ends, and of
 * each one between them.  They add up to 1. */
typedef struct {
    int32_t first, last;
    float head, body, tail;
} Span;

static void make_spans(Span *spans, int32_t from, int32_t to)
{
    const double scale = (double)from / to;
    for (int32_t i = 0; i < to; i++) {
        const double start = i * scale;
        const double end = i + 1 == to ? (double)from : (i + 1) * scale;
        int32_t first = (int32_t)floor(start + 1e-7);
        int32_t last = (int32_t)ceil(end - 1e-7) - 1;
        if (first > from - 1) first = from - 1;
        if (last > from - 1) last = from - 1;
        if (last < first) last = first;
        const double covered = end - start;
        spans[i].first = first;
        spans[i].last = last;
        spans[i].body = (float)(1 / covered);
        spans[i].head = (float)((fmin(first + 1, end) - fmax(first, start)) / covered);
        spans[i].tail = (float)((fmin(last + 1, end) - fmax(last, start)) / covered);
    }
}

static inline float weight_at(const Span *span, int32_t position)
{
    return position == span->first ? span->head : position == span->last ? span->tail : span->body;
}

/* sum = (add ? sum : 0) + a[i] * wa + b[i] * wb */
INLINE void add_rows(float *restrict sum, const uint8_t *restrict a, const uint8_t *restrict b,
                     float wa, float wb, int64_t count, int add)
{
    if (add)
        for (int64_t i = 0; i < count; i++) sum[i] += a[i] * wa + b[i] * wb;
    else
        for (int64_t i = 0; i < count; i++) sum[i] = a[i] * wa + b[i] * wb;
}

/* Add the weighted rows y and y + 1, if the span has both, to `sum`; the first pair begins it. */
INLINE void sum_two_rows(float *sum, const uint8_t *row, const uint8_t *next, const Span *span,
                         int32_t y, int64_t count)
{
    const int pair = y < span->last;
    add_rows(sum, row, pair ? next : row, weight_at(span, y), pair ? weight_at(span, y + 1) : 0.0f,
             count, y > span->first);
}

static inline uint8_t rounded(float value)
{
    const long whole = lrintf(value);
    return whole < 0 ? 0 : whole > 255 ? 255 : (uint8_t)whole;
}

#if defined(__GNUC__)
typedef float Four __attribute__((vector_size(16)));

static inline Four load_four(const float *from)
{
    Four value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

/* Three channels at once; the fourth lane is the next pixel's, and ignored. */
INLINE void sum_columns_3(uint8_t *out, const float *sum, const Span *spans, int32_t width)
{
    for (int32_t x = 0; x < width; x++, out += 3) {
        const Span *span = &spans[x];
        const float *pixel = sum + 3 * (int64_t)span->first;
        Four total = load_four(pixel) * span->head;
        for (int32_t left = span->last - span->first; left > 0; left--) {
            pixel += 3;
            total += load_four(pixel) * (left == 1 ? span->tail : span->body);
        }
        /* adding 1.5 * 2^23 leaves the whole number, half to even, in the low bits */
        const Four shifted = total + 12582912.0f;
        uint32_t bits[4];
        __builtin_memcpy(bits, &shifted, sizeof bits);
        for (int c = 0; c < 3; c++) {
            const int32_t whole = (int32_t)(bits[c] & 0x3ff);
            out[c] = (uint8_t)(whole > 255 ? 255 : whole);
        }
    }
}
#else
INLINE void sum_columns_3(uint8_t *out, const float *sum, const Span *spans, int32_t width)
{
    for (int32_t x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) {
            float total = 0;
            for (int32_t p = spans[x].first; p <= spans[x].last; p++)
                total += sum[3 * (int64_t)p + c] * weight_at(&spans[x], p);
            *out++ = rounded(total);
        }
}
#endif

INLINE void sum_columns_1(uint8_t *out, const float *sum, const Span *spans, int32_t width)
{
    for (int32_t x = 0; x < width; x++) {
        float total = 0;
        for (int32_t p = spans[x].first; p <= spans[x].last; p++)
            total += sum[p] * weight_at(&spans[x], p);
        out[x] = rounded(total);
    }
}

#endif
