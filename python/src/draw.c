/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures as PNG and saved maps, as bytes objects. */
#include "core.h"

#include <string.h>

/* Collects the bytes that the library writes. */
typedef struct written_bytes {
    char *bytes;
    size_t size, room;
    bool is_full; /* out of memory */
} written_bytes;

static bool make_room(written_bytes *png, size_t size)
{
    if (size <= png->room - png->size)
        return true;
    size_t room = 2 * (png->size + size);
    PyGILState_STATE gil = PyGILState_Ensure();
    char *moved = PyMem_Realloc(png->bytes, room);
    PyGILState_Release(gil);
    png->is_full = !moved;
    if (!moved)
        return false;
    png->bytes = moved;
    png->room = room;
    return true;
}

static int append(void *user, const void *bytes, size_t size)
{
    written_bytes *png = user;
    if (!make_room(png, size))
        return 1;
    memcpy(png->bytes + png->size, bytes, size);
    png->size += size;
    return 0;
}

static PyObject *finish(core_state *state, mt_stack *stack, mt_status st, const mt_error *err, written_bytes *png)
{
    PyObject *result = png->is_full ? PyErr_NoMemory()
                       : st         ? raise_error(state, err, mt_stack_get_info(stack)->source)
                                    : PyBytes_FromStringAndSize(png->bytes, (Py_ssize_t)png->size);
    PyMem_Free(png->bytes);
    return result;
}

/* Returns (picture, scale, contrast of each channel drawn (empty for label images), scale bar). */
static PyObject *finish_picture(core_state *state, mt_stack *stack, mt_status st, const mt_error *err,
                                written_bytes *png, const mt_picture_info *drawn)
{
    PyObject *bytes = finish(state, stack, st, err, png), *list = bytes ? PyList_New(0) : NULL, *result = NULL;
    int64_t n = drawn->contrast_kind == MT_CONTRAST_LABELS  ? 0
                : drawn->channels < (int64_t)MT_MOST_COLORS ? drawn->channels
                                                            : MT_MOST_COLORS;
    for (int64_t c = 0; list && c < n; c++) {
        PyObject *pair = Py_BuildValue("(dd)", drawn->contrast[c][0], drawn->contrast[c][1]);
        if (!pair || PyList_Append(list, pair))
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    if (list)
        result = Py_BuildValue("(OdOs)", bytes, drawn->scale, list, drawn->scale_bar);
    Py_XDECREF(bytes);
    Py_XDECREF(list);
    return result;
}

static int watch_progress(void *user, double share)
{
    (void)share;
    return watch_signals(user);
}

enum { SAMPLE, CHANNELS, Z, REGION, MAX_SIZE, CONTRAST, CHOICES, N_PLANE };

/* contrast: n pairs of float64, or None. choices: ignore_windows, project, palette, scale_bar, legend. The caller
 * releases the buffer unless its obj is NULL. */
static bool convert_style(PyObject *contrast, PyObject *choices, mt_draw_options *o, Py_buffer *buffer)
{
    int_list list = { .values = list.inline_values };
    if (!convert_int_list(choices, "choices", &list))
        return false;
    if (list.n != 5)
        PyErr_SetString(PyExc_ValueError, "choices are five numbers");
    else if (is_given(contrast) && buffer_get_vector(contrast, "contrast", MT_FLOAT64, -1, buffer)) {
        o->contrast = buffer->buf;
        o->n_contrast = (size_t)buffer->len / (2 * sizeof(double));
    }
    if (!PyErr_Occurred()) {
        o->ignore_windows = list.values[0] != 0;
        o->project = (mt_projection)list.values[1];
        o->palette = (mt_palette)list.values[2];
        o->scale_bar = list.values[3] != 0;
        o->legend = list.values[4] != 0;
    }
    int_list_free(&list);
    return !PyErr_Occurred();
}

/* Lists that the options point to. */
typedef struct plane_lists {
    int_list channels, region;
    int64_t z;
} plane_lists;

static bool convert_plane(PyObject *const *values, mt_draw_options *o, plane_lists *lists)
{
    if (!convert_int64(values[SAMPLE], "sample", &o->sample) ||
        !convert_int64(values[MAX_SIZE], "max_size", &o->max_size))
        return false;
    if (is_given(values[Z])) {
        if (!convert_int64(values[Z], "z", &lists->z))
            return false;
        o->z = &lists->z;
    }
    if (is_given(values[CHANNELS])) {
        if (!convert_int_list(values[CHANNELS], "channels", &lists->channels))
            return false;
        o->channels = lists->channels.values;
        o->n_channels = lists->channels.n;
    }
    if (is_given(values[REGION])) {
        if (!convert_int_list(values[REGION], "region", &lists->region))
            return false;
        o->region = lists->region.values;
        if (lists->region.n != 4)
            PyErr_SetString(PyExc_ValueError, "region is first row and column, height and width");
    }
    return !PyErr_Occurred();
}

PyObject *stack_map(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { NULL };
    static const signature s = { "save_map", known, 0, 0 };
    PyObject *result = NULL, *unused[1];
    stack_object *self = (stack_object *)object;
    mt_stack *stack = parse_arguments(&s, args, n, names, unused) ? stack_enter(self) : NULL;
    if (stack) {
        written_bytes map = { .bytes = NULL };
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = mt_stack_save_map(stack, append, &map, &err);
        Py_END_ALLOW_THREADS
        result = finish(PyType_GetModuleState(core), stack, st, &err, &map);
        stack_leave(self);
    }
    return result;
}

PyObject *stack_draw_plane(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "sample", "channels", "z", "region", "max_size", "contrast", "choices", NULL };
    static const signature s = { "view", known, N_PLANE, N_PLANE };
    PyObject *values[N_PLANE], *result = NULL;
    stack_object *self = (stack_object *)object;
    signal_watch watch = { 0 };
    mt_draw_options options = { .struct_size = sizeof options, .progress = watch_progress, .user = &watch };
    mt_picture_info drawn = { .struct_size = sizeof drawn };
    Py_buffer contrast = { .obj = NULL };
    plane_lists lists = { { 0 }, { 0 }, 0 };
    lists.channels.values = lists.channels.inline_values;
    lists.region.values = lists.region.inline_values;
    if (!parse_arguments(&s, args, n, names, values))
        return NULL;
    bool good = convert_plane(values, &options, &lists) &&
                convert_style(values[CONTRAST], values[CHOICES], &options, &contrast);
    mt_stack *stack = good ? stack_enter(self) : NULL;
    if (stack) {
        written_bytes png = { .bytes = NULL };
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = mt_draw_plane(stack, &options, append, &png, &drawn, &err);
        Py_END_ALLOW_THREADS
        result = finish_picture(PyType_GetModuleState(core), stack, st, &err, &png, &drawn);
        stack_leave(self);
    }
    if (contrast.obj)
        PyBuffer_Release(&contrast);
    int_list_free(&lists.channels);
    int_list_free(&lists.region);
    return result;
}

/* channels is NULL if not given. */
static PyObject *draw_places(core_state *state, mt_stack *stack, const Py_buffer *samples, const Py_buffer *coords,
                             const int_list *channels, const int_list *size, mt_draw_options *options)
{
    mt_patch_request requests[MT_MOST_PATCHES];
    size_t n = (size_t)samples->len / sizeof(int64_t);
    if (n > MT_MOST_PATCHES) {
        PyErr_Format(PyExc_ValueError, "a sheet has at most %d patches, not %zu", MT_MOST_PATCHES, n);
        return NULL;
    }
    if ((size_t)coords->len != n * size->n * sizeof(int64_t)) {
        PyErr_Format(PyExc_ValueError, "coords has %zd numbers for %zu patches of %zu axes",
                     coords->len / (Py_ssize_t)sizeof(int64_t), n, size->n);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        requests[i] = (mt_patch_request) { .stack = stack,
                                           .sample = ((const int64_t *)samples->buf)[i],
                                           .channels = channels ? channels->values : NULL,
                                           .n_channels = channels ? channels->n : 0,
                                           .n_spatial = size->n,
                                           .coords = (const int64_t *)coords->buf + i * size->n,
                                           .patch_size = size->values };
    written_bytes png = { .bytes = NULL };
    signal_watch watch = { 0 };
    mt_picture_info drawn = { .struct_size = sizeof drawn };
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    mt_draw_options watched = *options;
    watched.progress = watch_progress;
    watched.user = &watch;
    Py_BEGIN_ALLOW_THREADS
    st = mt_draw_patches(requests, n, &watched, append, &png, &drawn, &err);
    Py_END_ALLOW_THREADS
    return finish_picture(state, stack, st, &err, &png, &drawn);
}

/* sample_idx and coords are arrays of int64: N and N x (Z)YX. */
PyObject *stack_draw_patches(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "sample_idx", "channels", "coords",  "patch_size",
                                         "max_size",   "contrast", "choices", NULL };
    static const signature s = { "view_patches", known, 7, 7 };
    PyObject *values[7], *result = NULL;
    mt_draw_options options = { .struct_size = sizeof options };
    stack_object *self = (stack_object *)object;
    int_list channels = { .values = channels.inline_values }, size;
    if (!parse_arguments(&s, args, n, names, values) || !convert_int_list(values[3], "patch_size", &size))
        return NULL;
    Py_buffer samples = { .obj = NULL }, coords = { .obj = NULL }, contrast = { .obj = NULL };
    if (convert_int64(values[4], "max_size", &options.max_size) &&
        convert_style(values[5], values[6], &options, &contrast) &&
        (!is_given(values[1]) || convert_int_list(values[1], "channels", &channels)) &&
        buffer_get_vector(values[0], "sample_idx", MT_INT64, -1, &samples) &&
        buffer_get_vector(values[2], "coords", MT_INT64, -1, &coords)) {
        mt_stack *stack = stack_enter(self);
        if (stack) {
            result = draw_places(PyType_GetModuleState(core), stack, &samples, &coords,
                                 is_given(values[1]) ? &channels : NULL, &size, &options);
            stack_leave(self);
        }
    }
    if (samples.obj)
        PyBuffer_Release(&samples);
    if (coords.obj)
        PyBuffer_Release(&coords);
    if (contrast.obj)
        PyBuffer_Release(&contrast);
    int_list_free(&channels);
    int_list_free(&size);
    return result;
}
