/* SPDX-License-Identifier: BSD-3-Clause */
/* A custom image stack: computed pixels, cut into patches like any other image.
 *
 * Build: cc own_stack.c $(pkg-config --cflags --libs microtome) -lm */
#include <microtome/microtome.h>

#include <math.h>
#include <stdio.h>

/* The source of the pixels. A real stack would hold a camera, a database, a renderer. */
typedef struct rings {
    int64_t channels, height, width;
} rings;

static float pixel(const rings *r, int64_t channel, int64_t y, int64_t x)
{
    double dy = (double)(y - r->height / 2), dx = (double)(x - r->width / 2);
    return (float)(100 + 50 * cos(sqrt(dy * dy + dx * dx) / (3 + (double)channel)));
}

/* Fills out, in the order C(Z)YX (here CYX). The patch may reach outside the image on any side, where it is zero. The
 * library has checked sample and channels. Writes nothing but out, so it is thread-safe. */
static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *patch_size, float *out, mt_error *err)
{
    const rings *r = self;
    (void)sample, (void)err; /* one sample; cannot fail, else: return mt_fail(err, MT_E_IO, "..."); */
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t y = coords[0]; y < coords[0] + patch_size[0]; y++)
            for (int64_t x = coords[1]; x < coords[1] + patch_size[1]; x++) {
                int inside = y >= 0 && y < r->height && x >= 0 && x < r->width;
                *out++ = inside ? pixel(r, channels[c], y, x) : 0;
            }
    return MT_OK;
}

static int fail(const mt_error *err)
{
    fprintf(stderr, "own_stack: %s\n", err->message);
    return 1;
}

int main(void)
{
    static rings image = { .channels = 2, .height = 300, .width = 400 };
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "rings",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "CYX",
                                 .original_ndim = 3,
                                 .original_shape = { image.channels, image.height, image.width } };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    if (mt_stack_new(NULL, &ops, &image, &info, &stack, &err))
        return fail(&err);

    /* A patch of both channels around the centre, and one that reaches beyond the first corner. */
    static float patch[2][64][64];
    const int64_t size[] = { 64, 64 }, centre[] = { 118, 168 }, corner[] = { -32, -32 };
    if (mt_stack_extract_patch(stack, 0, NULL, 0, centre, size, 2, &patch[0][0][0], &err))
        return fail(&err);
    printf("centre: %.1f\n", (double)patch[0][32][32]);
    if (mt_stack_extract_patch(stack, 0, NULL, 0, corner, size, 2, &patch[0][0][0], &err))
        return fail(&err);
    printf("outside: %.1f, first pixel: %.1f\n", (double)patch[0][0][0], (double)patch[0][32][32]);

    /* A channel out of range is an error; extract is not called. */
    const int64_t third = 2;
    if (mt_stack_extract_patch(stack, 0, &third, 1, corner, size, 2, &patch[0][0][0], &err) == MT_OK)
        return 1;
    printf("%s\n", err.message);
    mt_stack_close(stack);
    return 0;
}
