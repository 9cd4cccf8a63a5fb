/* The module img2dataset.images.native._jpeg: what libjpeg does not offer of JPEGs.
 *
 *    shrink            JPEG -> a smaller picture             (jpeg_shrink.h: read it first)
 *    find_pixels_end   are all pixels of an odd file there?  (jpeg_completeness.h)
 *    prove_whole       does libjpeg decode a file wholly?    (jpeg_proof.h)
 *    has_plain_header  does a JPEG begin here?               (jpeg_headers.h)
 *
 * The parts are headers of static functions, compiled as one: what is done for each coefficient
 * must be inlined.  Names are those of ITU-T T.81, the format's specification, and of libjpeg.
 *
 *    jpeg_markers.h       marker segments and their bytes
 *    jpeg_huffman.h       entropy-coded bits -> coefficients
 *    jpeg_weights.h       how much each frequency counts in each sample of the small picture
 *    jpeg_decoder.h       the state of one `shrink`
 *    jpeg_headers.h       headers of the file and of its scans -> that state
 *    jpeg_intervals.h     the entropy-coded bits of a scan, one restart interval at a time
 *    jpeg_progressive.h   bits of progressive scans -> the coefficients of a block
 *    jpeg_scans.h         files of several scans -> the coefficients of the whole picture
 *    jpeg_rows.h          coefficients -> rows of the small picture
 *    jpeg_shrink.h        the one scan, and the whole
 *    jpeg_codes.h         apart from these: Huffman codes of any file, passed over
 *    jpeg_completeness.h  a walk through every code of any file
 *    jpeg_proof.h         the same of files without any oddity
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if !defined(__GNUC__)
#error "needs the vector types of GCC or Clang; img2dataset works without this module"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "bits and pixels are put together lowest byte first; img2dataset works without this module"
#endif

#include "_module.h"
#include "jpeg_completeness.h"
#include "jpeg_headers.h"
#include "jpeg_proof.h"
#include "jpeg_shrink.h"

PyDoc_STRVAR(has_plain_header_doc,
             "has_plain_header(data)\n--\n\n"
             "Whether `data` begins with an ordinary JPEG header, up to its first scan; if not,\n"
             "it may be a JPEG all the same.");

static PyObject *has_plain_header_py(PyObject *module, PyObject *object)
{
    Py_buffer data;
    (void)module;
    if (PyObject_GetBuffer(object, &data, PyBUF_SIMPLE) != 0) return NULL;
    const int found = has_plain_header(data.buf, data.len);
    PyBuffer_Release(&data);
    return PyBool_FromLong(found);
}

PyDoc_STRVAR(find_pixels_end_doc,
             "find_pixels_end(data, reads_codes)\n--\n\n"
             "Where the scans of the JPEG `data` end that complete its picture; 0 if they do\n"
             "not.  With `reads_codes`, every Huffman code is read, and behind arithmetic coding\n"
             "there must be a marker; without, scans are believed.  The GIL is released.");

typedef int WalkFunction(Walk *);

/* Walk through `data` without the GIL; sets `end` to where that ended.  Returns DONE, UNSUPPORTED
 * or NO_MEMORY. */
static int walk_data(WalkFunction *walk_whole, const Py_buffer *data, int reads_codes,
                     Py_ssize_t *end)
{
    int status;
    Walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL) return NO_MEMORY;
    walk->bits.at = data->buf, walk->bits.end = walk->bits.at + data->len;
    walk->reads_codes = reads_codes;
    Py_BEGIN_ALLOW_THREADS
    status = walk_whole(walk);
    Py_END_ALLOW_THREADS
    *end = walk->bits.at - (const uint8_t *)data->buf;
    for (int i = 0; i < MAX_COMPONENTS; i++) free(walk->component[i].nonzero);
    free(walk);
    return status;
}

static PyObject *find_pixels_end_py(PyObject *module, PyObject *args)
{
    Py_buffer data;
    int reads_codes;
    Py_ssize_t end = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*p", &data, &reads_codes)) return NULL;
    const int status = walk_data(walk_file, &data, reads_codes, &end);
    PyBuffer_Release(&data);
    if (status == NO_MEMORY) return PyErr_NoMemory();
    return PyLong_FromSsize_t(status == DONE ? end : 0);
}

PyDoc_STRVAR(prove_whole_doc,
             "prove_whole(data)\n--\n\n"
             "Whether the JPEG `data` has every Huffman code of its picture, its end marker, and\n"
             "nothing between them for which libjpeg stops or fills up pixels; what it may warn of\n"
             "is ignored by it: Ss and Se of a sequential scan, the version of JFIF.  If not, it\n"
             "may decode the file wholly all the same.  The GIL is released.");

static PyObject *prove_whole_py(PyObject *module, PyObject *object)
{
    Py_buffer data;
    Py_ssize_t end;
    (void)module;
    if (PyObject_GetBuffer(object, &data, PyBUF_SIMPLE) != 0) return NULL;
    const int status = walk_data(prove_whole, &data, 1, &end);
    PyBuffer_Release(&data);
    if (status == NO_MEMORY) return PyErr_NoMemory();
    return PyBool_FromLong(status == DONE);
}

PyDoc_STRVAR(shrink_doc,
             "shrink(out, data, channels, width, height, out_width, out_height)\n--\n\n"
             "Fill `out` (out_height x out_width x channels bytes, BGR or grey) with the JPEG\n"
             "`data` (width x height) made smaller; returns whether that was done: if not, the\n"
             "file is no plain, whole baseline or progressive JPEG in YCbCr or grey, and `out` is\n"
             "undefined.  The GIL is released.");

static PyObject *shrink_py(PyObject *module, PyObject *args)
{
    Py_buffer out, data;
    int channels, width, height, out_width, out_height, status = UNSUPPORTED;
    (void)module;
    if (!PyArg_ParseTuple(args, "w*y*iiiii", &out, &data, &channels, &width, &height, &out_width,
                          &out_height))
        return NULL;
    const int fits = (channels == 1 || channels == 3) && out_width >= 1 && out_height >= 1 &&
                     width >= out_width && height >= out_height && width <= 65535 &&
                     height <= 65535 &&
                     out.len == (Py_ssize_t)out_height * out_width * channels;
    if (fits && width >= DCTSIZE && height >= DCTSIZE) {
        Py_BEGIN_ALLOW_THREADS
        status = shrink_jpeg(out.buf, data.buf, data.len, channels, width, height, out_width,
                            out_height);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&out);
    PyBuffer_Release(&data);
    if (!fits) return PyErr_Format(PyExc_ValueError, "sizes do not fit");
    if (status == NO_MEMORY) return PyErr_NoMemory();
    return PyBool_FromLong(status == DONE);
}

static PyMethodDef methods[] = {
    {"find_pixels_end", find_pixels_end_py, METH_VARARGS, find_pixels_end_doc},
    {"has_plain_header", has_plain_header_py, METH_O, has_plain_header_doc},
    {"prove_whole", prove_whole_py, METH_O, prove_whole_doc},
    {"shrink", shrink_py, METH_VARARGS, shrink_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "img2dataset.images.native._jpeg",
    .m_methods = methods,
    .m_slots = stateless_slots,
};

PyMODINIT_FUNC PyInit__jpeg(void)
{
    return PyModuleDef_Init(&definition);
}
