/* SPDX-License-Identifier: BSD-3-Clause */
/* The first patches of a job as a picture. */
#include "patches.h"

int sheet_write(const patch_job *job, const char *path)
{
    mt_patch_request requests[MT_MOST_PATCHES];
    struct place places[MT_MOST_PATCHES];
    size_t n = job->count < MT_MOST_PATCHES ? (size_t)job->count : MT_MOST_PATCHES;
    mt_error err = MT_ERROR_INIT;
    output out;
    for (size_t i = 0; i < n; i++) {
        place_find(job, (int64_t)i, &places[i]);
        requests[i] = place_request(job, &places[i], NULL);
    }
    int status = output_open(&out, path);
    if (status)
        return status;
    return output_drawn(&out, mt_draw_patches(requests, n, &until_interrupted, output_write, &out, NULL, &err), &err);
}
