/* SPDX-License-Identifier: BSD-3-Clause */
/* N2V manipulation of batches, and noise. Options are checked in Python or by the library. */
#include "core.h"

#include <string.h>

static bool is_contiguous(const target *t)
{
    int64_t stride = (int64_t)mt_dtype_size(t->dtype);
    for (int d = t->ndim - 1; d >= 0; d--) {
        if (t->shape[d] == 0)
            return true;
        if (t->shape[d] > 1 && t->strides[d] != stride)
            return false;
        stride *= t->shape[d];
    }
    return true;
}

/* Gets an array in C order. like: the batch, for outputs; NULL for the batch itself. */
static bool get_array(PyObject *object, const char *what, mt_dtype dtype, const target *like, target *out)
{
    if (!target_get(object, what, like != NULL, out))
        return false;
    if (out->dtype != dtype && !(dtype == MT_UINT8 && out->dtype == MT_BOOL))
        PyErr_Format(PyExc_TypeError, "%s must be of %s, not of %s", what, mt_dtype_name(dtype),
                     mt_dtype_name(out->dtype));
    else if (!is_contiguous(out))
        PyErr_Format(PyExc_ValueError, "%s must be in C order, without gaps", what);
    else if (like && (out->ndim != like->ndim || memcmp(out->shape, like->shape, sizeof out->shape) != 0))
        PyErr_Format(PyExc_ValueError, "%s must have the shape of the batch", what);
    return !PyErr_Occurred();
}

/* (batch, masked, mask, percentage, roi, strategy, pattern or None, span, seed, step, first, context) */
PyObject *n2v(PyObject *module, PyObject *args)
{
    core_state *state = core_get_state(module);
    PyObject *objects[3], *context_argument;
    mt_context *context;
    mt_n2v_options o = { .struct_size = sizeof o };
    unsigned long long seed, step, first;
    if (!PyArg_ParseTuple(args, "OOOdisziKKKO:n2v", &objects[0], &objects[1], &objects[2], &o.percentage, &o.roi_size,
                          &o.strategy, &o.struct_axes, &o.struct_span, &seed, &step, &first, &context_argument) ||
        !context_convert(state, context_argument, &context))
        return NULL;
    o.seed = seed, o.step = step, o.first = first;
    target batch = { .data = NULL }, masked = batch, mask = batch;
    mt_error err = MT_ERROR_INIT;
    mt_status st = MT_E_ARGUMENT;
    bool good = get_array(objects[0], "batch", MT_FLOAT32, NULL, &batch) &&
                get_array(objects[1], "masked", MT_FLOAT32, &batch, &masked) &&
                get_array(objects[2], "mask", MT_UINT8, &batch, &mask);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        st = mt_n2v_manipulate(context, batch.data, batch.shape, (size_t)batch.ndim, &o, masked.data, mask.data, &err);
        Py_END_ALLOW_THREADS
        if (st)
            raise_error(state, &err, NULL);
    }
    target_release(&batch);
    target_release(&masked);
    target_release(&mask);
    return st ? NULL : Py_NewRef(Py_None);
}

/* Gets float64 for each channel of a batch; NULL for None. */
static bool get_channels(PyObject *object, const char *what, const target *batch, Py_buffer *buffer, const double **out)
{
    int64_t channels = batch->ndim > 1 ? batch->shape[1] : 0; /* the library refuses fewer axes */
    if (!is_given(object))
        return true;
    if (!buffer_get_vector(object, what, MT_FLOAT64, channels, buffer))
        return false;
    *out = buffer->buf;
    return true;
}

/* (batch, out, gaussian, scale from, to, offset from, to, photon scales or None, photon offsets or None, seed, step,
 * first, context) */
PyObject *add_noise(PyObject *module, PyObject *args)
{
    core_state *state = core_get_state(module);
    PyObject *objects[2], *photons[2], *context_argument;
    mt_context *context;
    mt_noise_options o = { .struct_size = sizeof o };
    unsigned long long seed, step, first;
    if (!PyArg_ParseTuple(args, "OOdddddOOKKKO:add_noise", &objects[0], &objects[1], &o.gaussian, &o.scale[0],
                          &o.scale[1], &o.offset[0], &o.offset[1], &photons[0], &photons[1], &seed, &step, &first,
                          &context_argument) ||
        !context_convert(state, context_argument, &context))
        return NULL;
    o.seed = seed, o.step = step, o.first = first;
    target batch = { .data = NULL }, out = batch;
    Py_buffer scale = { .obj = NULL }, offset = scale;
    mt_error err = MT_ERROR_INIT;
    mt_status st = MT_E_ARGUMENT;
    bool good = get_array(objects[0], "batch", MT_FLOAT32, NULL, &batch) &&
                get_array(objects[1], "out", MT_FLOAT32, &batch, &out) &&
                get_channels(photons[0], "the scale of photons", &batch, &scale, &o.photon_scale) &&
                get_channels(photons[1], "the offset of photons", &batch, &offset, &o.photon_offset);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        st = mt_noise_add(context, batch.data, batch.shape, (size_t)batch.ndim, &o, out.data, &err);
        Py_END_ALLOW_THREADS
        if (st)
            raise_error(state, &err, NULL);
    }
    target_release(&batch);
    target_release(&out);
    if (scale.obj)
        PyBuffer_Release(&scale);
    if (offset.obj)
        PyBuffer_Release(&offset);
    return st ? NULL : Py_NewRef(Py_None);
}
