/* SPDX-License-Identifier: BSD-3-Clause */
/* Creation of a loader from the arguments of _core.Loader, and its end. */
#include "loader.h"

#include <string.h>

/* An array of a batch while the loader is created. The library copies what it points to. */
typedef struct part {
    mt_stack **stacks;
    int_list channels;
    Py_buffer scale, offset;
} part;

static void part_end(part *p)
{
    PyMem_Free(p->stacks);
    int_list_free(&p->channels);
    if (p->scale.obj)
        PyBuffer_Release(&p->scale);
    if (p->offset.obj)
        PyBuffer_Release(&p->offset);
}

/* Enters a stack. Returns the library's stack to read from: that of a Python object has a log for exceptions. NULL after
 * an exception. */
static mt_stack *add_stack(loader_body *body, core_state *state, PyObject *object)
{
    int is_stack = PyObject_IsInstance(object, state->stack_type);
    stack_object *self = (stack_object *)object;
    mt_stack *stack = NULL;
    if (is_stack == 0)
        PyErr_SetString(PyExc_TypeError, "stacks must be image stacks of microtome");
    if (is_stack <= 0 || !(stack = stack_enter(self)))
        return NULL;
    body->stacks[body->n_stacks++] = (stack_object *)Py_NewRef(object);
    if (!self->own)
        return stack;
    object_call *call = &body->objects[body->n_objects];
    call->log = &body->log;
    if (!object_call_start(call, state, self))
        return NULL;
    body->n_objects++;
    return call->stack;
}

static bool add_stacks(loader_body *body, core_state *state, PyObject *stacks, part *p)
{
    Py_ssize_t n = PyTuple_Size(stacks);
    p->stacks = PyMem_Calloc(n > 0 ? (size_t)n : 1, sizeof *p->stacks);
    if (!p->stacks)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; p->stacks && i < n; i++)
        if (!(p->stacks[i] = add_stack(body, state, PyTuple_GetItem(stacks, i))))
            return false;
    return p->stacks != NULL;
}

/* item: (stacks, channels or None, divide or None, subtract or None, dtype, padding, and whether padding is a pixel's
 * value, before normalization, by default True). What is subtracted and what divides are float32, one for each channel. */
static bool add_array(loader_body *body, core_state *state, PyObject *item, part *p, mt_loader_array *out)
{
    PyObject *stacks, *channels, *scale, *offset, *padding;
    const char *dtype;
    mt_view *view = &out->view;
    p->channels.values = p->channels.inline_values;
    view->scale_padding = 1;
    if (!check_tuple(item, "an array") ||
        !PyArg_ParseTuple(item, "O!OOOsO|p", &PyTuple_Type, &stacks, &channels, &scale, &offset, &dtype, &padding,
                          &view->scale_padding) ||
        !add_stacks(body, state, stacks, p) || !convert_padding(padding, &view->padding, &view->padding_mode) ||
        (is_given(channels) && !convert_int_list(channels, "channels", &p->channels)) ||
        (is_given(scale) && !buffer_get_vector(scale, "scale", MT_FLOAT32, -1, &p->scale)) ||
        (is_given(offset) && !buffer_get_vector(offset, "offset", MT_FLOAT32, -1, &p->offset)))
        return false;
    out->stacks = p->stacks;
    out->channels = p->channels.n ? p->channels.values : NULL;
    out->n_channels = p->channels.n;
    view->dtype = mt_dtype_from_name(dtype);
    if (!view->dtype) {
        PyErr_Format(PyExc_TypeError, "batches come as the stored type or as float32, not as %s", dtype);
        return false;
    }
    view->scale = p->scale.buf;
    view->offset = p->offset.buf;
    view->divide = 1; /* as NumPy's (x - offset) / scale */
    return true;
}

/* The number of stacks of all arrays; -1 after an exception. */
static Py_ssize_t count_stacks(PyObject *arrays)
{
    Py_ssize_t n = 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(arrays); i++) {
        PyObject *item = PyTuple_GetItem(arrays, i);
        PyObject *stacks = PyTuple_Check(item) ? PyTuple_GetItem(item, 0) : NULL;
        if (!stacks || !PyTuple_Check(stacks)) {
            PyErr_SetString(PyExc_TypeError, "the stacks of an array must be a tuple");
            return -1;
        }
        n += PyTuple_Size(stacks);
    }
    return n;
}

static bool make_loader(loader_body *body, core_state *state, mt_loader_options *options)
{
    if (!PyObject_TypeCheck(body->patching, (PyTypeObject *)state->patching_type)) {
        PyErr_SetString(PyExc_TypeError, "patching must be a patching strategy, such as microtome.Stratified");
        return false;
    }
    mt_patching *patching = patching_get(body->patching);
    mt_error err = MT_ERROR_INIT;
    if (!patching)
        return false;
    if (body->buffers)
        options->buffers = (mt_allocator) { buffers_resize, body->buffers };
    if (mt_loader_new(patching, options, &body->loader, &err))
        raise_error(state, &err, NULL);
    return body->loader != NULL;
}

static bool add_arrays(loader_body *body, core_state *state, PyObject *arrays, mt_loader_options *options)
{
    Py_ssize_t n_stacks = count_stacks(arrays);
    if (n_stacks < 0)
        return false;
    options->n_arrays = (size_t)PyTuple_Size(arrays);
    body->stacks = PyMem_Calloc((size_t)n_stacks + 1, sizeof *body->stacks);
    body->objects = PyMem_Calloc((size_t)n_stacks + 1, sizeof *body->objects);
    part *parts = PyMem_Calloc(options->n_arrays + 1, sizeof *parts);
    mt_loader_array *made = PyMem_Calloc(options->n_arrays + 1, sizeof *made);
    bool good = body->stacks && body->objects && parts && made;
    if (!good)
        PyErr_NoMemory();
    for (size_t i = 0; good && i < options->n_arrays; i++)
        good = add_array(body, state, PyTuple_GetItem(arrays, (Py_ssize_t)i), &parts[i], &made[i]);
    options->arrays = made;
    good = good && make_loader(body, state, options);
    for (size_t i = 0; parts && i < options->n_arrays; i++)
        if (parts[i].stacks)
            part_end(&parts[i]);
    PyMem_Free(parts);
    PyMem_Free(made);
    return good;
}

/* A block of fewer axes, such as none, leaves the default. */
static bool convert_block(PyObject *object, int64_t *out)
{
    int_list sizes;
    if (!convert_int_list(object, "block", &sizes))
        return false;
    for (size_t d = 0; d < sizes.n && d < MAX_SPATIAL; d++)
        out[d] = sizes.values[d];
    int_list_free(&sizes);
    return true;
}

/* Noise of the input. The library copies what it points to. */
typedef struct noise {
    mt_noise_options options;
    Py_buffer scale, offset; /* of photons */
} noise;

static void noise_end(noise *n)
{
    if (n->scale.obj)
        PyBuffer_Release(&n->scale);
    if (n->offset.obj)
        PyBuffer_Release(&n->offset);
}

/* None, or (gaussian, scale from, to, offset from, to, photon scales or None, photon offsets or None), the photons as
 * float64, one for each channel. Call noise_end in either case. */
static bool convert_noise(PyObject *object, noise *n, mt_loader_options *options)
{
    mt_noise_options *o = &n->options;
    PyObject *scale, *offset;
    if (!is_given(object))
        return true;
    if (!check_tuple(object, "noise") ||
        !PyArg_ParseTuple(object, "dddddOO", &o->gaussian, &o->scale[0], &o->scale[1], &o->offset[0], &o->offset[1],
                          &scale, &offset) ||
        (is_given(scale) && !buffer_get_vector(scale, "the scale of photons", MT_FLOAT64, -1, &n->scale)) ||
        (is_given(offset) && !buffer_get_vector(offset, "the offset of photons", MT_FLOAT64, -1, &n->offset)))
        return false;
    o->photon_scale = n->scale.buf;
    o->photon_offset = n->offset.buf;
    options->noise = o;
    return true;
}

bool body_start(loader_body *body, core_state *state, PyObject *arguments)
{
    PyObject *patching, *arrays, *block, *noise_argument, *allocate;
    unsigned long long batch_size, seed, rank, world_size, window, prefetch, prefetch_bytes;
    mt_loader_options o = { .struct_size = sizeof o };
    noise n = { .options = { .struct_size = sizeof n.options } };
    if (!PyArg_ParseTuple(arguments, "OO!KKIddpiipKKpKOKKOO:Loader", &patching, &PyTuple_Type, &arrays, &batch_size,
                          &seed, &o.augment, &o.flip_probability, &o.rotate_probability, &o.in_order, &o.uneven,
                          &o.on_corrupt, &o.fill_missing, &rank, &world_size, &o.locality_rank, &window, &block,
                          &prefetch, &prefetch_bytes, &noise_argument, &allocate) ||
        !convert_block(block, o.block) || !object_log_start(&body->log) ||
        (is_given(allocate) && !(body->buffers = buffers_new(allocate))))
        return false;
    o.batch_size = body->batch_size = (size_t)batch_size;
    o.seed = seed;
    o.rank = rank;
    o.world_size = world_size;
    o.window = window;
    o.prefetch = (size_t)prefetch;
    o.prefetch_bytes = prefetch_bytes;
    body->patching = Py_NewRef(patching);
    bool good = convert_noise(noise_argument, &n, &o) && add_arrays(body, state, arrays, &o);
    noise_end(&n);
    return good;
}

void body_end(loader_body *body)
{
    mt_loader *loader = body->loader;
    body->loader = NULL;
    Py_BEGIN_ALLOW_THREADS /* its threads may need the GIL before they end */
    mt_loader_free(loader);
    Py_END_ALLOW_THREADS
    for (size_t i = 0; i < body->n_objects; i++)
        mt_stack_close(body->objects[i].stack);
    PyMem_Free(body->objects);
    for (size_t i = 0; i < body->n_stacks; i++) {
        stack_leave(body->stacks[i]);
        Py_DECREF(body->stacks[i]);
    }
    PyMem_Free(body->stacks);
    Py_XDECREF(body->patching);
    Py_XDECREF(body->log.raised);
    buffers_release(body->buffers);
}
