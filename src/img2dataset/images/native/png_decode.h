/* Inflated rows of a PNG -> its pixels, or those of a smaller picture. */
#ifndef IMG2DATASET_PNG_DECODE_H
#define IMG2DATASET_PNG_DECODE_H

#include "area_means.h"
#include "png_colours.h"
#include "png_rows.h"

/* ---- all pixels ---- */

/* Put the pixels of a row of a pass into their places. */
INLINE void spread_pixels(uint8_t *to, const uint8_t *pixels, int channels, const Pass *pass,
                          int32_t columns)
{
    to += (int64_t)pass->left * channels;
    for (int32_t x = 0; x < columns; x++, to += (int64_t)pass->right * channels)
        for (int c = 0; c < channels; c++) to[c] = *pixels++;
}

/* Fill the pixels of a pass in `out`; `line` has room for a row. */
INLINE int decode_pass(uint8_t *out, Rows *rows, const Format *format, const Pass *pass,
                       const uint8_t *raw, uint8_t *line)
{
    const int channels = count_out_channels(format);
    const int32_t columns = count_steps(format->width, pass->left, pass->right);
    const int32_t count = count_steps(format->height, pass->top, pass->down);
    begin_rows(rows, format, raw, columns, count);
    for (int32_t y = 0; y < count; y++) {
        if (make_rows(rows, y) != DONE) return UNSUPPORTED;
        convert_row(line, find_row(rows, y), format, columns);
        uint8_t *to = out + ((int64_t)pass->top + (int64_t)y * pass->down) * format->width * channels;
        if (pass->right == 1 && pass->left == 0)
            memcpy(to, line, (size_t)columns * (size_t)channels);
        else
            spread_pixels(to, line, channels, pass, columns);
    }
    return DONE;
}

INLINE int decode_inline(uint8_t *out, Rows *rows, const Format *format, int interlaced,
                         const uint8_t *raw, uint8_t *line)
{
    if (!interlaced) return decode_pass(out, rows, format, &whole, raw, line);
    int status = DONE;
    for (int i = 0; i < PASSES && status == DONE; i++) {
        const int64_t bytes = count_pass_bytes(format, &adam7[i]);
        if (bytes == 0) continue;
        status = decode_pass(out, rows, format, &adam7[i], raw, line);
        raw += bytes;
    }
    return status;
}

WIDE static int decode_wide(uint8_t *out, Rows *rows, const Format *format, int interlaced,
                            const uint8_t *raw, uint8_t *line)
{
    return decode_inline(out, rows, format, interlaced, raw, line);
}

static int decode_picture(uint8_t *out, const Format *format, int interlaced, const uint8_t *raw)
{
    Rows rows;
    if (allocate_rows(&rows, count_row_bytes(format, format->width)) != DONE) return NO_MEMORY;
    uint8_t *line = malloc((size_t)format->width * 3 + PADDING_BYTES);
    int status = NO_MEMORY;
    if (line != NULL)
        status = has_wide() ? decode_wide(out, &rows, format, interlaced, raw, line)
                            : decode_inline(out, &rows, format, interlaced, raw, line);
    free(line);
    free_rows(&rows);
    return status;
}

/* ---- a smaller picture ---- */

typedef struct {
    Rows rows;
    int32_t out_width, out_height;
    Span *across, *down;
    float *sum;
    uint8_t *lines[2]; /* pixels of rows whose number is even, and odd */
    int32_t converted; /* how many rows have been made pixels */
} Shrinker;

/* Whether samples are averaged as they are, and their colours are swapped at the end. */
static int is_plain(const Format *format)
{
    return format->depth == 8 && !format->has_key &&
           (format->colour == RGB || format->colour == GREY);
}

/* The pixels of row `y`, which has been made. */
INLINE const uint8_t *find_pixels(Shrinker *shrinker, const Format *format, int32_t y)
{
    if (is_plain(format)) return find_row(&shrinker->rows, y);
    uint8_t *line = shrinker->lines[y & 1];
    if (shrinker->converted <= y) {
        convert_row(line, find_row(&shrinker->rows, y), format, format->width);
        shrinker->converted = y + 1;
    }
    return line;
}

INLINE void swap_row(uint8_t *pixels, int32_t width)
{
    for (int32_t x = 0; x < width; x++, pixels += 3) {
        const uint8_t red = pixels[0];
        pixels[0] = pixels[2];
        pixels[2] = red;
    }
}

INLINE int shrink_inline(uint8_t *out, Shrinker *shrinker, const Format *format)
{
    const int channels = count_out_channels(format);
    const int64_t length = (int64_t)format->width * channels;
    for (int32_t row = 0; row < shrinker->out_height; row++) {
        const Span *span = &shrinker->down[row];
        for (int32_t y = span->first; y <= span->last; y += 2) {
            const int32_t next = y < span->last ? y + 1 : y;
            if (make_rows(&shrinker->rows, next) != DONE) return UNSUPPORTED;
            const uint8_t *pixels = find_pixels(shrinker, format, y);
            sum_two_rows(shrinker->sum, pixels, find_pixels(shrinker, format, next), span, y,
                         length);
        }
        if (channels == 3)
            sum_columns_3(out, shrinker->sum, shrinker->across, shrinker->out_width);
        else
            sum_columns_1(out, shrinker->sum, shrinker->across, shrinker->out_width);
        if (format->colour == RGB && is_plain(format)) swap_row(out, shrinker->out_width);
        out += (int64_t)shrinker->out_width * channels;
    }
    return DONE;
}

WIDE static int shrink_wide(uint8_t *out, Shrinker *shrinker, const Format *format)
{
    return shrink_inline(out, shrinker, format);
}

static int allocate_shrinker(Shrinker *shrinker, const Format *format)
{
    const size_t line = (size_t)format->width * 3 + PADDING_BYTES;
    if (allocate_rows(&shrinker->rows, count_row_bytes(format, format->width)) != DONE)
        return NO_MEMORY;
    shrinker->across = malloc(sizeof(Span) * (size_t)shrinker->out_width);
    shrinker->down = malloc(sizeof(Span) * (size_t)shrinker->out_height);
    shrinker->sum = calloc((size_t)format->width * 3 + 4, sizeof(float));
    shrinker->lines[0] = calloc(2, line);
    if (!shrinker->across || !shrinker->down || !shrinker->sum || !shrinker->lines[0])
        return NO_MEMORY;
    shrinker->lines[1] = shrinker->lines[0] + line;
    make_spans(shrinker->across, format->width, shrinker->out_width);
    make_spans(shrinker->down, format->height, shrinker->out_height);
    return DONE;
}

static int shrink_picture(uint8_t *out, const Format *format, const uint8_t *raw,
                          int32_t out_width, int32_t out_height)
{
    Shrinker shrinker = {.out_width = out_width, .out_height = out_height};
    int status = allocate_shrinker(&shrinker, format);
    if (status == DONE) {
        begin_rows(&shrinker.rows, format, raw, format->width, format->height);
        status = has_wide() ? shrink_wide(out, &shrinker, format)
                            : shrink_inline(out, &shrinker, format);
    }
    free(shrinker.across);
    free(shrinker.down);
    free(shrinker.sum);
    free(shrinker.lines[0]);
    free_rows(&shrinker.rows);
    return status;
}

#endif
