/* Baseline JPEG -> a smaller picture, in one pass.
 *
 * Most of the web's photos are baseline JPEGs that become several times smaller.  Decoding them
 * first and averaging areas afterwards writes and reads every pixel of the large picture three
 * times.  Here a row of blocks is decoded into a few kilobytes of floats, averaged horizontally,
 * added to the rows of the small picture that it covers, and forgotten.
 *
 * What comes out is what libjpeg's full decode (accurate DCT, smooth upsampling of colours)
 * followed by OpenCV's INTER_AREA would give, but for roundings on the way, which here are none.
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
#define RING 32    /* rows of the small picture that are being added to: 16 and a few */
#define SIDE 8
#define LONGEST 65500 /* pixels: libjpeg's own limit */

typedef float Eight __attribute__((vector_size(32), aligned(32)));
typedef int32_t EightInts __attribute__((vector_size(32)));
typedef int16_t SixteenShorts __attribute__((vector_size(32), aligned(32)));
typedef int16_t EightShorts __attribute__((vector_size(16), aligned(16)));

enum { DONE = 1, LEFT = 0, NO_MEMORY = -1 };

/* Zigzag position -> place in the block.  A run may lead up to 16 beyond the end, and the end of
 * a block is END steps: whatever is stored there goes to a place that nobody reads. */
#define END 80
#define NO_SUCH_CODE 160
#define NOWHERE 64
static const uint8_t PLACE[64 + NO_SUCH_CODE] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
#define FOUR NOWHERE, NOWHERE, NOWHERE, NOWHERE
#define SIXTEEN FOUR, FOUR, FOUR, FOUR
    SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN,
#undef SIXTEEN
#undef FOUR
};

/* ---- Huffman codes ---- */

/* What the next LOOK bits mean.  A symbol is a run of zeros and the size of the coefficient after
 * it, whose bits follow; most of the time LOOK bits hold one of these whole, or even two.
 * From the lowest bit on, because every instruction counts here:
 *    7 how many bits to take
 *    1 HIDDEN: more must be looked at; 0 bits to take = the code is longer than LOOK, else the
 *      coefficient is not all there, and its size is in the place of its value
 *    8 steps to the position behind the coefficient: the zeros before it and itself
 *    8 steps to that behind the second one; without a second, the same
 *    8 bits of the first one alone
 *   16 its value, signed
 *   16 the value of the second one, signed; without a second, 0 */
typedef uint64_t Seen;
#define HIDDEN 0x80
#define TAKEN(seen) ((int)((seen) & 0x7f))
#define STEPS(seen) ((size_t)((seen) >> 8 & 0xff))
#define ALL_STEPS(seen) ((size_t)((seen) >> 16 & 0xff))
#define TAKEN_FIRST(seen) ((int)((seen) >> 24 & 0xff))
#define VALUE(seen) ((int16_t)((seen) >> 32))
#define SECOND_VALUE(seen) ((int16_t)((seen) >> 48))

typedef struct {
    uint8_t count[17]; /* codes of each length */
    uint8_t symbols[256];
    int given;
    Seen seen[1 << LOOK];
    /* for codes longer than LOOK, by length: one more than the last code, left-aligned in 16
     * bits; and what to add to a code to find its symbol */
    uint32_t beyond[18];
    int32_t offset[17];
} Codes;

INLINE int extended(uint32_t bits, int size)
{
    return size == 0 ? 0 : (int)bits - (bits >> (size - 1) ? 0 : (1 << size) - 1);
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
    const int rest = LOOK - length, size = symbol & 15;
    for (uint32_t tail = 0; tail < 1u << rest; tail++) {
        const int whole = size <= rest, bits = whole ? length + size : length;
        const int value = whole ? extended(tail >> (rest - size), size) : size;
        const Seen steps = steps_of(symbol, dc);
        codes->seen[code << rest | tail] = (Seen)(uint16_t)value << 32 | (Seen)bits << 24 |
                                           steps << 16 | steps << 8 | (whole ? 0 : HIDDEN) |
                                           (Seen)bits;
    }
}

/* Where LOOK bits hold another symbol behind the first, note it too.  Entries are looked up while
 * they change, but what is read of them, their first symbol, does not. */
static void look_twice(Codes *codes)
{
    for (uint32_t i = 0; i < 1u << LOOK; i++) {
        const Seen seen = codes->seen[i];
        const int first = TAKEN_FIRST(seen);
        if (seen & HIDDEN || STEPS(seen) == END) continue;
        const Seen next = codes->seen[i << first & ((1u << LOOK) - 1)];
        const int bits = TAKEN_FIRST(next);
        if (next & HIDDEN || first + bits > LOOK) continue;
        codes->seen[i] = seen + (Seen)bits + ((Seen)STEPS(next) << 16) +
                         ((Seen)(uint16_t)VALUE(next) << 48);
    }
}

/* Whether the table is one that baseline may use. */
static int make_codes(Codes *codes, int dc)
{
    uint32_t code = 0;
    int at = 0;
    for (int i = 0; i < 1 << LOOK; i++) codes->seen[i] = HIDDEN;
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
    bits->held <<= count;
    bits->count -= count;
}

INLINE uint32_t take(Bits *bits, int count) /* 1 or more */
{
    const uint32_t taken = (uint32_t)(bits->held >> (64 - count));
    skip(bits, count);
    return taken;
}

/* The symbol of a code longer than LOOK, and in the bits above 8 the length of the code, from the
 * next 16 bits; -1 if there is no such code.  Takes no pointer to Bits: they are in registers. */
static __attribute__((noinline)) int long_symbol(uint32_t ahead, const Codes *codes)
{
    int length = LOOK + 1;
    while (ahead >= codes->beyond[length]) length++;
    if (length > 16) return -1;
    const uint32_t code = ahead >> (16 - length);
    return length << 8 | codes->symbols[(uint8_t)((int32_t)code + codes->offset[length])];
}

/* A coefficient that one look does not see whole, of at most 27 bits; the steps to the position
 * behind it, or NO_SUCH_CODE. */
INLINE size_t hidden_coefficient(Bits *bits, const Codes *codes, Seen seen, int dc, int *value)
{
    refill(bits);
    if (TAKEN(seen)) {
        skip(bits, TAKEN(seen));
        *value = extended(take(bits, VALUE(seen)), VALUE(seen));
        return STEPS(seen);
    }
    const int found = long_symbol((uint32_t)(bits->held >> 48), codes);
    if (found < 0) return NO_SUCH_CODE;
    const int symbol = found & 0xff, size = symbol & 15;
    skip(bits, found >> 8);
    *value = size ? extended(take(bits, size), size) : 0;
    return steps_of(symbol, dc);
}

INLINE int read_dc(Bits *bits, const Codes *codes, int *previous)
{
    const Seen seen = codes->seen[bits->held >> (64 - LOOK)];
    int value = VALUE(seen);
    if (__builtin_expect((seen & HIDDEN) != 0, 0)) {
        if (hidden_coefficient(bits, codes, seen, 1, &value) == NO_SUCH_CODE) return 0;
    } else {
        skip(bits, TAKEN(seen));
    }
    *previous += value;
    return *previous >= -2048 && *previous <= 2047;
}

/* One or two coefficients; `at`, the position behind the last one, moves on. */
INLINE void read_ac(Bits *bits, const Codes *codes, int16_t *block, size_t *at)
{
    const Seen seen = codes->seen[bits->held >> (64 - LOOK)];
    if (__builtin_expect((seen & HIDDEN) != 0, 0)) {
        int value = 0;
        *at += hidden_coefficient(bits, codes, seen, 0, &value);
        block[PLACE[*at - 1]] = (int16_t)value;
        refill(bits); /* for the looks that are left */
        return;
    }
    const size_t first = *at + STEPS(seen);
    if (__builtin_expect(first == 64, 0)) { /* what follows belongs to another block */
        skip(bits, TAKEN_FIRST(seen));
        block[PLACE[63]] = VALUE(seen);
        *at = 64;
        return;
    }
    skip(bits, TAKEN(seen));
    *at += ALL_STEPS(seen);
    /* in this order: without a second one, both go to the same place */
    block[PLACE[*at - 1]] = SECOND_VALUE(seen);
    block[PLACE[first - 1]] = VALUE(seen);
}

/* The coefficients of a block into `block`, which is all 0; the position of the last one, or -1. */
INLINE int read_block(Bits *bits, const Codes *dc, const Codes *ac, int *previous, int16_t *block)
{
    size_t at = 1;
    if (bits->next > bits->end + SIDE) return -1;
    refill(bits);
    if (!read_dc(bits, dc, previous)) return -1;
    block[0] = (int16_t)*previous;
    while (at < 64) {
        refill(bits);
        for (int i = 0; i < LOOKS && at < 64; i++) read_ac(bits, ac, block, &at);
    }
    if (at == 64) return 63;
    /* END beyond the last one, which was at 63 at most; else a run led beyond the block */
    return at > END && at < END + 64 ? (int)(at - END) - 1 : -1;
}

/* ---- the inverse DCT ---- */

/* half of cos(i pi / 16); the factors of coefficient 0 are in the quantisers */
#define C1 0.49039264020161522f
#define C2 0.46193976625564337f
#define C3 0.41573480615127262f
#define C5 0.27778511650980111f
#define C6 0.19134171618254489f
#define C7 0.09754516100806413f

/* One dimension, for eight lanes at once.  Coefficients 0 and 4 come multiplied by sqrt(1/8).
 * With `few`, the last four are 0. */
INLINE void inverse(Eight *v, int few)
{
    const Eight p = v[0], q = few ? v[0] - v[0] : v[4];
    const Eight sum = few ? p : p + q, difference = few ? p : p - q;
    const Eight outer = few ? v[2] * C2 : v[2] * C2 + v[6] * C6;
    const Eight inner = few ? v[2] * C6 : v[2] * C6 - v[6] * C2;
    const Eight e0 = sum + outer, e3 = sum - outer;
    const Eight e1 = difference + inner, e2 = difference - inner;
    Eight o0 = v[1] * C1 + v[3] * C3, o1 = v[1] * C3 - v[3] * C7;
    Eight o2 = v[1] * C5 - v[3] * C1, o3 = v[1] * C7 - v[3] * C5;
    if (!few) {
        o0 = o0 + v[5] * C5 + v[7] * C7;
        o1 = o1 - v[5] * C1 - v[7] * C5;
        o2 = o2 + v[5] * C7 + v[7] * C3;
        o3 = o3 + v[5] * C3 - v[7] * C1;
    }
    v[0] = e0 + o0, v[7] = e0 - o0;
    v[1] = e1 + o1, v[6] = e1 - o1;
    v[2] = e2 + o2, v[5] = e2 - o2;
    v[3] = e3 + o3, v[4] = e3 - o3;
}

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

INLINE void inverse_both(Eight *v, int few)
{
    inverse(v, few);
    transpose(v);
    inverse(v, few);
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

/* The samples of a block, 0 to 255, as its eight columns.  `last` is the position of the last
 * coefficient: up to 9, only the first four rows and columns have any. */
INLINE void samples_of(const int16_t *block, const float *quantiser, int last, Eight *columns)
{
    Eight v[8];
    if (last == 0) {
        v[0] = limited((Eight){0} + (block[0] * quantiser[0] + 128));
        for (int i = 0; i < 8; i++) columns[i] = v[0];
        return;
    }
    const int rows = last <= 9 ? 4 : 8;
    for (int i = 0; i < rows; i++) {
        const EightShorts row = *(const EightShorts *)(block + 8 * i);
        v[i] = __builtin_convertvector(__builtin_convertvector(row, EightInts), Eight);
        v[i] *= *(const Eight *)(quantiser + 8 * i);
    }
    v[0] += (Eight){128};
    if (last <= 9)
        inverse_both(v, 1);
    else
        inverse_both(v, 0);
    for (int i = 0; i < 8; i++) columns[i] = limited(v[i]);
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

/* ---- the picture ---- */

typedef struct {
    int id, across, down; /* blocks of a unit (MCU) */
    int quantiser_id;
    int previous; /* DC */
    Codes *dc, *ac;
    float quantiser[64] __attribute__((aligned(32)));
    Axis columns, rows;
    int32_t whole;        /* rows of the small picture that got all they get */
    Eight *samples;       /* a row of units: `down` times its columns, eight rows each */
    float *ring;          /* RING rows of the small picture */
} Component;

typedef struct {
    int32_t width, height; /* of the file */
    int32_t small_width, small_height;
    int32_t padded; /* small_width, in whole Eights */
    int components, across, down;
    int32_t units_across, units_down;
    int32_t interval; /* units between restarts; 0 = none */
    Component component[3];
    uint16_t quantisers[4][64];
    int quantiser_given[4];
    Codes *codes; /* DC 0 to 3, AC 0 to 3 */
    Eight *means; /* eight rows of the large picture, averaged horizontally */
    uint8_t *row; /* one of the small picture, and room for what is written beyond it */
    uint8_t *scan;
    const uint8_t *at, *end; /* what of the file is not copied into `scan` yet */
} Picture;

/* Average eight rows of samples horizontally. */
INLINE void average_columns(const Axis *axis, const Eight *samples, Eight *means)
{
    const int32_t length = axis->length;
    const float *weights = axis->weights;
    for (int32_t i = 0; i < axis->count; i++, weights += length) {
        const Eight *sample = samples + axis->first[i];
        Eight total = sample[0] * weights[0];
        for (int32_t k = 1; k < length; k++) total += sample[k] * weights[k];
        means[i] = total;
    }
}

/* Add rows `top` to `top + 7` of the large picture, given by column, to those of the small. */
INLINE int add_rows(const Picture *picture, Component *component, const Eight *means, int32_t top,
                    int32_t written)
{
    const Axis *axis = &component->rows;
    const int32_t length = axis->length, bottom = top + SIDE;
    int32_t end = component->whole;
    while (end < axis->count && axis->first[end] < bottom) end++;
    if (end - written > RING) return LEFT; /* it never is */
    for (int32_t x = 0; x < picture->padded; x += SIDE) {
        Eight rows[8];
        memcpy(rows, means + x, sizeof rows);
        transpose(rows);
        for (int32_t y = component->whole; y < end; y++) {
            const int32_t first = axis->first[y];
            const float *weights = axis->weights + (int64_t)y * length;
            Eight *to = (Eight *)(component->ring + (int64_t)(y % RING) * picture->padded + x);
            const int32_t from = first > top ? first : top;
            const int32_t until = first + length < bottom ? first + length : bottom;
            Eight total = *to;
            for (int32_t row = from; row < until; row++)
                total += rows[row - top] * weights[row - first];
            *to = total;
        }
    }
    while (component->whole < end &&
           axis->first[component->whole] + length <= bottom)
        component->whole++;
    return DONE;
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

INLINE int read_unit(const Picture *picture, Bits *bits, Component *component, int32_t unit)
{
    const int32_t row = picture->units_across * component->across * SIDE + component->columns.length;
    for (int down = 0; down < component->down; down++)
        for (int across = 0; across < component->across; across++) {
            int16_t block[NOWHERE + 16] __attribute__((aligned(32)));
            for (int i = 0; i < 64; i += 16) *(SixteenShorts *)(block + i) = (SixteenShorts){0};
            const int last =
                read_block(bits, component->dc, component->ac, &component->previous, block);
            if (last < 0) return LEFT;
            samples_of(block, component->quantiser, last,
                       component->samples + (int64_t)down * row +
                           (unit * component->across + across) * SIDE);
        }
    return DONE;
}

INLINE EightInts rounded(Eight levels)
{
    return __builtin_convertvector(limited(levels) + 0.5f, EightInts);
}

/* Write row `y` of the small picture, BGR or grey, and a few bytes more. */
INLINE void write_row(const Picture *picture, int32_t y, uint8_t *restrict out)
{
    const int64_t at = (int64_t)(y % RING) * picture->padded;
    const int step = picture->components;
    for (int32_t x = 0; x < picture->small_width; x += SIDE) {
        const Eight light = *(const Eight *)(picture->component[0].ring + at + x);
        EightInts pixels;
        if (step == 1) {
            pixels = rounded(light);
        } else {
            const Eight blue = *(const Eight *)(picture->component[1].ring + at + x) - 128;
            const Eight red = *(const Eight *)(picture->component[2].ring + at + x) - 128;
            pixels = rounded(light + 1.772f * blue) |
                     rounded(light - 0.344136286f * blue - 0.714136286f * red) << 8 |
                     rounded(light + 1.402f * red) << 16;
        }
        /* four bytes each: the next pixel is written over what is too much */
        for (int i = 0; i < SIDE; i++) {
            const int32_t pixel = pixels[i];
            memcpy(out + (x + i) * step, &pixel, sizeof pixel);
        }
    }
}

INLINE void write_rows(Picture *picture, int32_t from, int32_t to, uint8_t *out)
{
    for (int32_t y = from; y < to; y++) {
        const int64_t length = (int64_t)picture->small_width * picture->components;
        write_row(picture, y, picture->row);
        memcpy(out + y * length, picture->row, (size_t)length);
        for (int i = 0; i < picture->components; i++)
            memset(picture->component[i].ring + (int64_t)(y % RING) * picture->padded, 0,
                   sizeof(float) * (size_t)picture->padded);
    }
}

/* Read a row of units, and add it to the small picture. */
INLINE int read_unit_row(Picture *picture, Bits *bits, int32_t row, int *marker, int *restarts)
{
    Bits local = *bits; /* in registers */
    for (int32_t unit = 0; unit < picture->units_across; unit++) {
        const int64_t number = (int64_t)row * picture->units_across + unit;
        if (picture->interval && number && number % picture->interval == 0) {
            if (*marker != 0xd0 + (*restarts)++ % 8 || !is_used_up(picture, &local)) return LEFT;
            Bits next;
            *marker = begin_segment(picture, &next);
            local = next;
            for (int i = 0; i < picture->components; i++) picture->component[i].previous = 0;
        }
        for (int i = 0; i < picture->components; i++)
            if (read_unit(picture, &local, &picture->component[i], unit) != DONE) return LEFT;
    }
    *bits = local;
    return DONE;
}

INLINE int add_unit_row(Picture *picture, int32_t row, int32_t written)
{
    for (int i = 0; i < picture->components; i++) {
        Component *component = &picture->component[i];
        const int32_t across = picture->units_across * component->across * SIDE;
        for (int down = 0; down < component->down; down++) {
            const int32_t top = (row * component->down + down) * SIDE;
            average_columns(&component->columns,
                            component->samples + (int64_t)down * (across + component->columns.length),
                            picture->means);
            if (add_rows(picture, component, picture->means, top, written) != DONE) return LEFT;
        }
    }
    return DONE;
}

INLINE int read_scan_inline(Picture *picture, uint8_t *out)
{
    Bits bits;
    int restarts = 0, marker = begin_segment(picture, &bits);
    int32_t written = 0;
    for (int32_t row = 0; row < picture->units_down; row++) {
        if (read_unit_row(picture, &bits, row, &marker, &restarts) != DONE ||
            add_unit_row(picture, row, written) != DONE)
            return LEFT;
        int32_t whole = picture->small_height;
        for (int i = 0; i < picture->components && row + 1 < picture->units_down; i++)
            if (picture->component[i].whole < whole) whole = picture->component[i].whole;
        write_rows(picture, written, whole, out);
        written = whole;
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
            const float eighth = 0.35355339059327373f;
            const float factor = (k % 32 < 8 ? eighth : 1) * (k % 4 == 0 ? eighth : 1);
            component->quantiser[k] = factor * picture->quantisers[component->quantiser_id][k];
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

/* ---- the whole ---- */

static void *zeros(int64_t count, size_t size)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, (size_t)count * size) != 0) return NULL;
    return memset(memory, 0, (size_t)count * size);
}

static int make_room(Picture *picture)
{
    const int unit_width = picture->across * SIDE, unit_height = picture->down * SIDE;
    picture->units_across = (picture->width + unit_width - 1) / unit_width;
    picture->units_down = (picture->height + unit_height - 1) / unit_height;
    picture->padded = (picture->small_width + SIDE - 1) / SIDE * SIDE;
    for (int i = 0; i < picture->components; i++) {
        Component *component = &picture->component[i];
        if (make_axis(&component->columns, picture->width, picture->small_width,
                      component->across < picture->across) != DONE ||
            make_axis(&component->rows, picture->height, picture->small_height,
                      component->down < picture->down) != DONE)
            return NO_MEMORY;
        const int64_t row =
            (int64_t)picture->units_across * component->across * SIDE + component->columns.length;
        component->samples = zeros(row * component->down, sizeof(Eight));
        component->ring = zeros((int64_t)RING * picture->padded, sizeof(float));
        if (component->samples == NULL || component->ring == NULL) return NO_MEMORY;
    }
    picture->means = zeros(picture->padded, sizeof(Eight));
    picture->row = malloc((size_t)picture->padded * 3 + 4);
    picture->scan = malloc((size_t)(picture->end - picture->at) + PADDING);
    return picture->means && picture->row && picture->scan ? DONE : NO_MEMORY;
}

static void free_picture(Picture *picture)
{
    for (int i = 0; i < 3; i++) {
        Component *component = &picture->component[i];
        free_axis(&component->columns);
        free_axis(&component->rows);
        free(component->samples);
        free(component->ring);
    }
    free(picture->means);
    free(picture->row);
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
    {"plain", plain, METH_O, plain_doc},
    {"shrink", shrink, METH_VARARGS, shrink_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "img2dataset.images._jpeg", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__jpeg(void)
{
    return PyModule_Create(&definition);
}
