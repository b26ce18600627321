/* SPDX-License-Identifier: BSD-3-Clause */
/* Lateral context: each scale against its definition. */
#include "sampling/lateral_support.h"

static void check_context(mt_stack *stack, const int64_t *coords, const int64_t *size, int n_scales)
{
    const size_t ndim = (size_t)mt_stack_get_info(stack)->data_ndim - 2;
    float *out = malloc((size_t)(CHANNELS * n_scales * product(size, ndim)) * sizeof *out);
    mt_patch_request r = { .stack = stack,
                           .sample = 1,
                           .n_spatial = ndim,
                           .coords = coords,
                           .patch_size = size,
                           .view = { .data = out, .padding_mode = MT_PAD_REFLECT } };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_lateral_extract(&r, 1, n_scales, NULL, NULL, &err), &err);
    check_result(&r, n_scales, out);
    free(out);
}

static void planes_have_context(void **state)
{
    (void)state;
    mt_stack *stack = open_pixels(NULL, 2, NULL);
    uint64_t seed = 2;
    check_context(stack, (int64_t[]) { 10, 20 }, (int64_t[]) { 16, 16 }, 3);
    check_context(stack, (int64_t[]) { 0, 0 }, (int64_t[]) { 1, 1 }, MOST_SCALES);
    check_context(stack, (int64_t[]) { 36, 0 }, (int64_t[]) { 1, 33 }, MOST_SCALES);
    for (int i = 0; i < 60; i++) {
        const int64_t size[2] = { random_between(&seed, 1, 40), random_between(&seed, 1, 45) };
        const int64_t coords[2] = { random_between(&seed, -size[0], ROWS), random_between(&seed, -size[1], COLUMNS) };
        check_context(stack, coords, size, (int)random_between(&seed, 1, MOST_SCALES));
    }
    mt_stack_close(stack);
}

static void volumes_have_context(void **state)
{
    (void)state;
    mt_stack *stack = open_pixels(NULL, 3, NULL);
    uint64_t seed = 3;
    for (int i = 0; i < 20; i++) {
        int64_t size[3], coords[3];
        for (int d = 0; d < 3; d++) {
            size[d] = random_between(&seed, 1, 11);
            coords[d] = random_between(&seed, -4, mt_stack_get_info(stack)->data_shape[2 + d] - 4);
        }
        check_context(stack, coords, size, (int)random_between(&seed, 1, 3));
    }
    mt_stack_close(stack);
}

/* Repeated reflection. */
static void images_may_be_smaller_than_the_context(void **state)
{
    (void)state;
    static const int64_t shapes[][2] = { { 1, 1 }, { 1, 5 }, { 2, 3 }, { 7, 4 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        mt_stack *stack = open_pixels(NULL, 2, shapes[i]);
        check_context(stack, (int64_t[]) { 0, 0 }, (int64_t[]) { 4, 8 }, MOST_SCALES);
        check_context(stack, (int64_t[]) { -3, 2 }, (int64_t[]) { 5, 3 }, MOST_SCALES);
        mt_stack_close(stack);
    }
}

/* Scaling, ways of padding, chosen channels, and strides that turn by a quarter and swap scales and channels. */
static void a_view_has_its_usual_meaning(void **state)
{
    (void)state;
    enum { SCALES = 3, N = 3, SIDE = 12 };
    static float out[SCALES][N][SIDE][SIDE], ordered[N][SCALES][SIDE][SIDE];
    const float scale[N] = { 3.7f, 0.01f, 1 }, offset[N] = { 30000, 5, 0 };
    const int64_t strides[4] = { sizeof out[0][0], sizeof out[0], sizeof(float), -(int64_t)sizeof out[0][0][0] };
    mt_stack *stack = open_pixels(NULL, 2, NULL);
    mt_patch_request r = { .stack = stack,
                           .channels = (int64_t[]) { 1, 0, 1 },
                           .n_channels = N,
                           .n_spatial = 2,
                           .coords = (int64_t[]) { -3, 40 },
                           .patch_size = (int64_t[]) { SIDE, SIDE } };
    for (int way = 0; way < 12; way++) {
        mt_error err = MT_ERROR_INIT;
        r.view = (mt_view) { .data = out[0][0][SIDE - 1],
                             .strides = strides,
                             .scale = scale,
                             .offset = offset,
                             .padding = 100,
                             .padding_mode = way % 3,
                             .divide = way / 3 % 2,
                             .scale_padding = way / 6 };
        check_ok(mt_lateral_extract(&r, 1, SCALES, NULL, NULL, &err), &err);
        for (int c = 0; c < N; c++)
            for (int k = 0; k < SCALES; k++)
                for (int i = 0; i < SIDE * SIDE; i++)
                    ordered[c][k][i / SIDE][i % SIDE] = out[k][c][SIDE - 1 - i % SIDE][i / SIDE];
        check_result(&r, SCALES, &ordered[0][0][0][0]);
    }
    mt_stack_close(stack);
}

static void nan_stays_where_the_filter_reaches(void **state)
{
    (void)state;
    float image[64], out[2][16];
    for (int i = 0; i < 64; i++)
        image[i] = i == 20 ? NAN : i == 50 ? INFINITY : 1;
    mt_stack *stack;
    check_ok(mt_stack_from_array(NULL, image, MT_FLOAT32, "YX", (int64_t[]) { 1, 64 }, NULL, NULL, &stack, NULL), NULL);
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 2,
                           .coords = (int64_t[]) { 0, 24 },
                           .patch_size = (int64_t[]) { 1, 16 },
                           .view = { .data = out, .padding_mode = MT_PAD_REFLECT } };
    check_ok(mt_lateral_extract(&r, 1, 2, NULL, NULL, NULL), NULL); /* scale 1: from column 16 to 48 */
    for (int x = 0; x < 16; x++) {
        const int first = 16 + 2 * x - 2; /* of six pixels */
        if (20 >= first && 20 < first + 6)
            assert_true(isnan(out[1][x]));
        else
            assert_true(fabs((double)out[1][x] - 1) <= 1e-6);
    }
    mt_stack_close(stack);
}

static void no_patches_are_nothing(void **state)
{
    (void)state;
    float out[4] = { 7, 7, 7, 7 };
    mt_stack *stack = open_pixels(NULL, 2, NULL);
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 2,
                           .coords = (int64_t[]) { 0, 0 },
                           .patch_size = (int64_t[]) { 3, 3 },
                           .view = { .data = out, .padding_mode = MT_PAD_REFLECT } };
    check_ok(mt_lateral_extract(&r, 0, 3, NULL, NULL, NULL), NULL);
    assert_true(out[0] == 7);
    mt_stack_close(stack);
}

/* --- Pyramids. --- */

static mt_stack *open_level(const uint16_t *from, int ndim, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, from, MT_UINT16, ndim == 3 ? "CZYX" : "CYX", shape, NULL, "level", &stack, &err),
             &err);
    return stack;
}

static void use_levels(mt_stack *stack, mt_stack *const *levels, size_t n, mt_patch_request *r, int n_scales)
{
    mt_stack *other = open_level(&pixels[0][0][0][0][0], 2, (int64_t[]) { 1, 9, 9 });
    const mt_pyramid pyramids[] = { { .stack = other }, { .stack = stack, .levels = levels, .n_levels = n } };
    const mt_lateral_options options = { .struct_size = sizeof options, .pyramids = pyramids, .n_pyramids = 2 };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_lateral_extract(r, 1, n_scales, &options, NULL, &err), &err);
    mt_stack_close(other);
}

/* Levels with other pixels, so that it shows where each scale comes from. */
static void levels_replace_the_smoothing(void **state)
{
    (void)state;
    enum { LEVEL_SCALES = 4 };
    float out[LEVEL_SCALES][6][6], alone[6][6];
    const uint16_t *from = &pixels[0][0][0][0][0];
    mt_stack *full = open_level(from, 2, (int64_t[]) { 1, 61, 80 });
    mt_stack *levels[] = { open_level(from + 3000, 2, (int64_t[]) { 1, 20, 26 }),   /* by 3: not used */
                           open_level(from + 4000, 2, (int64_t[]) { 1, 15, 20 }),   /* by 4 */
                           open_level(from + 5000, 2, (int64_t[]) { 1, 31, 40 }),   /* by 2 */
                           open_level(from + 6000, 2, (int64_t[]) { 1, 61, 80 }) }; /* by 1: not used */
    mt_patch_request r = { .stack = full, .n_spatial = 2, .patch_size = (int64_t[]) { 6, 6 } };
    static const struct {
        int64_t coords[2], of_level[3][2]; /* the corners of scales 1 to 3, in levels 2, 1 and 1 of the list */
    } cases[] = {
        { { 31, 40 }, { { 14, 18 }, { 5, 8 }, { 2, 5 } } },  /* corners 28, 37 and 22, 31 and 10, 19 */
        { { 33, 43 }, { { 15, 20 }, { 6, 8 }, { 3, 5 } } },  /* corners 30, 40 and 24, 34 and 12, 22 */
        { { 0, 4 }, { { -2, 0 }, { -2, -1 }, { -5, -4 } } }, /* corners -3, 1 and -9, -5 and -21, -17 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r.coords = cases[i].coords;
        r.view = (mt_view) { .data = out, .padding_mode = MT_PAD_REFLECT };
        use_levels(full, levels, 4, &r, LEVEL_SCALES);
        mt_patch_request one = r;
        one.view.data = alone;
        check_ok(mt_extract_patches(&one, 1, NULL, NULL), NULL);
        assert_memory_equal(out[0], alone, sizeof alone);
        for (int k = 1; k < 3; k++) {
            one.stack = levels[3 - k];
            one.coords = cases[i].of_level[k - 1];
            check_ok(mt_extract_patches(&one, 1, NULL, NULL), NULL);
            assert_memory_equal(out[k], alone, sizeof alone);
        }
        /* Scale 3 is level 1, reduced by 2: the same as scale 1 of a patch of that level. */
        float both[2][6][6];
        const int64_t *corner = cases[i].of_level[2];
        one.stack = levels[1];
        one.coords = (int64_t[]) { corner[0] + 3, corner[1] + 3 };
        one.view.data = both;
        check_ok(mt_lateral_extract(&one, 1, 2, NULL, NULL, NULL), NULL);
        assert_memory_equal(out[3], both[1], sizeof both[1]);
    }
    for (int l = 0; l < 4; l++)
        mt_stack_close(levels[l]);
    mt_stack_close(full);
}

/* Planes of a level that is reduced along Y and X only are still smoothed along Z. */
static void a_level_may_be_reduced_along_some_axes(void **state)
{
    (void)state;
    float out[2][2][4][4], part[4][4][4];
    double values[64];
    int64_t shape[3] = { 4, 4, 4 };
    const uint16_t *from = &pixels[0][0][0][0][0];
    mt_stack *full = open_level(from, 3, (int64_t[]) { 1, 9, 16, 20 });
    mt_stack *level = open_level(from + 5000, 3, (int64_t[]) { 1, 9, 8, 10 });
    mt_patch_request r = { .stack = full,
                           .n_spatial = 3,
                           .coords = (int64_t[]) { 3, 6, 8 },
                           .patch_size = (int64_t[]) { 2, 4, 4 },
                           .view = { .data = out } };
    use_levels(full, &level, 1, &r, 2);
    r.stack = level;
    r.coords = (int64_t[]) { 2, 2, 3 };
    r.patch_size = shape;
    r.view.data = part;
    check_ok(mt_extract_patches(&r, 1, NULL, NULL), NULL);
    for (int i = 0; i < 64; i++)
        values[i] = (double)(&part[0][0][0])[i];
    reduce(values, shape, 0, 2);
    for (int i = 0; i < 32; i++)
        assert_true(fabs((double)(&out[1][0][0][0])[i] - values[i]) <= 1e-6 * 65535);
    mt_stack_close(full);
    mt_stack_close(level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_have_context),
        cmocka_unit_test(volumes_have_context),
        cmocka_unit_test(images_may_be_smaller_than_the_context),
        cmocka_unit_test(a_view_has_its_usual_meaning),
        cmocka_unit_test(nan_stays_where_the_filter_reaches),
        cmocka_unit_test(no_patches_are_nothing),
        cmocka_unit_test(levels_replace_the_smoothing),
        cmocka_unit_test(a_level_may_be_reduced_along_some_axes),
    };
    return cmocka_run_group_tests(tests, fill_pixels, NULL);
}
