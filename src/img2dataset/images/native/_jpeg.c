/* Baseline JPEG -> a smaller picture, in one pass.
 *
 * Most of the web's photos are baseline JPEGs that become several times smaller.  Decoding them
 * first and averaging areas afterwards writes and reads every pixel of the large picture three
 * times.  Here the large picture is never made.  The inverse DCT and an average of areas are both
 * linear, and one after the other they are one small matrix for each block: what is in a block is
 * added, first vertically and still as horizontal frequencies, to the few rows of the small
 * picture that it covers; rows to which nothing is added any more are made horizontally.
 *
 * What comes out is what libjpeg's full decode (accurate DCT, smooth upsampling of colours)
 * followed by OpenCV's INTER_AREA would give, but for roundings on the way, which here are none, and
 * for samples beyond black or white, which libjpeg cuts one by one and we only in their averages.
 *
 * Files that are odd in any way are left to libjpeg: `shrink` says that it did nothing.  So this
 * file need not know what to do about damage; it must only never read or write out of bounds.
 * Three rules see to that: `Reader` hands out header bytes only as far as they go; the bits of a
 * scan are copied into a buffer with PADDING zeros behind it, and a block, which cannot take more
 * than that, begins only inside of it; and positions in a block end in a table with room for the
 * longest run.
 *
 * References: ITU-T T.81 (the format), JFIF 1.02 (its colours).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_wide.h"

#if !defined(__GNUC__)
#error "needs the vector types of GCC or Clang; img2dataset works without this module"
#endif

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are passed between inlined functions only */

#define LOOK 10    /* bits that one look into a code table sees */
#define LOOKS 5    /* that 56 bits are enough for */
#define PADDING 512 /* bytes: 64 codes of 16 bits with 11 bits behind each take 216 */
#define SIDE 8
#define MOST_BLOCKS 6 /* of a unit: two by two, and two of half the size */
#define LONGEST 65500 /* pixels: libjpeg's own limit */

typedef float Eight __attribute__((vector_size(32), aligned(32)));
typedef int32_t EightInts __attribute__((vector_size(32)));
typedef int16_t SixteenShorts __attribute__((vector_size(32), aligned(32)));
typedef int16_t EightShorts __attribute__((vector_size(16), aligned(16)));

enum { DONE = 1, LEFT = 0, NO_MEMORY = -1 };

/* Zigzag position -> place in the block.  A run may lead up to 16 beyond the end, and the end of
 * a block is END steps: whatever is stored there goes to a place that nobody reads. */
#define END 128
#define NO_SUCH_CODE 224
#define NOWHERE 64
static const uint8_t PLACE[64 + NO_SUCH_CODE] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
#define FOUR NOWHERE, NOWHERE, NOWHERE, NOWHERE
#define SIXTEEN FOUR, FOUR, FOUR, FOUR
#define SIXTY_FOUR SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN
    SIXTY_FOUR, SIXTY_FOUR, SIXTY_FOUR, SIXTEEN, SIXTEEN,
#undef SIXTY_FOUR
#undef SIXTEEN
#undef FOUR
};

/* ---- Huffman codes ---- */

/* What the next LOOK bits mean.  A symbol is a run of zeros and the size of the coefficient after
 * it, whose bits follow; most of the time LOOK bits hold one of these whole, or even two.  What
 * the next look waits for is apart from the values, and small: it has to be near.  From the lowest
 * bit on, of `moves`:
 *    6 how many bits to take
 *    1 unused
 *    1 HIDDEN: more must be looked at; 0 bits to take = the code is longer than LOOK, else the
 *      coefficient is not all there, and its size is in the place of its value
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

typedef struct {
    uint8_t count[17]; /* codes of each length */
    uint8_t symbols[256];
    int given, made;
    uint16_t moves[1 << LOOK];
    uint32_t values[1 << LOOK];
    /* for codes longer than LOOK, by length: one more than the last code, left-aligned in 16
     * bits; and what to add to a code to find its symbol */
    uint32_t beyond[18];
    int32_t offset[17];
} Codes;

/* T.81, F.12; without a branch, which nobody could foretell. */
INLINE int extended(uint32_t bits, int size)
{
    const int is_negative = size && !(bits >> (size - 1));
    return (int)bits - (-is_negative & ((1 << size) - 1));
}

INLINE size_t steps_of(int symbol, int dc) { return dc ? 1 : symbol == 0 ? END : (symbol >> 4) + 1; }

/* Whether baseline knows the symbol: a size for DC; zeros and a size for AC, 16 zeros, the end. */
static int is_known(int symbol, int dc)
{
    const int size = symbol & 15;
    if (dc) return symbol <= 11;
    return size <= 10 && (size > 0 || symbol == 0 || symbol == 0xf0);
}

static void look_ahead(Codes *codes, int length, uint32_t code, int symbol, int dc)
{
    const int rest = LOOK - length, size = symbol & 15, whole = size <= rest;
    const int bits = whole ? length + size : length, steps = (int)steps_of(symbol, dc);
    const uint16_t moves = (uint16_t)(steps << 8 | (whole ? 0 : HIDDEN) | bits);
    const uint32_t first = steps == END ? 1 : (uint32_t)steps; /* a 0 may be stored there */
    for (uint32_t tail = 0; tail < 1u << rest; tail++) {
        const int value = whole ? extended(tail >> (rest - size), size) : size;
        codes->moves[code << rest | tail] = moves;
        codes->values[code << rest | tail] = (uint16_t)(value * 32) | first;
    }
}

/* Where LOOK bits hold another symbol behind the first, note it too. */
static void look_twice(Codes *codes)
{
    uint16_t moves[1 << LOOK];
    memcpy(moves, codes->moves, sizeof moves);
    for (uint32_t i = 0; i < 1u << LOOK; i++) {
        const uint16_t seen = moves[i];
        const int first = TAKEN(seen);
        if (seen & HIDDEN || STEPS(seen) == END) continue;
        const uint32_t behind = i << first & ((1u << LOOK) - 1);
        const uint16_t next = moves[behind];
        if (next & HIDDEN || first + TAKEN(next) > LOOK) continue;
        codes->moves[i] = (uint16_t)(seen + (next & ~HIDDEN));
        codes->values[i] |= (uint32_t)(uint16_t)VALUE(codes->values[behind]) << 16;
    }
}

/* Whether the table is one that baseline may use. */
static int make_codes(Codes *codes, int dc)
{
    uint32_t code = 0;
    int at = 0;
    if (codes->made) return 1; /* for another component */
    for (int i = 0; i < 1 << LOOK; i++) codes->moves[i] = HIDDEN;
    for (int length = 1; length <= 16; length++) {
        codes->offset[length] = at - (int32_t)code;
        for (int i = 0; i < codes->count[length]; i++, at++, code++) {
            if (at >= 256 || !is_known(codes->symbols[at], dc)) return 0;
            if (code >= (1u << length) - (length == 16)) return 0; /* all ones is no code */
            if (length <= LOOK) look_ahead(codes, length, code, codes->symbols[at], dc);
        }
        codes->beyond[length] = code << (16 - length);
        code <<= 1;
    }
    codes->beyond[17] = UINT32_MAX;
    if (!dc) look_twice(codes);
    codes->made = 1;
    return 1;
}

/* ---- bits ---- */

typedef struct {
    const uint8_t *next, *end;
    uint64_t held; /* the next bits, from the top */
    int count;     /* how many of them are sure */
} Bits;

/* At least 56 bits are there afterwards.  Bits beyond `count` may be there already: they are the
 * same that are put there again. */
INLINE void refill(Bits *bits)
{
    uint64_t word;
    memcpy(&word, bits->next, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    bits->held |= word >> bits->count;
    bits->next += (63 - bits->count) >> 3;
    bits->count |= 56;
}

INLINE void skip(Bits *bits, int count)
{
    bits->held <<= count & 63;
    bits->count -= count;
}

INLINE uint32_t take(Bits *bits, int count) /* 1 or more */
{
    const uint32_t taken = (uint32_t)(bits->held >> (64 - count));
    skip(bits, count);
    return taken;
}

/* The symbol of a code of `length` bits or more, and in the bits above 8 the length of the code,
 * from the next 16 bits; -1 if there is no such code.  Takes no pointer to Bits: they are in
 * registers. */
static __attribute__((noinline)) int symbol_of(uint32_t ahead, const Codes *codes, int length)
{
    while (ahead >= codes->beyond[length]) length++;
    if (length > 16) return -1;
    const uint32_t code = ahead >> (16 - length);
    return length << 8 | codes->symbols[(uint8_t)((int32_t)code + codes->offset[length])];
}

/* A coefficient whose code has `length` bits or more; the steps to the position behind it, or
 * NO_SUCH_CODE.  Takes 27 bits at most. */
INLINE size_t next_coefficient(Bits *bits, const Codes *codes, int length, int dc, int *value)
{
    const int found = symbol_of((uint32_t)(bits->held >> 48), codes, length);
    if (found < 0) return NO_SUCH_CODE;
    const int symbol = found & 0xff, size = symbol & 15;
    skip(bits, found >> 8);
    *value = size ? extended(take(bits, size), size) : 0;
    return steps_of(symbol, dc);
}

/* A coefficient that one look does not see whole. */
INLINE size_t hidden_coefficient(Bits *bits, const Codes *codes, uint32_t index, int dc, int *value)
{
    refill(bits);
    const uint16_t seen = codes->moves[index];
    if (!TAKEN(seen)) return next_coefficient(bits, codes, LOOK + 1, dc, value);
    const int size = VALUE(codes->values[index]);
    skip(bits, TAKEN(seen));
    *value = extended(take(bits, size), size);
    return STEPS(seen);
}

INLINE int read_dc(Bits *bits, const Codes *codes, int *previous)
{
    const uint32_t index = (uint32_t)(bits->held >> (64 - LOOK));
    const uint16_t seen = codes->moves[index];
    int value = VALUE(codes->values[index]);
    if (__builtin_expect((seen & HIDDEN) != 0, 0)) {
        if (hidden_coefficient(bits, codes, index, 1, &value) == NO_SUCH_CODE) return 0;
    } else {
        skip(bits, TAKEN(seen));
    }
    *previous += value;
    return *previous >= -2048 && *previous <= 2047;
}

/* One or two coefficients; `at`, the position behind the last one, moves on. */
INLINE void read_ac(Bits *bits, const Codes *codes, int16_t *block, size_t *at)
{
    const uint32_t index = (uint32_t)(bits->held >> (64 - LOOK));
    const uint16_t seen = codes->moves[index];
    if (__builtin_expect((seen & HIDDEN) != 0, 0)) {
        int value = 0;
        *at += hidden_coefficient(bits, codes, index, 0, &value);
        block[PLACE[*at - 1]] = (int16_t)value;
        refill(bits); /* for the looks that are left */
        return;
    }
    const uint32_t values = codes->values[index];
    const size_t first = *at + FIRST_STEPS(values);
    skip(bits, TAKEN(seen));
    *at += STEPS(seen);
    /* in this order: without a second one, both go to the same place */
    block[PLACE[*at - 1]] = SECOND_VALUE(values);
    block[PLACE[first - 1]] = (int16_t)VALUE(values);
}

/* Coefficients one by one, from `at` to the end of the block: the last one may have been taken
 * together with what follows the block. */
INLINE int read_singly(Bits *bits, const Codes *codes, int16_t *block, size_t at)
{
    while (at < 64) {
        int value = 0;
        refill(bits);
        at += next_coefficient(bits, codes, 1, 0, &value);
        block[PLACE[at - 1]] = (int16_t)value;
    }
    return at == 64 ? 63 : -1;
}

/* The coefficients of a block into `block`, which is all 0; the position of the last one, or -1. */
INLINE int read_block(Bits *bits, const Codes *dc, const Codes *ac, int *previous, int16_t *block)
{
    size_t at = 1, before = 1;
    if (bits->next > bits->end + SIDE) return -1;
    refill(bits);
    if (!read_dc(bits, dc, previous)) return -1;
    block[0] = (int16_t)*previous;
    Bits saved = *bits;
    while (at < 64) {
        refill(bits);
        saved = *bits;
        before = at;
        for (int i = 0; i < LOOKS && at < 64; i++) read_ac(bits, ac, block, &at);
    }
    if (at == 64) return 63;
    /* END beyond the last one, which was at 63 at most */
    if (at > END && at < END + 64) return (int)(at - END) - 1;
    *bits = saved;
    return read_singly(bits, ac, block, before);
}

/* ---- memory ---- */

static void *zeros(int64_t count, size_t size)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, (size_t)count * size) != 0) return NULL;
    return memset(memory, 0, (size_t)count * size);
}

/* ---- eight lanes ---- */

#if defined(__clang__) || __GNUC__ >= 12
#define MIXED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define MIXED(a, b, ...) __builtin_shuffle(a, b, (EightInts){__VA_ARGS__})
#endif

INLINE void transpose(Eight *v)
{
    Eight a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = MIXED(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        a[i + 1] = MIXED(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            b[i + 2 * j] = MIXED(a[i + j], a[i + 2 + j], 0, 1, 8, 9, 4, 5, 12, 13);
            b[i + 2 * j + 1] = MIXED(a[i + j], a[i + 2 + j], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; i++) {
        v[i] = MIXED(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        v[i + 4] = MIXED(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

INLINE Eight limited(Eight v)
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

/* ---- areas ---- */

/* Which samples an output position is the mean of, and how much each counts. */
typedef struct {
    int32_t count;  /* of output positions */
    int32_t length; /* samples of each; those with weight 0 fill up */
    int32_t *first;
    float *weights; /* count x length */
} Axis;

static void free_axis(Axis *axis)
{
    free(axis->first);
    free(axis->weights);
}

/* How much pixel `x` of `size` counts in the mean of [start, end). */
static double share(int32_t x, double start, double end)
{
    return (fmin(x + 1, end) - fmax(x, start)) / (end - start);
}

/* Add the weight of pixel x, which is made of samples `first` on: itself, or, where there is one
 * sample for two pixels, three parts of its own sample and one of its neighbour. */
static void add_pixel(float *weights, int32_t first, int32_t x, double weight, int halved,
                      int32_t samples)
{
    if (!halved) {
        weights[x - first] += (float)weight;
        return;
    }
    const int32_t own = x / 2, other = own + (x & 1 ? 1 : -1);
    const int32_t neighbour = other < 0 || other >= samples ? own : other;
    weights[own - first] += (float)(weight * 0.75);
    weights[neighbour - first] += (float)(weight * 0.25);
}

/* The means of `size` pixels in `count` equal parts, from samples that are half as many if
 * `halved`. */
static int make_axis(Axis *axis, int32_t size, int32_t count, int halved)
{
    const double scale = (double)size / count;
    const int32_t samples = halved ? (size + 1) / 2 : size;
    const int32_t pixels = (int32_t)ceil(scale) + 1;
    axis->count = count;
    axis->length = halved ? pixels / 2 + 3 : pixels;
    axis->first = malloc(sizeof(int32_t) * (size_t)count);
    axis->weights = calloc((size_t)count * (size_t)axis->length, sizeof(float));
    if (axis->first == NULL || axis->weights == NULL) return NO_MEMORY;
    for (int32_t i = 0; i < count; i++) {
        const double start = i * scale;
        const double end = i + 1 == count ? size : (i + 1) * scale;
        int32_t from = (int32_t)floor(start + 1e-7), to = (int32_t)ceil(end - 1e-7);
        if (to > size) to = size;
        if (from >= to) from = to - 1;
        int32_t first = halved ? from / 2 - (from & 1 ? 0 : 1) : from;
        if (first < 0) first = 0;
        axis->first[i] = first;
        for (int32_t x = from; x < to; x++)
            add_pixel(axis->weights + (int64_t)i * axis->length, first, x, share(x, start, end),
                      halved, samples);
    }
    return DONE;
}

/* What each block of eight samples adds to the means: the inverse DCT and the weights in one.  Both
 * are linear, so that nothing need be known of the samples themselves. */
typedef struct {
    int32_t blocks;
    int32_t most;       /* means that one block adds to, at most */
    int32_t *first;     /* per block, and one more: the first mean that it adds to */
    int32_t *start;     /* per block, and one more: where its rows begin */
    Eight *rows;        /* a mean's row: how much each of the block's frequencies counts */
} Spread;

static void free_spread(Spread *spread)
{
    free(spread->first);
    free(spread->start);
    free(spread->rows);
}

/* What frequency 0 to 7 is at a sample (T.81, A.3.3). */
static Eight basis(int sample)
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
    Eight found;
    found[0] = 0.35355339059327373f;
    for (int k = 1; k < SIDE; k++) found[k] = HALF_COSINE[(2 * sample + 1) * k & 31];
    return found;
}

/* The samples that count in mean i, without those that only fill up, are in blocks `*from` to
 * `*to`. */
static void blocks_of(const Axis *axis, int32_t i, int32_t *from, int32_t *to)
{
    const float *weights = axis->weights + (int64_t)i * axis->length;
    int32_t last = axis->length - 1;
    while (last > 0 && weights[last] == 0) last--;
    *from = axis->first[i] / SIDE;
    *to = (axis->first[i] + last) / SIDE;
}

static int make_spread(Spread *spread, const Axis *axis, int32_t blocks)
{
    int32_t from, to;
    spread->blocks = blocks;
    spread->first = malloc(sizeof(int32_t) * ((size_t)blocks + 1));
    spread->start = malloc(sizeof(int32_t) * ((size_t)blocks + 1));
    if (spread->first == NULL || spread->start == NULL) return NO_MEMORY;
    int32_t *const first = spread->first, *const start = spread->start;
    for (int32_t block = 0; block <= blocks; block++) first[block] = axis->count, start[block] = 0;
    for (int32_t i = axis->count - 1; i >= 0; i--) {
        blocks_of(axis, i, &from, &to);
        if (to >= blocks) return LEFT; /* it never is */
        for (int32_t block = from; block <= to; block++) first[block] = i, start[block + 1]++;
    }
    for (int32_t block = blocks - 1; block >= 0; block--)
        if (first[block] > first[block + 1]) first[block] = first[block + 1];
    for (int32_t block = 0; block < blocks; block++) {
        if (start[block + 1] > spread->most) spread->most = start[block + 1];
        start[block + 1] += start[block];
    }
    spread->rows = zeros(start[blocks] + 1, sizeof(Eight));
    if (spread->rows == NULL) return NO_MEMORY;
    Eight all[SIDE];
    for (int sample = 0; sample < SIDE; sample++) all[sample] = basis(sample);
    for (int32_t i = 0; i < axis->count; i++) {
        const float *weights = axis->weights + (int64_t)i * axis->length;
        blocks_of(axis, i, &from, &to);
        for (int32_t k = 0, x = axis->first[i]; k < axis->length && x / SIDE <= to; k++, x++)
            spread->rows[start[x / SIDE] + i - first[x / SIDE]] += weights[k] * all[x % SIDE];
    }
    return DONE;
}

/* ---- the picture ---- */

typedef struct {
    int id, across, down; /* blocks of a unit (MCU) */
    int quantiser_id;
    int previous; /* DC */
    Codes *dc, *ac;
    float quantiser[64] __attribute__((aligned(32)));
    Spread columns, rows;
    int is_like_another; /* whose spreads they are */
    Eight *ring;       /* rows of the small picture, as the horizontal frequencies of each block */
    Eight **target[2]; /* per row of blocks of a unit: where in the ring its means are added to */
    Eight *means;      /* up to eight rows of the small picture, by column */
} Component;

typedef struct {
    int32_t width, height; /* of the file */
    int32_t small_width, small_height;
    int32_t pending; /* rows that the rings hold */
    int components, across, down;
    int32_t units_across, units_down;
    int32_t interval; /* units between restarts; 0 = none */
    Component component[3];
    uint16_t quantisers[4][64];
    int quantiser_given[4];
    Codes *codes; /* DC 0 to 3, AC 0 to 3 */
    uint8_t *lines; /* eight rows of the small picture, with room for what is written beyond them */
    uint8_t *scan;
    const uint8_t *at, *end; /* what of the file is not copied into `scan` yet */
} Picture;

INLINE Eight *ring_row(const Picture *picture, const Component *component, int32_t y)
{
    return component->ring + (int64_t)(y % picture->pending) * component->columns.blocks;
}

/* Add a block to the rows of the small picture that it touches.  `last` is the position of its
 * last coefficient: up to 9, only the first four rows have any. */
INLINE void add_block(const int16_t *block, const Component *component, int last, int down,
                      int32_t row, int32_t column)
{
    const int32_t start = component->rows.start[row], count = component->rows.start[row + 1] - start;
    const float *weights = (const float *)(component->rows.rows + start);
    Eight *const *target = component->target[down];
    if (last == 0) {
        const float level = block[0] * component->quantiser[0];
        for (int32_t i = 0; i < count; i++, weights += SIDE)
            *(float *)(target[i] + column) += level * weights[0];
        return;
    }
    Eight v[SIDE];
    const int rows = last <= 9 ? 4 : 8;
    for (int i = 0; i < rows; i++) {
        const EightShorts shorts = *(const EightShorts *)(block + SIDE * i);
        v[i] = __builtin_convertvector(__builtin_convertvector(shorts, EightInts), Eight);
        v[i] *= *(const Eight *)(component->quantiser + SIDE * i);
    }
    if (last <= 9)
        for (int32_t i = 0; i < count; i++, weights += SIDE)
            target[i][column] += v[0] * weights[0] + v[1] * weights[1] + v[2] * weights[2] +
                                 v[3] * weights[3];
    else
        for (int32_t i = 0; i < count; i++, weights += SIDE)
            target[i][column] +=
                (v[0] * weights[0] + v[1] * weights[1] + v[2] * weights[2] + v[3] * weights[3]) +
                (v[4] * weights[4] + v[5] * weights[5] + v[6] * weights[6] + v[7] * weights[7]);
}

/* The pixels of rows `from` to `from + count` (8 at most), by column, and forget the rows. */
INLINE void make_means(const Picture *picture, Component *component, int32_t from, int32_t count)
{
    const Spread *spread = &component->columns;
    const Eight *rows[SIDE];
    memset(component->means, 0, sizeof(Eight) * (size_t)picture->small_width);
    for (int i = 0; i < SIDE; i++)
        rows[i] = ring_row(picture, component, from + (i < count ? i : 0));
    for (int32_t column = 0; column < spread->blocks; column++) {
        Eight v[SIDE];
        for (int i = 0; i < SIDE; i++) v[i] = rows[i][column];
        transpose(v);
        Eight *mean = component->means + spread->first[column];
        for (int32_t i = spread->start[column]; i < spread->start[column + 1]; i++, mean++) {
            const float *weights = (const float *)(spread->rows + i);
            *mean +=
                (v[0] * weights[0] + v[1] * weights[1] + v[2] * weights[2] + v[3] * weights[3]) +
                (v[4] * weights[4] + v[5] * weights[5] + v[6] * weights[6] + v[7] * weights[7]);
        }
    }
    for (int i = 0; i < count; i++)
        memset(ring_row(picture, component, from + i), 0, sizeof(Eight) * (size_t)spread->blocks);
}

/* ---- the scan ---- */

/* Copy the bits up to the next marker, without what was stuffed into them, and begin to read
 * them.  Returns the marker; 0 if there is none. */
static int begin_segment(Picture *picture, Bits *bits)
{
    uint8_t *to = picture->scan;
    const uint8_t *at = picture->at, *end = picture->end;
    int marker = 0;
    while (at < end) {
        const uint8_t *found = memchr(at, 0xff, (size_t)(end - at));
        if (found == NULL || end - found < 2) break;
        const size_t plain = (size_t)(found - at) + (found[1] == 0);
        memcpy(to, at, plain);
        to += plain;
        at = found + 2;
        if (found[1] != 0) {
            marker = found[1];
            break;
        }
    }
    memset(to, 0, PADDING);
    picture->at = at;
    *bits = (Bits){picture->scan, to, 0, 0};
    return marker;
}

/* Whether the bits of a segment have been used up, but for less than a byte. */
INLINE int is_used_up(const Picture *picture, const Bits *bits)
{
    const int64_t used = (bits->next - picture->scan) * 8 - bits->count;
    const int64_t all = (bits->end - picture->scan) * 8;
    return used <= all && used > all - 8;
}

typedef struct {
    int16_t coefficients[NOWHERE + 16];
    int last;
} __attribute__((aligned(64))) Block;

/* Read the blocks of a unit, then add them: what has just been written in small pieces is not
 * quickly read in large ones. */
INLINE int read_unit(const Picture *picture, Component *components, Bits *bits, int32_t row,
                     int32_t unit)
{
    Block blocks[MOST_BLOCKS], *block = blocks;
    for (int i = 0; i < picture->components; i++) {
        Component *component = &components[i];
        const int count = component->down * component->across;
        for (int k = 0; k < count; k++, block++) {
            for (int j = 0; j < 64; j += 16)
                *(SixteenShorts *)(block->coefficients + j) = (SixteenShorts){0};
            block->last = read_block(bits, component->dc, component->ac, &component->previous,
                                     block->coefficients);
            if (block->last < 0) return LEFT;
        }
    }
    block = blocks;
    for (int i = 0; i < picture->components; i++) {
        const Component *component = &components[i];
        for (int down = 0; down < component->down; down++)
            for (int across = 0; across < component->across; across++, block++)
                add_block(block->coefficients, component, block->last, down,
                          row * component->down + down, unit * component->across + across);
    }
    return DONE;
}

INLINE EightInts rounded(Eight levels)
{
    return __builtin_convertvector(limited(levels) + 0.5f, EightInts);
}

/* Write rows `from` to `from + count` (8 at most) of the small picture, BGR or grey. */
INLINE void write_rows(Picture *picture, int32_t from, int32_t count, uint8_t *out)
{
    const int step = picture->components;
    const int64_t length = (int64_t)picture->small_width * step, line = length + 4;
    for (int i = 0; i < step; i++) make_means(picture, &picture->component[i], from, count);
    for (int32_t x = 0; x < picture->small_width; x++) {
        const Eight light = picture->component[0].means[x] + 128;
        EightInts pixels;
        if (step == 1) {
            pixels = rounded(light);
        } else {
            const Eight blue = picture->component[1].means[x], red = picture->component[2].means[x];
            pixels = rounded(light + 1.772f * blue) |
                     rounded(light - 0.344136286f * blue - 0.714136286f * red) << 8 |
                     rounded(light + 1.402f * red) << 16;
        }
        /* four bytes each: the next pixel is written over what is too much */
        uint8_t *to = picture->lines + (int64_t)x * step;
        for (int i = 0; i < SIDE; i++, to += line) {
            const int32_t pixel = pixels[i];
            memcpy(to, &pixel, sizeof pixel);
        }
    }
    for (int i = 0; i < count; i++)
        memcpy(out + (from + i) * length, picture->lines + i * line, (size_t)length);
}

/* Say where in the rings the blocks of a row of units are added to. */
INLINE void aim(const Picture *picture, int32_t row)
{
    for (int i = 0; i < picture->components; i++) {
        const Component *component = &picture->component[i];
        for (int down = 0; down < component->down; down++) {
            const int32_t block = row * component->down + down;
            const int32_t first = component->rows.first[block];
            const int32_t count = component->rows.start[block + 1] - component->rows.start[block];
            for (int32_t k = 0; k < count; k++)
                component->target[down][k] = ring_row(picture, component, first + k);
        }
    }
}

/* Read a row of units, and add it to the rings. */
INLINE int read_unit_row(Picture *picture, Bits *bits, int32_t row, int *marker, int *restarts)
{
    Bits local = *bits; /* in registers */
    aim(picture, row);
    for (int32_t unit = 0; unit < picture->units_across; unit++) {
        const int64_t number = (int64_t)row * picture->units_across + unit;
        if (picture->interval && number && number % picture->interval == 0) {
            if (*marker != 0xd0 + (*restarts)++ % 8 || !is_used_up(picture, &local)) return LEFT;
            Bits next;
            *marker = begin_segment(picture, &next);
            local = next;
            for (int i = 0; i < picture->components; i++) picture->component[i].previous = 0;
        }
        if (read_unit(picture, picture->component, &local, row, unit) != DONE) return LEFT;
    }
    *bits = local;
    return DONE;
}

/* How many rows of the small picture nothing is added to any more. */
INLINE int32_t whole_rows(const Picture *picture, int32_t unit_rows)
{
    if (unit_rows == picture->units_down) return picture->small_height;
    int32_t whole = picture->small_height;
    for (int i = 0; i < picture->components; i++) {
        const Component *component = &picture->component[i];
        const int32_t first = component->rows.first[unit_rows * component->down];
        if (first < whole) whole = first;
    }
    return whole;
}

INLINE int read_scan_inline(Picture *picture, uint8_t *out)
{
    Bits bits;
    int restarts = 0, marker = begin_segment(picture, &bits);
    int32_t written = 0;
    for (int32_t row = 0; row < picture->units_down; row++) {
        if (read_unit_row(picture, &bits, row, &marker, &restarts) != DONE) return LEFT;
        const int32_t whole = whole_rows(picture, row + 1), last = row + 1 == picture->units_down;
        while (whole - written >= (last ? 1 : SIDE)) {
            const int32_t count = whole - written < SIDE ? whole - written : SIDE;
            write_rows(picture, written, count, out);
            written += count;
        }
    }
    return marker == 0xd9 && is_used_up(picture, &bits) ? DONE : LEFT;
}

WIDE static int read_scan_wide(Picture *picture, uint8_t *out)
{
    return read_scan_inline(picture, out);
}

static int read_scan(Picture *picture, uint8_t *out)
{
    return has_wide() ? read_scan_wide(picture, out) : read_scan_inline(picture, out);
}

/* ---- the header ---- */

typedef struct {
    const uint8_t *at, *end;
} Reader;

static int byte_of(Reader *reader) { return reader->at < reader->end ? *reader->at++ : -1; }

static int word_of(Reader *reader)
{
    const int high = byte_of(reader), low = byte_of(reader);
    return high < 0 || low < 0 ? -1 : high << 8 | low;
}

static int read_quantisers(Picture *picture, Reader reader)
{
    while (reader.at < reader.end) {
        const int kind = byte_of(&reader), id = kind & 15;
        if (id > 3 || kind >> 4 > 1) return LEFT;
        for (int k = 0; k < 64; k++) {
            const int value = kind >> 4 ? word_of(&reader) : byte_of(&reader);
            if (value <= 0) return LEFT;
            picture->quantisers[id][PLACE[k]] = (uint16_t)value;
        }
        picture->quantiser_given[id] = 1;
    }
    return DONE;
}

static int read_codes(Picture *picture, Reader reader)
{
    while (reader.at < reader.end) {
        const int kind = byte_of(&reader), id = kind & 15;
        if (id > 3 || kind >> 4 > 1) return LEFT;
        Codes *codes = &picture->codes[4 * (kind >> 4) + id];
        int all = 0;
        for (int length = 1; length <= 16; length++) {
            const int count = byte_of(&reader);
            if (count < 0) return LEFT;
            codes->count[length] = (uint8_t)count;
            all += count;
        }
        if (all > 256 || reader.end - reader.at < all) return LEFT;
        memcpy(codes->symbols, reader.at, (size_t)all);
        reader.at += all;
        codes->given = 1;
    }
    return DONE;
}

static int read_frame(Picture *picture, Reader reader)
{
    if (picture->components || byte_of(&reader) != 8) return LEFT;
    const int height = word_of(&reader), width = word_of(&reader), count = byte_of(&reader);
    if (height != picture->height || width != picture->width) return LEFT;
    if ((count != 1 && count != 3) || reader.end - reader.at != 3 * count) return LEFT;
    picture->components = count;
    for (int i = 0; i < count; i++) {
        Component *component = &picture->component[i];
        component->id = byte_of(&reader);
        const int factors = byte_of(&reader);
        component->across = count == 1 ? 1 : factors >> 4;
        component->down = count == 1 ? 1 : factors & 15;
        component->quantiser_id = byte_of(&reader);
        if (component->quantiser_id > 3) return LEFT;
    }
    const Component *parts = picture->component;
    picture->across = parts[0].across;
    picture->down = parts[0].down;
    if (picture->across < 1 || picture->across > 2 || picture->down < 1 || picture->down > 2)
        return LEFT;
    for (int i = 1; i < count; i++)
        if (parts[i].across != 1 || parts[i].down != 1) return LEFT;
    return DONE;
}

static int begin_scan(Picture *picture, Reader reader)
{
    const int count = byte_of(&reader);
    if (count < 1 || count != picture->components || reader.end - reader.at != 2 * count + 3)
        return LEFT;
    for (int i = 0; i < count; i++) {
        Component *component = &picture->component[i];
        const int id = byte_of(&reader), tables = byte_of(&reader), dc = tables >> 4, ac = tables & 15;
        if (id != component->id || dc > 3 || ac > 3) return LEFT;
        component->dc = &picture->codes[dc];
        component->ac = &picture->codes[4 + ac];
        if (!component->dc->given || !component->ac->given ||
            !picture->quantiser_given[component->quantiser_id])
            return LEFT;
        for (int k = 0; k < 64; k++) {
            component->quantiser[k] = picture->quantisers[component->quantiser_id][k];
        }
    }
    const int from = byte_of(&reader), to = byte_of(&reader), bits = byte_of(&reader);
    if (from != 0 || to != 63 || bits != 0) return LEFT;
    for (int i = 0; i < count; i++)
        if (!make_codes(picture->component[i].dc, 1) ||
            !make_codes(picture->component[i].ac, 0))
            return LEFT;
    return DONE;
}

/* APPn, or a comment. */
static int is_remark(int marker) { return (marker >= 0xe0 && marker <= 0xef) || marker == 0xfe; }

/* Read everything before the bits of the scan. */
static int read_header(Picture *picture, const uint8_t *data, const uint8_t *end)
{
    Reader reader = {data, end};
    if (word_of(&reader) != 0xffd8) return LEFT;
    for (;;) {
        if (byte_of(&reader) != 0xff) return LEFT;
        const int marker = byte_of(&reader), length = word_of(&reader);
        if (length < 2 || reader.end - reader.at < length - 2) return LEFT;
        const Reader segment = {reader.at, reader.at + length - 2};
        reader.at = segment.end;
        int state = DONE;
        if (marker == 0xdb)
            state = read_quantisers(picture, segment);
        else if (marker == 0xc4)
            state = read_codes(picture, segment);
        else if (marker == 0xc0 || marker == 0xc1)
            state = read_frame(picture, segment);
        else if (marker == 0xdd && length == 4)
            picture->interval = segment.at[0] << 8 | segment.at[1];
        else if (marker == 0xda) {
            picture->at = segment.end;
            picture->end = end;
            return begin_scan(picture, segment);
        } else if (!is_remark(marker))
            return LEFT;
        if (state != DONE) return state;
    }
}

/* ---- is it one at all ---- */

/* Whether the ids of a scan are those of components of the frame. */
static int is_scan_of(Reader scan, const uint8_t *ids, int known)
{
    const int count = byte_of(&scan);
    if (count < 1 || count > known || scan.end - scan.at != 2 * count + 3) return 0;
    for (int i = 0; i < count; i++, scan.at++)
        if (memchr(ids, byte_of(&scan), (size_t)known) == NULL) return 0;
    return 1;
}

static int are_quantisers(Reader segment)
{
    while (segment.at < segment.end) {
        const int kind = byte_of(&segment), size = kind >> 4 ? 128 : 64;
        if ((kind & 15) > 3 || kind >> 4 > 1 || segment.end - segment.at < size) return 0;
        segment.at += size;
    }
    return 1;
}

static int are_codes(Reader segment)
{
    while (segment.at < segment.end) {
        const int kind = byte_of(&segment);
        int all = 0;
        if ((kind & 15) > 3 || kind >> 4 > 1 || segment.end - segment.at < 16) return 0;
        for (int i = 0; i < 16; i++) all += byte_of(&segment);
        if (all > 256 || segment.end - segment.at < all) return 0;
        segment.at += all;
    }
    return 1;
}

/* Whether `data` begins with an ordinary JPEG header, up to its first scan.  Arithmetic coding,
 * more than 8 bits, four colours and whatever is odd are for libjpeg to judge. */
static int is_plain(const uint8_t *data, Py_ssize_t size)
{
    Reader reader = {data, data + size};
    uint8_t ids[3];
    int count = 0;
    if (word_of(&reader) != 0xffd8) return 0;
    for (;;) {
        if (byte_of(&reader) != 0xff) return 0;
        const int marker = byte_of(&reader), length = word_of(&reader);
        if (length < 2 || reader.end - reader.at < length - 2) return 0;
        Reader segment = {reader.at, reader.at + length - 2};
        reader.at = segment.end;
        if (marker == 0xda) return is_scan_of(segment, ids, count);
        if (marker >= 0xc0 && marker <= 0xc2) {
            if (count || byte_of(&segment) != 8) return 0;
            const int height = word_of(&segment), width = word_of(&segment);
            count = byte_of(&segment);
            if (height < 1 || width < 1 || height > LONGEST || width > LONGEST) return 0;
            if (count != 1 && count != 3) return 0;
            if (segment.end - segment.at != 3 * count) return 0;
            for (int i = 0; i < count; i++, segment.at += 3) {
                const int across = segment.at[1] >> 4, down = segment.at[1] & 15;
                const int most = i == 0 ? 2 : 1;
                if (across < 1 || across > most || down < 1 || down > most) return 0;
                ids[i] = segment.at[0];
            }
        } else if (marker == 0xdb) {
            if (!are_quantisers(segment)) return 0;
        } else if (marker == 0xc4) {
            if (!are_codes(segment)) return 0;
        } else if (marker == 0xdd) {
            if (length != 4) return 0;
        } else if (!is_remark(marker))
            return 0;
    }
}

PyDoc_STRVAR(plain_doc,
             "plain(data)\n--\n\n"
             "Whether `data` begins with an ordinary JPEG header, up to its first scan; if not, it\n"
             "may be a JPEG all the same.");

static PyObject *plain(PyObject *module, PyObject *object)
{
    Py_buffer data;
    (void)module;
    if (PyObject_GetBuffer(object, &data, PyBUF_SIMPLE) != 0) return NULL;
    const int found = is_plain(data.buf, data.len);
    PyBuffer_Release(&data);
    return PyBool_FromLong(found);
}

/* ---- are all pixels there ---- */

#include "_scans.h"

/* ---- the whole ---- */

static int make_one_spread(Spread *spread, int32_t size, int32_t count, int halved, int32_t blocks)
{
    Axis axis = {0};
    int state = make_axis(&axis, size, count, halved);
    if (state == DONE) state = make_spread(spread, &axis, blocks);
    free_axis(&axis);
    return state;
}

static int make_spreads(Picture *picture, Component *component)
{
    for (const Component *other = picture->component; other < component; other++)
        if (other->across == component->across && other->down == component->down) {
            component->columns = other->columns;
            component->rows = other->rows;
            component->is_like_another = 1;
            return DONE;
        }
    const int state = make_one_spread(&component->columns, picture->width, picture->small_width,
                                      component->across < picture->across,
                                      picture->units_across * component->across);
    if (state != DONE) return state;
    return make_one_spread(&component->rows, picture->height, picture->small_height,
                           component->down < picture->down,
                           picture->units_down * component->down);
}

static int make_component_room(Picture *picture, Component *component)
{
    const int state = make_spreads(picture, component);
    if (state != DONE) return state;
    for (int down = 0; down < component->down; down++) {
        component->target[down] = calloc((size_t)component->rows.most + 1, sizeof(Eight *));
        if (component->target[down] == NULL) return NO_MEMORY;
    }
    component->means = zeros(picture->small_width, sizeof(Eight));
    if (component->means == NULL) return NO_MEMORY;
    return DONE;
}

/* How many rows the rings have to hold: up to seven that wait for others, and from the first that
 * is not whole to the last that a row of units touches. */
static int32_t rows_pending(const Picture *picture)
{
    int32_t most = 1;
    for (int32_t row = 0; row < picture->units_down; row++) {
        const int32_t whole = whole_rows(picture, row);
        for (int i = 0; i < picture->components; i++) {
            const Component *component = &picture->component[i];
            for (int down = 0; down < component->down; down++) {
                const int32_t block = row * component->down + down;
                const int32_t end = component->rows.first[block] + component->rows.start[block + 1] -
                                    component->rows.start[block];
                if (end - whole > most) most = end - whole;
            }
        }
    }
    return most + SIDE - 1;
}

static int make_room(Picture *picture)
{
    const int unit_width = picture->across * SIDE, unit_height = picture->down * SIDE;
    picture->units_across = (picture->width + unit_width - 1) / unit_width;
    picture->units_down = (picture->height + unit_height - 1) / unit_height;
    for (int i = 0; i < picture->components; i++) {
        const int state = make_component_room(picture, &picture->component[i]);
        if (state != DONE) return state;
    }
    picture->pending = rows_pending(picture);
    for (int i = 0; i < picture->components; i++) {
        Component *component = &picture->component[i];
        component->ring =
            zeros((int64_t)picture->pending * component->columns.blocks, sizeof(Eight));
        if (component->ring == NULL) return NO_MEMORY;
    }
    picture->lines = malloc(((size_t)picture->small_width * 3 + 4) * SIDE);
    picture->scan = malloc((size_t)(picture->end - picture->at) + PADDING);
    return picture->lines && picture->scan ? DONE : NO_MEMORY;
}

static void free_picture(Picture *picture)
{
    for (int i = 0; i < 3; i++) {
        Component *component = &picture->component[i];
        if (!component->is_like_another) {
            free_spread(&component->columns);
            free_spread(&component->rows);
        }
        free(component->ring);
        free(component->target[0]);
        free(component->target[1]);
        free(component->means);
    }
    free(picture->lines);
    free(picture->scan);
    free(picture->codes);
    free(picture);
}

static int shrink_file(uint8_t *out, const uint8_t *data, Py_ssize_t length, int channels,
                       int width, int height, int small_width, int small_height)
{
    Picture *picture = zeros(1, sizeof(Picture));
    if (picture == NULL) return NO_MEMORY;
    picture->width = width, picture->height = height;
    picture->small_width = small_width, picture->small_height = small_height;
    picture->codes = calloc(8, sizeof(Codes));
    int state = picture->codes == NULL ? NO_MEMORY : read_header(picture, data, data + length);
    if (state == DONE && picture->components != channels) state = LEFT;
    if (state == DONE) state = make_room(picture);
    if (state == DONE) state = read_scan(picture, out);
    free_picture(picture);
    return state;
}

PyDoc_STRVAR(shrink_doc,
             "shrink(out, data, channels, width, height, small_width, small_height)\n--\n\n"
             "Fill `out` (small_height x small_width x channels bytes, BGR or grey) with the JPEG\n"
             "`data` (width x height) made smaller; returns whether that was done: if not, the\n"
             "file is no plain, whole baseline JPEG, and `out` is undefined.  The GIL is released.");

static PyObject *shrink(PyObject *module, PyObject *args)
{
    Py_buffer out, data;
    int channels, width, height, small_width, small_height, state = LEFT;
    (void)module;
    if (!PyArg_ParseTuple(args, "w*y*iiiii", &out, &data, &channels, &width, &height, &small_width,
                          &small_height))
        return NULL;
    const int fits = (channels == 1 || channels == 3) && small_width >= 1 && small_height >= 1 &&
                     width >= small_width && height >= small_height && width <= 65535 &&
                     height <= 65535 &&
                     out.len == (Py_ssize_t)small_height * small_width * channels;
    if (fits && width >= SIDE && height >= SIDE) {
        Py_BEGIN_ALLOW_THREADS
        state = shrink_file(out.buf, data.buf, data.len, channels, width, height, small_width,
                            small_height);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&out);
    PyBuffer_Release(&data);
    if (!fits) return PyErr_Format(PyExc_ValueError, "sizes do not fit");
    if (state == NO_MEMORY) return PyErr_NoMemory();
    return PyBool_FromLong(state == DONE);
}

static PyMethodDef methods[] = {
    {"pixels_end", pixels_end, METH_VARARGS, pixels_end_doc},
    {"plain", plain, METH_O, plain_doc},
    {"shrink", shrink, METH_VARARGS, shrink_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "img2dataset.images.native._jpeg", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__jpeg(void)
{
    return PyModule_Create(&definition);
}
