/* SPDX-License-Identifier: BSD-3-Clause */
/* One patch per call: from memory, and from files in the page cache that exceed our cache. */
#include "bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATCHES "patches/s"
#define SMALL_CACHE ((int64_t)8 << 20) /* bytes: a quarter of the file */

static void print_single(const char *what, mt_stack *stack, mt_context *context, patches *p, const float *expected,
                         const char *limit_name, double limit, double demand)
{
    print_rate(what, (double)p->n / time_patches(stack, p, expected, false), PATCHES, limit_name, limit, demand);
    mt_stack_close(stack);
    mt_context_free(context);
}

/* Times a plain copy from an existing mapping. */
static double time_mapped(const image *plane, patches *p)
{
    size_t bytes = (size_t)PLANE * PLANE * sizeof(uint16_t);
    int handle = open("bare.raw", O_RDONLY);
    image mapped = *plane;
    mapped.pixels = mmap(NULL, bytes, PROT_READ, MAP_SHARED, handle, 0);
    if (mapped.pixels == MAP_FAILED) {
        perror("bare.raw");
        exit(1);
    }
    double took = gather_patches(&mapped, p, p->out);
    munmap(mapped.pixels, bytes);
    close(handle);
    return took;
}

static void bench_memory_rows(const image *plane, patches *p, const float *expected)
{
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_stack *stack;
    need(mt_context_new(NULL, &context, &err), &err);
    need(mt_stack_from_array(context, plane->pixels, MT_UINT16, "YX", plane->shape, NULL, NULL, &stack, &err), &err);
    print_single("array", stack, context, p, expected, NULL, 0, 0);
    chunks c = chunks_make(plane, ZSTD, TILE);
    write_zarr("zstd.zarr", plane, &c, TILE);
    chunks_free(&c);
    stack = open_stack("zstd.zarr", &options, 0, 0, false, &context);
    print_single("Zarr zstd, in the cache", stack, context, p, expected, NULL, 0, 0);
}

void bench_single(const image *plane, patches *p)
{
    static const struct {
        const char *name, *path, *part;
    } files[] = { { "NPY", "plane.npy", "" },
                  { "TIFF strips", "strips.tif", "" },
                  { "HDF5 contiguous", "plane.h5", "#contiguous" } }; /* written by bench/python/files.py */
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    float *expected = malloc(p->n * p->elements * sizeof *expected);
    gather_patches(plane, p, expected);
    print_title("one patch of 64 x 64 per call");
    bench_memory_rows(plane, p, expected);

    write_raw("bare.raw", plane, 0);
    write_npy("plane.npy", plane);
    write_tiff_strips("strips.tif", plane);
    sync();
    print_title("one patch of 64 x 64 per call, from unchunked files four times as large as the cache");
    double mapped = (double)p->n / time_mapped(plane, p);
    print_rate("copy out of a mapping", mapped, PATCHES, NULL, 0, 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64], what[64];
        mt_context *context;
        if (access(files[i].path, R_OK) != 0)
            continue;
        snprintf(path, sizeof path, "%s%s", files[i].path, files[i].part);
        mt_stack *stack = open_stack(path, &options, 0, SMALL_CACHE, false, &context);
        print_single(files[i].name, stack, context, p, expected, "bare preads of the rows",
                     (double)p->n / time_row_reads(p, 0), 0.9);
        stack = open_stack(path, &options, 0, SMALL_CACHE, true, &context);
        snprintf(what, sizeof what, "%s, allow_mmap", files[i].name);
        print_single(what, stack, context, p, expected, "copy out of a mapping", mapped, 0);
    }
    free(expected);
}
