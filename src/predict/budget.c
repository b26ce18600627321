/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of units that are incomplete.
 *
 * Tiles come in row-major order. Along the first axis on which units have several tiles, those of one tile wait until
 * the next tiles along it have come, with all units along the faster axes. Along the axes before, only the units of one
 * tile are incomplete at once. */
#include "predict/internal.h"

#include "base/checked.h"
#include "write/writer.h"

enum { LEAST_DEFAULT = 512 << 20 };

/* The most places of units of an image that are incomplete at once: of those that are needed. */
static uint64_t count_open(const mt_stitched *output, const mt_stitch_image *image)
{
    uint64_t n = 1, needed = 0;
    bool waits = false;
    for (int a = 0; a < MT_STITCH_DIMS; a++) {
        bool shared;
        uint64_t units = (uint64_t)mt_stitch_axis_units(&output->axes[a], image->unit[a], &shared);
        if (a == MT_AXIS_C)
            continue;
        if (mt_mul_u64(n, waits ? (uint64_t)image->grid[a] : units, &n))
            n = UINT64_MAX;
        waits = waits || shared;
    }
    for (size_t i = 0; i < output->n_images; i++)
        needed = output->images[i].n_needed > needed ? output->images[i].n_needed : needed;
    return n < needed ? n : needed;
}

static uint64_t multiply(uint64_t a, uint64_t b) { return mt_mul_u64(a, b, &a) ? UINT64_MAX : a; }
static uint64_t add(uint64_t a, uint64_t b) { return mt_add_u64(a, b, &a) ? UINT64_MAX : a; }

/* Pixels of all channels at a place of whole units. */
static uint64_t place_pixels(const mt_stitch_image *image)
{
    uint64_t n = multiply((uint64_t)image->grid[MT_AXIS_C], (uint64_t)image->unit[MT_AXIS_C]);
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        if (a != MT_AXIS_C)
            n = multiply(n, (uint64_t)image->unit[a]);
    return n;
}

/* What a writer holds: incomplete units (those of one place if they are put whole), encoded chunks of them, which may be
 * a little larger than their pixels, and chunks that wait to be encoded. */
static uint64_t writer_least(const mt_stitcher *s, const mt_stitched *output, const mt_stitch_image *image)
{
    uint64_t threads = mt_pool_threads(output->template->context->pool);
    uint64_t units = multiply(place_pixels(image), mt_dtype_size(image->dtype));
    if (s->blend == MT_BLEND_CROP)
        units = multiply(units, count_open(output, image));
    return add(add(units, units / 16), multiply(image->chunk_bytes, (MT_QUEUED_CHUNKS + 1) * threads + 2));
}

void mt_stitch_set_memory(mt_writer *w, uint64_t bytes)
{
    mt_lock_take(&w->lock);
    w->memory = bytes > SIZE_MAX ? SIZE_MAX : (size_t)bytes;
    mt_lock_give(&w->lock);
}

static uint64_t sums_least(const mt_stitcher *s, const mt_stitched *output, const mt_stitch_image *image)
{
    uint64_t pixels = multiply(place_pixels(image), count_open(output, image));
    return s->blend == MT_BLEND_CROP ? 0 : multiply(pixels, sizeof(float));
}

/* Samples come one after another, so of several images of an output only one is incomplete at once. */
mt_status mt_stitch_budget(mt_stitcher *s, size_t memory, mt_error *err)
{
    uint64_t writers = 0, spare;
    for (size_t o = 0; o < s->n_outputs; o++) {
        const mt_stitched *output = &s->outputs[o];
        s->least_memory = add(s->least_memory, sums_least(s, output, output->images));
        if (output->template)
            writers = add(writers, writer_least(s, output, output->images));
    }
    s->least_memory = add(s->least_memory, writers);
    if (memory != 0 && memory < s->least_memory)
        return mt_fail(
            err, MT_E_LIMIT,
            "%llu MiB of memory are needed for the chunks and shards that wait for further tiles, and %llu are "
            "allowed: allow more, or write smaller chunks or shards",
            (unsigned long long)(s->least_memory >> 20) + 1, (unsigned long long)memory >> 20);
    spare = memory ? memory - s->least_memory : s->least_memory < LEAST_DEFAULT ? LEAST_DEFAULT - s->least_memory : 0;
    for (size_t o = 0; o < s->n_outputs; o++) {
        mt_stitched *output = &s->outputs[o];
        if (output->template) {
            output->least = writer_least(s, output, output->images);
            output->memory = add(output->least, spare / s->n_outputs);
        }
        if (output->images->writer)
            mt_stitch_set_memory(output->images->writer, output->memory);
    }
    return MT_OK;
}
