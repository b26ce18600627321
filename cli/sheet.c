/* SPDX-License-Identifier: BSD-3-Clause */
/* The contact sheet: small patches enlarged, large ones thinned, in a nearly square array. */
#include "patches.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 64, GAP = 2, SMALL = 64, LARGE = 256 };

struct sheet {
    picture picture;
    size_t columns, height, width; /* patches in a row; one patch as drawn */
    size_t enlarge, thin;
};

static void lay_out(struct sheet *sheet, const patch_job *job, size_t n)
{
    size_t height = (size_t)job->size[job->n_spatial - 2], width = (size_t)job->size[job->n_spatial - 1];
    size_t longest = height > width ? height : width;
    sheet->thin = (longest + LARGE - 1) / LARGE;
    sheet->enlarge = longest < SMALL ? SMALL / longest : 1;
    sheet->height = (height + sheet->thin - 1) / sheet->thin * sheet->enlarge;
    sheet->width = (width + sheet->thin - 1) / sheet->thin * sheet->enlarge;
    for (sheet->columns = 1; sheet->columns * sheet->columns < n;)
        sheet->columns++;
    size_t rows = (n + sheet->columns - 1) / sheet->columns;
    picture_init(&sheet->picture, rows * (sheet->height + GAP) - GAP, sheet->columns * (sheet->width + GAP) - GAP,
                 job->n_channels);
    picture_color(&sheet->picture, job->image.info, job->channels);
    size_t all = sheet->picture.height * sheet->picture.width * sheet->picture.channels;
    for (size_t i = 0; i < all; i++)
        sheet->picture.planes[i] = -INFINITY; /* gaps are black and no part of the contrast */
}

static void paint(struct sheet *sheet, const float *patch, size_t i, size_t width, size_t pixels)
{
    picture *p = &sheet->picture;
    size_t top = i / sheet->columns * (sheet->height + GAP), left = i % sheet->columns * (sheet->width + GAP);
    for (size_t c = 0; c < p->channels; c++)
        for (size_t y = 0; y < sheet->height; y++)
            for (size_t x = 0; x < sheet->width; x++)
                p->planes[(c * p->height + top + y) * p->width + left + x] =
                    patch[c * pixels + y / sheet->enlarge * sheet->thin * width + x / sheet->enlarge * sheet->thin];
}

int sheet_write(const patch_job *job, const char *path)
{
    patch_job planes = *job;
    planes.as_float = true;
    if (job->n_spatial == 3)
        planes.size[0] = 1;
    size_t width = (size_t)job->size[job->n_spatial - 1], pixels = (size_t)job->size[job->n_spatial - 2] * width;
    size_t n = job->count < MOST ? (size_t)job->count : MOST;
    float *patch = need(pixels, job->n_channels * sizeof *patch);
    struct sheet sheet;
    lay_out(&sheet, job, n);
    int status = EXIT_OK;
    for (size_t i = 0; i < n && !status; i++) {
        mt_error err = MT_ERROR_INIT;
        struct place place;
        place_find(job, (int64_t)i, &place);
        if (job->n_spatial == 3)
            place.coords[0] += job->size[0] / 2;
        mt_patch_request request = place_request(&planes, &place, patch);
        if (mt_extract_patches(&request, 1, &until_interrupted, &err))
            status = report(&err);
        else
            paint(&sheet, patch, i, width, pixels);
    }
    if (!status)
        status = picture_write(&sheet.picture, path);
    picture_free(&sheet.picture);
    free(patch);
    return status;
}
