/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/n2v.h"

#include "base/checked.h"
#include "engine/context.h"

#include <microtome/n2v.h>

#include <string.h>

/* A call: groups of planes, each done by one thread. */
typedef struct call {
    mt_n2v n2v;
    const float *batch;
    float *masked;
    uint8_t *mask;
    size_t n_groups;
    size_t work_bytes; /* working memory of a group */
    uint8_t *memory;   /* of all groups */
} call;

static const struct {
    const char *name;
    bool (*replace)(const mt_n2v *n2v, mt_n2v_work *work, const int64_t at[3], float *value);
    bool with_center;
} strategies[] = { { "uniform", mt_n2v_uniform, false },
                   { "uniform_with_center", mt_n2v_uniform, true },
                   { "median", mt_n2v_median, false } };

/* structN2V patterns: two rectangles, 1 where they extend along Y, X. */
static const struct {
    const char *name;
    int64_t extends[2][2];
} patterns[] = { { "horizontal", { { 0, 1 }, { 0, 1 } } },
                 { "vertical", { { 1, 0 }, { 1, 0 } } },
                 { "cross", { { 0, 1 }, { 1, 0 } } },
                 { "square", { { 1, 1 }, { 1, 1 } } } };

#define COUNT(array) (sizeof(array) / sizeof *(array))

static mt_status take_strategy(const char *name, mt_n2v *n2v, mt_error *err)
{
    for (size_t i = 0; i < COUNT(strategies); i++)
        if (strcmp(name ? name : "uniform", strategies[i].name) == 0) {
            n2v->replace = strategies[i].replace;
            mt_n2v_list_offsets(n2v, strategies[i].with_center);
            return MT_OK;
        }
    return mt_fail(err, MT_E_ARGUMENT, "there is no N2V strategy \"%s\": use uniform, uniform_with_center or median",
                   name);
}

/* Takes the width of a region. */
static mt_status take_width(const char *what, int given, int standard, int most, int64_t *radius, mt_error *err)
{
    int width = given ? given : standard;
    if (width < 3 || width > most || width % 2 == 0)
        return mt_fail(err, MT_E_ARGUMENT, "%s is %d, not an odd number from 3 to %d", what, given, most);
    *radius = width / 2;
    return MT_OK;
}

static mt_status take_pattern(const mt_n2v_options *o, mt_n2v *n2v, mt_error *err)
{
    int64_t reach;
    mt_status st = take_width("struct_span", o->struct_span, 5, 15, &reach, err);
    if (st)
        return st;
    if (!o->struct_axes)
        return o->struct_span ? mt_fail(err, MT_E_ARGUMENT, "struct_span is given without struct_axes") : MT_OK;
    for (size_t i = 0; i < COUNT(patterns); i++)
        if (strcmp(o->struct_axes, patterns[i].name) == 0) {
            for (int k = 0; k < 4; k++)
                n2v->blind[k / 2][k % 2] = reach * patterns[i].extends[k / 2][k % 2];
            n2v->has_pattern = true;
            return MT_OK;
        }
    return mt_fail(err, MT_E_ARGUMENT,
                   "there is no structN2V pattern \"%s\": use horizontal, vertical, cross or square", o->struct_axes);
}

static mt_status take_options(const mt_n2v_options *o, mt_n2v *n2v, mt_error *err)
{
    double percentage = o->percentage == 0 ? 0.2 : o->percentage;
    mt_status st = take_width("roi_size", o->roi_size, 11, MT_N2V_MOST_ROI, &n2v->radius, err);
    if (st || (st = take_strategy(o->strategy, n2v, err)) || (st = take_pattern(o, n2v, err)))
        return st;
    if (!(percentage > 0 && percentage <= 100))
        return mt_fail(err, MT_E_ARGUMENT, "a percentage of %g is not above 0 and at most 100", o->percentage);
    if (mt_n2v_make_grid(n2v, percentage))
        return mt_fail(err, MT_E_ARGUMENT, "the batch has too many pixels");
    n2v->seed = o->seed;
    n2v->step = o->step;
    n2v->first = o->first;
    return MT_OK;
}

static void manipulate_group(void *argument, size_t group)
{
    const call *c = argument;
    size_t planes = mt_planes_count(&c->n2v.planes), elements = c->n2v.planes.elements;
    uint8_t *memory = c->memory + group * c->work_bytes;
    mt_n2v_work work = { .choices = (mt_n2v_choice *)(void *)memory };
    work.keys = (int32_t *)(void *)(work.choices + c->n2v.n_boxes);
    for (size_t i = group * planes / c->n_groups; i < (group + 1) * planes / c->n_groups; i++) {
        work.from = c->batch + i * elements;
        mt_n2v_manipulate_plane(&c->n2v, i, &work, c->masked + i * elements, c->mask + i * elements);
    }
}

/* Several groups for each thread, because threads are not equally fast. */
static mt_status run(call *c, mt_context *context, mt_error *err)
{
    enum { GROUPS_PER_THREAD = 4 };
    size_t planes = mt_planes_count(&c->n2v.planes), most = GROUPS_PER_THREAD * (size_t)mt_pool_threads(context->pool);
    size_t side = 2 * (size_t)c->n2v.radius + 1,
           n_keys = c->n2v.planes.n_spatial == 3 ? side * side * side : side * side;
    size_t bytes;
    void *memory;
    c->n_groups = planes < most ? planes : most;
    if (mt_mul_size(c->n2v.n_boxes, sizeof(mt_n2v_choice), &bytes) ||
        mt_add_size(bytes, (n_keys + 1) / 2 * 2 * sizeof(int32_t), &c->work_bytes) ||
        mt_mul_size(c->work_bytes, c->n_groups, &bytes))
        return mt_fail(err, MT_E_MEMORY, "%zu pixels to choose", c->n2v.n_boxes);
    mt_status st = mt_alloc(&context->env, bytes, &memory, err);
    if (st)
        return st;
    c->memory = memory;
    mt_pool_run(context->pool, c->n_groups, manipulate_group, c);
    mt_release(&context->env, memory, bytes);
    return MT_OK;
}

mt_status mt_n2v_manipulate(mt_context *given_context, const float *batch, const int64_t *shape, size_t ndim,
                            const mt_n2v_options *given, float *masked, uint8_t *mask, mt_error *err)
{
    mt_n2v_options options = { .struct_size = sizeof options };
    call c = { .batch = batch, .masked = masked, .mask = mask };
    mt_error_reset(err);
    if (given && (given->struct_size == 0 || given->struct_size > sizeof options))
        return mt_fail(err, MT_E_ARGUMENT, "mt_n2v_options.struct_size is %zu, not %zu", given->struct_size,
                       sizeof options);
    if (given)
        memcpy(&options, given, given->struct_size);
    mt_status st = mt_planes_make(shape, ndim, &c.n2v.planes, err);
    if (st || (st = take_options(&options, &c.n2v, err)))
        return st;
    size_t elements = mt_planes_count(&c.n2v.planes) * c.n2v.planes.elements, bytes = elements * sizeof(float);
    if ((masked != batch && mt_overlaps(masked, bytes, batch, bytes)) || mt_overlaps(mask, elements, batch, bytes) ||
        mt_overlaps(mask, elements, masked, bytes))
        return mt_fail(err, MT_E_ARGUMENT, "the arrays batch, masked and mask overlap");
    if (elements == 0)
        return MT_OK;
    mt_context *context = mt_context_retain(given_context, err);
    if (!context)
        return MT_E_MEMORY;
    st = run(&c, context, err);
    mt_context_free(context);
    return st;
}
