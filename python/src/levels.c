/* SPDX-License-Identifier: BSD-3-Clause */
/* The pyramid levels of a call for lateral context. */
#include "core.h"

/* The stack of a level, entered; NULL after an exception. Exceptions of an object would not reach the call. */
static mt_stack *enter(const core_state *state, PyObject *level)
{
    int is_stack = PyObject_IsInstance(level, state->stack_type);
    if (is_stack == 0 || (is_stack > 0 && ((stack_object *)level)->own))
        PyErr_SetString(PyExc_TypeError, "levels must be image stacks of files or arrays");
    return PyErr_Occurred() ? NULL : stack_enter((stack_object *)level);
}

static bool enter_all(const core_state *state, PyObject *of_stack, levels *l, mt_pyramid *pyramid)
{
    pyramid->levels = l->stacks + l->n_stacks;
    for (Py_ssize_t i = 0; i < PyTuple_Size(of_stack); i++) {
        mt_stack *stack = enter(state, PyTuple_GetItem(of_stack, i));
        if (!stack)
            return false;
        l->stacks[l->n_stacks++] = stack;
        pyramid->n_levels++;
    }
    return true;
}

bool levels_start(const core_state *state, PyObject *given, size_t n, levels *out)
{
    size_t n_levels = 0;
    if (!is_given(given))
        return true;
    out->given = given;
    for (size_t i = 0; i < n; i++)
        n_levels += (size_t)PyTuple_Size(PyTuple_GetItem(given, (Py_ssize_t)i));
    out->pyramids = PyMem_Calloc(n, sizeof *out->pyramids);
    out->stacks = PyMem_Calloc(n_levels + 1, sizeof(mt_stack *));
    if (!out->pyramids || !out->stacks) {
        PyErr_NoMemory();
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && i < n; i++)
        good = enter_all(state, PyTuple_GetItem(given, (Py_ssize_t)i), out, &out->pyramids[i]);
    return good;
}

void levels_end(levels *l)
{
    for (Py_ssize_t i = 0; l->n_stacks > 0; i++) {
        PyObject *of_stack = PyTuple_GetItem(l->given, i);
        for (Py_ssize_t k = 0; l->n_stacks > 0 && k < PyTuple_Size(of_stack); k++, l->n_stacks--)
            stack_leave((stack_object *)PyTuple_GetItem(of_stack, k));
    }
    PyMem_Free(l->stacks);
    PyMem_Free(l->pyramids);
}
