/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Tiling, a Patching of tiles, and the base of the tilings of Python. */
#include "core.h"

/* The sizes of a new tiling. The library copies what they point to. */
typedef struct sizes {
    mt_tiling_options options;
    int_list tile, overlap;
} sizes;

static bool convert_sizes(PyObject *tile, PyObject *overlap, sizes *s)
{
    mt_tiling_options *o = &s->options;
    if ((is_given(tile) && !convert_int_list(tile, "tile", &s->tile)) ||
        (is_given(overlap) && !convert_int_list(overlap, "overlap", &s->overlap)))
        return false;
    o->tile = is_given(tile) ? s->tile.values : NULL;
    o->overlap = is_given(overlap) ? s->overlap.values : NULL;
    if ((!o->tile || s->tile.n == o->n_spatial) && (!o->overlap || s->overlap.n == o->n_spatial))
        return true;
    PyErr_Format(PyExc_ValueError, "tile has %zu sizes and overlap %zu, for %zu axes", s->tile.n, s->overlap.n,
                 o->n_spatial);
    return false;
}

static bool make(tiling_object *self, core_state *state, PyObject *stacks, const mt_tiling_options *options)
{
    mt_error err = MT_ERROR_INIT;
    PyObject *first = PyTuple_GetItem(stacks, 0);
    mt_stack *stack = first ? stack_enter((stack_object *)first) : NULL;
    if (!stack)
        return false;
    if (mt_tiling_new(stack, options, &self->tiling, &err))
        raise_error(state, &err, NULL);
    else
        patching_set(&self->base, mt_patching_retain(mt_tiling_get_patching(self->tiling)), stacks);
    stack_leave((stack_object *)first);
    return self->tiling != NULL;
}

/* _start_tiles(stacks, n_spatial, tile, overlap, align, tile_bytes, batch_size): stacks is a tuple of one. */
static PyObject *tiling_start(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                              PyObject *names)
{
    static const char *const known[] = { "stacks", "n_spatial",  "tile",       "overlap",
                                         "align",  "tile_bytes", "batch_size", NULL };
    static const signature expected = { "_start_tiles", known, 7, 7 };
    PyObject *values[7];
    int64_t numbers[4];
    sizes s = { .options = { .struct_size = sizeof s.options } };
    core_state *state = PyType_GetModuleState(core);
    tiling_object *self = (tiling_object *)object;
    if (!parse_arguments(&expected, args, n, names, values) || !check_tuple(values[0], "stacks") ||
        !convert_int64(values[1], "n_spatial", &numbers[0]) || !convert_int64(values[4], "align", &numbers[1]) ||
        !convert_int64(values[5], "memory", &numbers[2]) || !convert_int64(values[6], "batch_size", &numbers[3]))
        return NULL;
    if (self->tiling) {
        PyErr_SetString(PyExc_ValueError, "this tiling was initialized already");
        return NULL;
    }
    s.tile.values = s.tile.inline_values;
    s.overlap.values = s.overlap.inline_values;
    s.options.n_spatial = (size_t)numbers[0];
    s.options.align = numbers[1];
    s.options.tile_bytes = (size_t)numbers[2];
    s.options.batch_size = (size_t)numbers[3];
    bool good = convert_sizes(values[2], values[3], &s) && make(self, state, values[0], &s.options);
    int_list_free(&s.tile);
    int_list_free(&s.overlap);
    return good ? Py_NewRef(Py_None) : NULL;
}

mt_tiling *tiling_get(PyObject *object)
{
    mt_tiling *tiling = ((tiling_object *)object)->tiling;
    if (!tiling)
        PyErr_SetString(PyExc_ValueError, "this tiling was not initialized");
    return tiling;
}

/* (is_planar, samples, shape, tile, overlap, align, counts) */
static PyObject *tiling_info(PyObject *object, PyObject *unused)
{
    (void)unused;
    const mt_tiling *tiling = tiling_get(object);
    if (!tiling)
        return NULL;
    const mt_tiling_info *i = mt_tiling_get_info(tiling);
    size_t n = i->n_spatial;
    return Py_BuildValue("(NLNNNLN)", PyBool_FromLong(i->is_planar), (long long)i->n_samples, int_tuple(i->shape, n),
                         int_tuple(i->tile, n), int_tuple(i->overlap, n), (long long)i->align, int_tuple(i->counts, n));
}

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((tiling_object *)object)->base.stacks);
    return 0;
}

/* The library's stacks are released together with ours, as those of a Patching. */
static int clear(PyObject *object)
{
    tiling_object *self = (tiling_object *)object;
    mt_tiling *tiling = self->tiling;
    self->tiling = NULL;
    mt_tiling_free(tiling);
    return patching_clear(object);
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear(object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    { "_start_tiles", (PyCFunction)(void (*)(void))tiling_start, METH_METHOD | METH_FASTCALL | METH_KEYWORDS, NULL },
    { "_info", tiling_info, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_dealloc, (void *)dealloc },
    { Py_tp_traverse, (void *)traverse },
    { Py_tp_clear, (void *)clear },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec tiling_spec = {
    .name = "microtome._core.Tiling",
    .basicsize = sizeof(tiling_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
