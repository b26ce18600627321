/* SPDX-License-Identifier: BSD-3-Clause */
/* The patches of a job as they are written, flipped and turned: a stack with one sample for each patch, which reads the
 * images on demand. The contact sheet draws it. */
#include "patches.h"

#include <string.h>

/* Bits of a symmetry (mt_batch.symmetries): the flips first, then the swap. */
enum { FLIP_Y = 1, FLIP_X = 2, SWAP_YX = 4 };

static void swap(int64_t *a, int64_t *b)
{
    int64_t c = *a;
    *a = *b;
    *b = c;
}

/* Turns a box of a turned patch back: coords and size become those of the patch as it lies in the image, and strides,
 * those of (Z)YX in the output, follow. Returns the offset of its first element in the output. */
static int64_t turn_back(const patch_job *job, uint8_t symmetry, int64_t *coords, int64_t *size, int64_t *strides)
{
    size_t y = job->n_spatial - 2, x = y + 1;
    int64_t first = 0;
    if (symmetry & SWAP_YX) {
        swap(&coords[y], &coords[x]);
        swap(&size[y], &size[x]);
        swap(&strides[y], &strides[x]);
    }
    for (size_t d = y; d <= x; d++)
        if (symmetry & (d == y ? FLIP_Y : FLIP_X)) {
            coords[d] = job->size[d] - coords[d] - size[d];
            first += (size[d] - 1) * strides[d];
            strides[d] = -strides[d];
        }
    return first;
}

/* An mt_stack_ops.extract_patch. */
static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *patch_size, float *out, mt_error *err)
{
    const patch_job *job = self;
    const size_t n = job->n_spatial;
    int64_t corner[3], size[3], strides[4] = { 0 };
    struct place place;
    if (place_find(job, sample, &place))
        return mt_fail(err, MT_E_RANGE, "patch %lld is out of bounds", (long long)sample);
    memcpy(corner, coords, n * sizeof *corner);
    memcpy(size, patch_size, n * sizeof *size);
    strides[n] = sizeof *out;
    for (size_t d = n; d > 0; d--)
        strides[d - 1] = strides[d] * size[d - 1];
    int64_t first = turn_back(job, job->symmetries[sample], corner, size, strides + 1);
    for (size_t d = 0; d < n; d++)
        corner[d] += place.coords[d];
    const mt_patch_request request = { .stack = job->images.stacks[place.image],
                                       .sample = place.sample,
                                       .channels = channels,
                                       .n_channels = n_channels,
                                       .n_spatial = n,
                                       .coords = corner,
                                       .patch_size = size,
                                       .view = { .data = (char *)out + first, .strides = strides } };
    return mt_extract_patches(&request, 1, NULL, err);
}

/* The axes of the patches. C stays last in interleaved images: RGB keeps its colours. */
static const char *choose_axes(const patch_job *job)
{
    const char *axes = job->info->original_axes;
    bool is_interleaved = *axes && axes[strlen(axes) - 1] == 'C';
    return job->n_spatial == 3 ? is_interleaved ? "SZYXC" : "SCZYX" : is_interleaved ? "SYXC" : "SCYX";
}

mt_status turned_open(patch_job *job, size_t n, mt_stack **out, mt_error *err)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract };
    static const char spatial[] = "ZYX";
    const mt_stack_info *image = job->info;
    /* A custom stack gives float32; the other type is told for its display range, which labels do not have. */
    bool is_labels = job->drawing.options.palette == MT_PALETTE_LABELS;
    mt_stack_info info = { .struct_size = sizeof info,
                           .source = image->source,
                           .dtype = is_labels ? MT_FLOAT32 : image->dtype,
                           .original_axes = choose_axes(job),
                           .original_ndim = (int)job->n_spatial + 2,
                           .channels = image->channels };
    for (int i = 0; i < info.original_ndim; i++) {
        char axis = info.original_axes[i];
        const char *same = strchr(image->original_axes, axis);
        info.original_shape[i] = axis == 'S'   ? (int64_t)n
                                 : axis == 'C' ? image->data_shape[1]
                                               : job->size[strchr(spatial, axis) - spatial + (int)job->n_spatial - 3];
        if (same && axis != 'S') {
            info.pixel_size[i] = image->pixel_size[same - image->original_axes];
            info.unit[i] = image->unit[same - image->original_axes];
        }
    }
    return mt_stack_new(job->context, &ops, job, &info, out, err);
}
