/* SPDX-License-Identifier: BSD-3-Clause */
/* One sample of an image, as an image. */
#include "predict.h"

#include <stdlib.h>
#include <string.h>

typedef struct one_sample {
    mt_stack *of;
    int64_t sample;
} one_sample;

/* An mt_stack_ops.extract_patch. */
static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *patch_size, float *out, mt_error *err)
{
    const one_sample *one = self;
    const mt_patch_request request = { .stack = one->of,
                                       .sample = one->sample + sample,
                                       .channels = channels,
                                       .n_channels = n_channels,
                                       .n_spatial = spatial_count(mt_stack_get_info(one->of)),
                                       .coords = coords,
                                       .patch_size = patch_size,
                                       .view = { .data = out } };
    return mt_extract_patches(&request, 1, NULL, err);
}

mt_status sample_open(mt_stack *of, mt_context *context, int64_t sample, mt_stack **out, mt_error *err)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract, .close = free };
    const mt_stack_info *image = mt_stack_get_info(of);
    mt_stack_info info = { .struct_size = sizeof info,
                           .source = image->source,
                           .dtype = image->dtype,
                           .original_axes = image->data_ndim == 5 ? "CZYX" : "CYX",
                           .original_ndim = image->data_ndim - 1,
                           .channels = image->channels };
    for (int i = 0; i < info.original_ndim; i++) {
        const char *same = strchr(image->original_axes, info.original_axes[i]);
        info.original_shape[i] = image->data_shape[1 + i];
        if (same && *same != 'C') {
            info.pixel_size[i] = image->pixel_size[same - image->original_axes];
            info.unit[i] = image->unit[same - image->original_axes];
        }
    }
    one_sample *one = need(1, sizeof *one);
    *one = (one_sample) { of, sample };
    mt_status st = mt_stack_new(context, &ops, one, &info, out, err);
    if (st)
        free(one);
    return st;
}
