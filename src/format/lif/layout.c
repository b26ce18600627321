/* SPDX-License-Identifier: BSD-3-Clause */
/* The stored array of an image. The address of a pixel is the sum of index times BytesInc over all dimensions, plus the
 * BytesInc of its channel: the order of dimensions follows from these, and gaps are padding. */
#include "base/checked.h"
#include "format/lif/lif.h"

#include <string.h>

/* Axes by DimID. Wavelengths are channels. What is neither space nor time makes samples. */
static const char letters[LIF_DIMENSIONS + 1] = "?XYZTCSSSCSS";

/* Adds an axis behind those with a larger step, or the same. */
static void add_axis(lif_layout *layout, char letter, int64_t n, int64_t step, const lif_dimension *named)
{
    int at = layout->n_axes++;
    for (; at > 0 && layout->axes[at - 1].step < step; at--)
        layout->axes[at] = layout->axes[at - 1];
    layout->axes[at] = (lif_axis) { letter, n, step, named };
}

static void add_dimensions(const lif_image *image, lif_layout *layout)
{
    for (int i = 0; i < image->n_dimensions; i++) {
        const lif_dimension *d = &image->dimensions[i];
        if (d->n != 1)
            add_axis(layout, letters[d->id], d->n, d->step, d);
    }
}

/* The number of channels at equal distances, from the first one on. */
static size_t count_run(const lif_channel *channels, size_t n, int64_t *step)
{
    size_t run = 1;
    *step = n > 1 ? channels[1].offset - channels[0].offset : 0;
    while (run < n && channels[run].offset - channels[run - 1].offset == *step)
        run++;
    return run;
}

/* Whether a pixel is blue, green and red, side by side. Wavelengths, too, can be the last axis. */
static bool is_bgr(const lif_image *image, const lif_layout *layout)
{
    static const int64_t tags[3] = { LIF_BLUE, LIF_GREEN, LIF_RED };
    const lif_axis *last = layout->n_axes ? &layout->axes[layout->n_axes - 1] : NULL;
    if (image->n_channels != 3 || !last || last->named || last->n != 3 ||
        last->step != (int64_t)mt_dtype_size(layout->dtype))
        return false;
    for (int i = 0; i < 3; i++)
        if (image->channels[i].tag != tags[i])
            return false;
    return true;
}

/* Channels are one axis, or two if other dimensions lie between them: runs of channels at equal distances, themselves
 * at equal distances. */
static mt_status add_channels(const lif_image *image, lif_layout *layout, mt_error *err)
{
    const lif_channel *channels = image->channels;
    size_t n = image->n_channels, run;
    int64_t step, outer = 0;
    run = count_run(channels, n, &step);
    bool even = n % run == 0;
    if (even && run < n)
        outer = channels[run].offset - channels[0].offset;
    for (size_t i = run; even && i < n; i++)
        even = channels[i].offset - channels[i - run].offset == outer;
    if (!even)
        return mt_fail(err, MT_E_UNSUPPORTED, "channels at uneven distances (BytesInc) are not supported");
    if (run > 1)
        add_axis(layout, 'C', (int64_t)run, step, NULL);
    if (run < n)
        add_axis(layout, 'C', (int64_t)(n / run), outer, NULL);
    layout->is_bgr = is_bgr(image, layout);
    return MT_OK;
}

static int find_axis(const lif_layout *layout, char letter)
{
    int i = 0;
    while (i < layout->n_axes && layout->axes[i].letter != letter)
        i++;
    return i;
}

/* Adds an axis of length 1 before axis number at, or as the last one. */
static void insert_axis(lif_layout *layout, char letter, int at)
{
    memmove(&layout->axes[at + 1], &layout->axes[at], (size_t)(layout->n_axes - at) * sizeof *layout->axes);
    layout->axes[at] = (lif_axis) { .letter = letter, .n = 1 };
    layout->n_axes++;
}

/* Scans without Y, such as X-Z, or without X have these axes all the same. */
static void complete(lif_layout *layout)
{
    int y = find_axis(layout, 'Y');
    if (find_axis(layout, 'X') == layout->n_axes)
        insert_axis(layout, 'X', y < layout->n_axes ? y + 1 : layout->n_axes);
    if (find_axis(layout, 'Y') == layout->n_axes)
        insert_axis(layout, 'Y', find_axis(layout, 'X'));
}

/* The steps of slower axes must reach beyond all that the faster ones span. */
static mt_status measure(lif_layout *layout, mt_error *err)
{
    int64_t span = (int64_t)mt_dtype_size(layout->dtype), reach;
    bool is_empty = false;
    for (int i = layout->n_axes - 1; i >= 0; i--) {
        const lif_axis *a = &layout->axes[i];
        is_empty |= a->n == 0;
        if (a->n < 2)
            continue;
        if (a->step < span)
            return mt_fail(err, MT_E_CORRUPT,
                           "axis %c steps by %lld bytes (BytesInc), less than the %lld of the axes below it", a->letter,
                           (long long)a->step, (long long)span);
        if (mt_mul_i64(a->n - 1, a->step, &reach) || mt_add_i64(span, reach, &span))
            return mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 bytes");
    }
    layout->span = is_empty ? 0 : span;
    return mt_add_i64(layout->base, span, &reach) ? mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 bytes")
                                                  : MT_OK;
}

mt_status lif_lay_out(const lif_image *image, lif_layout *out, mt_error *err)
{
    *out = (lif_layout) { .base = image->channels[0].offset, .dtype = image->channels[0].dtype };
    add_dimensions(image, out);
    mt_status st = add_channels(image, out, err);
    if (st)
        return st;
    complete(out);
    return measure(out, err);
}
