/* SPDX-License-Identifier: BSD-3-Clause */
/* Ensembles: the mean of outputs that are not turned is that of their pixels; any others have no more than their limits. */
#include "choose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4096 };

static double values[MOST];
static float mean[MOST], spread[MOST];
static uint8_t pixels[8 * MOST];

typedef struct sums {
    double least, most;
    double sum[MOST]; /* of outputs that are not turned */
    int n, n_turned;
} sums;

static void make_values(choice *c, mt_dtype dtype, size_t n)
{
    int step = take_byte(c), from = take_byte(c);
    bool has_nan = is_float_type(dtype) && one_in(c, 8);
    for (size_t i = 0; i < n; i++) {
        values[i] = convert_pixel(dtype, (double)((from + (int)i * step) % 127));
        if (has_nan && i == n / 2)
            values[i] = step % 2 ? (double)NAN : (double)INFINITY;
        store_pixel(dtype, pixels + i * mt_dtype_size(dtype), values[i]);
    }
}

static void add(choice *c, mt_ensemble *ensemble, size_t n, sums *all)
{
    mt_dtype dtype = (mt_dtype)take_wild(c, 32, take_dtype(c));
    int symmetry = one_in(c, 2) ? take_below(c, 10) - 1 : 0;
    mt_error err = MT_ERROR_INIT;
    if (mt_dtype_size(dtype) > 0)
        make_values(c, dtype, n);
    if (note_status(mt_ensemble_add(ensemble, pixels, dtype, symmetry, &err), &err))
        return;
    all->n++;
    all->n_turned += symmetry != 0;
    for (size_t i = 0; i < n; i++) {
        all->sum[i] += values[i];
        all->least = fmin(all->least, values[i]);
        all->most = fmax(all->most, values[i]);
    }
}

static void take(choice *c, mt_ensemble *ensemble, size_t n, const sums *all)
{
    mt_error err = MT_ERROR_INIT;
    bool has_spread = one_in(c, 2);
    if (note_status(mt_ensemble_take(ensemble, mean, has_spread ? spread : NULL, &err), &err))
        return;
    for (size_t i = 0; i < n; i++) {
        double is = (double)mean[i], expected = all->sum[i] / all->n, off = 1e-3;
        outcome_real(is);
        if (has_spread)
            outcome_real((double)spread[i]);
        if (is < all->least - off || is > all->most + off || (has_spread && spread[i] < 0))
            __builtin_trap();
        if (!all->n_turned && isfinite(expected) && !(fabs(is - expected) < off))
            __builtin_trap();
    }
}

static void use(choice *c, mt_ensemble *ensemble, size_t n)
{
    static sums all;
    for (int i = 0, rounds = 1 + take_below(c, 2); i < rounds; i++) {
        all = (sums) { .least = (double)INFINITY, .most = -(double)INFINITY };
        for (int k = 0, count = take_below(c, 5); k < count; k++)
            add(c, ensemble, n, &all);
        take(c, ensemble, n, &all);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice c = { .at = data, .end = data + size };
    mt_context *context;
    mt_ensemble *ensemble;
    mt_error err = MT_ERROR_INIT;
    int ndim = one_in(&c, 32) ? take_below(&c, 8) - 1 : 4 + take_below(&c, 2);
    int64_t shape[5], n = 1;
    bool is_square = one_in(&c, 2);
    for (int d = 0; d < 5; d++) {
        shape[d] = is_square && d > 0 && d == ndim - 1 ? shape[d - 1]
                                                       : take_size(&c, d < ndim - 2    ? 3
                                                                       : one_in(&c, 6) ? 140
                                                                                       : 12);
        n *= d < ndim ? shape[d] : 1;
    }
    int wild = take_below(&c, 5);
    shape[wild] = take_wild(&c, 16, shape[wild]);
    if (n > MOST)
        return 0;
    context = new_limited_context();
    if (!note_status(mt_ensemble_new(context, ndim, shape, &ensemble, &err), &err)) {
        for (int d = n = 0; d < ndim; d++)
            n = d ? n * shape[d] : shape[d];
        if (n <= MOST)
            use(&c, ensemble, (size_t)n);
        mt_ensemble_free(ensemble);
    }
    mt_context_free(context);
    return 0;
}
