/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/noise.h"

#include "engine/context.h"
#include "sampling/deviates.h"
#include "sampling/planes.h"

#include <microtome/noise.h>

#include <math.h>
#include <string.h>

/* Planes are cut into runs, which have random numbers of their own and are done by one thread each. Its length belongs
 * to the results: never change it. */
enum { RUN = 4096, WORDS = 256 };

typedef struct call {
    mt_planes planes;
    size_t runs; /* of a plane */
    const mt_noise_options *options;
    const float *batch;
    float *out;
} call;

static double between(const double range[2], double u) { return range[0] + u * (range[1] - range[0]); }

static bool has_scale(const mt_noise_options *o) { return o->scale[0] != 0 || o->scale[1] != 0; }

/* Copies a run with the intensity of its item. */
static void scale_run(const mt_noise_options *o, uint64_t item, const float *from, size_t n, float *to)
{
    mt_random random;
    mt_random_start(&random, o->seed, MT_STREAM_INTENSITY, o->step, item, 0);
    float a = (float)between(o->scale, mt_random_double(&random));
    float b = (float)between(o->offset, mt_random_double(&random));
    a = has_scale(o) ? a : 1;
    if (a != 1 || b != 0)
        for (size_t i = 0; i < n; i++)
            to[i] = from[i] * a + b;
    else if (to != from)
        memcpy(to, from, n * sizeof *to);
}

static void add_shot_noise(mt_random *random, double scale, double offset, size_t n, float *values)
{
    for (size_t i = 0; i < n; i++) {
        double photons = (double)values[i] * scale + offset;
        if (photons > 0 && photons < INFINITY)
            values[i] = (float)((mt_poisson(random, photons) - offset) / scale);
    }
}

static void add_gaussian(mt_random *random, float sigma, size_t n, float *values)
{
    uint32_t words[WORDS];
    float noise[WORDS];
    for (size_t first = 0; first < n; first += WORDS) {
        size_t some = n - first < WORDS ? n - first : WORDS;
        for (size_t i = 0; i < some; i += 2) { /* WORDS is even */
            uint64_t number = mt_random_next(random);
            words[i] = (uint32_t)number;
            words[i + 1] = (uint32_t)(number >> 32);
        }
        mt_normal(words, some, noise);
        for (size_t i = 0; i < some; i++)
            values[first + i] += sigma * noise[i];
    }
}

static void do_run(void *argument, size_t index)
{
    const call *c = argument;
    const mt_noise_options *o = c->options;
    size_t plane = index / c->runs, run = index % c->runs, first = run * RUN, at = plane * c->planes.elements + first;
    size_t n = c->planes.elements - first < RUN ? c->planes.elements - first : RUN;
    size_t channel = plane % c->planes.channels;
    uint64_t item = o->first + plane / c->planes.channels, part = channel * c->runs + run;
    mt_random random;
    scale_run(o, item, c->batch + at, n, c->out + at);
    if (o->photon_scale) {
        mt_random_start(&random, o->seed, MT_STREAM_POISSON, o->step, item, part);
        add_shot_noise(&random, o->photon_scale[channel], o->photon_offset ? o->photon_offset[channel] : 0, n,
                       c->out + at);
    }
    if (o->gaussian > 0) {
        mt_random_start(&random, o->seed, MT_STREAM_GAUSSIAN, o->step, item, part);
        add_gaussian(&random, (float)o->gaussian, n, c->out + at);
    }
}

static mt_status check_range(const char *what, const double range[2], mt_error *err)
{
    if (isfinite(range[0]) && isfinite(range[1]) && range[0] <= range[1])
        return MT_OK;
    return mt_fail(err, MT_E_ARGUMENT, "%s from %g to %g is not a range", what, range[0], range[1]);
}

mt_status mt_noise_check(const mt_noise_options *o, size_t channels, mt_error *err)
{
    mt_status st = check_range("scale", o->scale, err);
    if (st || (st = check_range("offset", o->offset, err)))
        return st;
    if (has_scale(o) && o->scale[0] <= 0)
        return mt_fail(err, MT_E_ARGUMENT, "scale from %g is not positive", o->scale[0]);
    if (!(o->gaussian >= 0 && o->gaussian < INFINITY))
        return mt_fail(err, MT_E_ARGUMENT, "gaussian is %g, not a standard deviation", o->gaussian);
    if (o->photon_offset && !o->photon_scale)
        return mt_fail(err, MT_E_ARGUMENT, "photon_offset is given without photon_scale");
    for (size_t c = 0; o->photon_scale && c < channels; c++) {
        if (!(o->photon_scale[c] > 0 && o->photon_scale[c] < INFINITY))
            return mt_fail(err, MT_E_ARGUMENT, "photon_scale[%zu] is %g, not positive", c, o->photon_scale[c]);
        if (o->photon_offset && !isfinite(o->photon_offset[c]))
            return mt_fail(err, MT_E_ARGUMENT, "photon_offset[%zu] is %g", c, o->photon_offset[c]);
    }
    return MT_OK;
}

mt_status mt_noise_add(mt_context *given_context, const float *batch, const int64_t *shape, size_t ndim,
                       const mt_noise_options *given, float *out, mt_error *err)
{
    mt_noise_options options = { .struct_size = given ? given->struct_size : 0 };
    call c = { .options = &options, .batch = batch, .out = out };
    mt_error_reset(err);
    if (options.struct_size == 0 || options.struct_size > sizeof options)
        return mt_fail(err, MT_E_ARGUMENT, "mt_noise_options.struct_size is %zu, not %zu", options.struct_size,
                       sizeof options);
    memcpy(&options, given, given->struct_size);
    mt_status st = mt_planes_make(shape, ndim, &c.planes, err);
    if (st || (st = mt_noise_check(&options, c.planes.channels, err)))
        return st;
    size_t planes = mt_planes_count(&c.planes), bytes = planes * c.planes.elements * sizeof(float);
    if (out != batch && mt_overlaps(out, bytes, batch, bytes))
        return mt_fail(err, MT_E_ARGUMENT, "the arrays batch and out overlap");
    if (bytes == 0)
        return MT_OK;
    mt_context *context = mt_context_retain(given_context, err);
    if (!context)
        return MT_E_MEMORY;
    c.runs = (c.planes.elements + RUN - 1) / RUN;
    mt_pool_run(context->pool, planes * c.runs, do_run, &c);
    mt_context_free(context);
    return MT_OK;
}
