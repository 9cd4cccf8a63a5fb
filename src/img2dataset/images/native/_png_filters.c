/* The rows of a PNG image, filtered (PNG specification, third edition, section 9), from grey or
 * BGR pixels of 8 bits.
 *
 * The filter of each row is the one whose residuals, as signed bytes, have the smallest sum of
 * absolute values: the heuristic that the specification recommends (section 12.7).  Each byte
 * depends on pixels only, not on other residuals, so compilers vectorise every loop.
 * Optional: without a C compiler the package is installed without it, and OpenCV encodes.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_module.h"
#include "_wide.h"

#define MAX_SIDE 1000000 /* libpng reads no wider or higher image unless it is told to */
#define LEFT 16          /* zeros left of a row, at least as many as a pixel has bytes */
#define SUM_BYTES 256    /* sums of so many residuals of at most 128 fit 16 bits */

enum { NONE, SUB, UP, AVERAGE, PAETH };

/* A row, the row above it, and its residuals by the best filter so far and by the one that is
 * tried. */
typedef struct {
    uint8_t *above, *row, *best, *tried;
    int64_t size;
    int channels;
} Rows;

INLINE void copy_pixels(uint8_t *restrict row, const uint8_t *restrict pixels, int64_t size,
                        int channels)
{
    if (channels == 1) {
        memcpy(row, pixels, (size_t)size);
        return;
    }
    for (int64_t i = 0; i < size; i += 3) { /* BGR to RGB */
        row[i] = pixels[i + 2];
        row[i + 1] = pixels[i + 1];
        row[i + 2] = pixels[i];
    }
}

/* Section 9.4: `left`, `up` or `corner`, whichever is closest to left + up - corner, in this order
 * where two are as close.  The corner is closest only if it lies between the others. */
INLINE uint8_t predict_paeth(uint8_t left, uint8_t up, uint8_t corner)
{
    const uint8_t to_left = up > corner ? (uint8_t)(up - corner) : (uint8_t)(corner - up);
    const uint8_t to_up = left > corner ? (uint8_t)(left - corner) : (uint8_t)(corner - left);
    const uint8_t to_corner =
        to_left > to_up ? (uint8_t)(to_left - to_up) : (uint8_t)(to_up - to_left);
    const uint8_t nearer = to_left <= to_up ? left : up;
    const uint8_t distance = to_left <= to_up ? to_left : to_up;
    const int between = (up > corner) != (left > corner);
    return between && to_corner < distance ? corner : nearer;
}

INLINE uint8_t predict(int filter, uint8_t left, uint8_t up, uint8_t corner)
{
    switch (filter) {
    case SUB: return left;
    case UP: return up;
    case AVERAGE: return (uint8_t)((left + up) >> 1);
    case PAETH: return predict_paeth(left, up, corner);
    default: return 0;
    }
}

INLINE void filter_row(uint8_t *restrict out, const uint8_t *restrict row,
                       const uint8_t *restrict above, int64_t size, int channels, int filter)
{
    for (int64_t i = 0; i < size; i++)
        out[i] = (uint8_t)(row[i] - predict(filter, row[i - channels], above[i],
                                            above[i - channels]));
}

INLINE int64_t sum_residuals(const uint8_t *residuals, int64_t size)
{
    int64_t sum = 0;
    for (int64_t start = 0; start < size; start += SUM_BYTES) {
        const int64_t end = start + SUM_BYTES < size ? start + SUM_BYTES : size;
        uint16_t part = 0;
        for (int64_t i = start; i < end; i++) {
            const uint8_t negative = (uint8_t)-residuals[i];
            part = (uint16_t)(part + (residuals[i] < negative ? residuals[i] : negative));
        }
        sum += part;
    }
    return sum;
}

INLINE void try_filter(Rows *rows, int filter, int channels, int64_t *least, uint8_t *chosen)
{
    filter_row(rows->tried, rows->row, rows->above, rows->size, channels, filter);
    const int64_t sum = sum_residuals(rows->tried, rows->size);
    if (sum >= *least) return;
    uint8_t *better = rows->tried;
    rows->tried = rows->best;
    rows->best = better;
    *least = sum;
    *chosen = (uint8_t)filter;
}

INLINE void filter_each(Rows *rows, uint8_t *out, const uint8_t *pixels, int64_t height,
                        int channels)
{
    for (int64_t y = 0; y < height; y++, pixels += rows->size, out += 1 + rows->size) {
        int64_t least = INT64_MAX;
        uint8_t *row = rows->above;
        rows->above = rows->row;
        rows->row = row;
        copy_pixels(row, pixels, rows->size, channels);
        try_filter(rows, PAETH, channels, &least, out);
        try_filter(rows, SUB, channels, &least, out);
        try_filter(rows, UP, channels, &least, out);
        try_filter(rows, AVERAGE, channels, &least, out);
        try_filter(rows, NONE, channels, &least, out);
        memcpy(out + 1, rows->best, (size_t)rows->size);
    }
}

INLINE void filter_inline(Rows *rows, uint8_t *out, const uint8_t *pixels, int64_t height)
{
    if (rows->channels == 3)
        filter_each(rows, out, pixels, height, 3);
    else
        filter_each(rows, out, pixels, height, 1);
}

WIDE static void filter_wide(Rows *rows, uint8_t *out, const uint8_t *pixels, int64_t height)
{
    filter_inline(rows, out, pixels, height);
}

/* 0 = done, -1 = no memory */
static int filter_image(uint8_t *out, const uint8_t *pixels, int64_t height, int64_t width,
                        int channels)
{
    const int64_t size = width * channels;
    uint8_t *buffer = calloc(4, (size_t)(LEFT + size));
    if (buffer == NULL) return -1;
    Rows rows = {
        .above = buffer + LEFT,
        .row = buffer + LEFT + (LEFT + size),
        .best = buffer + LEFT + 2 * (LEFT + size),
        .tried = buffer + LEFT + 3 * (LEFT + size),
        .size = size,
        .channels = channels,
    };
    if (has_wide())
        filter_wide(&rows, out, pixels, height);
    else
        filter_inline(&rows, out, pixels, height);
    free(buffer);
    return 0;
}

PyDoc_STRVAR(filter_rows_doc,
             "filter_rows(out, pixels, height, width, channels)\n--\n\n"
             "Fill `out` with the filtered rows of `pixels`: RGB from BGR, or grey.  Both are\n"
             "contiguous bytes, height x width x channels, 1 or 3 channels; a row of `out` has one\n"
             "byte more, the number of its filter.  The GIL is released.");

static PyObject *filter_rows(PyObject *module, PyObject *args)
{
    Py_buffer out, pixels;
    int height, width, channels, failed = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "w*y*iii", &out, &pixels, &height, &width, &channels)) return NULL;
    const int64_t size = (int64_t)width * channels;
    if ((channels != 1 && channels != 3) || height < 1 || width < 1 || height > MAX_SIDE ||
        width > MAX_SIDE || pixels.len != height * size || out.len != height * (size + 1)) {
        PyErr_SetString(PyExc_ValueError, "sizes do not fit");
        failed = 1;
    } else {
        Py_BEGIN_ALLOW_THREADS
        failed = filter_image(out.buf, pixels.buf, height, width, channels) != 0;
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    PyBuffer_Release(&out);
    PyBuffer_Release(&pixels);
    if (failed) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"filter_rows", filter_rows, METH_VARARGS, filter_rows_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "img2dataset.images.native._png_filters",
    .m_methods = methods,
    .m_slots = stateless_slots,
};

PyMODINIT_FUNC PyInit__png_filters(void)
{
    return PyModuleDef_Init(&definition);
}
