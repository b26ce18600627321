/* SPDX-License-Identifier: BSD-3-Clause */
/* Visits of boxes: those of custom stacks in blocks of bounded size, and those that lie in too many pieces. */
#include "support/folder.h"
#include "support/support.h"

#include "stack/visit.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A pixel is what its coordinates say. */
static float value(int64_t c, int64_t z, int64_t y, int64_t x)
{
    return (float)(c * 100000 + z * 40000 + y * 3000 + x);
}

static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    bool deep = *(bool *)self;
    int64_t planes = deep ? size[0] : 1, z = deep ? coords[0] : 0;
    (void)err;
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t p = 0; p < planes; p++)
            for (int64_t y = 0; y < size[deep]; y++)
                for (int64_t x = 0; x < size[1 + deep]; x++)
                    *out++ = value(10 * sample + channels[c], z + p, coords[deep] + y, coords[1 + deep] + x);
    return MT_OK;
}

static mt_stack *new_own(bool *deep, const int64_t *shape)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract };
    mt_stack_info info = { .struct_size = sizeof info,
                           .source = "own",
                           .dtype = MT_FLOAT32,
                           .original_axes = *deep ? "SCZYX" : "SCYX",
                           .original_ndim = 4 + *deep };
    for (int i = 0, d = 0; d < 5; d++)
        if (d != MT_AXIS_Z || *deep)
            info.original_shape[i++] = shape[d];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, deep, &info, &stack, &err), &err);
    return stack;
}

typedef struct seen {
    const mt_box *box; /* that is visited */
    int64_t pixels, blocks;
    float sum;
} seen;

static mt_status see(void *user, const mt_visited *v, mt_error *err)
{
    seen *s = user;
    int64_t at[5];
    const mt_box *p = &v->place;
    (void)err;
    s->blocks++;
    for (int d = 0; d < 5; d++) {
        assert_true(p->extent[d] > 0);
        assert_true(p->start[d] >= s->box->start[d]);
        assert_true(p->start[d] + p->extent[d] <= s->box->start[d] + s->box->extent[d]);
    }
    for (at[0] = 0; at[0] < p->extent[0]; at[0]++)
        for (at[1] = 0; at[1] < p->extent[1]; at[1]++)
            for (at[2] = 0; at[2] < p->extent[2]; at[2]++)
                for (at[3] = 0; at[3] < p->extent[3]; at[3]++)
                    for (at[4] = 0; at[4] < p->extent[4]; at[4]++) {
                        float found;
                        int64_t offset = 0;
                        for (int d = 0; d < 5; d++)
                            offset += at[d] * v->stride[d];
                        memcpy(&found, v->data + offset, sizeof found);
                        assert_true(found == value(10 * (p->start[0] + at[0]) + p->start[1] + at[1],
                                                   p->start[2] + at[2], p->start[3] + at[3], p->start[4] + at[4]));
                        s->pixels++;
                        s->sum += found - (float)(int64_t)found + 1;
                    }
    return MT_OK;
}

/* At most 8 channels and 1024 rows and columns of one plane at a time. */
static void blocks_of_custom_stacks(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[5];
        mt_box box;
        int64_t blocks;
    } cases[] = {
        { { 2, 3, 1, 4, 5 }, { { 0, 0, 0, 0, 0 }, { 2, 3, 1, 4, 5 } }, 2 },
        { { 2, 3, 1, 4, 5 }, { { 1, 1, 0, 2, 1 }, { 1, 2, 1, 2, 3 } }, 1 },
        { { 2, 3, 3, 4, 5 }, { { 1, 1, 1, 2, 1 }, { 1, 2, 2, 2, 3 } }, 2 },
        { { 1, 17, 1, 2, 3 }, { { 0, 0, 0, 0, 0 }, { 1, 17, 1, 2, 3 } }, 3 },
        { { 1, 17, 1, 2, 3 }, { { 0, 1, 0, 0, 0 }, { 1, 16, 1, 2, 3 } }, 2 },
        { { 1, 1, 1, 2, 2050 }, { { 0, 0, 0, 0, 0 }, { 1, 1, 1, 2, 2050 } }, 3 },
        { { 1, 1, 1, 2, 2050 }, { { 0, 0, 0, 1, 2 }, { 1, 1, 1, 1, 2048 } }, 2 },
        { { 1, 1, 2, 1030, 2 }, { { 0, 0, 0, 3, 0 }, { 1, 1, 2, 1027, 2 } }, 4 },
        { { 1, 9, 2, 1025, 3 }, { { 0, 0, 0, 0, 1 }, { 1, 9, 2, 1025, 2 } }, 8 },
        { { 1, 2, 1, 3, 4 }, { { 0, 0, 0, 0, 0 }, { 1, 2, 1, 0, 4 } }, 0 },
        { { 1, 2, 1, 3, 4 }, { { 0, 0, 0, 0, 0 }, { 0, 2, 1, 3, 4 } }, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int times = 1; times < 3; times++) {
            bool deep = cases[i].shape[MT_AXIS_Z] > 1;
            mt_stack *stack = new_own(&deep, cases[i].shape);
            const mt_box *b = &cases[i].box, boxes[2] = { *b, *b };
            seen s = { .box = b };
            const mt_visitor visitor = { .visit = see, .user = &s };
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_stack_visit(stack, boxes, (size_t)times, &visitor, NULL, &err), &err);
            assert_int_equal(s.blocks, times * cases[i].blocks);
            assert_int_equal(s.pixels,
                             times * b->extent[0] * b->extent[1] * b->extent[2] * b->extent[3] * b->extent[4]);
            mt_stack_close(stack);
        }
    }
}

static void dimensions_of_custom_stacks(void **state)
{
    (void)state;
    static const int64_t shape[5] = { 2, 3, 4, 5, 6 };
    for (int i = 0; i < 2; i++) {
        bool deep = i;
        mt_stack *stack = new_own(&deep, shape);
        mt_stack_dims dims;
        mt_box box = { .extent = { 9, 9, 9, 9, 9 } };
        mt_stack_get_dims(stack, &dims);
        assert_int_equal(dims.ndim, 5);
        for (int d = 0; d < 5; d++) {
            assert_int_equal(dims.axis[d], d);
            assert_int_equal(dims.step[d], 1);
            assert_int_equal(dims.chunk[d], 1);
            assert_int_equal(dims.shape[d], d == MT_AXIS_Z && !deep ? 1 : shape[d]);
        }
        mt_stack_set_index(&dims, MT_AXIS_Y, 3, &box);
        for (int d = 0; d < 5; d++)
            assert_true(box.start[d] == (d == MT_AXIS_Y ? 3 : 0) && box.extent[d] == (d == MT_AXIS_Y ? 1 : 9));
        mt_stack_close(stack);
    }
}

static mt_status refuse(void *user, const mt_visited *v, mt_error *err)
{
    (void)user, (void)v;
    return mt_fail(err, MT_E_IO, "nothing is to be visited");
}

/* One of two channels of each plane: a piece for each plane, of which a size_t counts the bytes, or does not. */
static void boxes_in_many_pieces(void **state)
{
    (void)state;
    static const struct {
        int64_t samples, times;
        mt_status status;
    } cases[] = {
        { 0, 7, MT_OK },
        { 1288915102, 55905617, MT_E_MEMORY }, /* 2^56 - 2 */
        { 268435455, 268435457, MT_E_LIMIT },  /* 2^56 - 1 */
        { 1 << 28, 1 << 28, MT_E_LIMIT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400], axes[80];
        int64_t samples = cases[i].samples ? cases[i].samples : 5;
        failing_allocator failing;
        const mt_context_options threads = { .struct_size = sizeof threads,
                                             .threads = 1,
                                             .allocator = failing_allocator_make(&failing, SIZE_MAX, 1) };
        mt_context *context;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        snprintf(text, sizeof text,
                 "{\"zarr_format\":2,\"shape\":[%lld,1,1],\"chunks\":[1,1,1],\"dtype\":\"|u1\",\"order\":\"C\","
                 "\"compressor\":null,\"filters\":null,\"fill_value\":0}",
                 (long long)(samples * cases[i].times * 2));
        write_temporary_text("pieces.zarr/.zarray", text);
        snprintf(axes, sizeof axes, "S%lldT%lldC2YX", (long long)samples, (long long)cases[i].times);
        const mt_open_options options = { .struct_size = sizeof options, .axes = axes };
        check_ok(mt_context_new(&threads, &context, &err), &err);
        check_ok(mt_stack_open(context, temporary_path("pieces.zarr"), &options, &stack, &err), &err);
        const mt_box box = { .extent = { cases[i].samples, cases[i].times, 1, 1, 1 } };
        const mt_visitor visitor = { .visit = refuse };
        failing.fail_at = cases[i].samples ? failing.count : SIZE_MAX;
        mt_status st = mt_stack_visit(stack, &box, 1, &visitor, NULL, &err);
        assert_int_equal(st, cases[i].status);
        if (st == MT_E_LIMIT)
            assert_non_null(strstr(err.message, "pieces.zarr: the planes lie in too many pieces"));
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_custom_stacks),
        cmocka_unit_test(dimensions_of_custom_stacks),
        cmocka_unit_test(boxes_in_many_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
