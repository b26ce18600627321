/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the same images that other programs wrote (bench/peers.py), where they lie in the working folder. */
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *name, *path, *part;
    int ndim;
    double demand; /* of two threads, against one: what decodes */
} files[] = {
    { "HDF5 contiguous", "plane.h5", "#contiguous", 2, 0 },
    { "HDF5 raw chunks", "plane.h5", "#raw", 2, 0 },
    { "HDF5 gzip", "plane.h5", "#gzip", 2, 1.8 },
    { "HDF5 shuffle, gzip", "plane.h5", "#shuffle", 2, 1.8 },
    { "CZI raw", "raw.czi", "", 2, 0 },
    { "CZI zstd", "zstd.czi", "", 2, 1.8 },
    { "CZI JPEG XR", "jpegxr.czi", "", 2, 0 },
    { "HDF5 raw cubes", "volume.h5", "#raw", 3, 0 },
    { "HDF5 shuffle, gzip cubes", "volume.h5", "#gzip", 3, 1.8 },
};

static void measure(const char *name, const char *path, patches *p, const float *expected, double demand)
{
    const mt_open_options options = { .struct_size = sizeof options, .axes = p->ndim == 3 ? "ZYX" : "YX" };
    static const struct {
        const char *what;
        unsigned threads;
        bool batch;
    } ways[] = { { "one call each", 1, false }, { "one batch", 1, true }, { "one batch, 2 threads", 2, true } };
    double one = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        mt_context *context;
        char what[96];
        mt_stack *stack = open_stack(path, &options, ways[i].threads, MT_NO_CACHE, false, &context);
        double rate = (double)p->n / time_patches(stack, p, expected, ways[i].batch);
        snprintf(what, sizeof what, "%s, %s", name, ways[i].what);
        print_rate(what, rate, "patches/s", i == 2 ? "one thread" : NULL, one, i == 2 ? demand : 0);
        one = i == 1 ? rate : one;
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

void bench_given(const image *plane, patches *p)
{
    image volume = image_make(3);
    patches boxes = patches_make(&volume, BATCH_3D, 2);
    float *flat = malloc(p->n * p->elements * sizeof *flat), *deep = malloc(boxes.n * boxes.elements * sizeof *deep);
    gather_patches(plane, p, flat);
    gather_patches(&volume, &boxes, deep);
    write_npy("plane.npy", plane);
    write_npy("volume.npy", &volume);
    print_title("files of other programs: 64 x 64 and 16 x 64 x 64 of uint16, nothing cached, to float32");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s%s", files[i].path, files[i].part);
        if (access(files[i].path, R_OK) == 0)
            measure(files[i].name, path, files[i].ndim == 2 ? p : &boxes, files[i].ndim == 2 ? flat : deep,
                    files[i].demand);
    }
    free(flat);
    free(deep);
    free(volume.pixels);
    free(boxes.coords);
    free(boxes.out);
}
