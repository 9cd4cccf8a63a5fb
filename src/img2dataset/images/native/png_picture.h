/* What a PNG says of its pixels (PNG 11.2), and one of its pictures: the whole, or a pass of an
 * interlaced one.
 */
#ifndef IMG2DATASET_PNG_PICTURE_H
#define IMG2DATASET_PNG_PICTURE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 1000000 /* libpng's */
#define MAX_COLOURS 256
#define PASSES 7

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 };
enum { DONE, UNSUPPORTED, NO_MEMORY };

typedef struct {
    int32_t width, height;
    int depth, colour;
    int has_key;              /* one value counts as transparent */
    uint16_t key[3];          /* that value: of grey, or of red, green and blue */
    uint32_t colours[MAX_COLOURS]; /* of a palette, on white; blue is the lowest byte */
} Format;

static int count_channels(const Format *format)
{
    switch (format->colour) {
    case RGB: return 3;
    case GREY_ALPHA: return 2;
    case RGB_ALPHA: return 4;
    default: return 1;
    }
}

/* Bytes from a byte of a pixel to that of the next: 1 where several pixels share a byte. */
static int count_pixel_bytes(const Format *format)
{
    const int bits = count_channels(format) * format->depth;
    return bits < 8 ? 1 : bits / 8;
}

/* Of the pixels of a row, without the filter's byte. */
static int64_t count_row_bytes(const Format *format, int32_t width)
{
    return ((int64_t)width * count_channels(format) * format->depth + 7) / 8;
}

/* Channels of what is made of it: 1 for grey without an alpha channel. */
static int count_out_channels(const Format *format) { return format->colour == GREY ? 1 : 3; }

/* PNG 11.2.2 */
static int is_known_kind(int depth, int colour)
{
    switch (colour) {
    case GREY: return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PALETTE: return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case RGB:
    case GREY_ALPHA:
    case RGB_ALPHA: return depth == 8 || depth == 16;
    default: return 0;
    }
}

/* ---- passes ---- */

typedef struct {
    int32_t left, top, right, down; /* first column and row, steps */
} Pass;

static const Pass whole = {0, 0, 1, 1};
static const Pass adam7[PASSES] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                   {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

static int32_t count_steps(int32_t size, int32_t first, int32_t step)
{
    return size <= first ? 0 : (size - first + step - 1) / step;
}

/* Bytes of all rows of a pass, each with that of its filter. */
static int64_t count_pass_bytes(const Format *format, const Pass *pass)
{
    const int32_t columns = count_steps(format->width, pass->left, pass->right);
    const int32_t rows = count_steps(format->height, pass->top, pass->down);
    return columns == 0 ? 0 : rows * (1 + count_row_bytes(format, columns));
}

static int64_t count_bytes(const Format *format, int interlaced)
{
    if (!interlaced) return count_pass_bytes(format, &whole);
    int64_t bytes = 0;
    for (int i = 0; i < PASSES; i++) bytes += count_pass_bytes(format, &adam7[i]);
    return bytes;
}

/* ---- palette, transparency ---- */

/* Blend on white, rounded to nearest: (value * alpha + 255 * (255 - alpha) + 127) / 255 */
static inline uint32_t blend(uint32_t value, uint32_t alpha)
{
    return (65152 - alpha * (255 - value)) / 255;
}

/* Entries beyond the palette are black, and those beyond `shares` opaque, as libpng has it. */
static void set_palette(Format *format, const uint8_t *colours, int count, const uint8_t *shares,
                        int share_count)
{
    memset(format->colours, 0, sizeof format->colours);
    for (int i = 0; i < count; i++) {
        const uint32_t alpha = i < share_count ? shares[i] : 255;
        const uint32_t red = blend(colours[3 * i], alpha), green = blend(colours[3 * i + 1], alpha);
        format->colours[i] = blend(colours[3 * i + 2], alpha) | green << 8 | red << 16;
    }
}

/* `values` are two bytes each, of which as many bits count as a sample has. */
static void set_key(Format *format, const uint8_t *values, int count)
{
    const uint32_t mask = (1u << format->depth) - 1;
    for (int i = 0; i < count; i++)
        format->key[i] = (uint16_t)((values[2 * i] << 8 | values[2 * i + 1]) & mask);
    format->has_key = count > 0;
}

/* Read PLTE and tRNS; returns 0 if libpng would pass one of them over, or complain. */
static int read_colours(Format *format, const uint8_t *palette, int64_t palette_bytes,
                        const uint8_t *shares, int64_t share_bytes)
{
    const int64_t count = palette_bytes / 3;
    const int most = format->colour == PALETTE ? 1 << format->depth : MAX_COLOURS;
    if (palette_bytes % 3 != 0 || count > most) return 0;
    switch (format->colour) {
    case PALETTE:
        if (count < 1 || share_bytes > count) return 0;
        set_palette(format, palette, (int)count, shares, (int)share_bytes);
        return 1;
    case GREY:
    case RGB: {
        const int channels = count_channels(format);
        if (format->colour == GREY && count != 0) return 0;
        if (share_bytes != 0 && share_bytes != 2 * channels) return 0;
        set_key(format, shares, share_bytes == 0 ? 0 : channels);
        return 1;
    }
    case GREY_ALPHA: return count == 0 && share_bytes == 0;
    default: return share_bytes == 0;
    }
}

#endif
