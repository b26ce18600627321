/* SPDX-License-Identifier: BSD-3-Clause */
/* Visits show every pixel once, whatever the format, and decode each chunk once; regions that are known to be absent come
 * as few boxes, and reads fill them alike. */
#include "stack/visit.h"
#include "support/contract.h"
#include "support/folder.h"
#include "support/map.h"

#include <microtome/microtome.h>

#include <stdlib.h>
#include <string.h>

#define TILED "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif"

static const char *const files[] = {
    TILED,
    "denoise/noisy/fish.tif",
    "czi/generated/mosaic_overlap_tzc.czi",
    "czi/generated/negative_origin_gaps.czi",
    "czi/generated/px_bgr48_zstd1_hilo.czi",
    "hdf5/bio/smallVideoBdv.h5",
    "hdf5/filters/hdfgroup_h5ex_d_blosc.h5",
    "zarr/zarr-java/sharding_index_location/end",
    "zarr/neuroglancer/zarr_v3/from_zarrita/data.zarr/2d.chunked.compressed.sharded.filled.i2",
    "zarr/neuroglancer/zarr_v3/from_zarrita/data.zarr/1d.chunked.i2"
};

/* What a visitor was shown. */
typedef struct seen {
    const mt_stack_dims *dims;
    int64_t out_stride[MT_MAX_DIMS];
    uint8_t *out;
    uint8_t *times; /* that each pixel was shown */
    _Atomic int calls, fills;
    mt_status fail_with;
} seen;

static mt_status look(void *user, const mt_visited *v, mt_error *err)
{
    seen *s = user;
    int64_t index[MT_MAX_DIMS] = { 0 }, size = (int64_t)mt_dtype_size(s->dims->dtype), n = 1;
    static const int64_t no_stride[MT_MAX_DIMS] = { 0 };
    mt_convert convert = { .from = s->dims->dtype, .to = s->dims->dtype, .swap = v->swap };
    uint8_t *out = s->out;
    s->calls++;
    s->fills += v->data == NULL;
    if (s->fail_with)
        return mt_fail(err, s->fail_with, "the visitor has had enough");
    for (int d = 0; d < s->dims->ndim; d++) {
        assert_in_range(v->place.extent[d], 1, s->dims->shape[d] - v->place.start[d]);
        out += v->place.start[d] * s->out_stride[d];
        n *= v->place.extent[d];
    }
    mt_gather(&convert, s->dims->ndim, v->place.extent, out, s->out_stride, v->data ? v->data : s->dims->fill,
              v->data ? v->stride : no_stride);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = 0;
        for (int d = 0; d < s->dims->ndim; d++)
            at += (v->place.start[d] + index[d]) * (s->out_stride[d] / size);
        s->times[at]++;
        for (int d = s->dims->ndim - 1; d >= 0 && ++index[d] == v->place.extent[d]; d--)
            index[d] = 0;
    }
    return MT_OK;
}

static size_t start_looking(seen *s, const mt_stack_dims *dims)
{
    size_t n = 1, size = mt_dtype_size(dims->dtype);
    *s = (seen) { .dims = dims };
    for (int d = dims->ndim - 1; d >= 0; d--) {
        s->out_stride[d] = (int64_t)(n * size);
        n *= (size_t)dims->shape[d];
    }
    s->out = calloc(n, size);
    s->times = calloc(n, 1);
    return n;
}

static void stop_looking(seen *s)
{
    free(s->out);
    free(s->times);
}

static mt_context *make_context(unsigned threads, int64_t cache)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = cache };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* The whole image by one read. */
static void read_all(mt_stack *stack, const seen *s, uint8_t *out)
{
    mt_read read = { .image = &stack->image, .out = out };
    mt_error err = MT_ERROR_INIT;
    read.convert = (mt_convert) { .from = s->dims->dtype, .to = s->dims->dtype };
    memcpy(read.extent, s->dims->shape, sizeof read.extent);
    memcpy(read.out_stride, s->out_stride, sizeof read.out_stride);
    check_ok(mt_engine_read(stack->context, &read, 1, NULL, &err), &err);
}

static void check_whole(mt_context *context, const char *path)
{
    mt_stack *stack;
    mt_stack_dims dims;
    mt_error err = MT_ERROR_INIT;
    seen s;
    mt_counters k;
    mt_open_options options = { .struct_size = sizeof options, .axes = axes_for(path) };
    check_ok(mt_stack_open(context, path, &options, &stack, &err), &err);
    mt_stack_get_dims(stack, &dims);
    size_t n = start_looking(&s, &dims), size = mt_dtype_size(dims.dtype);
    mt_box whole = { { 0 }, { 0 } };
    memcpy(whole.extent, dims.shape, sizeof whole.extent);
    mt_visitor visitor = { .visit = look, .user = &s };
    mt_context_reset_counters(context);
    check_ok(mt_stack_visit(stack, &whole, 1, &visitor, NULL, &err), &err);
    mt_context_get_counters(context, &k);
    assert_int_equal(k.cache_bytes, 0); /* nothing is kept */
    uint64_t decoded = k.chunks_decoded;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(s.times[i], 1);
    uint8_t *out = malloc(n * size);
    mt_context_reset_counters(context);
    read_all(stack, &s, out);
    mt_context_get_counters(context, &k);
    assert_memory_equal(out, s.out, n * size);
    if (!stack->map->contiguous && stack->map->chain.n_steps)
        assert_int_equal(decoded, k.chunks_decoded);      /* a read decodes each chunk once, too */
    if (k.cache_bytes > 0 && stack->map->chain.n_steps) { /* cached chunks are used */
        memset(s.times, 0, n);
        mt_context_reset_counters(context);
        check_ok(mt_stack_visit(stack, &whole, 1, &visitor, NULL, &err), &err);
        mt_context_get_counters(context, &k);
        assert_int_equal(k.chunks_decoded, 0);
        assert_memory_equal(out, s.out, n * size);
    }
    free(out);
    stop_looking(&s);
    mt_stack_close(stack);
    mt_context_drop_cache(context);
}

static void each_pixel_once(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads += 3)
        for (int cached = 0; cached < 2; cached++) {
            mt_context *context = make_context(threads, cached ? 64 << 20 : MT_NO_CACHE);
            for (size_t i = 0; i < sizeof files / sizeof *files; i++)
                check_whole(context, data_path(files[i]));
            mt_context_free(context);
        }
}

/* Random boxes, with sides up to most, show what lies in them, and nothing else. */
static void check_shown(const char *path, int64_t most)
{
    mt_context *context = make_context(4, MT_NO_CACHE);
    mt_stack *stack;
    mt_stack_dims dims;
    mt_error err = MT_ERROR_INIT;
    seen s, all;
    uint64_t seed = 3;
    const mt_open_options options = { .struct_size = sizeof options, .axes = axes_for(path) };
    check_ok(mt_stack_open(context, path, &options, &stack, &err), &err);
    mt_stack_get_dims(stack, &dims);
    size_t size = mt_dtype_size(dims.dtype);
    start_looking(&all, &dims);
    read_all(stack, &all, all.out);
    for (int round = 0; round < 20; round++) {
        size_t n = start_looking(&s, &dims), inside = 1, shown = 0;
        mt_box box;
        for (int d = 0; d < dims.ndim; d++) {
            box.start[d] = random_between(&seed, 0, dims.shape[d] - 1);
            int64_t left = dims.shape[d] - box.start[d];
            box.extent[d] = random_between(&seed, 1, left < most ? left : most);
            inside *= (size_t)box.extent[d];
        }
        mt_visitor visitor = { .visit = look, .user = &s };
        check_ok(mt_stack_visit(stack, &box, 1, &visitor, NULL, &err), &err);
        for (size_t i = 0; i < n; i++) {
            shown += s.times[i];
            if (s.times[i])
                assert_memory_equal(s.out + i * size, all.out + i * size, size);
        }
        assert_int_equal(shown, inside);
        stop_looking(&s);
    }
    stop_looking(&all);
    mt_stack_close(stack);
    mt_context_free(context);
}

static void boxes_only(void **state)
{
    (void)state;
    check_shown(data_path(TILED), INT64_MAX);
}

/* A raw chunk of which few rows are shown is not read as a whole. */
static void few_rows_of_a_raw_chunk(void **state)
{
    (void)state;
    static uint8_t pixels[1500][1000];
    for (int y = 0; y < 1500; y++)
        for (int x = 0; x < 1000; x++)
            pixels[y][x] = (uint8_t)(y * 31 + x * 7);
    FILE *file = fopen(temporary_path(".zarray"), "w");
    assert_non_null(file);
    fputs(
        "{\"zarr_format\": 2, \"shape\": [1500, 1000], \"chunks\": [1500, 1000], \"dtype\": \"|u1\", \"order\": \"C\","
        " \"fill_value\": 0, \"compressor\": null, \"filters\": null}",
        file);
    assert_int_equal(fclose(file), 0);
    file = fopen(temporary_path("0.0"), "wb");
    assert_int_equal(fwrite(pixels, 1, sizeof pixels, file), sizeof pixels);
    assert_int_equal(fclose(file), 0);
    check_shown(temporary_folder(), 20);
    mt_context *context = make_context(1, MT_NO_CACHE);
    mt_stack *stack;
    mt_stack_dims dims;
    mt_counters counters;
    mt_error err = MT_ERROR_INIT;
    seen s;
    check_ok(mt_stack_open(context, temporary_folder(), NULL, &stack, &err), &err);
    mt_stack_get_dims(stack, &dims);
    start_looking(&s, &dims);
    mt_context_reset_counters(context);
    const mt_box box = { { 700, 300 }, { 4, 6 } };
    check_ok(mt_stack_visit(stack, &box, 1, &(mt_visitor) { .visit = look, .user = &s }, NULL, &err), &err);
    mt_context_get_counters(context, &counters);
    assert_in_range(counters.bytes_fetched, 1, 100000);
    assert_int_equal(s.out[703 * 1000 + 305], pixels[703][305]);
    s.calls = 0;
    const mt_box empty = { { 700, 300 }, { 4, 0 } };
    check_ok(mt_stack_visit(stack, &empty, 1, &(mt_visitor) { .visit = look, .user = &s }, NULL, &err), &err);
    assert_int_equal(s.calls, 0);
    stop_looking(&s);
    mt_stack_close(stack);
    mt_context_free(context);
}

static int stop_at_once(void *user)
{
    ++*(int *)user;
    return 1;
}

static void visitors_may_fail(void **state)
{
    (void)state;
    mt_context *context = make_context(4, MT_NO_CACHE);
    mt_stack *stack;
    mt_stack_dims dims;
    mt_error err = MT_ERROR_INIT;
    seen s;
    int asked = 0;
    mt_extract_options options = { .struct_size = sizeof options, .cancelled = stop_at_once, .user = &asked };
    check_ok(mt_stack_open(context, data_path(TILED), NULL, &stack, &err), &err);
    mt_stack_get_dims(stack, &dims);
    start_looking(&s, &dims);
    s.fail_with = MT_E_IO;
    mt_box whole = { { 0 }, { 0 } };
    memcpy(whole.extent, dims.shape, sizeof whole.extent);
    mt_visitor visitor = { .visit = look, .user = &s };
    assert_int_equal(mt_stack_visit(stack, &whole, 1, &visitor, NULL, &err), MT_E_IO);
    assert_string_equal(err.message, "the visitor has had enough");
    s.fail_with = MT_OK;
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_stack_visit(stack, &whole, 1, &visitor, &options, &err), MT_E_CANCELLED);
    assert_true(asked > 0);
    stop_looking(&s);
    mt_stack_close(stack);
    mt_context_free(context);
}

/* A grid of single pixels, few of which are stored, and a map that knows which. */
enum { DIMS = 3, DEPTH = 20, HEIGHT = 30, WIDTH = 40, GRID = DEPTH * HEIGHT * WIDTH };

typedef struct sparse {
    uint16_t pixels[GRID];
    bool stored[GRID];
    _Atomic int asked, located;
} sparse;

static int64_t number_of(const int64_t *position) { return (position[0] * HEIGHT + position[1]) * WIDTH + position[2]; }

static mt_status locate_sparse(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)err;
    sparse *s = map->state;
    int64_t i = number_of(position);
    s->located++;
    out->missing = !s->stored[i];
    out->key = "pixels";
    out->offset = (uint64_t)i * 2;
    out->size = 2;
    return MT_OK;
}

static void find_sparse(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    sparse *s = map->state;
    int64_t i = number_of(position);
    s->asked++;
    assert_true(scan->wanted >= 1024);
    while (i < GRID && !s->stored[i])
        i++;
    next[0] = i / WIDTH / HEIGHT, next[1] = i / WIDTH % HEIGHT, next[2] = i % WIDTH;
    if (i == GRID)
        next[0] = MT_NOWHERE;
}

static void make_sparse(opened_map *o, sparse *s, int every, uint64_t *seed)
{
    mt_error err = MT_ERROR_INIT;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < GRID; i++) {
        s->stored[i] = every && random_between(seed, 1, every) == 1;
        s->pixels[i] = s->stored[i] ? (uint16_t)(i + 1) : 7;
    }
    check_ok(mt_store_open_memory(&o->context->env, "pixels", s->pixels, sizeof s->pixels, &o->store, &err), &err);
    check_ok(mt_chunk_map_new(&o->context->env, o->store, "sparse", &o->map, &err), &err);
    mt_chunk_map *map = o->map;
    static const int64_t shape[DIMS] = { DEPTH, HEIGHT, WIDTH };
    map->ndim = DIMS;
    memcpy(map->axes, "ZYX", 4);
    map->dtype = MT_UINT16;
    memcpy(map->fill, &(uint16_t) { 7 }, 2);
    for (int d = 0; d < DIMS; d++)
        map->shape[d] = shape[d], map->chunk_shape[d] = 1;
    mt_chunk_map_c_order(map);
    map->state = s;
    map->locate = locate_sparse;
    map->find_stored = find_sparse;
    check_ok(mt_chunk_map_check(map, &err), &err);
}

static void check_box(const sparse *s, const mt_box *box, const uint16_t *out)
{
    for (int64_t z = 0; z < box->extent[0]; z++)
        for (int64_t y = 0; y < box->extent[1]; y++)
            for (int64_t x = 0; x < box->extent[2]; x++) {
                int64_t at[DIMS] = { box->start[0] + z, box->start[1] + y, box->start[2] + x };
                assert_int_equal(out[(z * box->extent[1] + y) * box->extent[2] + x], s->pixels[number_of(at)]);
            }
}

static void read_sparse(mt_image *image, const sparse *s, const mt_box *box)
{
    static uint16_t out[GRID];
    mt_read read = { .image = image, .out = (uint8_t *)out };
    mt_error err = MT_ERROR_INIT;
    int64_t stride = 2;
    read.convert = (mt_convert) { .from = MT_UINT16, .to = MT_UINT16 };
    for (int d = DIMS - 1; d >= 0; d--) {
        read.start[d] = box->start[d];
        read.extent[d] = box->extent[d];
        read.out_stride[d] = stride;
        stride *= box->extent[d];
    }
    memset(out, 0x55, sizeof out);
    check_ok(mt_engine_read(image->context, &read, 1, NULL, &err), &err);
    check_box(s, box, out);
}

static void visit_sparse(mt_image *image, const sparse *s, const mt_box *box, const mt_stack_dims *dims)
{
    seen looked;
    mt_cancel cancel;
    mt_error err = MT_ERROR_INIT;
    size_t inside = 1, shown = 0, n = start_looking(&looked, dims);
    mt_visitor visitor = { .visit = look, .user = &looked };
    check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
    check_ok(mt_engine_visit(image, box, 1, &visitor, &cancel, &err), &err);
    for (int d = 0; d < DIMS; d++)
        inside *= (size_t)box->extent[d];
    for (size_t i = 0; i < n; i++) {
        shown += looked.times[i];
        if (looked.times[i])
            assert_int_equal(((uint16_t *)(void *)looked.out)[i], s->pixels[i]);
    }
    assert_int_equal(shown, inside);
    stop_looking(&looked);
}

static void absent_regions(void **state)
{
    (void)state;
    static sparse s;
    uint64_t seed = 11;
    static const int every[] = { 0, 1, 2, 10, 500, 20000 };
    mt_stack_dims dims = { .ndim = DIMS, .shape = { DEPTH, HEIGHT, WIDTH }, .dtype = MT_UINT16, .fill = { 7 } };
    memcpy(dims.fill, &(uint16_t) { 7 }, 2);
    for (size_t k = 0; k < sizeof every / sizeof *every; k++) {
        opened_map o = { .context = make_context(k & 1 ? 4 : 1, MT_NO_CACHE) };
        mt_image image;
        make_sparse(&o, &s, every[k], &seed);
        mt_image_init(&image, o.context, o.map, o.store, "test", NULL, NULL);
        for (int round = 0; round < 30; round++) {
            mt_box box = { { 0 }, { DEPTH, HEIGHT, WIDTH } };
            for (int d = 0; d < DIMS && round; d++) {
                box.start[d] = random_between(&seed, 0, o.map->shape[d] - 1);
                box.extent[d] = random_between(&seed, 1, o.map->shape[d] - box.start[d]);
            }
            s.asked = s.located = 0;
            read_sparse(&image, &s, &box);
            if (round == 0) { /* only stored chunks are located, and each gap is queried once */
                int stored = 0;
                for (int i = 0; i < GRID; i++)
                    stored += s.stored[i];
                assert_int_equal(s.located, stored);
                assert_in_range(s.asked, 1, 2 * stored + 1);
            }
            visit_sparse(&image, &s, &box, &dims);
        }
        mt_image_forget(&image);
        mt_store_close(o.store);
        close_map(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_pixel_once), cmocka_unit_test(boxes_only),
                                        cmocka_unit_test(few_rows_of_a_raw_chunk), cmocka_unit_test(visitors_may_fail),
                                        cmocka_unit_test(absent_regions) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
