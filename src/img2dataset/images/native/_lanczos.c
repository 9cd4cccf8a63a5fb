/* Resizing 8-bit images by Lanczos interpolation over 8 x 8 pixels: interleaved, 1, 3 or 4
 * channels.
 *
 * The result is that of OpenCV's INTER_LANCZOS4: the same positions, the same weights in steps of
 * 1/2048, and the pixels at the rim repeated beyond it.  Where a sum is halfway between two levels
 * it may be the other one.
 *
 * A row of the source is made as wide as the result when it is first needed, and kept in a ring as
 * long as it is.  A row of the result is then a sum of eight of those: 8 + 8 products for each
 * value, which compilers vectorise.
 * Optional: without GCC or Clang the package is installed without it, and resize.py uses OpenCV.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_module.h"
#include "_wide.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are passed between inlined functions only */

#if !defined(__GNUC__)
#error "img2dataset works without this module, which needs GCC or Clang"
#endif

#define TAPS 8               /* source positions of which a position is made */
#define AROUND (TAPS / 2)    /* how far beyond the rim they may lie */
#define LANES 4              /* of a pixel that is being summed, whether it has 3 channels or 4 */
#define MAX_SIDE (1 << 28)   /* so that no product of sides, lanes and sizes overflows */
#define WEIGHT_STEPS 2048.0f /* of 1: what OpenCV rounds weights to */
#define QUARTER_PI 0.78539816339744830962
#define HALF_ROOT 0.70710678118654752440

typedef float Floats4 __attribute__((vector_size(16)));
typedef float Floats8 __attribute__((vector_size(32)));
typedef int32_t Indices8 __attribute__((vector_size(32)));

#if defined(__clang__) || __GNUC__ >= 12
#define SPREAD(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define SPREAD(v, ...) __builtin_shuffle(v, (Indices8){__VA_ARGS__})
#endif

typedef struct {
    uint8_t *data;
    int64_t stride; /* bytes from a row to the next */
    int32_t height, width;
    int channels;
} Image;

/* ---- weights ---- */

/* Weights of the source positions from `first` on, in steps. */
typedef struct {
    float weights[TAPS];
    int32_t first; /* from -AROUND on */
} Taps;

/* sinc(x) * sinc(x / 4) at x = part - k, k = -3 .. 4, so that they add up to 1.  Of
 * sin(pi x) * sin(pi x / 4) / x^2, the first factor is the same for all but for its sign. */
static void weigh_lanczos(double *weights, double part)
{
    static const double sines[TAPS] = {-HALF_ROOT, -1, -HALF_ROOT, 0, HALF_ROOT, 1, HALF_ROOT, 0};
    static const double cosines[TAPS] = {-HALF_ROOT, 0, HALF_ROOT, 1, HALF_ROOT, 0, -HALF_ROOT, -1};
    const double sine = sin(QUARTER_PI * part), cosine = cos(QUARTER_PI * part);
    double total = 0;
    for (int i = 0; i < TAPS; i++) {
        const double x = part - (i - 3);
        const double value = (sine * cosines[i] - cosine * sines[i]) / (x * x);
        weights[i] = i % 2 ? value : -value;
        total += weights[i];
    }
    for (int i = 0; i < TAPS; i++) weights[i] /= total;
}

/* What position `i` of a side of `to` positions is made of. */
static void find_taps(Taps *taps, int32_t i, int32_t from, int32_t to)
{
    const double scale = 1 / ((double)to / from);
    const float position = (float)((i + 0.5) * scale - 0.5);
    float whole = floorf(position), part = position - whole;
    if (part == 1) { /* a little less than a whole number */
        whole++;
        part = 0;
    }
    double weights[TAPS] = {0};
    if (part == 0)
        weights[TAPS / 2 - 1] = 1;
    else
        weigh_lanczos(weights, part);
    for (int k = 0; k < TAPS; k++) taps->weights[k] = rintf((float)weights[k] * WEIGHT_STEPS);
    /* far out, floats leave whole numbers out */
    const int32_t before = whole < from - 1 ? (int32_t)whole : from - 1;
    taps->first = before - TAPS / 2 + 1;
}

/* ---- across: a row of bytes -> a row of floats, as wide as the result ---- */

/* Copy a row to floats, `lanes` for each pixel, and repeat its ends. */
INLINE void spread_row(float *spread, const uint8_t *source, int32_t width, int channels,
                       int lanes)
{
    float *pixels = spread + AROUND * lanes;
    for (int64_t x = 0; x < width; x++)
        for (int c = 0; c < channels; c++) pixels[x * lanes + c] = source[x * channels + c];
    float *end = pixels + (int64_t)width * lanes;
    for (int i = 0; i < AROUND; i++)
        for (int c = 0; c < channels; c++) {
            spread[i * lanes + c] = pixels[c];
            end[i * lanes + c] = end[c - lanes];
        }
}

INLINE Floats4 load_4(const float *from)
{
    Floats4 value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE Floats8 load_8(const float *from)
{
    Floats8 value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Two pixels of four lanes at once.  The lane behind the last pixel of `out` is written too. */
INLINE void widen_row(float *out, const float *spread, const Taps *columns, int32_t width,
                      int channels)
{
    for (int32_t x = 0; x < width; x++, out += channels) {
        const float *pixel = spread + (int64_t)(columns[x].first + AROUND) * LANES;
        const Floats8 w = load_8(columns[x].weights);
        const Floats8 sum = (load_8(pixel) * SPREAD(w, 0, 0, 0, 0, 1, 1, 1, 1) +
                             load_8(pixel + 8) * SPREAD(w, 2, 2, 2, 2, 3, 3, 3, 3)) +
                            (load_8(pixel + 16) * SPREAD(w, 4, 4, 4, 4, 5, 5, 5, 5) +
                             load_8(pixel + 24) * SPREAD(w, 6, 6, 6, 6, 7, 7, 7, 7));
        Floats4 halves[2];
        memcpy(halves, &sum, sizeof sum);
        halves[0] += halves[1];
        memcpy(out, halves, sizeof *halves);
    }
}

INLINE void widen_grey_row(float *out, const float *spread, const Taps *columns, int32_t width)
{
    for (int32_t x = 0; x < width; x++) {
        const float *pixel = spread + columns[x].first + AROUND, *w = columns[x].weights;
        const Floats4 sum = load_4(pixel) * load_4(w) + load_4(pixel + 4) * load_4(w + 4);
        out[x] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
}

/* ---- down: eight rows of floats -> a row of bytes ---- */

INLINE void sum_rows(uint8_t *restrict out, const float *const *rows, const float *weights,
                     int64_t count)
{
    const float *r[TAPS];
    float w[TAPS];
    for (int k = 0; k < TAPS; k++) {
        r[k] = rows[k];
        w[k] = weights[k] / (WEIGHT_STEPS * WEIGHT_STEPS); /* both passes' */
    }
    for (int64_t i = 0; i < count; i++) {
        float sum = ((r[0][i] * w[0] + r[1][i] * w[1]) + (r[2][i] * w[2] + r[3][i] * w[3])) +
                    ((r[4][i] * w[4] + r[5][i] * w[5]) + (r[6][i] * w[6] + r[7][i] * w[7]));
        sum = sum > 0 ? sum : 0;
        sum = sum < 255 ? sum : 255;
        out[i] = (uint8_t)(int32_t)(sum + 0.5f);
    }
}

/* ---- both ---- */

typedef struct {
    Taps *columns;
    float *spread;      /* a row of the source */
    float *ring;        /* rows of the source, as wide as the result */
    int64_t line;       /* floats of each */
    int32_t held[TAPS]; /* which row of the source each is; -1 = none yet */
} Work;

static void free_work(Work *work)
{
    free(work->columns);
    free(work->spread);
    free(work->ring);
}

/* 0 = done, -1 = no memory; to be freed in both cases */
static int make_work(Work *work, const Image *to, const Image *from)
{
    work->line = (int64_t)to->width * to->channels + LANES;
    work->columns = malloc(sizeof(Taps) * (size_t)to->width);
    /* lanes without a channel stay 0 */
    work->spread = calloc(((size_t)from->width + 2 * AROUND) * LANES, sizeof(float));
    work->ring = malloc(sizeof(float) * (size_t)work->line * TAPS);
    if (work->columns == NULL || work->spread == NULL || work->ring == NULL) return -1;
    for (int32_t x = 0; x < to->width; x++)
        find_taps(&work->columns[x], x, from->width, to->width);
    for (int i = 0; i < TAPS; i++) work->held[i] = -1;
    return 0;
}

/* Row `y` of the source, as wide as the result: made, unless the ring holds it. */
INLINE const float *take_row(Work *work, const Image *from, int32_t y, int32_t width, int channels)
{
    const int slot = y % TAPS;
    float *row = work->ring + slot * work->line;
    if (work->held[slot] == y) return row;
    work->held[slot] = y;
    spread_row(work->spread, from->data + y * from->stride, from->width, channels,
               channels == 1 ? 1 : LANES);
    if (channels == 1)
        widen_grey_row(row, work->spread, work->columns, width);
    else
        widen_row(row, work->spread, work->columns, width, channels);
    return row;
}

INLINE void resize_rows(Work *work, const Image *to, const Image *from, int channels)
{
    for (int32_t y = 0; y < to->height; y++) {
        const float *rows[TAPS];
        Taps taps;
        find_taps(&taps, y, from->height, to->height);
        for (int k = 0; k < TAPS; k++) {
            const int32_t row = taps.first + k, last = from->height - 1;
            rows[k] = take_row(work, from, row < 0 ? 0 : row > last ? last : row, to->width,
                               channels);
        }
        sum_rows(to->data + y * to->stride, rows, taps.weights, (int64_t)to->width * channels);
    }
}

INLINE void resize_inline(Work *work, const Image *to, const Image *from)
{
    if (to->channels == 1)
        resize_rows(work, to, from, 1);
    else if (to->channels == 3)
        resize_rows(work, to, from, 3);
    else
        resize_rows(work, to, from, 4);
}

WIDE static void resize_wide(Work *work, const Image *to, const Image *from)
{
    resize_inline(work, to, from);
}

/* 0 = done, -1 = no memory */
static int resize_image(const Image *to, const Image *from)
{
    Work work = {0};
    const int failed = make_work(&work, to, from);
    if (!failed) {
        if (has_wide())
            resize_wide(&work, to, from);
        else
            resize_inline(&work, to, from);
    }
    free_work(&work);
    return failed;
}

/* ---- Python ---- */

/* Whether a buffer is an image: rows of any stride, of pixels that lie side by side. */
static int read_image(Image *image, const Py_buffer *view)
{
    if (view->itemsize != 1 || (view->ndim != 2 && view->ndim != 3)) return 0;
    const Py_ssize_t channels = view->ndim == 3 ? view->shape[2] : 1;
    if (channels != 1 && channels != 3 && channels != 4) return 0;
    if (view->ndim == 3 && view->strides[2] != 1) return 0;
    if (view->strides[1] != channels) return 0;
    if (view->shape[0] < 1 || view->shape[0] > MAX_SIDE) return 0;
    if (view->shape[1] < 1 || view->shape[1] > MAX_SIDE) return 0;
    *image = (Image){view->buf, view->strides[0], (int32_t)view->shape[0],
                     (int32_t)view->shape[1], (int)channels};
    return 1;
}

static PyObject *resize_views(const Py_buffer *out, const Py_buffer *source)
{
    Image to, from;
    int failed;
    if (!read_image(&to, out) || !read_image(&from, source) || to.channels != from.channels) {
        PyErr_SetString(PyExc_ValueError, "sizes do not fit");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    failed = resize_image(&to, &from);
    Py_END_ALLOW_THREADS
    if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(resize_doc,
             "resize(out, source)\n--\n\n"
             "Fill `out` with `source` in another size: both are arrays of bytes, height x width\n"
             "or height x width x channels, 1, 3 or 4; rows may lie apart, pixels may not.  They\n"
             "must not overlap.  The GIL is released.");

static PyObject *resize(PyObject *module, PyObject *args)
{
    PyObject *out_object, *source_object, *result;
    Py_buffer out, source;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO", &out_object, &source_object)) return NULL;
    if (PyObject_GetBuffer(out_object, &out, PyBUF_STRIDED) != 0) return NULL;
    if (PyObject_GetBuffer(source_object, &source, PyBUF_STRIDED_RO) != 0) {
        PyBuffer_Release(&out);
        return NULL;
    }
    result = resize_views(&out, &source);
    PyBuffer_Release(&out);
    PyBuffer_Release(&source);
    return result;
}

static PyMethodDef methods[] = {
    {"resize", resize, METH_VARARGS, resize_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "img2dataset.images.native._lanczos",
    .m_methods = methods,
    .m_slots = stateless_slots,
};

PyMODINIT_FUNC PyInit__lanczos(void)
{
    return PyModuleDef_Init(&definition);
}
