/* Samples of a row -> its pixels: 8 bits, grey or BGR, on white.
 *
 * Three bytes of a pixel are stored as four, and the next pixel is written over the surplus.
 */
#ifndef IMG2DATASET_PNG_COLOURS_H
#define IMG2DATASET_PNG_COLOURS_H

#include "png_picture.h"
#include "png_unfilter.h"

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE_SHORTS(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define SHUFFLE_SHORTS(v, ...) __builtin_shuffle(v, (Shorts8){__VA_ARGS__})
#endif

typedef uint16_t Words8 __attribute__((vector_size(16)));

#define WHITE_PIXEL 0xffffffu

static inline uint32_t read_deep(const uint8_t *from) { return (uint32_t)from[0] << 8 | from[1]; }

/* A sample of 16 bits / 257, rounded. */
static inline uint32_t scale_deep(const uint8_t *from)
{
    return (read_deep(from) * 255 + 32895) >> 16;
}

/* ---- grey ---- */

/* Several pixels in a byte, the first in its highest bits. */
INLINE void spread_grey(uint8_t *to, const uint8_t *samples, const Format *format, int32_t width)
{
    const int depth = format->depth;
    const uint32_t most = (1u << depth) - 1;
    uint8_t levels[16];
    for (uint32_t i = 0; i <= most; i++)
        levels[i] = format->has_key && i == format->key[0] ? 255 : (uint8_t)(i * (255 / most));
    for (int32_t x = 0; x < width; x++) {
        const int64_t bit = (int64_t)x * depth;
        to[x] = levels[samples[bit >> 3] >> (8 - depth - (bit & 7)) & most];
    }
}

INLINE void convert_grey(uint8_t *to, const uint8_t *samples, const Format *format, int32_t width)
{
    if (format->depth < 8) {
        spread_grey(to, samples, format, width);
    } else if (format->depth == 8) {
        memcpy(to, samples, (size_t)width);
        if (format->has_key)
            for (int32_t x = 0; x < width; x++) to[x] = to[x] == format->key[0] ? 255 : to[x];
    } else {
        for (int32_t x = 0; x < width; x++) {
            const uint8_t *sample = samples + 2 * (int64_t)x;
            const int is_key = format->has_key && read_deep(sample) == format->key[0];
            to[x] = is_key ? 255 : (uint8_t)scale_deep(sample);
        }
    }
}

/* ---- colours without alpha ---- */

/* Red, green and blue of the lowest three bytes, the other way round. */
static inline uint32_t swap_colours(uint32_t pixel) { return __builtin_bswap32(pixel) >> 8; }

INLINE void convert_rgb(uint8_t *to, const uint8_t *samples, const Format *format, int32_t width)
{
    const uint32_t key = format->key[0] << 16 | format->key[1] << 8 | format->key[2];
    for (int32_t x = 0; x < width; x++, samples += 3, to += 3) {
        const uint32_t pixel = swap_colours(load_word(samples));
        store_word(to, format->has_key && pixel == key ? WHITE_PIXEL : pixel);
    }
}

INLINE void convert_deep_rgb(uint8_t *to, const uint8_t *samples, const Format *format,
                             int32_t width)
{
    const uint16_t *key = format->key;
    for (int32_t x = 0; x < width; x++, samples += 6, to += 3) {
        const int is_key = format->has_key && read_deep(samples) == key[0] &&
                           read_deep(samples + 2) == key[1] && read_deep(samples + 4) == key[2];
        const uint32_t pixel = scale_deep(samples) << 16 | scale_deep(samples + 2) << 8 |
                               scale_deep(samples + 4);
        store_word(to, is_key ? WHITE_PIXEL : pixel);
    }
}

INLINE void convert_palette(uint8_t *to, const uint8_t *samples, const Format *format,
                            int32_t width)
{
    const int depth = format->depth;
    const uint32_t most = (1u << depth) - 1;
    if (depth == 8)
        for (int32_t x = 0; x < width; x++) store_word(to + 3 * (int64_t)x, format->colours[samples[x]]);
    else
        for (int32_t x = 0; x < width; x++) {
            const int64_t bit = (int64_t)x * depth;
            const uint32_t index = samples[bit >> 3] >> (8 - depth - (bit & 7)) & most;
            store_word(to + 3 * (int64_t)x, format->colours[index]);
        }
}

/* ---- alpha ---- */

/* Two pixels of red, green, blue and alpha, blended on white: the quotient by 255 is exact. */
INLINE Words8 blend_two(Shorts8 pixels)
{
    const Words8 alpha = (Words8)SHUFFLE_SHORTS(pixels, 3, 3, 3, 3, 7, 7, 7, 7);
    const Words8 sum = 65152 - alpha * (255 - (Words8)pixels);
    return (sum + 1 + (sum >> 8)) >> 8;
}

INLINE void convert_rgb_alpha(uint8_t *to, const uint8_t *samples, int32_t width)
{
    for (int32_t x = 0; x < width; x += 2, samples += 8, to += 6) {
        const Shorts8 made = (Shorts8)blend_two(widen(load_eight(samples)));
        const Shorts8 turned = SHUFFLE_SHORTS(made, 2, 1, 0, 3, 6, 5, 4, 7);
        const Bytes8 bytes = __builtin_convertvector(turned, Bytes8);
        uint32_t both[2];
        memcpy(both, &bytes, sizeof both);
        store_word(to, both[0]);
        store_word(to + 3, both[1]);
    }
}

INLINE void convert_deep_rgb_alpha(uint8_t *to, const uint8_t *samples, int32_t width)
{
    for (int32_t x = 0; x < width; x++, samples += 8, to += 3) {
        const uint32_t alpha = scale_deep(samples + 6);
        for (int i = 0; i < 3; i++)
            to[i] = (uint8_t)blend(scale_deep(samples + 2 * (2 - i)), alpha);
    }
}

INLINE void convert_grey_alpha(uint8_t *to, const uint8_t *samples, int depth, int32_t width)
{
    const int bytes = depth / 8;
    for (int32_t x = 0; x < width; x++, samples += 2 * bytes, to += 3) {
        const uint32_t value = bytes == 1 ? samples[0] : scale_deep(samples);
        const uint32_t alpha = bytes == 1 ? samples[1] : scale_deep(samples + 2);
        store_word(to, blend(value, alpha) * 0x010101u);
    }
}

/* `to` and `samples` have PADDING_BYTES behind them. */
INLINE void convert_row(uint8_t *to, const uint8_t *samples, const Format *format, int32_t width)
{
    switch (format->colour) {
    case GREY: convert_grey(to, samples, format, width); break;
    case PALETTE: convert_palette(to, samples, format, width); break;
    case GREY_ALPHA: convert_grey_alpha(to, samples, format->depth, width); break;
    case RGB:
        if (format->depth == 8)
            convert_rgb(to, samples, format, width);
        else
            convert_deep_rgb(to, samples, format, width);
        break;
    default:
        if (format->depth == 8)
            convert_rgb_alpha(to, samples, width);
        else
            convert_deep_rgb_alpha(to, samples, width);
    }
}

#endif
