/* SPDX-License-Identifier: BSD-3-Clause */
/* The contact sheet of the first patches of a job. */
#include "patches.h"

#include <inttypes.h>

/* Whether the patches have all channels in order. Then the default channels of a plane are drawn. */
static bool has_all_channels(const patch_job *job)
{
    bool all = true;
    for (size_t i = 0; all && i < job->images.n; i++) {
        all = (int64_t)job->n_channels == patch_image(job, i)->data_shape[1];
        for (size_t c = 0; all && c < job->n_channels; c++)
            all = job->channels[i * job->n_channels + c] == (int64_t)c;
    }
    return all;
}

/* Requests the patches as they lie in the images. */
static int request_places(const patch_job *job, size_t n, struct place *places, mt_patch_request *requests)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < n && !status; i++) {
        status = place_find(job, (int64_t)i, &places[i]);
        requests[i] = place_request(job, &places[i], NULL);
    }
    return status;
}

/* Requests the patches flipped and turned, from a stack of turned_open. */
static void request_turned(const patch_job *job, size_t n, mt_stack *turned, mt_patch_request *requests)
{
    static const int64_t corner[3];
    for (size_t i = 0; i < n; i++)
        requests[i] = (mt_patch_request) { .stack = turned,
                                           .sample = (int64_t)i,
                                           .channels = job->channels,
                                           .n_channels = job->n_channels,
                                           .n_spatial = job->n_spatial,
                                           .coords = corner,
                                           .patch_size = job->size };
}

static int draw(patch_job *job, mt_patch_request *requests, size_t n, const char *path)
{
    struct drawing *drawing = &job->drawing;
    mt_error err = MT_ERROR_INIT;
    output out;
    for (size_t i = 0; i < n && has_all_channels(job); i++)
        requests[i].channels = NULL, requests[i].n_channels = 0;
    int status = output_open(&out, path);
    if (status)
        return status;
    progress_start(&drawing->progress);
    mt_status st = mt_draw_patches(requests, n, &drawing->options, output_write, &out, &drawing->drawn, &err);
    progress_end(&drawing->progress);
    return output_drawn(&out, st, &err);
}

static int draw_turned(patch_job *job, size_t n, const char *path)
{
    mt_patch_request requests[MT_MOST_PATCHES];
    mt_stack *turned;
    mt_error err = MT_ERROR_INIT;
    if (job->info->is_labels && job->n_channels == 1 && job->drawing.options.palette == MT_PALETTE_AUTO &&
        !job->drawing.contrast)
        job->drawing.options.palette = MT_PALETTE_LABELS; /* the turned stack does not say so */
    if (turned_open(job, n, &turned, &err))
        return report(&err);
    request_turned(job, n, turned, requests);
    int status = draw(job, requests, n, path);
    mt_stack_close(turned);
    return status;
}

static int draw_places(patch_job *job, size_t n, const char *path)
{
    mt_patch_request requests[MT_MOST_PATCHES];
    struct place places[MT_MOST_PATCHES];
    int status = request_places(job, n, places, requests);
    return status ? status : draw(job, requests, n, path);
}

int sheet_write(patch_job *job, const char *path, FILE *to)
{
    size_t n = job->count < MT_MOST_PATCHES ? (size_t)job->count : MT_MOST_PATCHES;
    int status = job->symmetries ? draw_turned(job, n, path) : draw_places(job, n, path);
    if (status)
        return status;
    if (job->count > MT_MOST_PATCHES)
        fprintf(stderr, "microtome: the sheet shows the first %d of %" PRId64 " patches\n", MT_MOST_PATCHES,
                job->count);
    drawing_print(&job->drawing, patch_image(job, 0), path, to);
    return EXIT_OK;
}
