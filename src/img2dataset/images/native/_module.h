/* How our modules are made: in two phases (PEP 489), one for each interpreter that asks.
 *
 * Free-threaded Python need not switch its GIL on for them, and interpreters may have one each:
 * there is no state.  All memory but `const` tables belongs to one call, and the buffers that a
 * call was given stay in place until it releases them.  Bytes that another thread changes
 * meanwhile give wrong pixels, as they do with the GIL, which is released here; they lead to no
 * access out of bounds, because every length is checked after it was copied.
 */
#ifndef IMG2DATASET_MODULE_H
#define IMG2DATASET_MODULE_H

#include <Python.h>

static PyModuleDef_Slot stateless_slots[] = {
#ifdef Py_mod_multiple_interpreters /* 3.12 */
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil /* 3.13 */
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

#endif
