/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is to note of a writer, the files that it has made, and the image that they are. */
#ifndef MT_FUZZ_WRITER_NOTES_H
#define MT_FUZZ_WRITER_NOTES_H

#include "choose.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void note_numbers(const int64_t *numbers, int n)
{
    for (int i = 0; i < n; i++)
        outcome_number(numbers[i]);
}

static inline void note_writer(const mt_writer *w)
{
    const mt_writer_info *info = mt_writer_get_info(w);
    outcome_text(info->format);
    outcome_text(info->axes);
    outcome_number(info->dtype);
    outcome_number(info->n_levels);
    outcome_number((int64_t)info->n_units);
    note_numbers(info->shape, info->ndim);
    note_numbers(info->chunk_shape, info->ndim);
    note_numbers(info->shard_shape, info->ndim);
    for (size_t i = 0; i < info->n_warnings; i++)
        outcome_text(info->warnings[i]);
}

/* exact: the sizes of encoded chunks do not depend on the version of a library. */
static inline void note_progress(mt_writer *w, bool exact)
{
    mt_writer_progress p = { .struct_size = sizeof p };
    mt_error err = MT_ERROR_INIT;
    if (mt_writer_get_progress(w, &p, &err))
        __builtin_trap();
    const uint64_t numbers[] = { p.n_units,   p.n_done,    p.n_resumed, p.n_lost,
                                 p.bytes_put, p.n_skipped, p.n_nan,     p.n_clipped };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        outcome_number((int64_t)numbers[i]);
    outcome_number(exact ? (int64_t)p.bytes_published : 0);
    outcome_number(exact ? (int64_t)p.waiting_bytes : 0);
    if (p.n_done > p.n_units)
        __builtin_trap();
}

/* The name and the bytes of a file; of an OME-TIFF, which holds the version of the library, the name. */
static inline void note_file(const char *path)
{
    static uint8_t bytes[1 << 16];
    FILE *file = strstr(path, ".tif") ? NULL : fopen(path, "rb");
    outcome_text(path + strlen(scratch_root));
    for (size_t n = 1; file && n > 0;) {
        n = fread(bytes, 1, sizeof bytes, file);
        outcome_bytes(bytes, n);
    }
    if (file)
        (void)fclose(file);
}

static inline void note_metadata_file(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    if (strcmp(name, "zarr.json") == 0 || *name == '.')
        note_file(path);
    else
        outcome_text(path + strlen(scratch_root));
}

/* --- Reading. --- */

static inline void note_stack(const mt_stack_info *info)
{
    outcome_text(info->original_axes);
    outcome_text(info->codecs);
    outcome_number(info->dtype);
    outcome_number(info->n_levels);
    outcome_number(info->is_labels);
    for (int d = 0; d < info->original_ndim; d++) {
        outcome_number(info->original_shape[d]);
        outcome_real(info->pixel_size[d]);
        outcome_text(info->unit[d]);
    }
    for (int64_t i = 0; info->channels && i < info->data_shape[1]; i++) {
        outcome_text(info->channels[i].name);
        outcome_bytes(info->channels[i].rgb, info->channels[i].has_color ? 3 : 0);
        for (int k = 0; info->channels[i].has_window && k < 2; k++)
            outcome_real(info->channels[i].window[k]);
    }
    for (size_t i = 0; i < info->n_warnings; i++)
        outcome_text(info->warnings[i]);
}

/* Reads all pixels, in the order of the file. The caller frees them. */
static inline uint8_t *read_pixels(mt_stack *stack, size_t *n)
{
    static const int64_t corner[3];
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t bytes = mt_dtype_size(info->dtype);
    mt_patch_request request = { .stack = stack, .coords = corner, .patch_size = info->data_shape + 2 };
    mt_error err = MT_ERROR_INIT;
    request.n_spatial = (size_t)info->data_ndim - 2;
    request.view.dtype = info->dtype;
    for (int d = 1; d < info->data_ndim; d++)
        bytes *= (size_t)info->data_shape[d];
    uint8_t *out = malloc(bytes * (size_t)info->data_shape[0] + 1);
    if (!out)
        abort();
    for (; request.sample < info->data_shape[0]; request.sample++) {
        request.view.data = out + (size_t)request.sample * bytes;
        if (mt_extract_patches(&request, 1, NULL, &err))
            __builtin_trap();
    }
    *n = bytes / mt_dtype_size(info->dtype) * (size_t)info->data_shape[0];
    return out;
}

#endif
