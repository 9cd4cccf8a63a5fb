/* Exact-area shrinking of 8-bit images, interleaved, 1 or 3 channels.
 *
 * Every output pixel is the mean of the source rectangle it covers, pixels at the rim counting
 * by the fraction that is inside: what OpenCV calls INTER_AREA.  The sums are floats, the result
 * is rounded half to even.
 *
 * Rows are summed first, which is the part that compilers vectorise, then columns: a source
 * pixel is touched once in the first pass, and only an output row's worth in the second.
 * Optional: without a C compiler the package is installed without it, and resize.py uses OpenCV.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "_module.h"
#include "_wide.h"

#define MAX_SIDE (1 << 30) /* so that no product of sides and channels overflows */

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

INLINE void sum_rows(float *sum, const uint8_t *source, int64_t stride, const Span *span)
{
    int add = 0;
    for (int32_t y = span->first; y <= span->last; y += 2, add = 1) {
        const uint8_t *row = source + y * stride;
        const int pair = y < span->last;
        add_rows(sum, row, pair ? row + stride : row, weight_at(span, y),
                 pair ? weight_at(span, y + 1) : 0.0f, stride, add);
    }
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

/* 0 = done, -1 = no memory */
INLINE int shrink_inline(uint8_t *out, const uint8_t *source, int32_t from_height,
                         int32_t from_width, int32_t height, int32_t width, int channels)
{
    const int64_t stride = (int64_t)from_width * channels;
    Span *rows = malloc(sizeof(Span) * (size_t)height);
    Span *columns = malloc(sizeof(Span) * (size_t)width);
    float *sum = malloc(sizeof(float) * (size_t)(stride + 4));
    const int good = rows != NULL && columns != NULL && sum != NULL;
    if (good) {
        make_spans(rows, from_height, height);
        make_spans(columns, from_width, width);
        for (int i = 0; i < 4; i++) sum[stride + i] = 0;
        for (int32_t y = 0; y < height; y++, out += (int64_t)width * channels) {
            sum_rows(sum, source, stride, &rows[y]);
            if (channels == 3)
                sum_columns_3(out, sum, columns, width);
            else
                sum_columns_1(out, sum, columns, width);
        }
    }
    free(rows);
    free(columns);
    free(sum);
    return good ? 0 : -1;
}

WIDE static int shrink_wide(uint8_t *out, const uint8_t *source, int32_t from_height,
                            int32_t from_width, int32_t height, int32_t width, int channels)
{
    return shrink_inline(out, source, from_height, from_width, height, width, channels);
}

static int shrink_image(uint8_t *out, const uint8_t *source, int32_t from_height,
                        int32_t from_width, int32_t height, int32_t width, int channels)
{
    if (has_wide())
        return shrink_wide(out, source, from_height, from_width, height, width, channels);
    return shrink_inline(out, source, from_height, from_width, height, width, channels);
}

PyDoc_STRVAR(shrink_doc,
             "shrink(out, source, from_height, from_width, height, width, channels)\n--\n\n"
             "Fill `out` with `source` made smaller: both are contiguous bytes,\n"
             "height x width x channels, 1 or 3 channels.  The GIL is released.");

static PyObject *shrink(PyObject *module, PyObject *args)
{
    Py_buffer out, source;
    int from_height, from_width, height, width, channels, failed = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "w*y*iiiii", &out, &source, &from_height, &from_width, &height,
                          &width, &channels))
        return NULL;
    if ((channels != 1 && channels != 3) || height < 1 || width < 1 || from_height < height ||
        from_width < width || from_height > MAX_SIDE || from_width > MAX_SIDE ||
        source.len != (Py_ssize_t)from_height * from_width * channels ||
        out.len != (Py_ssize_t)height * width * channels) {
        PyErr_SetString(PyExc_ValueError, "sizes do not fit");
        failed = 1;
    } else {
        Py_BEGIN_ALLOW_THREADS
        failed = shrink_image(out.buf, source.buf, from_height, from_width, height, width,
                              channels) != 0;
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    PyBuffer_Release(&out);
    PyBuffer_Release(&source);
    if (failed) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"shrink", shrink, METH_VARARGS, shrink_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "img2dataset.images.native._area",
    .m_methods = methods,
    .m_slots = stateless_slots,
};

PyMODINIT_FUNC PyInit__area(void)
{
    return PyModuleDef_Init(&definition);
}
