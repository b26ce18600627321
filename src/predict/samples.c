/* SPDX-License-Identifier: BSD-3-Clause */
/* Images of samples. There may be many thousands, and each open writer costs descriptors and memory: only those that
 * pixels go to are open, one after another, and a few before them whose chunks are still being encoded. */
#include "predict/internal.h"

#include "base/bits.h"
#include "base/number.h"
#include "write/writer.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 24 };

static mt_status note_begun(void *user, const char *name, mt_error *err)
{
    mt_stitched *output = user;
    int64_t i;
    (void)err;
    if (mt_parse_digits(&name, &i) && !*name && (uint64_t)i < output->n_images)
        mt_bit_set(output->begun, (uint64_t)i);
    return MT_OK;
}

/* One list in place of a look at each image. */
static mt_status find_begun(mt_stitcher *s, mt_stitched *output, mt_error *err)
{
    mt_target *folder;
    output->begun = mt_arena_alloc(s->arena, output->n_images / 64 + 1, sizeof *output->begun, err);
    if (!output->begun)
        return MT_E_MEMORY;
    output->name[-1] = 0;
    mt_status st = mt_target_open(s->env, output->path, MT_SYNC_NONE, &folder, err);
    output->name[-1] = '/';
    if (st)
        return st;
    st = mt_target_list(folder, "", note_begun, output, err);
    mt_target_close(folder);
    return st;
}

mt_status mt_stitch_samples_new(mt_stitcher *s, mt_writer *given, const int64_t shape[MT_STITCH_DIMS],
                                mt_stitched *output, mt_error *err)
{
    size_t n = strlen(given->info.path);
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < output->n_images; i++) {
        st = mt_stitch_image_of_writer(s->arena, given, shape, &output->images[i], err);
        output->images[i].writer = NULL;
    }
    while (n > 1 && given->info.path[n - 1] == '/')
        n--;
    if (st)
        return st;
    output->path = mt_arena_alloc(s->arena, n + 1 + NAME_BYTES, 1, err);
    if (!output->path)
        return MT_E_MEMORY;
    memcpy(output->path, given->info.path, n);
    output->path[n] = '/';
    output->name = output->path + n + 1;
    output->template = given;
    return find_begun(s, output, err);
}

static const char *path_of(const mt_stitched *output, size_t image)
{
    snprintf(output->name, NAME_BYTES, "%zu", image);
    return output->path;
}

mt_status mt_stitch_samples_need(mt_stitcher *s, mt_stitched *output, size_t image, uint64_t first, uint64_t count,
                                 mt_error *err)
{
    mt_writer *w = output->template;
    mt_stitch_image *it = &output->images[image];
    const bool is_begun = mt_bit_get(output->begun, image);
    if (is_begun) {
        mt_status st = mt_writer_survey_as(output->template, path_of(output, image), &w, err);
        if (st)
            return st;
    }
    it->writer = w;
    if (!w->is_finished)
        mt_stitch_image_need(it, first, count);
    it->writer = NULL;
    mt_stitch_count_units(s, w);
    if (is_begun)
        mt_writer_close(w);
    return MT_OK;
}

/* --- Images that are open. --- */

static mt_writer *get_open(const mt_stitched *output, size_t i) { return output->images[output->open[i]].writer; }

static void close_oldest(mt_stitched *output)
{
    mt_stitch_image *image = &output->images[output->open[0]];
    output->n_clipped += mt_stitch_progress(image->writer).n_clipped;
    mt_writer_close(image->writer);
    image->writer = NULL;
    output->n_open--;
    memmove(output->open, output->open + 1, output->n_open * sizeof *output->open);
}

/* Bytes that wait in the images that are open. */
static uint64_t count_held(const mt_stitched *output)
{
    uint64_t held = 0;
    for (size_t i = 0; i < output->n_open; i++)
        held += mt_stitch_progress(get_open(output, i)).waiting_bytes;
    return held;
}

/* What waits in older images is taken from the memory of the next one, which needs output->least. */
mt_status mt_stitch_samples_open(mt_stitched *output, size_t image, mt_error *err)
{
    mt_stitch_image *it = &output->images[image];
    mt_status st = MT_OK;
    if (!output->name || it->writer || it->n_needed == 0)
        return MT_OK;
    while (output->n_open == MT_OPEN_SAMPLES || count_held(output) > output->memory - output->least) {
        if ((st = mt_writer_flush(get_open(output, 0), err)))
            return st;
        close_oldest(output);
    }
    if ((st = mt_writer_create_as(output->template, path_of(output, image), &it->writer, err)))
        return st;
    mt_stitch_set_memory(it->writer, output->memory - count_held(output));
    output->open[output->n_open++] = image;
    return MT_OK;
}

mt_status mt_stitch_samples_flush(mt_stitched *output, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < output->n_open; i++)
        st = mt_writer_flush(get_open(output, i), err);
    return st;
}

void mt_stitch_samples_close(mt_stitched *output)
{
    while (output->n_open > 0)
        close_oldest(output);
}

uint64_t mt_stitch_samples_clipped(const mt_stitched *output)
{
    uint64_t n = output->n_clipped;
    for (size_t i = 0; i < output->n_open; i++)
        n += mt_stitch_progress(get_open(output, i)).n_clipped;
    return n;
}
