/* Filtered rows -> rows of samples, one after the other, of which the last four are kept. */
#ifndef IMG2DATASET_PNG_ROWS_H
#define IMG2DATASET_PNG_ROWS_H

#include "png_picture.h"
#include "png_unfilter.h"

#define RING_ROWS 4 /* the two that are asked for, one that was made early, one above the next */

typedef struct {
    const uint8_t *raw, *end; /* of the rows that are not made yet */
    int64_t bytes;            /* of a row, without the filter's byte */
    int32_t rows, made;
    int step; /* bytes of a pixel */
    uint8_t *memory;
    uint8_t *ring[RING_ROWS];
    uint8_t *zeros;       /* above the first row */
    uint8_t *padded[2];   /* copies of the last rows, which have nothing behind them */
} Rows;

static void free_rows(Rows *rows) { free(rows->memory); }

/* Make room for rows of up to `bytes` each. */
static int allocate_rows(Rows *rows, int64_t bytes)
{
    const int64_t stride = bytes + 2 * PADDING_BYTES;
    rows->memory = calloc(RING_ROWS + 3, (size_t)stride);
    if (rows->memory == NULL) return NO_MEMORY;
    uint8_t *next = rows->memory + PADDING_BYTES;
    for (int i = 0; i < RING_ROWS; i++, next += stride) rows->ring[i] = next;
    for (int i = 0; i < 2; i++, next += stride) rows->padded[i] = next;
    rows->zeros = next;
    return DONE;
}

/* Begin with `count` rows of `width` pixels at `raw`. */
static void begin_rows(Rows *rows, const Format *format, const uint8_t *raw, int32_t width,
                       int32_t count)
{
    rows->bytes = count_row_bytes(format, width);
    rows->step = count_pixel_bytes(format);
    rows->raw = raw;
    rows->end = raw + count * (1 + rows->bytes);
    rows->rows = count;
    rows->made = 0;
}

INLINE uint8_t *find_row(const Rows *rows, int32_t y) { return rows->ring[y % RING_ROWS]; }

/* The filtered bytes of the next row, or of that behind it, with something behind them. */
INLINE const uint8_t *find_raw(const Rows *rows, int ahead)
{
    const uint8_t *raw = rows->raw + ahead * (1 + rows->bytes) + 1;
    if (rows->end - raw >= rows->bytes + PADDING_BYTES) return raw;
    return memcpy(rows->padded[ahead], raw, (size_t)rows->bytes);
}

INLINE int is_serial(int filter) { return filter == AVERAGE || filter == PAETH; }

INLINE void unfilter_one_row(const Rows *rows, int filter, const uint8_t *above, const int step)
{
    uint8_t *to = find_row(rows, rows->made);
    const uint8_t *raw = find_raw(rows, 0);
    switch (filter) {
    case NONE: memcpy(to, raw, (size_t)rows->bytes); break;
    case SUB: unfilter_sub(to, raw, rows->bytes, step); break;
    case UP: unfilter_up(to, above, raw, rows->bytes); break;
    case AVERAGE: unfilter_serial(to, above, raw, rows->bytes, step, AVERAGE); break;
    default: unfilter_serial(to, above, raw, rows->bytes, step, PAETH);
    }
}

INLINE void unfilter_two_rows(const Rows *rows, const int filters[2], const uint8_t *above,
                              const int step)
{
    uint8_t *const to[2] = {find_row(rows, rows->made), find_row(rows, rows->made + 1)};
    const uint8_t *const raw[2] = {find_raw(rows, 0), find_raw(rows, 1)};
    static const int kinds[4][2] = {
        {AVERAGE, AVERAGE}, {AVERAGE, PAETH}, {PAETH, AVERAGE}, {PAETH, PAETH}};
    switch (2 * (filters[0] == PAETH) + (filters[1] == PAETH)) {
    case 0: unfilter_two(to, above, raw, rows->bytes, step, kinds[0]); break;
    case 1: unfilter_two(to, above, raw, rows->bytes, step, kinds[1]); break;
    case 2: unfilter_two(to, above, raw, rows->bytes, step, kinds[2]); break;
    default: unfilter_two(to, above, raw, rows->bytes, step, kinds[3]);
    }
}

/* Make the next row, or two; returns how many, or 0 if a filter is unknown. */
INLINE int unfilter_next(const Rows *rows, const int step)
{
    const uint8_t *above = rows->made == 0 ? rows->zeros : find_row(rows, rows->made - 1);
    const int left = rows->rows - rows->made;
    const int filters[2] = {rows->raw[0], left > 1 ? rows->raw[1 + rows->bytes] : NONE};
    if (filters[0] >= FILTERS) return 0;
    if (step <= 4 && is_serial(filters[0]) && is_serial(filters[1])) {
        unfilter_two_rows(rows, filters, above, step);
        return 2;
    }
    unfilter_one_row(rows, filters[0], above, step);
    return 1;
}

/* Make rows until that of `y` is there. */
INLINE int make_rows(Rows *rows, int32_t y)
{
    while (rows->made <= y) {
        int count;
        switch (rows->step) { /* a constant inside */
        case 1: count = unfilter_next(rows, 1); break;
        case 2: count = unfilter_next(rows, 2); break;
        case 3: count = unfilter_next(rows, 3); break;
        case 4: count = unfilter_next(rows, 4); break;
        case 6: count = unfilter_next(rows, 6); break;
        default: count = unfilter_next(rows, 8);
        }
        if (count == 0) return UNSUPPORTED;
        rows->made += count;
        rows->raw += count * (1 + rows->bytes);
    }
    return DONE;
}

#endif
