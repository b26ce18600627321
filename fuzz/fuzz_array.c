/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays as stacks, patches of them with all conversions, and the functions of axes. */
#include "choose_stack.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PATCH = 4096, MOST_REQUESTS = 3 };

static const char *const axes_words[] = { "YX",    "ZYX",    "CYX",   "SYX",    "TYX", "SCYX",   "TCYX",
                                          "TCZYX", "STCZYX", "XYCZT", "YXC",    "XY",  "CZYXST", "SCTYX",
                                          "STYX",  "YXS",    "SCZYX", "ZYXC",   "YY",  "ZCYX",   "Y",
                                          "QYX",   "",       "TSCYX", "YXSTCZ", "XYZ", "SCTYX" };

static mt_dtype choose_dtype(choice *c)
{
    return (mt_dtype)(one_in(c, 60) ? take_range(c, 0, 14) : take_range(c, 1, 12));
}

/* Returns the number of axes. */
static int choose_shape(choice *c, const char *axes, int64_t *shape)
{
    int n = (int)strlen(axes);
    for (int i = 0; i < n; i++)
        shape[i] = one_in(c, 60) ? take_range(c, -1, 0) : take_range(c, 1, i + 2 < n ? 3 : 9);
    return n;
}

/* Strides that are larger than needed, or negative. Returns the first element. */
static const uint8_t *choose_strides(choice *c, const int64_t *shape, int n, mt_dtype dtype, int64_t *strides)
{
    const uint8_t *at = stack_pixels() + 16;
    int64_t step = (int64_t)mt_dtype_size(dtype);
    for (int i = n - 1; i >= 0; i--) {
        strides[i] = one_in(c, 4) ? 2 * step : step;
        step = strides[i] * (shape[i] > 0 ? shape[i] : 1);
        if (shape[i] > 0 && one_in(c, 4)) {
            at += strides[i] * (shape[i] - 1);
            strides[i] = -strides[i];
        }
    }
    return at;
}

static void note_info(const mt_stack_info *info)
{
    outcome_text(info->original_axes);
    outcome_text(info->format);
    outcome_number(info->axes_source);
    for (int i = 0; i < info->data_ndim; i++)
        outcome_number(info->data_shape[i]);
}

typedef struct request {
    mt_patch_request base;
    int64_t channels[3], coords[3], patch_size[3], strides[4];
    float scale[3], offset[3];
    double pixels[MOST_PATCH]; /* room for any type */
} request;

static void choose_view(choice *c, mt_view *view, request *r, mt_dtype dtype)
{
    static const double paddings[] = { 0, 0, 1, -1, 255, 256, 1e10, 0.5 };
    for (int i = 0; i < 3; i++) {
        r->scale[i] = 0.5F * (float)take_range(c, 0, 3);
        r->offset[i] = (float)take_range(c, -1, 2);
    }
    view->data = r->pixels;
    view->dtype = one_in(c, 3) ? dtype : one_in(c, 20) ? take_dtype(c) : one_in(c, 2) ? MT_FLOAT32 : (mt_dtype)0;
    bool is_scaled = view->dtype <= 0 || view->dtype == MT_FLOAT32 || one_in(c, 20);
    view->scale = is_scaled && one_in(c, 3) ? r->scale : NULL;
    view->offset = is_scaled && one_in(c, 3) ? r->offset : NULL;
    view->padding = TAKE(c, paddings);
    view->padding_mode = one_in(c, 30) ? 3 : (int)take_range(c, 0, 2);
    view->divide = one_in(c, 3);
    view->scale_padding = one_in(c, 3);
}

/* Returns the number of output elements; 0: too many. */
static size_t choose_request(choice *c, request *r, mt_stack *stack)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t n_spatial = (size_t)info->data_ndim - 2, n;
    *r = (request) { .base = { .stack = stack } };
    r->base.sample = take_range(c, 0, info->data_shape[0] - !one_in(c, 20));
    r->base.n_channels = one_in(c, 2) ? 0 : (size_t)take_range(c, 1, 3);
    for (int i = 0; i < 3; i++)
        r->channels[i] = take_range(c, 0, info->data_shape[1] - !one_in(c, 40));
    r->base.channels = r->base.n_channels ? r->channels : NULL;
    r->base.n_spatial = one_in(c, 40) ? (size_t)take_range(c, 0, 4) : n_spatial;
    n = r->base.n_channels ? r->base.n_channels : (size_t)info->data_shape[1];
    for (size_t d = 0; d < n_spatial; d++) {
        int64_t length = info->data_shape[2 + d];
        r->coords[d] = one_in(c, 40) ? take_fit(c, length) : take_range(c, -9, length + 4);
        r->patch_size[d] = one_in(c, 6) ? take_fit(c, length) : take_range(c, 1, 9);
        if (r->patch_size[d] < 0 || r->patch_size[d] > 30)
            r->patch_size[d] = one_in(c, 2) ? -1 : 30;
        n *= r->patch_size[d] > 0 ? (size_t)r->patch_size[d] : 1;
    }
    r->base.coords = r->coords;
    r->base.patch_size = r->patch_size;
    choose_view(c, &r->base.view, r, info->dtype);
    return n <= MOST_PATCH ? n : 0;
}

static void note_pixels(const request *r, size_t n)
{
    mt_dtype dtype = r->base.view.dtype ? r->base.view.dtype : MT_FLOAT32;
    const uint8_t *pixels = (const uint8_t *)r->pixels;
    if (!is_float_type(dtype))
        outcome_bytes(pixels, n * mt_dtype_size(dtype));
    else
        for (size_t i = 0; i < n; i++) /* the bits of a NaN are not the same everywhere */
            outcome_real(load_pixel(dtype, pixels + i * mt_dtype_size(dtype)));
}

static void extract(choice *c, mt_stack *stack)
{
    static request all[MOST_REQUESTS];
    mt_patch_request requests[MOST_REQUESTS];
    size_t n = (size_t)take_range(c, 0, MOST_REQUESTS), sizes[MOST_REQUESTS];
    mt_status statuses[MOST_REQUESTS];
    mt_error err = MT_ERROR_INIT;
    mt_extract_options options = { .struct_size = sizeof options, .statuses = statuses };
    options.keep_chunks = one_in(c, 2);
    options.copy_alone = one_in(c, 2);
    for (size_t i = 0; i < n; i++) {
        if (!(sizes[i] = choose_request(c, &all[i], stack)))
            return;
        requests[i] = all[i].base;
    }
    if (note_status(mt_extract_patches(requests, n, &options, &err), &err))
        return;
    for (size_t i = 0; i < n; i++) {
        outcome_number(statuses[i]);
        note_pixels(&all[i], sizes[i]);
    }
}

static void note_slices(const mt_slice *slices, int n)
{
    for (int i = 0; i < n; i++) {
        outcome_number(slices[i].axis);
        outcome_number(slices[i].kind);
        if (slices[i].kind != MT_SLICE_LIST) {
            outcome_number(slices[i].start);
            outcome_number(slices[i].kind == MT_SLICE_RANGE ? slices[i].stop : 0);
        }
        for (size_t k = 0; slices[i].kind == MT_SLICE_LIST && k < slices[i].n; k++)
            outcome_number(slices[i].list[k]);
    }
}

static void note_array(const mt_array *a)
{
    size_t n = 1;
    outcome_number(a->ndim);
    for (int i = 0; i < a->ndim; i++) {
        outcome_number(a->shape[i]);
        outcome_number(a->strides[i]);
        n *= (size_t)a->shape[i];
    }
    outcome_bytes(a->data, n * mt_dtype_size(a->dtype));
}

/* The same letters in another order, or any. Returns NULL at times: the order is then that of the array. */
static const char *take_order(choice *c, const char *axes, char *out)
{
    size_t n = strlen(axes), turn = n ? (size_t)take_below(c, (int)n) : 0;
    bool is_reversed = one_in(c, 3);
    for (size_t i = 0; i < n; i++)
        out[is_reversed ? n - 1 - i : i] = axes[(i + turn) % n];
    out[n] = '\0';
    return one_in(c, 4) ? NULL : one_in(c, 6) ? TAKE(c, axes_words) : out;
}

static void note_places(choice *c, const mt_axes_transform *transform)
{
    int64_t channels[2], coords[3] = { 0, 1, 2 }, size[3] = { 0, 3, 2 };
    channels[0] = take_range(c, 0, 3);
    channels[1] = take_range(c, -1, 2);
    coords[0] = take_range(c, -3, 9);
    size[0] = take_range(c, 0, 5);
    size[2] = one_in(c, 20) ? -1 : 2;
    const bool has_list = one_in(c, 2);
    const int64_t sample = take_range(c, 0, one_in(c, 4) ? 3 : 0);
    const size_t n_channels = has_list || one_in(c, 9) ? (size_t)take_range(c, 0, 2) : 0;
    const size_t n_spatial = one_in(c, 9) ? 1 : (size_t)transform->data_ndim - 2;
    int64_t s, t;
    mt_slice slices[MT_MAX_AXES];
    mt_error err = MT_ERROR_INIT;
    if (!note_status(mt_axes_sample_index(transform, take_range(c, -1, 9), &s, &t, &err), &err)) {
        outcome_number(s);
        outcome_number(t);
    }
    if (!note_status(mt_get_patch_slices(transform, sample, has_list ? channels : NULL, n_channels, coords, size,
                                         n_spatial, slices, &err),
                     &err))
        note_slices(slices, transform->original_ndim);
}

/* The first corner of an array, without the axes S and T. */
static void drop_samples(const mt_array *array, const char *axes, mt_array *out, char *letters)
{
    *out = *array;
    out->ndim = 0;
    for (int i = 0; i < array->ndim; i++) {
        if (axes[i] == 'S' || axes[i] == 'T')
            continue;
        out->shape[out->ndim] = array->shape[i];
        out->strides[out->ndim] = array->strides[i];
        letters[out->ndim++] = axes[i];
    }
    letters[out->ndim] = '\0';
}

static uint64_t room[2][3 * 3 * 3 * 3 * 9 * 9];

static void reshape_tile(choice *c, const mt_axes_transform *transform, const mt_array *array, const char *axes)
{
    mt_array patch, data = { .data = room[0] }, back = { .data = room[1] };
    char letters[MT_MAX_AXES + 1], order[MT_MAX_AXES + 1];
    mt_error err = MT_ERROR_INIT;
    drop_samples(array, axes, &patch, letters);
    const mt_array *from = one_in(c, 20) ? array : &patch;
    if (note_status(mt_reshape_patch(from, one_in(c, 20) ? axes : letters, &data, &err), &err))
        return;
    note_array(&data);
    if (!note_status(mt_restore_tile(&data, transform, take_order(c, letters, order), &back, &err), &err))
        note_array(&back);
}

static void reshape(choice *c, const char *axes, const int64_t *shape, int n)
{
    mt_array array = { .dtype = take_dtype(c), .ndim = n }, data = { .data = room[0] }, back = { .data = room[1] };
    mt_axes_transform transform;
    char order[MT_MAX_AXES + 1];
    mt_error err = MT_ERROR_INIT;
    if (note_status(mt_axes_transform_init(&transform, axes, shape, n, &err), &err))
        return;
    note_places(c, &transform);
    memcpy(array.shape, shape, (size_t)n * sizeof *shape);
    array.data = (void *)choose_strides(c, shape, n, array.dtype, array.strides);
    if (!note_status(mt_reshape_array(&array, axes, &data, &err), &err)) {
        note_array(&data);
        if (!note_status(mt_restore_array(&data, &transform, take_order(c, axes, order), &back, &err), &err))
            note_array(&back);
    }
    reshape_tile(c, &transform, &array, axes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice c = { .at = data, .end = data + size };
    int64_t shape[8], strides[8];
    const char *axes = TAKE(&c, axes_words);
    int n = choose_shape(&c, axes, shape);
    mt_dtype dtype = choose_dtype(&c);
    const uint8_t *first = choose_strides(&c, shape, n, dtype, strides);
    bool contiguous = one_in(&c, 2);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    if (size < 8)
        return 0;
    if (!note_status(mt_stack_from_array(fuzz_one_thread(), contiguous ? stack_pixels() : first, dtype, axes, shape,
                                         contiguous ? NULL : strides, "array", &stack, &err),
                     &err)) {
        note_info(mt_stack_get_info(stack));
        extract(&c, stack);
        mt_stack_close(stack);
    }
    reshape(&c, axes, shape, n);
    return 0;
}
