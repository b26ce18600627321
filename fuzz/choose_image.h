/* SPDX-License-Identifier: BSD-3-Clause */
/* A small image of any axes and type: an array, a custom stack, or an OME-Zarr in chunks. */
#ifndef MT_FUZZ_CHOOSE_IMAGE_H
#define MT_FUZZ_CHOOSE_IMAGE_H

#include "choose.h"
#include "scratch.h"

#include "base/checked.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PIXELS = 12000, MOST_CHANNELS = 9 };

typedef struct image {
    choice *c;
    mt_context *context;
    mt_stack *stack;
    const mt_stack_info *info;
    char axes[7];
    int64_t shape[6], n;
    int step, modulus; /* of the values */
    bool has_specials; /* NaN and others */
    bool is_custom;
} image;

static uint8_t pixels[8 * MOST_PIXELS];

static inline double get_value(const image *m, int64_t i)
{
    static const double specials[] = { (double)NAN, (double)INFINITY, -(double)INFINITY, 1e30 };
    return m->has_specials && i % 11 == 3 ? specials[i % 4] : (double)(i * m->step % m->modulus);
}

static inline mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    const image *m = self;
    int64_t z = m->info->data_ndim == 5 ? patch_size[0] : 1, y = patch_size[m->info->data_ndim - 4];
    int64_t x = patch_size[m->info->data_ndim - 3];
    (void)sample;
    for (int64_t i = 0; i < (int64_t)n_channels * z * y * x; i++)
        *out++ = (float)get_value(m, channels[i / (z * y * x)] * 100 + coords[0] + i);
    return m->modulus == 13 && coords[0] == 1 ? mt_fail(err, MT_E_IO, "no pixels here") : MT_OK;
}

static inline const char *take_text(choice *c)
{
    static const char *const texts[] = { "", "DAPI", "GFP", "\302\265 \303\251 \342\202\254 \360\237\224\254",
                                         "a name of more characters than a legend has room for, so that it is cut" };
    return texts[take_below(c, 5)];
}

static inline void take_channels(choice *c, mt_channel *channels, size_t n)
{
    static const double windows[][2] = { { 0, 100 }, { 0, 255 },    { 0, 65535 },        { -128, 127 },
                                         { 5, 5.5 }, { -1e6, 1e9 }, { 0, 4294967295.0 }, { -32768, 32767 } };
    bool all_have_colors = one_in(c, 2);
    for (size_t i = 0; i < n; i++) {
        channels[i] = (mt_channel) { .name = take_text(c) };
        channels[i].has_color = all_have_colors || one_in(c, 4);
        for (int k = 0; k < 3; k++)
            channels[i].rgb[k] = (uint8_t)(take_byte(c) / 64 * 85);
        if ((channels[i].has_window = one_in(c, 3)))
            memcpy(channels[i].window, windows[take_below(c, 8)], sizeof *windows);
    }
}

static inline void take_units(choice *c, double *sizes, const char **units, int n)
{
    static const double all_sizes[] = { 0, 1, 0.1, 0.25, 3e-4, 5e5, 1e-7, 1e300 };
    static const char *const all_units[] = { "micrometer", "nanometer", "meter",    "inch",
                                             "furlong",    "",          "angstrom", "millimeter" };
    for (int d = 0; d < n; d++) {
        sizes[d] = all_sizes[take_below(c, 8)];
        units[d] = all_units[take_below(c, 8)];
    }
}

static inline void open_custom(image *m, mt_dtype dtype)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract, .caller_thread_only = 1 };
    mt_channel channels[MOST_CHANNELS];
    mt_stack_info info = { .struct_size = sizeof info, .source = "custom", .dtype = dtype, .original_axes = m->axes };
    mt_error err = MT_ERROR_INIT;
    const char *at = strchr(m->axes, 'C');
    int n = info.original_ndim = (int)strlen(m->axes);
    memcpy(info.original_shape, m->shape, sizeof m->shape);
    take_units(m->c, info.pixel_size, info.unit, n);
    if (one_in(m->c, 2)) {
        take_channels(m->c, channels, at ? (size_t)m->shape[at - m->axes] : 1);
        info.channels = channels;
    }
    if (one_in(m->c, 2))
        for (int d = 0; d < n; d++)
            info.chunk_shape[d] = take_size(m->c, m->shape[d]);
    if (one_in(m->c, 32)) /* too large to be drawn as a whole */
        info.original_shape[n - 1 - take_below(m->c, 2)] = ((int64_t)1 << 46) + 1;
    m->is_custom = true;
    (void)note_status(mt_stack_new(m->context, &ops, m, &info, &m->stack, &err), &err);
}

/* An OME-Zarr in chunks. */
static inline void open_written(image *m, mt_dtype dtype)
{
    mt_channel channels[MOST_CHANNELS];
    char path[SCRATCH_PATH];
    const char *units[6], *at = strchr(m->axes, 'C');
    double sizes[6];
    int64_t chunk[6];
    static const int64_t start[6];
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    int n = (int)strlen(m->axes);
    take_units(m->c, sizes, units, n);
    for (int d = 0; d < n; d++)
        chunk[d] = d + 2 < n ? take_size(m->c, 2) : take_size(m->c, m->shape[d]);
    mt_writer_options options = { .struct_size = sizeof options, .axes = m->axes, .shape = m->shape, .dtype = dtype };
    options.chunk_shape = chunk;
    options.codec = "none";
    options.pixel_size = sizes;
    options.unit = units;
    options.is_labels = one_in(m->c, 3);
    options.durability = MT_DURABLE_NEVER;
    if (at && one_in(m->c, 2)) {
        take_channels(m->c, channels, (size_t)m->shape[at - m->axes]);
        options.channels = channels;
    }
    if (note_written(mt_writer_create(m->context, begin_scratch("a.zarr", path), &options, &w, &err), &err))
        return;
    const mt_writer_box box = { .start = start, .extent = m->shape, .data = pixels };
    if (mt_writer_put(w, &box, &err) || mt_writer_finish(w, NULL, &err) ||
        mt_stack_open(m->context, path, NULL, &m->stack, &err))
        __builtin_trap();
    mt_writer_close(w);
}

static inline void open_array(image *m, mt_dtype dtype)
{
    int64_t strides[6], step = (int64_t)mt_dtype_size(dtype);
    const uint8_t *first = pixels;
    mt_error err = MT_ERROR_INIT;
    for (size_t d = strlen(m->axes); d-- > 0; step *= m->shape[d])
        strides[d] = step;
    if (one_in(m->c, 4)) { /* columns from right to left */
        size_t x = strlen(m->axes) - 1;
        first += (m->shape[x] - 1) * strides[x];
        strides[x] = -strides[x];
    }
    (void)note_status(
        mt_stack_from_array(m->context, first, dtype, m->axes, m->shape, strides, "array", &m->stack, &err), &err);
}

static inline void open_image(image *m)
{
    static const char *const all_axes[] = { "YX", "CYX", "ZYX", "YXC", "TCZYX", "CZYX", "TYX", "ZYXC" };
    choice *c = m->c;
    mt_dtype dtype = one_in(c, 3) ? take_dtype(c) : MT_UINT8;
    int64_t pixel = 0;
    snprintf(m->axes, sizeof m->axes, "%s", all_axes[take_below(c, 8)]);
    int n = (int)strlen(m->axes);
    /* from these widths and heights on, captions look different */
    static const int64_t widths[] = { 439, 440, 441, 899, 900, 901, 512, 1030 };
    bool is_wide = one_in(c, 8), is_high = one_in(c, 8) && !is_wide;
    m->n = 1;
    for (int d = 0; d < n; d++) {
        char letter = m->axes[d];
        m->shape[d] = letter == 'C'   ? (one_in(c, 2) ? 3 + take_below(c, 2) : take_size(c, MOST_CHANNELS))
                      : letter == 'Y' ? (is_high ? 62 + take_below(c, 4) : take_size(c, is_wide ? 3 : 90))
                      : letter == 'X' ? (is_wide ? widths[take_below(c, 8)] : take_size(c, 120))
                                      : take_size(c, 4);
        if (d > 0 && m->n * m->shape[d] > MOST_PIXELS)
            m->shape[d] = mt_max_i64(1, MOST_PIXELS / m->n);
        m->n *= m->shape[d];
    }
    m->step = 1 + take_byte(c);
    m->modulus = 13 + take_below(c, 4) * 81;
    m->has_specials = is_float_type(dtype) && one_in(c, 3);
    for (; pixel < m->n; pixel++)
        store_pixel(dtype, pixels + (size_t)pixel * mt_dtype_size(dtype), convert_pixel(dtype, get_value(m, pixel)));
    int how = take_below(c, 4);
    if (how == 0)
        open_custom(m, dtype);
    else if (how == 1 && strcmp(m->axes + n - 2, "YX") == 0)
        open_written(m, dtype);
    else
        open_array(m, dtype);
}

#endif
