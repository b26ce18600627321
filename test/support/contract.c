/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/contract.h"

#include "platform/file.h"
#include "stack/stack.h"
#include "support/faulty_store.h"

#include <microtome/build.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int64_t product(const int64_t *sizes, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        p *= sizes[i];
    return p;
}

const char *axes_for(const char *path)
{
    static const char *const axes[] = { NULL, "X", "YX", "SYX", "STYX", "STCYX", "STCZYX" };
    mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    mt_stack *stack;
    if (mt_stack_open(NULL, path, &options, &stack, NULL))
        return NULL;
    const mt_stack_info *info = mt_stack_get_info(stack);
    const char *found =
        info->axes_source == MT_AXES_UNKNOWN && info->original_ndim <= 6 ? axes[info->original_ndim] : NULL;
    mt_stack_close(stack);
    return found;
}

const mt_finish_options if_complete = { .struct_size = sizeof if_complete, .all_required = 1 };

mt_writer_progress progress_of(mt_writer *w)
{
    mt_writer_progress now = { .struct_size = sizeof now };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_get_progress(w, &now, &err), &err);
    return now;
}

mt_status open_any(const char *path, mt_stack **out, mt_error *err)
{
    mt_open_options options = { .struct_size = sizeof options, .axes = axes_for(path) };
    return mt_stack_open(NULL, path, &options, out, err);
}

mt_status read_whole(mt_stack *stack, whole_image *out, mt_error *err)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    static const int64_t origin[3] = { 0 };
    out->dtype = info->dtype;
    out->ndim = info->data_ndim - 2;
    memcpy(out->shape, info->data_shape, sizeof out->shape);
    size_t sample = (size_t)product(info->data_shape + 1, info->data_ndim - 1) * mt_dtype_size(info->dtype);
    out->bytes = sample * (size_t)info->data_shape[0];
    out->pixels = malloc(out->bytes ? out->bytes : 1);
    if (!out->pixels)
        return mt_fail(err, MT_E_MEMORY, "test: no memory for the whole image");
    mt_status st = MT_OK;
    for (int64_t s = 0; !st && s < info->data_shape[0]; s++) {
        mt_patch_request r = { .stack = stack,
                               .sample = s,
                               .n_spatial = (size_t)out->ndim,
                               .coords = origin,
                               .patch_size = info->data_shape + 2,
                               .view = { .data = out->pixels + (size_t)s * sample, .dtype = info->dtype } };
        st = mt_extract_patches(&r, 1, NULL, err);
    }
    if (st)
        free_whole(out);
    return st;
}

void free_whole(whole_image *image)
{
    free(image->pixels);
    image->pixels = NULL;
}

/* Converts one element to float32 in the simplest way; NaN for float16 NaNs. */
static float as_float(mt_dtype dtype, const void *p)
{
    switch (dtype) {
#define CASE(name, type)                                                                                               \
    case name: {                                                                                                       \
        type v;                                                                                                        \
        memcpy(&v, p, sizeof v);                                                                                       \
        return (float)v;                                                                                               \
    }
        CASE(MT_UINT8, uint8_t)
        CASE(MT_INT8, int8_t)
        CASE(MT_UINT16, uint16_t)
        CASE(MT_INT16, int16_t)
        CASE(MT_UINT32, uint32_t)
        CASE(MT_INT32, int32_t)
        CASE(MT_UINT64, uint64_t)
        CASE(MT_INT64, int64_t)
        CASE(MT_FLOAT32, float)
        CASE(MT_FLOAT64, double)
#undef CASE
    case MT_BOOL: return *(const uint8_t *)p != 0;
    case MT_FLOAT16: break;
    }
    uint16_t h;
    memcpy(&h, p, sizeof h);
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double m = exponent == 31 ? (fraction ? NAN : INFINITY)
               : exponent     ? ldexp(1024 + fraction, exponent - 25)
                              : ldexp(fraction, -24);
    return (float)(h & 0x8000 ? -m : m);
}

typedef struct random_box {
    int64_t sample, channels[4], coords[3], size[3];
    size_t n_channels;
    mt_padding_mode padding;
} random_box;

static random_box draw_box(const whole_image *image, uint64_t *seed)
{
    random_box b = { .sample = random_between(seed, 0, image->shape[0] - 1) };
    b.n_channels = (size_t)random_between(seed, 1, 4);
    for (size_t i = 0; i < b.n_channels; i++)
        b.channels[i] = random_between(seed, 0, image->shape[1] - 1);
    for (int d = 0; d < image->ndim; d++) {
        int64_t n = image->shape[2 + d];
        int64_t most = n + 4 < 40 ? n + 4 : 40;
        b.size[d] = random_between(seed, 1, most);
        b.coords[d] = random_between(seed, -b.size[d] - 2, n + 2);
    }
    if (next_random(seed) & 1)
        b.padding = next_random(seed) & 1 ? MT_PAD_REFLECT : MT_PAD_EDGE;
    if (b.padding != MT_PAD_CONSTANT && random_between(seed, 0, 3) == 0) /* far outside */
        b.coords[0] = random_between(seed, -4 * image->shape[2] - 50, 5 * image->shape[2] + 50);
    return b;
}

void check_counting(mt_stack *stack, int64_t n)
{
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, 2 * n);
    for (int64_t i = 0; i < n; i++) {
        int16_t value;
        memcpy(&value, image.pixels + 2 * i, 2);
        assert_int_equal(value, i);
    }
    free_whole(&image);
}

/* The source coordinate of x, found step by step; -1 if there is none. */
static int64_t shown_at(int64_t x, int64_t n, mt_padding_mode padding)
{
    while (padding != MT_PAD_CONSTANT && (x < 0 || x >= n))
        if (padding == MT_PAD_EDGE || n == 1)
            x = x < 0 ? 0 : n - 1;
        else
            x = x < 0 ? -x : 2 * (n - 1) - x;
    return x < 0 || x >= n ? -1 : x;
}

/* The expected element of a box, as stored; NULL outside. */
static const uint8_t *naive(const whole_image *image, const random_box *b, size_t channel, const int64_t *at)
{
    int64_t index = b->sample * image->shape[1] + b->channels[channel];
    for (int d = 0; d < image->ndim; d++) {
        int64_t x = shown_at(b->coords[d] + at[d], image->shape[2 + d], b->padding);
        if (x < 0)
            return NULL;
        index = index * image->shape[2 + d] + x;
    }
    return image->pixels + (size_t)index * mt_dtype_size(image->dtype);
}

static void check_element(const whole_image *image, const random_box *b, size_t c, const int64_t *at, mt_dtype got,
                          const uint8_t *element)
{
    static const uint8_t zero[8] = { 0 };
    const uint8_t *expected = naive(image, b, c, at);
    if (got == image->dtype) {
        assert_memory_equal(element, expected ? expected : zero, mt_dtype_size(got));
        return;
    }
    float value, wanted = expected ? as_float(image->dtype, expected) : 0;
    memcpy(&value, element, sizeof value);
    if (isnan(wanted))
        assert_true(isnan(value));
    else
        assert_true(value == wanted);
}

static void check_box(const whole_image *image, const random_box *b, mt_dtype got, const uint8_t *patch)
{
    int64_t n = product(b->size, image->ndim);
    for (size_t c = 0; c < b->n_channels; c++)
        for (int64_t i = 0; i < n; i++) {
            int64_t at[3], left = i;
            for (int d = image->ndim - 1; d >= 0; d--) {
                at[d] = left % b->size[d];
                left /= b->size[d];
            }
            check_element(image, b, c, at, got, patch);
            patch += mt_dtype_size(got);
        }
}

#define BATCH 8

void check_boxes(mt_stack *stack, const whole_image *image, uint64_t seed, int n)
{
    if (product(image->shape, image->ndim + 2) == 0)
        return;
    bool flat =
        stack->map && (stack->spatial[1] < 0 || stack->spatial[2] < 0); /* arrays of one dimension: no padding */
    for (int round = 0; !flat && round < n; round += BATCH) {
        random_box boxes[BATCH];
        mt_patch_request requests[BATCH];
        uint8_t *patches[BATCH];
        for (int i = 0; i < BATCH; i++) {
            boxes[i] = draw_box(image, &seed);
            mt_dtype dtype = i % 2 ? MT_FLOAT32 : image->dtype;
            size_t bytes = boxes[i].n_channels * (size_t)product(boxes[i].size, image->ndim) * mt_dtype_size(dtype);
            patches[i] = malloc(bytes ? bytes : 1);
            assert_non_null(patches[i]);
            memset(patches[i], 0xa5, bytes);
            requests[i] =
                (mt_patch_request) { .stack = stack,
                                     .sample = boxes[i].sample,
                                     .channels = boxes[i].channels,
                                     .n_channels = boxes[i].n_channels,
                                     .n_spatial = (size_t)image->ndim,
                                     .coords = boxes[i].coords,
                                     .patch_size = boxes[i].size,
                                     .view = { .data = patches[i], .dtype = dtype, .padding_mode = boxes[i].padding } };
        }
        mt_error err = MT_ERROR_INIT;
        bool singly = next_random(&seed) & 1;
        for (int i = 0; i < BATCH; i += singly ? 1 : BATCH)
            check_ok(mt_extract_patches(requests + i, singly ? 1 : BATCH, NULL, &err), &err);
        for (int i = 0; i < BATCH; i++) {
            check_box(image, &boxes[i], requests[i].view.dtype, patches[i]);
            free(patches[i]);
        }
    }
}

static mt_context *new_context(unsigned threads, int64_t cache_bytes)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = cache_bytes };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* Each codec is one that mt_codec_name lists. */
static void check_codecs(const char *codecs)
{
    while (*codecs) {
        const char *name;
        size_t length = strcspn(codecs, ","), i = 0;
        while ((name = mt_codec_name(i, NULL)) && (strlen(name) != length || memcmp(name, codecs, length) != 0))
            i++;
        if (!name)
            fail_msg("'%s' begins with a codec that is not listed", codecs);
        codecs += length + strspn(codecs + length, ", ");
    }
}

static void check_info(mt_stack *stack)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_non_null(info->source);
    assert_true(info->data_ndim == 4 || info->data_ndim == 5);
    assert_int_equal(strlen(info->original_axes), info->original_ndim);
    assert_true(product(info->data_shape, info->data_ndim) == product(info->original_shape, info->original_ndim));
    assert_true(info->level >= 0 && info->level < info->n_levels);
    check_codecs(info->codecs);
}

typedef struct thread_work {
    mt_stack *stack;
    const whole_image *image;
    uint64_t seed;
} thread_work;

static void *run_boxes(void *argument)
{
    thread_work *w = argument;
    check_boxes(w->stack, w->image, w->seed, 16);
    return NULL;
}

static void check_threads(mt_stack *stack, const whole_image *image)
{
    pthread_t threads[8];
    thread_work work[8];
    for (int i = 0; i < 8; i++) {
        work[i] = (thread_work) { stack, image, 100 + (uint64_t)i };
        assert_int_equal(pthread_create(&threads[i], NULL, run_boxes, &work[i]), 0);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

/* Pixels reported as missing must be zero. */
static void check_same_or_zero(const whole_image *now, const whole_image *image)
{
    for (size_t i = 0; i < image->bytes; i++)
        assert_true(now->pixels[i] == image->pixels[i] || now->pixels[i] == 0);
}

/* Expects an error, or exactly the pixels and shape of the whole file. */
static void check_same_or_error(mt_status opened, mt_stack *stack, const whole_image *image)
{
    if (opened)
        return;
    whole_image now = { 0 };
    if (read_whole(stack, &now, NULL) == MT_OK) {
        assert_int_equal(now.bytes, image->bytes);
        if (mt_stack_get_info(stack)->n_missing > 0)
            check_same_or_zero(&now, image);
        else
            assert_memory_equal(now.pixels, image->pixels, image->bytes);
        free_whole(&now);
    }
    mt_stack_close(stack);
}

/* Checks that a truncated file yields a part of the whole image: truncation can remove whole pages. */
static void check_cut(const char *name, const uint8_t *bytes, size_t size, const mt_open_options *options,
                      const whole_image *image)
{
    mt_stack *stack;
    uint8_t *copy = malloc(size ? size : 1); /* exact size, so that reads past the end are detected */
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    mt_status st = mt_stack_open_memory(NULL, name, copy, size, options, &stack, NULL);
    if (!st) {
        const mt_stack_info *info = mt_stack_get_info(stack);
        bool same_shape = memcmp(info->data_shape, image->shape, (size_t)(image->ndim + 2) * sizeof(int64_t)) == 0;
        if (same_shape)
            check_same_or_error(st, stack, image);
        else
            mt_stack_close(stack);
    }
    free(copy);
}

static void check_truncations(const char *path, const mt_open_options *options, const whole_image *image)
{
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t step = size <= 2048 ? 1 : size / 512 + 1;
    for (size_t n = 0; n < size; n += n < 512 ? 1 : step)
        check_cut(name, bytes, n, options, image);
    check_cut(name, bytes, size - 1, options, image);
    free(bytes);
}

static void check_allocations(const char *path, const mt_open_options *options, const whole_image *image, int forever)
{
    for (size_t k = 0, failures = 1; failures && k < 400; k += k < 100 ? 1 : 7) {
        failing_allocator state;
        mt_context_options c = { .struct_size = sizeof c, .threads = 1, .cache_bytes = 1 << 20 };
        c.allocator = failing_allocator_make(&state, k, forever);
        mt_context *context;
        if (mt_context_new(&c, &context, NULL) == MT_OK) {
            mt_stack *stack;
            mt_status opened = mt_stack_open(context, path, options, &stack, NULL);
            check_same_or_error(opened, stack, image);
            mt_context_free(context);
        }
        failures = state.count > k;
    }
}

typedef struct faults {
    size_t fail_at;
    mt_status kind;
    mt_store *store;
} faults;

static mt_status wrap_faulty(void *user, mt_store **store, mt_error *err)
{
    faults *f = user;
    mt_status st = faulty_store_wrap(*store, f->fail_at, f->kind, &f->store, err);
    if (st)
        mt_store_close(*store);
    *store = st ? NULL : f->store;
    return st;
}

/* Damage to other files than the one that is opened, and to levels, may leave another image, which is told. */
static void check_same_or_told(const mt_stack *stack, const whole_image *now, const whole_image *image, mt_status kind)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    bool told = kind == MT_E_CORRUPT && (info->n_missing > 0 || info->n_warnings > 0);
    if (!told)
        assert_int_equal(now->bytes, image->bytes);
    if (!told)
        assert_memory_equal(now->pixels, image->pixels, image->bytes);
}

static void check_reads(const char *path, const mt_open_options *options, const whole_image *image, mt_status kind)
{
    bool failed = true;
    for (size_t k = 0; failed && k < 300; k += k < 60 ? 1 : 11) {
        mt_context *context = new_context(1, 1 << 20);
        mt_stack *stack;
        faults f = { .fail_at = k, .kind = kind };
        mt_error err = MT_ERROR_INIT;
        mt_status st =
            mt_stack_open_wrapped(context, path, options, &(mt_store_wrap) { wrap_faulty, &f }, &stack, &err);
        if (!st) {
            whole_image now = { 0 };
            st = read_whole(stack, &now, &err);
            failed = faulty_store_calls(f.store) > k;
            if (!st)
                check_same_or_told(stack, &now, image, kind);
            free_whole(&now);
            mt_stack_close(stack);
        }
        if (st)
            assert_true(err.message[0] != 0);
        mt_context_free(context);
    }
}

static void check_with_cache(const char *path, const mt_open_options *options, const whole_image *image, int64_t cache)
{
    mt_context *context = new_context(2, cache);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(context, path, options, &stack, &err), &err);
    check_boxes(stack, image, 7, 32);
    check_threads(stack, image);
    mt_stack_close(stack);
    mt_context_free(context);
}

void check_contract(const char *path, const mt_open_options *given)
{
    mt_open_options named = given ? *given : (mt_open_options) { .struct_size = sizeof named };
    const mt_open_options *options = &named;
    print_message("contract: %s\n", path);
    if (!named.axes)
        named.axes = axes_for(path);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    whole_image image;
    check_ok(mt_stack_open(NULL, path, options, &stack, &err), &err);
    check_info(stack);
    check_ok(read_whole(stack, &image, &err), &err);
    check_boxes(stack, &image, 1, 64);
    check_threads(stack, &image);
    mt_stack_close(stack);

    check_with_cache(path, options, &image, MT_NO_CACHE);
    check_with_cache(path, options, &image, 16 << 10);
    if (mt_path_get_kind(path) == MT_PATH_FILE)
        check_truncations(path, options, &image);
    check_allocations(path, options, &image, 0);
    check_allocations(path, options, &image, 1);
    check_reads(path, options, &image, MT_E_IO);
    check_reads(path, options, &image, MT_E_CORRUPT);
    free_whole(&image);
}
