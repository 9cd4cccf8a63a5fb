/* Exact-area shrinking of 8-bit images, interleaved, 1 or 3 channels: see area_means.h.
 *
 * Optional: without a C compiler the package is installed without it, and resize.py uses OpenCV.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

#include "_module.h"
#include "_wide.h"
#include "area_means.h"

#define MAX_SIDE (1 << 30) /* so that no product of sides and channels overflows */

INLINE void sum_rows(float *sum, const uint8_t *source, int64_t stride, const Span *span)
{
    for (int32_t y = span->first; y <= span->last; y += 2) {
        const uint8_t *row = source + y * stride;
        sum_two_rows(sum, row, y < span->last ? row + stride : row, span, y, stride);
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
