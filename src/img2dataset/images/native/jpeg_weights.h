/* Weights of an area average that apply to DCT coefficients: how much each frequency of a block
 * counts in each sample of the small picture.
 *
 * The inverse DCT (ITU-T T.81, A.3.3), libjpeg's smooth upsampling of colours and an average of
 * areas are all linear, so that together they are one small matrix for each block and direction.
 */
#ifndef IMG2DATASET_JPEG_WEIGHTS_H
#define IMG2DATASET_JPEG_WEIGHTS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_wide.h"
#include "jpeg_markers.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are passed between inlined functions only */

typedef float Floats8 __attribute__((vector_size(32), aligned(32)));
typedef int32_t Ints8 __attribute__((vector_size(32)));
typedef int16_t Shorts16 __attribute__((vector_size(32), aligned(32)));
typedef int16_t Shorts8 __attribute__((vector_size(16), aligned(16)));

static void *allocate(int64_t count, size_t size)
{
    void *memory = NULL;
    return posix_memalign(&memory, 64, (size_t)count * size) == 0 ? memory : NULL;
}

static void *allocate_zeros(int64_t count, size_t size)
{
    void *memory = allocate(count, size);
    return memory == NULL ? NULL : memset(memory, 0, (size_t)count * size);
}

/* ---- of samples ---- */

/* The samples that an output position is the mean of, and how much each counts. */
typedef struct {
    int32_t count;  /* output positions */
    int32_t length; /* samples of each, padded with weights of 0 */
    int32_t *first;
    float *weights; /* count x length */
} AreaWeights;

static void free_area_weights(AreaWeights *area)
{
    free(area->first);
    free(area->weights);
}

/* How much pixel `x` counts in the mean of [start, end). */
static double measure_share(int32_t x, double start, double end)
{
    return (fmin(x + 1, end) - fmax(x, start)) / (end - start);
}

/* Add the weight of pixel x to those of its samples, which begin with `first`: itself, or, where
 * there is one sample for two pixels, three parts of its own sample and one of its neighbour. */
static void add_pixel_weight(float *weights, int32_t first, int32_t x, double weight,
                             int is_subsampled, int32_t samples)
{
    if (!is_subsampled) {
        weights[x - first] += (float)weight;
        return;
    }
    const int32_t own = x / 2, other = own + (x & 1 ? 1 : -1);
    const int32_t neighbour = other < 0 || other >= samples ? own : other;
    weights[own - first] += (float)(weight * 0.75);
    weights[neighbour - first] += (float)(weight * 0.25);
}

/* Weigh samples for the means of `size` pixels in `count` equal parts; samples are half as many
 * as pixels if `is_subsampled`. */
static int make_area_weights(AreaWeights *area, int32_t size, int32_t count, int is_subsampled)
{
    const double scale = (double)size / count;
    const int32_t samples = is_subsampled ? (size + 1) / 2 : size;
    const int32_t pixels = (int32_t)ceil(scale) + 1;
    area->count = count;
    area->length = is_subsampled ? pixels / 2 + 3 : pixels;
    area->first = malloc(sizeof(int32_t) * (size_t)count);
    area->weights = calloc((size_t)count * (size_t)area->length, sizeof(float));
    if (area->first == NULL || area->weights == NULL) return NO_MEMORY;
    for (int32_t i = 0; i < count; i++) {
        const double start = i * scale;
        const double end = i + 1 == count ? size : (i + 1) * scale;
        int32_t from = (int32_t)floor(start + 1e-7), to = (int32_t)ceil(end - 1e-7);
        if (to > size) to = size;
        if (from >= to) from = to - 1;
        int32_t first = is_subsampled ? from / 2 - (from & 1 ? 0 : 1) : from;
        if (first < 0) first = 0;
        area->first[i] = first;
        for (int32_t x = from; x < to; x++)
            add_pixel_weight(area->weights + (int64_t)i * area->length, first, x,
                             measure_share(x, start, end), is_subsampled, samples);
    }
    return DONE;
}

/* ---- of frequencies ---- */

/* What each block of eight samples adds to the means. */
typedef struct {
    int32_t blocks;
    int32_t max_means; /* that one block adds to */
    int32_t *first;    /* per block, and one more: the first mean that it adds to */
    int32_t *start;    /* per block, and one more: where its rows begin */
    Floats8 *rows;     /* one per mean: how much each of the block's frequencies counts */
} BlockWeights;

static void free_block_weights(BlockWeights *blockwise)
{
    free(blockwise->first);
    free(blockwise->start);
    free(blockwise->rows);
}

/* The frequencies 0 to 7 at a sample (T.81, A.3.3). */
static Floats8 compute_basis(int sample)
{
    static const float HALF_COSINE[32] = { /* cos(i pi / 16) / 2 */
        0.5f, 0.49039264020161522f, 0.46193976625564337f, 0.41573480615127262f,
        0.35355339059327373f, 0.27778511650980111f, 0.19134171618254489f, 0.09754516100806413f,
        0.0f, -0.09754516100806413f, -0.19134171618254489f, -0.27778511650980111f,
        -0.35355339059327373f, -0.41573480615127262f, -0.46193976625564337f, -0.49039264020161522f,
        -0.5f, -0.49039264020161522f, -0.46193976625564337f, -0.41573480615127262f,
        -0.35355339059327373f, -0.27778511650980111f, -0.19134171618254489f, -0.09754516100806413f,
        0.0f, 0.09754516100806413f, 0.19134171618254489f, 0.27778511650980111f,
        0.35355339059327373f, 0.41573480615127262f, 0.46193976625564337f, 0.49039264020161522f,
    };
    Floats8 found;
    found[0] = 0.35355339059327373f;
    for (int k = 1; k < DCTSIZE; k++) found[k] = HALF_COSINE[(2 * sample + 1) * k & 31];
    return found;
}

/* Find the blocks `*from` to `*to` of the samples that count in mean i, without the padding. */
static void find_blocks(const AreaWeights *area, int32_t i, int32_t *from, int32_t *to)
{
    const float *weights = area->weights + (int64_t)i * area->length;
    int32_t last = area->length - 1;
    while (last > 0 && weights[last] == 0) last--;
    *from = area->first[i] / DCTSIZE;
    *to = (area->first[i] + last) / DCTSIZE;
}

static int make_block_weights(BlockWeights *blockwise, const AreaWeights *area, int32_t blocks)
{
    int32_t from, to;
    blockwise->blocks = blocks;
    blockwise->first = malloc(sizeof(int32_t) * ((size_t)blocks + 1));
    blockwise->start = malloc(sizeof(int32_t) * ((size_t)blocks + 1));
    if (blockwise->first == NULL || blockwise->start == NULL) return NO_MEMORY;
    int32_t *const first = blockwise->first, *const start = blockwise->start;
    for (int32_t block = 0; block <= blocks; block++) first[block] = area->count, start[block] = 0;
    for (int32_t i = area->count - 1; i >= 0; i--) {
        find_blocks(area, i, &from, &to);
        if (to >= blocks) return UNSUPPORTED; /* cannot happen */
        for (int32_t block = from; block <= to; block++) first[block] = i, start[block + 1]++;
    }
    for (int32_t block = blocks - 1; block >= 0; block--)
        if (first[block] > first[block + 1]) first[block] = first[block + 1];
    for (int32_t block = 0; block < blocks; block++) {
        if (start[block + 1] > blockwise->max_means) blockwise->max_means = start[block + 1];
        start[block + 1] += start[block];
    }
    blockwise->rows = allocate_zeros(start[blocks] + 1, sizeof(Floats8));
    if (blockwise->rows == NULL) return NO_MEMORY;
    Floats8 all[DCTSIZE];
    for (int sample = 0; sample < DCTSIZE; sample++) all[sample] = compute_basis(sample);
    for (int32_t i = 0; i < area->count; i++) {
        const float *weights = area->weights + (int64_t)i * area->length;
        find_blocks(area, i, &from, &to);
        for (int32_t k = 0, x = area->first[i]; k < area->length && x / DCTSIZE <= to; k++, x++)
            blockwise->rows[start[x / DCTSIZE] + i - first[x / DCTSIZE]] +=
                weights[k] * all[x % DCTSIZE];
    }
    return DONE;
}

#endif
