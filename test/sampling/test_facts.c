/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts that tell patchings apart. */
#include "sampling/patching.h"
#include "sampling/sampling_support.h"

static const int64_t size_64[2] = { 64, 64 };

/* The first fact in which two patchings differ, or NULL. */
static const char *difference(mt_patching *a, mt_patching *b)
{
    mt_fact x[MT_PATCHING_FACTS], y[MT_PATCHING_FACTS];
    mt_patching_fingerprint(a, x);
    mt_patching_fingerprint(b, y);
    for (int i = 0; i < MT_PATCHING_FACTS; i++) {
        assert_string_equal(x[i].name, y[i].name);
        if (strcmp(x[i].value, y[i].value) != 0)
            return x[i].name;
    }
    return NULL;
}

static void facts_tell_patchings_apart(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    const int64_t shape[2] = { 256, 192 }, other_shape[2] = { 192, 256 }, size_32[2] = { 32, 32 };
    const int64_t overlaps[2][2] = { { 16, 16 }, { 16, 0 } };
    const mt_patch_spec box = { .patch_size = { 1, 1 } };
    const double ones[12] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    mt_patching *one = new_patching("stratified", 2, shape, size_64, NULL);
    struct {
        mt_patching *other;
        const char *fact;
    } others[] = {
        { new_patching("stratified", 2, shape, size_64, NULL), NULL },
        { new_patching("random", 2, shape, size_64, NULL), "strategy" },
        { new_patching("stratified", 2, shape, size_32, NULL), "patch size" },
        { new_patching("stratified", 2, other_shape, size_64, NULL), "digest of the shapes" },
        { new_patching("stratified", 2, shape, size_64, NULL), "number of patches" },
        { new_patching("stratified", 2, shape, size_64, NULL), "digest of weights, exclusions and given patches" },
    };
    check_ok(mt_patching_exclude(others[4].other, &box, 1, &err), &err);
    check_ok(mt_patching_weigh(others[5].other, 0, 0, ones, 12, &err), &err);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const char *fact = difference(one, others[i].other);
        if (others[i].fact)
            assert_string_equal(fact, others[i].fact);
        else
            assert_null(fact);
        mt_patching_free(others[i].other);
    }
    mt_patching_free(one);
    mt_patching *tiles[2] = { new_patching("tiled", 2, shape, size_64, overlaps[0]),
                              new_patching("tiled", 2, shape, size_64, overlaps[1]) };
    assert_string_equal(difference(tiles[0], tiles[1]), "overlap");
    mt_fact facts[MT_PATCHING_FACTS];
    mt_patching_fingerprint(tiles[0], facts);
    assert_string_equal(facts[2].value, "64x64");
    assert_string_equal(facts[3].value, "16x16");
    mt_patching_free(tiles[0]);
    mt_patching_free(tiles[1]);
}

/* The size of whole samples, or zeros if they have several. */
static void sizes_of_whole_samples(void **state)
{
    (void)state;
    static const int64_t sizes[3][2] = { { 20, 30 }, { 20, 30 }, { 20, 31 } };
    static const char *const expected[3] = { "20x30", "20x30", "0x0" };
    mt_stack *stacks[3];
    for (int i = 0; i < 3; i++)
        stacks[i] = new_stack(NULL, "YX", sizes[i]);
    for (size_t n = 1; n <= 3; n++) {
        const mt_patching_options options = { .struct_size = sizeof options, .strategy = "whole" };
        mt_fact facts[MT_PATCHING_FACTS];
        mt_patching *patching;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_patching_new(stacks, n, &options, &patching, &err), &err);
        mt_patching_fingerprint(patching, facts);
        assert_string_equal(facts[2].value, expected[n - 1]);
        mt_patching_free(patching);
    }
    for (int i = 0; i < 3; i++)
        mt_stack_close(stacks[i]);
}

static mt_patching *new_aligned(const int64_t *align)
{
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    mt_stack *stack = new_stack(NULL, "ZYX", (int64_t[]) { 16, 64, 64 });
    const mt_patching_options options = { .struct_size = sizeof options,
                                          .strategy = "tiled",
                                          .patch_size = (int64_t[]) { 8, 16, 16 },
                                          .n_spatial = 3,
                                          .align = align };
    check_ok(mt_patching_new(&stack, 1, &options, &patching, &err), &err);
    mt_stack_close(stack);
    return patching;
}

static void digests_of_aligned_tiles(void **state)
{
    (void)state;
    static const char digest[] = "digest of weights, exclusions and given patches";
    static const int64_t aligns[][3] = { { 1, 1, 1 }, { 2, 1, 1 }, { 1, 2, 1 }, { 1, 1, 2 }, { 2, 2, 2 } };
    mt_patching *tiles[5];
    for (int i = 0; i < 5; i++) {
        tiles[i] = new_aligned(aligns[i]);
        for (int k = 0; k < i; k++)
            assert_string_equal(difference(tiles[i], tiles[k]), digest);
    }
    mt_patching *plain = new_aligned(NULL), *random = new_patching("random", 2, size_64, size_64, NULL);
    assert_null(difference(plain, tiles[0]));
    mt_fact facts[2][MT_PATCHING_FACTS];
    mt_patching_fingerprint(plain, facts[0]);
    mt_patching_fingerprint(random, facts[1]);
    assert_string_equal(facts[0][10].value, facts[1][10].value); /* as before there was an alignment */
    mt_patching_free(plain);
    mt_patching_free(random);
    for (int i = 0; i < 5; i++)
        mt_patching_free(tiles[i]);
}

static void digests_of_given_patches(void **state)
{
    (void)state;
    enum { N = 9 };
    static const mt_patch_spec first = {
        .patch_size = { 4, 4 }, .crop_size = { 2, 2 }, .stitch_coords = { 1, 1 }, .total_tiles = 3
    };
    mt_patch_spec second[N];
    mt_patching *patchings[N];
    mt_stack *stacks[2] = { new_stack(NULL, "TYX", (int64_t[]) { 2, 9, 9 }),
                            new_stack(NULL, "TYX", (int64_t[]) { 2, 9, 9 }) };
    for (int i = 0; i < N; i++)
        second[i] = first;
    second[1].stack = second[2].sample = 1;
    second[3].coords[1] = 1;
    second[4].patch_size[1] = 5;
    second[5].crop_coords[0] = 2;
    second[6].crop_size[0] = 3;
    second[7].stitch_coords[1] = 0;
    second[8].total_tiles = 4;
    for (int i = 0; i < N; i++) {
        const mt_patch_spec specs[] = { first, second[i] };
        const mt_patching_options options = {
            .struct_size = sizeof options, .strategy = "coords", .specs = specs, .n_specs = 2
        };
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_patching_new(stacks, 2, &options, &patchings[i], &err), &err);
        for (int k = 0; k < i; k++)
            assert_non_null(difference(patchings[i], patchings[k]));
        assert_null(difference(patchings[i], patchings[i]));
    }
    for (int i = 0; i < N; i++)
        mt_patching_free(patchings[i]);
    mt_stack_close(stacks[0]);
    mt_stack_close(stacks[1]);
}

/* The digest of weights is kept once they cannot change, and not before. */
static void facts_follow_changes_until_they_are_final(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    const double weights[4] = { 0.5, 1, 1, 1 }, ones[4] = { 1, 1, 1, 1 };
    mt_patching *pair[2];
    for (int i = 0; i < 2; i++) {
        pair[i] = new_patching("stratified", 2, (int64_t[]) { 128, 128 }, size_64, NULL);
        check_ok(mt_patching_weigh(pair[i], 0, 0, ones, 4, &err), &err);
    }
    assert_null(difference(pair[0], pair[1]));
    check_ok(mt_patching_weigh(pair[0], 0, 0, weights, 4, &err), &err);
    mt_patching_freeze(pair[0]);
    for (int i = 0; i < 2; i++)
        assert_string_equal(difference(pair[0], pair[1]), "digest of weights, exclusions and given patches");
    check_ok(mt_patching_weigh(pair[1], 0, 0, weights, 4, &err), &err);
    mt_patching_freeze(pair[1]);
    for (int i = 0; i < 2; i++)
        assert_null(difference(pair[0], pair[1]));
    mt_patching_free(pair[0]);
    mt_patching_free(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_tell_patchings_apart),
        cmocka_unit_test(sizes_of_whole_samples),
        cmocka_unit_test(digests_of_aligned_tiles),
        cmocka_unit_test(digests_of_given_patches),
        cmocka_unit_test(facts_follow_changes_until_they_are_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
