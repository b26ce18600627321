/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes transforms, against the answer that a walk over all indices gives, for every order of every set of axes. */
#include "support/support.h"

#include <microtome/axes.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "STCZYX";
static const int64_t sizes[] = { 2, 3, 4, 2, 3, 5 };

typedef void (*visit)(const char *axes);

static void permute(char *axes, int n, int fixed, visit each)
{
    if (fixed == n) {
        each(axes);
        return;
    }
    for (int i = fixed; i < n; i++) {
        char kept = axes[fixed];
        axes[fixed] = axes[i], axes[i] = kept;
        permute(axes, n, fixed + 1, each);
        axes[i] = axes[fixed], axes[fixed] = kept;
    }
}

static void for_all_axes(visit each)
{
    for (int set = 0; set < 16; set++) {
        char axes[7] = "";
        int n = 0;
        for (int i = 0; i < 6; i++)
            if (i >= 4 || (set >> i & 1))
                axes[n++] = letters[i];
        permute(axes, n, 0, each);
    }
}

static int64_t size_of(const char *axes, char axis)
{
    return strchr(axes, axis) ? sizes[strchr(letters, axis) - letters] : 1;
}

/* An array of the axes whose elements say at which indices along STCZYX they are. */
static uint32_t value_at(const int64_t *index) /* along STCZYX */
{
    uint32_t v = 0;
    for (int i = 0; i < 6; i++)
        v = v * 10 + (uint32_t)index[i];
    return v;
}

static mt_array make_array(const char *axes, uint32_t *data)
{
    mt_array a = { .data = data, .dtype = MT_UINT32, .ndim = (int)strlen(axes) };
    int64_t stride = 4, n = 1;
    for (int d = a.ndim - 1; d >= 0; d--) {
        a.shape[d] = size_of(axes, axes[d]);
        a.strides[d] = stride;
        stride *= a.shape[d];
        n *= a.shape[d];
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t index[6] = { 0 }, left = i;
        for (int d = a.ndim - 1; d >= 0; d--) {
            index[strchr(letters, axes[d]) - letters] = left % a.shape[d];
            left /= a.shape[d];
        }
        data[i] = value_at(index);
    }
    return a;
}

/* Element i of a C-ordered SC(Z)YX array made of axes. */
static uint32_t expected_at(const char *axes, int64_t i)
{
    int64_t index[6];
    for (int k = 5; k >= 2; k--) {
        static const char order[] = "STCZYX";
        int64_t size = size_of(axes, order[k]);
        index[k] = i % size;
        i /= size;
    }
    index[1] = i % size_of(axes, 'T');
    index[0] = i / size_of(axes, 'T');
    return value_at(index);
}

static mt_axes_transform transform_of(const char *axes, const mt_array *a)
{
    mt_axes_transform t;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_axes_transform_init(&t, axes, a->shape, a->ndim, &err), &err);
    return t;
}

static void reshape_and_restore_one(const char *axes)
{
    uint32_t data[720], there[720], back[720];
    mt_array a = make_array(axes, data), reshaped = { .data = there }, restored = { .data = back };
    mt_axes_transform t = transform_of(axes, &a);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_reshape_array(&a, axes, &reshaped, &err), &err);
    assert_int_equal(reshaped.ndim, t.data_ndim);
    int64_t n = 1;
    for (int d = 0; d < t.data_ndim; d++) {
        assert_int_equal(reshaped.shape[d], t.data_shape[d]);
        n *= t.data_shape[d];
    }
    for (int64_t i = 0; i < n; i++)
        if (there[i] != expected_at(axes, i))
            fail_msg("%s: element %d", axes, (int)i);
    check_ok(mt_restore_array(&reshaped, &t, NULL, &restored, &err), &err);
    assert_int_equal(restored.ndim, a.ndim);
    assert_memory_equal(restored.shape, a.shape, (size_t)a.ndim * sizeof *a.shape);
    assert_memory_equal(back, data, (size_t)n * 4);
}

static void every_order_there_and_back(void **state)
{
    (void)state;
    for_all_axes(reshape_and_restore_one);
}

/* Cuts a patch by its slices, one element at a time, as NumPy would, and brings it to C(Z)YX. */
static void slice_one(const char *axes)
{
    uint32_t data[720], cut[720], patch[720], back[720];
    mt_array a = make_array(axes, data);
    mt_axes_transform t = transform_of(axes, &a);
    const int64_t channels[] = { 3, 0, 3 }, none[] = { 0 };
    bool has_c = strchr(axes, 'C') != NULL, deep = t.data_ndim == 5;
    const int64_t *list = has_c ? channels : none;
    size_t n_list = has_c ? 3 : 1;
    const int64_t coords[3] = { 1, 1, 2 }, size[3] = { 1, 2, 3 };
    int64_t sample = t.data_shape[0] - 1;
    mt_slice slices[6];
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_get_patch_slices(&t, sample, list, n_list, coords + !deep, size + !deep, deep ? 3 : 2, slices, &err),
             &err);
    mt_array p = { .data = cut, .dtype = MT_UINT32 };
    int64_t n = 1;
    for (int d = 0; d < a.ndim; d++)
        if (slices[d].kind != MT_SLICE_INDEX) {
            p.shape[p.ndim] = slices[d].kind == MT_SLICE_LIST ? (int64_t)slices[d].n : slices[d].stop - slices[d].start;
            n *= p.shape[p.ndim++];
        }
    int64_t stride = 4;
    for (int d = p.ndim - 1; d >= 0; stride *= p.shape[d--])
        p.strides[d] = stride;
    for (int64_t i = 0; i < n; i++) {
        int64_t left = i, at = 0;
        for (int d = a.ndim - 1; d >= 0; d--) {
            const mt_slice *s = &slices[d];
            assert_int_equal(s->axis, axes[d]);
            int64_t along = s->kind == MT_SLICE_INDEX  ? 1
                            : s->kind == MT_SLICE_LIST ? (int64_t)s->n
                                                       : s->stop - s->start;
            int64_t k = left % along;
            left /= along;
            at += (s->kind == MT_SLICE_LIST ? s->list[k] : s->start + k) * (a.strides[d] / 4);
        }
        cut[i] = data[at];
    }
    mt_array out = { .data = patch }, restored = { .data = back };
    check_ok(mt_reshape_patch(&p, axes, &out, &err), &err);
    assert_int_equal(out.ndim, t.data_ndim - 1);
    assert_int_equal(out.shape[0], n_list);
    int64_t index[6] = { sample / size_of(axes, 'T'), sample % size_of(axes, 'T'), 0, 0, 0, 0 };
    const uint32_t *value = patch;
    for (size_t c = 0; c < n_list; c++)
        for (index[4] = 1; index[4] < 3; index[4]++)
            for (index[5] = 2; index[5] < 5; index[5]++, value++) {
                index[2] = list[c];
                index[3] = deep;
                assert_int_equal(*value, value_at(index));
            }
    check_ok(mt_restore_tile(&out, &t, NULL, &restored, &err), &err);
    assert_int_equal(restored.ndim, p.ndim);
    assert_memory_equal(restored.shape, p.shape, (size_t)p.ndim * sizeof *p.shape);
    assert_memory_equal(back, cut, (size_t)n * 4);
}

static void every_patch(void **state)
{
    (void)state;
    for_all_axes(slice_one);
}

static void other_targets(void **state)
{
    (void)state;
    uint32_t data[720], back[720];
    const int64_t shape[] = { 2, 3, 3, 5 }; /* TSYX */
    mt_axes_transform t;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_axes_transform_init(&t, "TSYX", shape, 4, &err), &err);
    assert_int_equal(t.data_shape[0], 6);
    mt_array a = { data, MT_UINT32, 4, { 6, 2, 1, 1 }, { 8, 4, 4, 4 } }, out = { .data = back };
    for (uint32_t i = 0; i < 12; i++)
        data[i] = i;
    assert_int_equal(mt_restore_array(&a, &t, NULL, &out, &err), MT_E_ARGUMENT); /* two channels, and no C */
    err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_restore_array(&a, &t, "XYCTS", &out, &err), &err);
    /* sample 2 s + t, channel c is 4 s + 2 t + c: in the order c, t, s */
    const uint32_t expected[12] = { 0, 4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11 };
    assert_memory_equal(back, expected, sizeof expected);
    static const char *const wrong[] = { "TYX", "STZYX", "STYXX", "STY", "STQYX" };
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(mt_restore_array(&a, &t, wrong[i], &out, NULL), MT_E_ARGUMENT);
}

/* CZI stacks whose depth is time. */
static void time_as_depth(void **state)
{
    (void)state;
    uint32_t data[24], back[24];
    const int64_t shape[] = { 1, 2, 3, 2, 2 };
    mt_axes_transform t;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_axes_transform_init(&t, "SCTYX", shape, 5, &err), &err);
    mt_array a = { data, MT_UINT32, 5, { 1, 2, 3, 2, 2 }, { 96, 48, 16, 8, 4 } }, out = { .data = back };
    for (uint32_t i = 0; i < 24; i++)
        data[i] = i;
    check_ok(mt_restore_array(&a, &t, NULL, &out, &err), &err);
    assert_memory_equal(back, data, sizeof data);
}

static void wrong_arguments(void **state)
{
    (void)state;
    static const char *const axes[] = { "", "Y", "YXX", "AYX", "yx", "YXSTCZQ" };
    const int64_t shape[] = { 4, 5, 6, 7, 8, 9, 10 };
    mt_axes_transform t;
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++)
        assert_int_equal(mt_axes_transform_init(&t, axes[i], shape, (int)strlen(axes[i]), NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_axes_transform_init(&t, "TYX", shape, 2, NULL), MT_E_ARGUMENT);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_axes_transform_init(&t, "TYX", shape, 3, &err), &err);
    mt_slice out[6];
    const int64_t coords[3] = { -3, 100, 0 }, size[3] = { 9, 1, 1 }, bad[3] = { INT64_MAX, 0, 0 }, c1 = 1, c0 = 0;
    const int64_t ends[2] = { -(INT64_MAX / 2), INT64_MAX / 2 }, before[2] = { ends[0] - 1, 0 };
    check_ok(mt_get_patch_slices(&t, 3, &c0, 1, coords, size, 2, out, &err), &err);
    assert_true(out[0].start == 3 && out[1].start == -3 && out[1].stop == 6 && out[2].stop == 101); /* not clipped */
    assert_int_equal(mt_get_patch_slices(&t, 4, NULL, 0, coords, size, 2, out, NULL), MT_E_RANGE);
    assert_int_equal(mt_get_patch_slices(&t, -1, NULL, 0, coords, size, 2, out, NULL), MT_E_RANGE);
    assert_int_equal(mt_get_patch_slices(&t, 0, &c1, 1, coords, size, 2, out, NULL), MT_E_RANGE);
    assert_int_equal(mt_get_patch_slices(&t, 0, &c0, 0, coords, size, 2, out, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_get_patch_slices(&t, 0, NULL, 0, coords, size, 3, out, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_get_patch_slices(&t, 0, NULL, 0, bad, size, 2, out, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_get_patch_slices(&t, 0, NULL, 0, before, size, 2, out, NULL), MT_E_ARGUMENT);
    check_ok(mt_get_patch_slices(&t, 0, NULL, 0, ends, size, 2, out, &err), &err);
    assert_true(out[1].start == ends[0] && out[2].start == ends[1]);
    assert_int_equal(mt_get_patch_slices(&t, 0, NULL, 0, coords, coords, 2, out, NULL), MT_E_ARGUMENT);
}

static void padding(void **state)
{
    (void)state;
    uint8_t pixels[] = { 1, 2, 3, 4 };
    mt_array cut = { pixels, MT_UINT8, 3, { 1, 2, 2 }, { 4, 2, 1 } };
    const int64_t size[] = { 3, 4 };
    float out[12];
    mt_error err = MT_ERROR_INIT;
    static const struct {
        int64_t coords[2];
        float expected[12];
    } cases[] = { { { -1, -2 }, { 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4 } },
                  { { 5, 7 }, { 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0 } },
                  { { 0, -1 }, { 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0 } } };
    for (size_t i = 0; i < 3; i++) {
        check_ok(mt_pad_patch(&cut, cases[i].coords, size, 2, out, &err), &err);
        assert_memory_equal(out, cases[i].expected, sizeof out);
    }
    const int64_t far[] = { -2, 0 }, farther[] = { INT64_MIN, 0 };
    assert_int_equal(mt_pad_patch(&cut, far, size, 2, out, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_pad_patch(&cut, farther, size, 2, out, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_pad_patch(&cut, far, size, 1, out, NULL), MT_E_ARGUMENT);
    cut.shape[1] = 0; /* wholly outside */
    check_ok(mt_pad_patch(&cut, far, size, 2, out, &err), &err);
    for (int i = 0; i < 12; i++)
        assert_true(out[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_order_there_and_back),
                                        cmocka_unit_test(every_patch),
                                        cmocka_unit_test(other_targets),
                                        cmocka_unit_test(time_as_depth),
                                        cmocka_unit_test(wrong_arguments),
                                        cmocka_unit_test(padding) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
