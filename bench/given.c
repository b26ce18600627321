/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the same images written by other programs (bench/python/files.py), if they are in the working folder. */
#include "bench.h"

#include "stack/stack.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct given {
    const char *name, *path, *part;
    int ndim;
    coding how;
    int64_t tile; /* raw: side of tiles that cut the bare preads; 0: no tiles; -1: not measured */
} given;

static const given files[] = {
    { "HDF5 contiguous", "plane.h5", "#contiguous", 2, RAW, 0 },
    { "HDF5 raw chunks", "plane.h5", "#raw", 2, RAW, TILE },
    { "HDF5 gzip", "plane.h5", "#gzip", 2, ZLIB, 0 },
    { "HDF5 shuffle, gzip", "plane.h5", "#shuffle", 2, ZLIB, 0 },
    { "CZI raw", "raw.czi", "", 2, RAW, TILE },
    { "CZI zstd", "zstd.czi", "", 2, ZSTD, 0 },
    { "CZI JPEG XR", "jpegxr.czi", "", 2, JPEGXR, 0 },
    { "HDF5 raw cubes", "volume.h5", "#raw", 3, RAW, -1 },
    { "HDF5 shuffle, gzip cubes", "volume.h5", "#shuffle", 3, ZLIB, 0 },
};

/* The encoded chunks of a file. */
typedef struct finding {
    const mt_chunk_map *map;
    chunks *found;
} finding;

static mt_status add_chunk(const finding *f, const int64_t *position, mt_error *err)
{
    chunks *c = f->found;
    mt_chunk_ref ref = { 0 };
    mt_status st = f->map->locate(f->map, position, &ref, err);
    if (!st && ref.size == MT_WHOLE)
        st = mt_store_size(f->map->store, ref.key, &ref.size, err);
    if (st)
        return st;
    uint8_t *data = malloc(ref.size);
    st = mt_store_read_at(f->map->store, ref.key, ref.offset, data, ref.size, err);
    /* CZI has a header before the Zstandard frame; its first byte is its size. */
    const char *first = ref.chain ? ref.chain->steps[ref.chain->n_steps - 1].codec->name : "";
    size_t head = !st && strcmp(first, "zstd1") == 0 ? data[0] : 0;
    memmove(data, data + head, ref.size - head);
    c->data = realloc(c->data, (c->n + 1) * sizeof *c->data);
    c->sizes = realloc(c->sizes, (c->n + 1) * sizeof *c->sizes);
    c->data[c->n] = data;
    c->sizes[c->n++] = ref.size - head;
    return st;
}

static mt_status add_box(void *user, uint64_t id, mt_error *err)
{
    const int64_t position[MT_MAX_DIMS] = { (int64_t)id };
    return add_chunk(user, position, err);
}

static mt_status add_grid(const finding *f, mt_error *err)
{
    int64_t position[MT_MAX_DIMS] = { 0 };
    mt_status st = MT_OK;
    for (int d = 0; d >= 0 && !st;) {
        st = add_chunk(f, position, err);
        for (d = f->map->ndim - 1; d >= 0 && ++position[d] * f->map->chunk_shape[d] >= f->map->shape[d]; d--)
            position[d] = 0;
    }
    return st;
}

chunks find_chunks(const mt_stack *stack, coding how)
{
    chunks c = { .how = how, .raw_size = sizeof(uint16_t) * (size_t)mt_chunk_map_elements(stack->map) };
    finding f = { stack->map, &c };
    mt_error err = MT_ERROR_INIT;
    const int64_t low[MT_MAX_DIMS] = { 0 };
    need(f.map->find_boxes ? f.map->find_boxes(f.map, low, f.map->shape, add_box, &f, &err) : add_grid(&f, &err), &err);
    return c;
}

/* The cost of the file's bytes without us, in one thread. */
static void print_limit(const given *file, const patches *p, mt_stack *stack, mt_context *context, double took)
{
    mt_counters k;
    if (file->how == RAW && file->tile >= 0) {
        print_rate("  the same", (double)p->n / took, "patches/s", "bare preads of the rows",
                   (double)p->n / time_row_reads(p, file->tile), 1 / 1.3);
    } else if (file->how != RAW) {
        mt_context_get_counters(context, &k);
        chunks c = find_chunks(stack, file->how);
        print_rate("  chunks decoded", (double)k.chunks_decoded / k.patches * (double)p->n / took, "chunks/s",
                   "bare codec", (double)c.n / time_decoding(&c), 0.85);
        chunks_free(&c);
    }
}

static void measure(const given *file, const char *path, patches *p, const float *expected)
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
        double took = time_patches(stack, p, expected, ways[i].batch), rate = (double)p->n / took;
        snprintf(what, sizeof what, "%s, %s", file->name, ways[i].what);
        print_rate(what, rate, "patches/s", i == 2 ? "one thread" : NULL, one, i == 2 && file->how != RAW ? 1.8 : 0);
        if (i == 1 || (i == 0 && file->how == RAW))
            print_limit(file, p, stack, context, took);
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
    write_raw("bare.raw", plane, 0);
    write_npy("plane.npy", plane);
    write_npy("volume.npy", &volume);
    print_title("files of other programs: 64 x 64 and 16 x 64 x 64 of uint16, nothing cached, to float32");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s%s", files[i].path, files[i].part);
        if (access(files[i].path, R_OK) == 0)
            measure(&files[i], path, files[i].ndim == 2 ? p : &boxes, files[i].ndim == 2 ? flat : deep);
    }
    free(flat);
    free(deep);
    free(volume.pixels);
    free(boxes.coords);
    free(boxes.out);
}
