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

int sheet_write(patch_job *job, const char *path, FILE *to)
{
    mt_patch_request requests[MT_MOST_PATCHES];
    struct place places[MT_MOST_PATCHES];
    size_t n = job->count < MT_MOST_PATCHES ? (size_t)job->count : MT_MOST_PATCHES;
    struct drawing *drawing = &job->drawing;
    mt_error err = MT_ERROR_INIT;
    output out;
    for (size_t i = 0; i < n; i++) {
        place_find(job, (int64_t)i, &places[i]);
        requests[i] = place_request(job, &places[i], NULL);
        if (has_all_channels(job))
            requests[i].channels = NULL, requests[i].n_channels = 0;
    }
    int status = output_open(&out, path);
    if (status)
        return status;
    progress_start(&drawing->progress);
    mt_status st = mt_draw_patches(requests, n, &drawing->options, output_write, &out, &drawing->drawn, &err);
    progress_end(&drawing->progress);
    status = output_drawn(&out, st, &err);
    if (status)
        return status;
    if (job->count > MT_MOST_PATCHES)
        fprintf(stderr, "microtome: the sheet shows the first %d of %" PRId64 " patches\n", MT_MOST_PATCHES,
                job->count);
    drawing_print(drawing, patch_image(job, 0), path, to);
    return EXIT_OK;
}
