/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/outputs.h"
#include "support/folder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 8 };

int output_ndim(const output *o) { return (int)strlen(o->axes); }

size_t output_elements(const output *o)
{
    size_t n = 1;
    for (int d = 0; d < output_ndim(o); d++)
        n *= (size_t)o->shape[d];
    return n;
}

static void set_pixel(uint8_t *at, mt_dtype dtype, uint64_t x)
{
    if (dtype == MT_FLOAT32)
        memcpy(at, &(float) { (float)x / 1000 - 1e6F }, 4);
    else if (dtype == MT_FLOAT64)
        memcpy(at, &(double) { (double)x / 1000 - 1e6 }, 8);
    else if (dtype == MT_BOOL)
        *at = x & 1;
    else
        memcpy(at, &(uint64_t) { x & 15 ? x % 5000 : x }, mt_dtype_size(dtype));
}

uint8_t *make_output_pixels(const output *o, uint64_t seed)
{
    size_t n = output_elements(o), size = mt_dtype_size(o->dtype), row = (size_t)o->shape[output_ndim(o) - 1];
    uint8_t *pixels = calloc(n, size);
    assert_non_null(pixels);
    for (size_t i = 0; i < n; i++)
        if (i / row / 40 % 3 != 1)
            set_pixel(pixels + i * size, o->dtype, next_random(&seed) >> 16);
    return pixels;
}

mt_writer_options output_options(const output *o)
{
    return (mt_writer_options) { .struct_size = sizeof(mt_writer_options),
                                 .axes = o->axes,
                                 .shape = o->shape,
                                 .dtype = o->dtype,
                                 .chunk_shape = o->chunk,
                                 .codec = o->codec,
                                 .n_levels = o->n_levels,
                                 .shard_shape = o->shard[output_ndim(o) - 1] ? o->shard : NULL,
                                 .ome = o->ome,
                                 .durability = MT_DURABLE_NEVER };
}

output_box *cut_output(const output *o, uint64_t seed, size_t *n)
{
    int64_t size[5], counts[5];
    int ndim = output_ndim(o);
    *n = 1;
    for (int d = 0; d < ndim; d++) {
        size[d] = random_between(&seed, (o->shape[d] + 4) / 5, o->shape[d]);
        counts[d] = (o->shape[d] + size[d] - 1) / size[d];
        *n *= (size_t)counts[d];
    }
    output_box *boxes = calloc(*n, sizeof *boxes);
    assert_non_null(boxes);
    for (size_t i = 0; i < *n; i++) {
        size_t rest = i, j = next_random(&seed) % (i + 1);
        output_box box;
        for (int d = ndim - 1; d >= 0; d--) {
            box.start[d] = (int64_t)(rest % (size_t)counts[d]) * size[d];
            box.extent[d] = size[d] < o->shape[d] - box.start[d] ? size[d] : o->shape[d] - box.start[d];
            rest /= (size_t)counts[d];
        }
        boxes[i] = boxes[j];
        boxes[j] = box;
    }
    return boxes;
}

mt_status put_box(mt_writer *w, const output *o, const uint8_t *pixels, const output_box *box, mt_error *err)
{
    int64_t strides[5], step = (int64_t)mt_dtype_size(o->dtype);
    for (int d = output_ndim(o) - 1; d >= 0; d--) {
        strides[d] = step;
        pixels += box->start[d] * step;
        step *= o->shape[d];
    }
    mt_writer_box what = { .start = box->start, .extent = box->extent, .data = pixels, .strides = strides };
    return mt_writer_put(w, &what, err);
}

typedef struct share {
    mt_writer *w;
    const output *o;
    const uint8_t *pixels;
    const output_box *boxes;
    size_t from, n, step;
    mt_status status;
    mt_error err;
} share;

static void *put_share(void *argument)
{
    share *s = argument;
    for (size_t i = s->from; i < s->n && !s->status; i += s->step)
        s->status = put_box(s->w, s->o, s->pixels, &s->boxes[i], &s->err);
    return NULL;
}

void put_boxes(mt_writer *w, const output *o, const uint8_t *pixels, uint64_t seed, size_t n_threads, double part)
{
    size_t n;
    output_box *boxes = cut_output(o, seed, &n);
    share shares[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    n = (size_t)((double)n * part);
    for (size_t t = 0; t < n_threads; t++) {
        shares[t] = (share) { w, o, pixels, boxes, t, n, n_threads, MT_OK, MT_ERROR_INIT };
        assert_int_equal(pthread_create(&threads[t], NULL, put_share, &shares[t]), 0);
    }
    for (size_t t = 0; t < n_threads; t++)
        pthread_join(threads[t], NULL);
    for (size_t t = 0; t < n_threads; t++)
        check_ok(shares[t].status, &shares[t].err);
    free(boxes);
}

const char *output_path(size_t i, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s%zu.ome.tif", what, i);
    return temporary_path(name);
}

void write_output(mt_context *context, const char *path, const output *o, const uint8_t *pixels, uint64_t seed,
                  size_t n_threads)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    put_boxes(w, o, pixels, seed, n_threads, 1);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
}

void check_same_files(const char *a, const char *b)
{
    size_t sizes[2];
    uint8_t *files[2] = { read_file(a, &sizes[0]), read_file(b, &sizes[1]) };
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(files[0], files[1], sizes[0]);
    free(files[0]);
    free(files[1]);
}

bool path_exists(const char *path, const char *suffix)
{
    char name[700];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    FILE *file = fopen(name, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

void check_output(const char *path, const output *o, const uint8_t *pixels)
{
    mt_stack *stack, *array;
    mt_error err = MT_ERROR_INIT;
    mt_checksum is, should;
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    for (size_t i = 0; i < info->n_warnings; i++)
        print_error("%s: %s\n", path, info->warnings[i]);
    assert_int_equal(info->n_warnings, 0);
    assert_int_equal(info->dtype, o->dtype);
    check_ok(mt_stack_from_array(NULL, pixels, o->dtype, o->axes, o->shape, NULL, NULL, &array, &err), &err);
    check_ok(mt_stack_checksum(stack, NULL, &is, &err), &err);
    check_ok(mt_stack_checksum(array, NULL, &should, &err), &err);
    assert_string_equal(is.text, should.text);
    mt_stack_close(array);
    mt_stack_close(stack);
}

void sum_level(const char *path, int level, mt_checksum *out)
{
    char name[700];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    snprintf(name, sizeof name, "%s#level=%d", path, level);
    check_ok(mt_stack_open(NULL, name, NULL, &stack, &err), &err);
    check_ok(mt_stack_checksum(stack, NULL, out, &err), &err);
    mt_stack_close(stack);
}

void remove_tree(const char *path)
{
    char command[700];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}
