/* SPDX-License-Identifier: BSD-3-Clause */
/* Stack: an open image, its lifetime and its properties. */
#include "core.h"

#include <string.h>

PyObject *stack_wrap(PyTypeObject *type, mt_stack *stack, PyObject *owner)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    stack_object *self = (stack_object *)alloc(type, 0);
    if (!self) {
        mt_stack_close(stack);
        return NULL;
    }
    self->stack = stack;
    self->owner = Py_XNewRef(owner);
    return (PyObject *)self;
}

/* Releases the stack and its owner. Clears all fields of self first, because Python code may run. Keeps the GIL,
 * because the garbage collector may be running; closing takes no lock whose holder waits for the GIL. */
static void release(stack_object *self)
{
    mt_stack *stack = self->stack;
    PyObject *owner = self->owner;
    Py_buffer buffer = self->buffer;
    self->stack = NULL;
    self->owner = NULL;
    self->own = NULL;
    memset(&self->buffer, 0, sizeof self->buffer);
    mt_stack_close(stack);
    if (buffer.obj)
        PyBuffer_Release(&buffer);
    Py_XDECREF(owner);
}

mt_stack *stack_enter(stack_object *self)
{
    if (self->closed || !self->stack) {
        PyErr_SetString(PyExc_ValueError, "the image stack is closed");
        return NULL;
    }
    self->calls++;
    return self->stack;
}

void stack_leave(stack_object *self)
{
    if (--self->calls == 0 && self->closed) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        release(self);
        PyErr_Restore(type, value, traceback);
    }
}

static PyObject *stack_close(PyObject *object, PyObject *unused)
{
    stack_object *self = (stack_object *)object;
    (void)unused;
    self->closed = true;
    if (self->calls == 0)
        release(self);
    Py_RETURN_NONE;
}

static int stack_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((stack_object *)object)->owner);
    return 0;
}

/* The library's stack borrows the object, so both are released together. */
static int stack_clear(PyObject *object)
{
    stack_object *self = (stack_object *)object;
    self->closed = true;
    if (self->calls == 0)
        release(self);
    return 0;
}

static void stack_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    stack_clear(object);
    freefunc release_memory = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release_memory(object);
    Py_DECREF(type);
}

static PyObject *stack_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)type, (void)args, (void)keywords;
    PyErr_SetString(PyExc_TypeError, "image stacks are made by microtome.open, from_array and from_object");
    return NULL;
}

/* The info of a stack, for getters; NULL after an exception. Valid while the GIL is held. */
static const mt_stack_info *get_info(PyObject *object)
{
    stack_object *self = (stack_object *)object;
    if (self->closed || !self->stack) {
        PyErr_SetString(PyExc_ValueError, "the image stack is closed");
        return NULL;
    }
    return mt_stack_get_info(self->stack);
}

/* A tuple, or None if all sizes are 0 (unknown). */
static PyObject *known_shape(const int64_t *shape, int n)
{
    for (int d = 0; d < n; d++)
        if (shape[d])
            return int_tuple(shape, (size_t)n);
    return Py_NewRef(Py_None);
}

static PyObject *get_source(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyUnicode_DecodeFSDefault(info->source) : NULL;
}

static PyObject *get_format(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyUnicode_FromString(info->format) : NULL;
}

static PyObject *get_dtype_name(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyUnicode_FromString(mt_dtype_name(info->dtype)) : NULL;
}

static PyObject *get_data_shape(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? int_tuple(info->data_shape, (size_t)info->data_ndim) : NULL;
}

static PyObject *get_original_axes(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyUnicode_FromString(info->original_axes) : NULL;
}

static PyObject *get_original_shape(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? int_tuple(info->original_shape, (size_t)info->original_ndim) : NULL;
}

static PyObject *get_chunks(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? known_shape(info->chunk_shape, info->original_ndim) : NULL;
}

static PyObject *get_shards(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? known_shape(info->shard_shape, info->original_ndim) : NULL;
}

static PyObject *get_codecs(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyUnicode_FromString(info->codecs) : NULL;
}

static PyObject *get_part(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyUnicode_DecodeFSDefault(info->part) : NULL;
}

static PyObject *get_is_labels(PyObject *self, void *closure)
{
    (void)closure;
    const mt_stack_info *info = get_info(self);
    return info ? PyBool_FromLong(info->is_labels) : NULL;
}

static PyObject *get_level(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyLong_FromLong(info->level) : NULL;
}

static PyObject *get_levels(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyLong_FromLong(info->n_levels) : NULL;
}

/* A list of (size, unit), one per original axis. */
static PyObject *get_pixels(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    PyObject *list = info ? PyList_New(0) : NULL;
    for (int d = 0; list && d < info->original_ndim; d++) {
        PyObject *pair = Py_BuildValue("(ds)", info->pixel_size[d], info->unit[d] ? info->unit[d] : "");
        if (!pair || PyList_Append(list, pair))
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

/* A list of (name, colour or None), or None. */
static PyObject *get_channels(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    if (info && !info->channels)
        Py_RETURN_NONE;
    PyObject *list = info ? PyList_New(0) : NULL;
    for (int64_t c = 0; list && c < info->data_shape[1]; c++) {
        const mt_channel *channel = &info->channels[c];
        PyObject *name = PyUnicode_DecodeUTF8(channel->name, (Py_ssize_t)strlen(channel->name), "replace");
        PyObject *color = !channel->has_color
                              ? Py_NewRef(Py_None)
                              : Py_BuildValue("(iii)", channel->rgb[0], channel->rgb[1], channel->rgb[2]);
        PyObject *window =
            !channel->has_window ? Py_NewRef(Py_None) : Py_BuildValue("(dd)", channel->window[0], channel->window[1]);
        PyObject *row = Py_BuildValue("(NNN)", name, color, window);
        if (!row || PyList_Append(list, row))
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *position_of(const mt_sample_info *sample)
{
    const double *p = sample->position;
    return sample->has_position ? Py_BuildValue("(ddd)", p[0], p[1], p[2]) : Py_NewRef(Py_None);
}

/* A list of (name, position or None, time or None), or None. */
static PyObject *get_samples(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    if (info && !info->samples)
        Py_RETURN_NONE;
    PyObject *list = info ? PyList_New(0) : NULL;
    for (int64_t s = 0; list && s < info->data_shape[0]; s++) {
        const mt_sample_info *sample = &info->samples[s];
        PyObject *name = PyUnicode_DecodeUTF8(sample->name, (Py_ssize_t)strlen(sample->name), "replace");
        PyObject *time = sample->has_time ? PyFloat_FromDouble(sample->time) : Py_NewRef(Py_None);
        PyObject *row = Py_BuildValue("(NNN)", name, position_of(sample), time);
        if (!row || PyList_Append(list, row))
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

PyObject *text_list(const char *const *texts, size_t n)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < n; i++) {
        PyObject *text = PyUnicode_DecodeUTF8(texts[i], (Py_ssize_t)strlen(texts[i]), "replace");
        if (!text || PyList_Append(list, text))
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static PyObject *get_value_scaling(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    if (!info)
        return NULL;
    return info->value_scale != 0 ? Py_BuildValue("(dd)", info->value_scale, info->value_offset) : Py_NewRef(Py_None);
}

static PyObject *get_warnings(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? text_list(info->warnings, info->n_warnings) : NULL;
}

static PyObject *get_missing(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    uint64_t most = MT_MAX_MISSING_NAMES;
    return info ? text_list(info->missing, (size_t)(info->n_missing < most ? info->n_missing : most)) : NULL;
}

static PyObject *get_n_missing(PyObject *self, void *unused)
{
    (void)unused;
    const mt_stack_info *info = get_info(self);
    return info ? PyLong_FromUnsignedLongLong(info->n_missing) : NULL;
}

static PyObject *get_axes_source(PyObject *self, void *unused)
{
    (void)unused;
    static const char *const names[] = { "file", "caller", "assumed", "unknown" };
    const mt_stack_info *info = get_info(self);
    return info ? PyUnicode_FromString(names[info->axes_source]) : NULL;
}

static PyObject *get_closed(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((stack_object *)self)->closed);
}

static PyGetSetDef stack_getters[] = {
    { "source", get_source, NULL, "The name of the image: its path, URL, or the caller's name.", NULL },
    { "format", get_format, NULL, "Name of the format, such as ``\"tiff\"``; ``\"custom\"`` for an object.", NULL },
    { "_dtype_name", get_dtype_name, NULL, NULL, NULL },
    { "data_shape", get_data_shape, NULL, "Shape as SC(Z)YX.", NULL },
    { "original_axes", get_original_axes, NULL, "Axes as stored, or as the caller of ``open`` named them.", NULL },
    { "original_data_shape", get_original_shape, NULL, "Shape as stored, one size for each original axis.", NULL },
    { "original_chunks", get_chunks, NULL,
      "Shape of a chunk as stored, one size for each original axis; None if stored in one piece.", NULL },
    { "original_shards", get_shards, NULL,
      "Shape of a shard as stored, one size for each original axis; None without shards.", NULL },
    { "codecs", get_codecs, NULL,
      "The codecs of a chunk, outermost last, such as ``\"shuffle, zstd\"``; empty for raw.", NULL },
    { "part", get_part, NULL, "The part of the file, as written after ``#``; empty for the whole file.", NULL },
    { "_is_labels", get_is_labels, NULL, NULL, NULL },
    { "level", get_level, NULL, "The open pyramid level; 0 is the full resolution.", NULL },
    { "levels", get_levels, NULL, "Number of pyramid levels; 1 without a pyramid.", NULL },
    { "axes_source", get_axes_source, NULL,
      "Where ``original_axes`` come from: ``\"file\"``, ``\"caller\"``, or ``\"assumed\"`` if the file names none.",
      NULL },
    { "value_scaling", get_value_scaling, NULL,
      "``(scale, offset)`` if the file declares that a pixel stands for ``pixel * scale + offset`` (NIfTI), else None; "
      "also None if the image was opened with ``scaled=True``.",
      NULL },
    { "warnings", get_warnings, NULL, "What was repaired, left out or assumed at open; a list of sentences.", NULL },
    { "missing", get_missing, NULL,
      "Files and frames that the image names and that are not there, which read as the fill value: the names of the "
      "first 1,000.",
      NULL },
    { "n_missing", get_n_missing, NULL, "Number of missing files and frames.", NULL },
    { "_pixels", get_pixels, NULL, NULL, NULL },
    { "_channels", get_channels, NULL, NULL, NULL },
    { "_samples", get_samples, NULL, NULL, NULL },
    { "closed", get_closed, NULL, "Whether the stack was closed.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

#define CORE_METHOD (METH_METHOD | METH_FASTCALL | METH_KEYWORDS)

static PyMethodDef stack_methods[] = {
    { "_open", (PyCFunction)(void (*)(void))stack_open, CORE_METHOD | METH_CLASS, NULL },
    { "_open_all", (PyCFunction)(void (*)(void))stack_open_all, CORE_METHOD | METH_CLASS, NULL },
    { "_from_array", (PyCFunction)(void (*)(void))stack_from_array, CORE_METHOD | METH_CLASS, NULL },
    { "_from_object", (PyCFunction)(void (*)(void))stack_from_object, CORE_METHOD | METH_CLASS, NULL },
    { "extract_patch", (PyCFunction)(void (*)(void))stack_extract_patch, CORE_METHOD,
      "extract_patch($self, sample_idx, channels, coords, patch_size, *, out=None, dtype=None, padding=0)\n--\n\n"
      "Extract one patch, which may reach outside the image.\n\n"
      "Parameters\n----------\n"
      "sample_idx : int\n    Sample index, ``0 <= sample_idx < data_shape[0]``; never wraps.\n"
      "channels : sequence of int or str, str, or None\n    Channels by number or name, in any order, repeated at "
      "will; None is all of them.\n"
      "coords : sequence of int\n    First corner, (Z)YX in pixels; may lie outside the image on any side.\n"
      "patch_size : sequence of int\n    Size in pixels, (Z)YX.\n"
      "out : writable array, optional\n    Where the patch goes, of the shape C(Z)YX; float32 or the stored type. "
      "Anything with a writable buffer\n    or DLPack in host memory, such as a torch tensor.\n"
      "dtype : dtype-like, optional\n    float32 (the default) or the stored type.\n"
      "padding : float, \"reflect\" or \"edge\"\n    The value outside the image, or pixels of the image: mirrored "
      "at its outermost pixels, or the nearest,\n    as `numpy.pad` has it.\n\n"
      "Returns\n-------\n"
      "numpy.ndarray\n    The patch, C(Z)YX; ``out`` if that was given.\n\n"
      "Raises\n------\n"
      "IndexError\n    For a sample or channel outside the image.\n"
      "ValueError\n    For arguments that do not fit the image, and for damaged files.\n"
      "OSError\n    If the file cannot be read.\n\n"
      "Notes\n-----\n"
      "Thread-safe; the GIL is released while it reads. All errors of the library are a `microtome.Error` too." },
    { "_identity", (PyCFunction)(void (*)(void))stack_identity, CORE_METHOD, NULL },
    { "_list_labels", (PyCFunction)(void (*)(void))stack_list_labels, CORE_METHOD, NULL },
    { "_open_beside", (PyCFunction)(void (*)(void))stack_open_beside, CORE_METHOD, NULL },
    { "_find_channels", (PyCFunction)(void (*)(void))stack_find_channels, CORE_METHOD, NULL },
    { "_map", (PyCFunction)(void (*)(void))stack_map, CORE_METHOD, NULL },
    { "_checksum", (PyCFunction)(void (*)(void))stack_checksum, CORE_METHOD, NULL },
    { "_filter", (PyCFunction)(void (*)(void))stack_filter, CORE_METHOD, NULL },
    { "_draw_plane", (PyCFunction)(void (*)(void))stack_draw_plane, CORE_METHOD, NULL },
    { "_draw_patches", (PyCFunction)(void (*)(void))stack_draw_patches, CORE_METHOD, NULL },
    { "close", stack_close, METH_NOARGS,
      "close($self, /)\n--\n\nClose the file. Calls that read now end as they would have; later ones raise "
      "ValueError." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot stack_slots[] = {
    { Py_tp_new, stack_new },
    { Py_tp_dealloc, stack_dealloc },
    { Py_tp_traverse, stack_traverse },
    { Py_tp_clear, stack_clear },
    { Py_tp_methods, stack_methods },
    { Py_tp_getset, stack_getters },
    { Py_tp_doc, (void *)"An open image." },
    { 0, NULL },
};

PyType_Spec stack_spec = {
    .name = "microtome._core.Stack",
    .basicsize = sizeof(stack_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = stack_slots,
};
