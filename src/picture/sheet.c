/* SPDX-License-Identifier: BSD-3-Clause */
/* The contact sheet: small patches enlarged, large ones thinned, in a nearly square array. */
#include "base/checked.h"
#include "picture/picture.h"
#include "stack/stack.h"

#include <math.h>
#include <string.h>

enum { GAP = 2, SMALL = 64, LARGE = 256 };

typedef struct sheet {
    mt_picture picture;
    const mt_patch_request *first;
    const int64_t *channels;
    int64_t pixels[2]; /* height and width of a patch */
    int64_t columns;   /* patches in a row */
    int64_t drawn[2];  /* height and width of a patch on the sheet */
    int64_t enlarge, thin;
} sheet;

static mt_status check(const mt_patch_request *requests, size_t n, mt_error *err)
{
    const mt_patch_request *first = requests;
    if (n == 0 || n > MT_MOST_PATCHES)
        return mt_fail(err, MT_E_ARGUMENT, "%zu patches on a sheet: 1 to %d can be drawn", n, MT_MOST_PATCHES);
    mt_status st = mt_stack_check_axes(first->stack, err);
    if (st)
        return st;
    if (first->n_spatial != (size_t)first->stack->info.data_ndim - 2)
        return mt_fail(err, MT_E_ARGUMENT, "%zu coordinates for an image with the spatial axes %s", first->n_spatial,
                       first->stack->info.data_ndim == 5 ? "ZYX" : "YX");
    for (size_t i = 0; i < n; i++)
        if (requests[i].stack != first->stack || requests[i].n_spatial != first->n_spatial ||
            requests[i].n_channels != first->n_channels ||
            memcmp(requests[i].patch_size, first->patch_size, first->n_spatial * sizeof(int64_t)) != 0)
            return mt_fail(err, MT_E_ARGUMENT, "the patches of a sheet differ in stack, size or channels");
    for (size_t d = 0; d < first->n_spatial; d++)
        if (first->patch_size[d] < 1 || first->patch_size[d] > MT_MOST_PIXELS)
            return mt_fail(err, MT_E_ARGUMENT, "patches of size %lld cannot be drawn", (long long)first->patch_size[d]);
    return MT_OK;
}

static void lay_out(sheet *s, size_t n, mt_picture_size *out)
{
    memcpy(s->pixels, s->first->patch_size + s->first->n_spatial - 2, sizeof s->pixels);
    int64_t longest = mt_max_i64(s->pixels[0], s->pixels[1]);
    s->thin = (longest + LARGE - 1) / LARGE;
    s->enlarge = longest < SMALL ? SMALL / longest : 1;
    for (int d = 0; d < 2; d++)
        s->drawn[d] = (s->pixels[d] + s->thin - 1) / s->thin * s->enlarge;
    for (s->columns = 1; s->columns * s->columns < (int64_t)n;)
        s->columns++;
    int64_t rows = ((int64_t)n + s->columns - 1) / s->columns;
    out->height = rows * (s->drawn[0] + GAP) - GAP;
    out->width = s->columns * (s->drawn[1] + GAP) - GAP;
    out->shrunk = s->thin;
}

static void paint(sheet *s, const float *patch, int64_t i)
{
    mt_picture *p = &s->picture;
    size_t top = (size_t)(i / s->columns * (s->drawn[0] + GAP)), left = (size_t)(i % s->columns * (s->drawn[1] + GAP));
    for (size_t c = 0; c < p->channels; c++, patch += s->pixels[0] * s->pixels[1])
        for (int64_t y = 0; y < s->drawn[0]; y++)
            for (int64_t x = 0; x < s->drawn[1]; x++)
                p->planes[(c * p->height + top + (size_t)y) * p->width + left + (size_t)x] =
                    patch[y / s->enlarge * s->thin * s->pixels[1] + x / s->enlarge * s->thin];
}

/* The middle plane of a patch. */
static mt_status read_patch(const sheet *s, const mt_patch_request *request, const mt_extract_options *options,
                            float *patch, mt_error *err)
{
    mt_patch_request middle = *request;
    size_t n = request->n_spatial;
    int64_t coords[3] = { 0 }, size[3] = { 1, 1, 1 };
    memcpy(coords, request->coords, n * sizeof *coords);
    memcpy(size, request->patch_size, n * sizeof *size);
    if (n == 3) {
        coords[0] += size[0] / 2;
        size[0] = 1;
    }
    middle.channels = s->channels;
    middle.n_channels = s->picture.channels;
    middle.coords = coords;
    middle.patch_size = size;
    middle.view = (mt_view) { .data = patch };
    return mt_extract_patches(&middle, 1, options, err);
}

static mt_status draw(sheet *s, const mt_patch_request *requests, size_t n, const mt_extract_options *options,
                      mt_write_bytes write, void *user, mt_error *err)
{
    mt_picture *p = &s->picture;
    size_t bytes = p->channels * (size_t)(s->pixels[0] * s->pixels[1]) * sizeof(float);
    void *patch;
    mt_cancel cancel;
    mt_status st = mt_cancel_init(&cancel, options, err);
    if (st)
        return st;
    const mt_extract_options each = { .struct_size = sizeof each,
                                      .cancelled = cancel.options.cancelled,
                                      .user = cancel.options.user };
    for (size_t i = 0; i < p->channels * p->height * p->width; i++)
        p->planes[i] = -INFINITY; /* gaps are black and no part of the contrast */
    if ((st = mt_alloc(p->env, bytes, &patch, err)))
        return st;
    for (size_t i = 0; !st && i < n; i++) {
        st = read_patch(s, &requests[i], &each, patch, err);
        if (!st)
            paint(s, patch, (int64_t)i);
    }
    mt_release(p->env, patch, bytes);
    return st ? st : mt_picture_write(p, write, user, err);
}

mt_status mt_draw_patches(const mt_patch_request *requests, size_t n, const mt_extract_options *options,
                          mt_write_bytes write, void *user, mt_picture_size *out, mt_error *err)
{
    mt_error_reset(err);
    mt_status st = check(requests, n, err);
    if (st)
        return st;
    mt_stack *stack = requests->stack;
    sheet s = { .first = requests, .channels = requests->channels };
    size_t n_channels = requests->n_channels;
    mt_default_channels(&stack->info, &s.channels, &n_channels);
    mt_picture_size size = { .channels = (int64_t)n_channels };
    lay_out(&s, n, &size);
    if (out)
        *out = size;
    st = mt_picture_init(&s.picture, stack, s.channels, n_channels, size.height, size.width, err);
    if (st)
        return st;
    st = draw(&s, requests, n, options, write, user, err);
    mt_picture_free(&s.picture);
    return st;
}
