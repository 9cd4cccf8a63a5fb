/* Coefficients of blocks -> rows of the small picture.
 *
 * A block is added to the few rows that it covers, first vertically and still as horizontal
 * frequencies, in a ring of rows; rows to which nothing more is added are made horizontally.
 */
#ifndef IMG2DATASET_JPEG_ROWS_H
#define IMG2DATASET_JPEG_ROWS_H

#include "jpeg_decoder.h"

/* ---- eight lanes ---- */

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Ints8){__VA_ARGS__})
#endif

INLINE void transpose(Floats8 *v)
{
    Floats8 a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = SHUFFLE(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        a[i + 1] = SHUFFLE(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            b[i + 2 * j] = SHUFFLE(a[i + j], a[i + 2 + j], 0, 1, 8, 9, 4, 5, 12, 13);
            b[i + 2 * j + 1] = SHUFFLE(a[i + j], a[i + 2 + j], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; i++) {
        v[i] = SHUFFLE(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        v[i + 4] = SHUFFLE(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

INLINE Floats8 clamp_samples(Floats8 v)
{
    float lanes[8]; /* loops over arrays become max and min; expressions of vectors do not */
    memcpy(lanes, &v, sizeof lanes);
    for (int i = 0; i < 8; i++) {
        lanes[i] = lanes[i] > 0 ? lanes[i] : 0;
        lanes[i] = lanes[i] < 255 ? lanes[i] : 255;
    }
    memcpy(&v, lanes, sizeof lanes);
    return v;
}

INLINE Ints8 round_samples(Floats8 levels)
{
    return __builtin_convertvector(clamp_samples(levels) + 0.5f, Ints8);
}

/* ---- rows ---- */

INLINE Floats8 *find_ring_row(const Decoder *decoder, const Component *component, int32_t y)
{
    return component->ring + (int64_t)(y % decoder->ring_length) * component->columns.blocks;
}

/* Rows of a block, counted so that few cases cover most: DC alone, half of them, all. */
enum { ONLY_DC = 0, HALF = 4, ALL = 8 };

/* Add a block to the rows of the small picture that it touches; rows of it behind the first `rows`
 * are all 0. */
INLINE void add_block(const int16_t *block, const Component *component, int rows, int down,
                      int32_t row, int32_t column)
{
    const int32_t start = component->rows.start[row];
    const int32_t count = component->rows.start[row + 1] - start;
    const float *weights = (const float *)(component->rows.rows + start);
    Floats8 *const *target = component->target[down];
    if (rows == ONLY_DC) {
        const float level = block[0] * component->qtable[0];
        for (int32_t i = 0; i < count; i++, weights += DCTSIZE)
            *(float *)(target[i] + column) += level * weights[0];
        return;
    }
    Floats8 v[DCTSIZE];
    for (int i = 0; i < rows; i++) {
        const Shorts8 shorts = *(const Shorts8 *)(block + DCTSIZE * i);
        v[i] = __builtin_convertvector(__builtin_convertvector(shorts, Ints8), Floats8);
        v[i] *= *(const Floats8 *)(component->qtable + DCTSIZE * i);
    }
    if (rows == HALF)
        for (int32_t i = 0; i < count; i++, weights += DCTSIZE)
            target[i][column] += v[0] * weights[0] + v[1] * weights[1] + v[2] * weights[2] +
                                 v[3] * weights[3];
    else
        for (int32_t i = 0; i < count; i++, weights += DCTSIZE)
            target[i][column] +=
                (v[0] * weights[0] + v[1] * weights[1] + v[2] * weights[2] + v[3] * weights[3]) +
                (v[4] * weights[4] + v[5] * weights[5] + v[6] * weights[6] + v[7] * weights[7]);
}

/* Make the pixels of rows `from` to `from + count` (8 at most), by column, and clear the rows. */
INLINE void make_means(const Decoder *decoder, Component *component, int32_t from, int32_t count)
{
    const BlockWeights *blockwise = &component->columns;
    const Floats8 *rows[DCTSIZE];
    memset(component->means, 0, sizeof(Floats8) * (size_t)decoder->out_width);
    for (int i = 0; i < DCTSIZE; i++)
        rows[i] = find_ring_row(decoder, component, from + (i < count ? i : 0));
    for (int32_t column = 0; column < blockwise->blocks; column++) {
        Floats8 v[DCTSIZE];
        for (int i = 0; i < DCTSIZE; i++) v[i] = rows[i][column];
        transpose(v);
        Floats8 *mean = component->means + blockwise->first[column];
        for (int32_t i = blockwise->start[column]; i < blockwise->start[column + 1]; i++, mean++) {
            const float *weights = (const float *)(blockwise->rows + i);
            *mean +=
                (v[0] * weights[0] + v[1] * weights[1] + v[2] * weights[2] + v[3] * weights[3]) +
                (v[4] * weights[4] + v[5] * weights[5] + v[6] * weights[6] + v[7] * weights[7]);
        }
    }
    for (int i = 0; i < count; i++)
        memset(find_ring_row(decoder, component, from + i), 0,
               sizeof(Floats8) * (size_t)blockwise->blocks);
}

/* Write rows `from` to `from + count` (8 at most) of the small picture, BGR or grey. */
INLINE void write_rows(Decoder *decoder, int32_t from, int32_t count, uint8_t *out)
{
    const int step = decoder->components;
    const int64_t length = (int64_t)decoder->out_width * step, line = length + 4;
    for (int i = 0; i < step; i++) make_means(decoder, &decoder->component[i], from, count);
    for (int32_t x = 0; x < decoder->out_width; x++) {
        const Floats8 y = decoder->component[0].means[x] + 128;
        Ints8 pixels;
        if (step == 1) {
            pixels = round_samples(y);
        } else {
            const Floats8 cb = decoder->component[1].means[x], cr = decoder->component[2].means[x];
            pixels = round_samples(y + 1.772f * cb) | /* JFIF 1.02 */
                     round_samples(y - 0.344136286f * cb - 0.714136286f * cr) << 8 |
                     round_samples(y + 1.402f * cr) << 16;
        }
        /* four bytes each, the lowest first; the next pixel is written over the surplus */
        uint8_t *to = decoder->line_buffer + (int64_t)x * step;
        for (int i = 0; i < DCTSIZE; i++, to += line) {
            const int32_t pixel = pixels[i];
            memcpy(to, &pixel, sizeof pixel);
        }
    }
    for (int i = 0; i < count; i++)
        memcpy(out + (from + i) * length, decoder->line_buffer + i * line, (size_t)length);
}

/* How many rows of the small picture are complete after so many rows of MCUs. */
INLINE int32_t count_finished_rows(const Decoder *decoder, int32_t mcu_rows)
{
    if (mcu_rows == decoder->mcu_rows) return decoder->out_height;
    int32_t finished = decoder->out_height;
    for (int i = 0; i < decoder->components; i++) {
        const Component *component = &decoder->component[i];
        const int32_t first = component->rows.first[mcu_rows * component->v];
        if (first < finished) finished = first;
    }
    return finished;
}

#endif
