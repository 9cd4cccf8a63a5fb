/* The module img2dataset.images.native._png: inflated rows of a PNG -> pixels.
 *
 *    decode  all of them, also of an interlaced file
 *    shrink  those of a smaller picture, without making the large one
 *
 * The parts are headers of static functions, compiled as one.  Names are those of the PNG
 * specification (W3C, third edition).
 *
 *    png_picture.h   what a file says of its pixels; sizes
 *    png_unfilter.h  filters
 *    png_rows.h      filtered rows -> rows of samples
 *    png_colours.h   samples -> grey or BGR of 8 bits, on white
 *    png_decode.h    the whole: read it first
 *    area_means.h    averages, as _area.c makes them
 *
 * Whatever is odd is UNSUPPORTED: headers/png.py then leaves the file to libpng.  All sizes are
 * computed from the header, and the rows must have exactly the bytes that it promises.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if !defined(__GNUC__)
#error "needs the vector types of GCC or Clang; img2dataset works without this module"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pixels are put together lowest byte first; img2dataset works without this module"
#endif

#include "_module.h"
#include "png_decode.h"

typedef struct {
    Py_buffer out, raw, palette, shares;
    Format format;
    int interlaced, out_width, out_height;
} Call;

static void release(Call *call)
{
    PyBuffer_Release(&call->out);
    PyBuffer_Release(&call->raw);
    PyBuffer_Release(&call->palette);
    PyBuffer_Release(&call->shares);
}

/* Whether the header says what this module knows, which the sizes of buffers depend on. */
static int is_known(const Format *format)
{
    return format->width >= 1 && format->height >= 1 && format->width <= MAX_SIDE &&
           format->height <= MAX_SIDE && is_known_kind(format->depth, format->colour);
}

static int fits(const Call *call)
{
    const Format *format = &call->format;
    return call->out_width >= 1 && call->out_width <= format->width && call->out_height >= 1 &&
           call->out_height <= format->height &&
           call->raw.len == count_bytes(format, call->interlaced) &&
           call->out.len ==
               (int64_t)call->out_width * call->out_height * count_out_channels(format);
}

static int work(Call *call, int shrinks)
{
    Format *format = &call->format;
    int status;
    if (!read_colours(format, call->palette.buf, call->palette.len, call->shares.buf,
                      call->shares.len))
        return UNSUPPORTED;
    Py_BEGIN_ALLOW_THREADS
    if (shrinks)
        status = shrink_picture(call->out.buf, format, call->raw.buf, call->out_width,
                                call->out_height);
    else
        status = decode_picture(call->out.buf, format, call->interlaced, call->raw.buf);
    Py_END_ALLOW_THREADS
    return status;
}

static PyObject *run(Call *call, int shrinks)
{
    int status = UNSUPPORTED, good = 1;
    if (is_known(&call->format)) {
        good = fits(call);
        if (good) status = work(call, shrinks);
    }
    release(call);
    if (!good) return PyErr_Format(PyExc_ValueError, "sizes do not fit");
    if (status == NO_MEMORY) return PyErr_NoMemory();
    return PyBool_FromLong(status == DONE);
}

PyDoc_STRVAR(decode_doc,
             "decode(out, raw, palette, shares, width, height, depth, colour, interlaced)\n--\n\n"
             "Fill `out` (height x width bytes of grey without an alpha channel, else height x\n"
             "width x 3, BGR) with the pixels of `raw`, all rows as they were inflated.\n"
             "`palette` and `shares` are the bodies of PLTE and tRNS, or empty.  Returns whether\n"
             "that was done: if not, a filter or one of these is odd, and `out` is undefined.\n"
             "The GIL is released.");

static PyObject *decode(PyObject *module, PyObject *args)
{
    Call call = {0};
    Format *format = &call.format;
    (void)module;
    if (!PyArg_ParseTuple(args, "w*y*y*y*iiiip", &call.out, &call.raw, &call.palette,
                          &call.shares, &format->width, &format->height, &format->depth,
                          &format->colour, &call.interlaced))
        return NULL;
    call.out_width = format->width;
    call.out_height = format->height;
    return run(&call, 0);
}

PyDoc_STRVAR(shrink_doc,
             "shrink(out, raw, palette, shares, width, height, depth, colour, out_width,\n"
             "       out_height)\n--\n\n"
             "As decode, of a file that is not interlaced, but fill `out` with area averages:\n"
             "out_height x out_width, or out_height x out_width x 3.");

static PyObject *shrink(PyObject *module, PyObject *args)
{
    Call call = {0};
    Format *format = &call.format;
    (void)module;
    if (!PyArg_ParseTuple(args, "w*y*y*y*iiiiii", &call.out, &call.raw, &call.palette,
                          &call.shares, &format->width, &format->height, &format->depth,
                          &format->colour, &call.out_width, &call.out_height))
        return NULL;
    return run(&call, 1);
}

static PyMethodDef methods[] = {
    {"decode", decode, METH_VARARGS, decode_doc},
    {"shrink", shrink, METH_VARARGS, shrink_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "img2dataset.images.native._png",
    .m_methods = methods,
    .m_slots = stateless_slots,
};

PyMODINIT_FUNC PyInit__png(void)
{
    return PyModuleDef_Init(&definition);
}
