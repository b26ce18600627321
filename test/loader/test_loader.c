/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches of a loader: their pixels, their order, and that they depend on the plan alone. */
#include "loader_support.h"

/* Pixel (y, x) of a patch that a symmetry puts at (row, column). */
static void find_source(uint8_t symmetry, int row, int column, int *y, int *x)
{
    *y = symmetry & 4 ? column : row;
    *x = symmetry & 4 ? row : column;
    *y = symmetry & 1 ? PATCH - 1 - *y : *y;
    *x = symmetry & 2 ? PATCH - 1 - *x : *x;
}

static void check_pixels(const mt_batch *batch)
{
    const float *input = batch->arrays[0].data;
    const uint16_t *target = batch->arrays[1].data;
    assert_int_equal((uintptr_t)input % 64 + (uintptr_t)target % 64, 0);
    for (size_t j = 0; j < batch->n; j++)
        for (int row = 0; row < PATCH; row++)
            for (int column = 0; column < PATCH; column++) {
                int y, x;
                find_source(batch->symmetries[j], row, column, &y, &x);
                y += (int)batch->specs[j].coords[0];
                x += (int)batch->specs[j].coords[1];
                size_t at = (size_t)(row * PATCH + column);
                assert_int_equal(target[j * PATCH * PATCH + at], labels[y][x]);
                assert_true(input[j * PATCH * PATCH + at] == (float)pixels[1][y][x] * 0.5F + 3);
            }
}

static void a_batch_holds_the_pixels_of_its_patches(void **state)
{
    (void)state;
    static const unsigned augments[] = { 0, MT_AUGMENT_FLIP, MT_AUGMENT_FLIP | MT_AUGMENT_ROTATE90, MT_AUGMENT_D4 };
    set s;
    open_set(&s, 2, "random");
    const float scale = 0.5F, offset = 3;
    const int64_t channel = 1;
    mt_loader_array arrays[2] = {
        { .channels = &channel, .n_channels = 1, .view = { .scale = &scale, .offset = &offset } },
        { .stacks = &s.target, .view = { .dtype = MT_UINT16 } }
    };
    for (size_t i = 0; i < sizeof augments / sizeof *augments; i++) {
        mt_loader_options options = options_of();
        options.arrays = arrays;
        options.n_arrays = 2;
        options.augment = augments[i];
        mt_loader *loader = new_loader(&s, &options);
        unsigned seen = 0;
        for (mt_batch *batch; (batch = next(loader)); mt_batch_release(batch)) {
            assert_int_equal(batch->n_arrays, 2);
            assert_int_equal(batch->arrays[0].dtype, MT_FLOAT32);
            assert_memory_equal(batch->arrays[0].shape, ((int64_t[]) { BATCH, 1, PATCH, PATCH }), 4 * sizeof(int64_t));
            check_pixels(batch);
            for (size_t j = 0; j < batch->n; j++)
                seen |= 1U << batch->symmetries[j];
        }
        assert_int_equal(seen, augments[i] == 0 ? 1 : augments[i] == MT_AUGMENT_FLIP ? 7 : 255);
        mt_loader_free(loader);
    }
    close_set(&s);
}

/* chi^2 with 7 degrees of freedom exceeds 30 with a probability below 1e-4; the numbers are fixed. */
static void the_eight_symmetries_are_equally_likely(void **state)
{
    (void)state;
    set s;
    open_set(&s, 1, "random");
    mt_loader_options options = options_of();
    options.augment = MT_AUGMENT_D4;
    mt_loader *loader = new_loader(&s, &options);
    double counts[8] = { 0 }, total = 0, chi2 = 0;
    for (int epoch = 0; epoch < 40; epoch++)
        for (mt_batch *batch; (batch = next(loader)); mt_batch_release(batch))
            for (size_t j = 0; j < batch->n; j++, total++)
                counts[batch->symmetries[j]]++;
    for (int i = 0; i < 8; i++)
        chi2 += (counts[i] - total / 8) * (counts[i] - total / 8) / (total / 8);
    assert_true(chi2 < 30);
    mt_loader_free(loader);
    close_set(&s);
}

/* Counts the symmetries of 40 epochs of 168 patches. */
static void count_symmetries(unsigned augment, double flip, double rotate, int counts[8])
{
    set s;
    open_set(&s, 1, "random");
    mt_loader_options options = options_of();
    options.augment = augment;
    options.flip_probability = flip;
    options.rotate_probability = rotate;
    mt_loader *loader = new_loader(&s, &options);
    memset(counts, 0, 8 * sizeof *counts);
    for (int epoch = 0; epoch < 40; epoch++)
        for (mt_batch *batch; (batch = next(loader)); mt_batch_release(batch))
            for (size_t j = 0; j < batch->n; j++)
                counts[batch->symmetries[j]]++;
    mt_loader_free(loader);
    close_set(&s);
}

/* Within 5 standard deviations of the expectation of n draws; the numbers are fixed. */
static void assert_share(int count, double p, double n)
{
    double deviation = (double)count - p * n;
    assert_true(deviation * deviation <= 25 * p * (1 - p) * n);
}

static void flips_and_turns_have_their_probabilities(void **state)
{
    (void)state;
    const double n = 40 * 168;
    int counts[8];
    count_symmetries(MT_AUGMENT_FLIP, 0.3, 0, counts);
    assert_share(counts[0], 0.7, n);
    assert_share(counts[1], 0.15, n);
    assert_share(counts[2], 0.15, n);
    count_symmetries(MT_AUGMENT_FLIP_Y, 0.3, 0, counts);
    assert_share(counts[1], 0.3, n);
    assert_int_equal(counts[0] + counts[1], n);
    count_symmetries(MT_AUGMENT_FLIP_X, 1, 0, counts);
    assert_int_equal(counts[2], n);
    count_symmetries(MT_AUGMENT_ROTATE90, 0, 0.9, counts);
    assert_share(counts[0], 0.1, n);
    assert_share(counts[3], 0.3, n); /* half a turn */
    assert_share(counts[5], 0.3, n);
    assert_share(counts[6], 0.3, n);
    count_symmetries(MT_AUGMENT_FLIP_X | MT_AUGMENT_ROTATE90, 1, 1, counts);
    assert_int_equal(counts[1] + counts[4] + counts[7], n); /* the reflections but for that of X */
}

/* Marks the patches of the rest of an epoch; fails if one comes twice. */
static void mark_epoch(mt_loader *loader, uint8_t *seen)
{
    for (mt_batch *batch; (batch = next(loader)); mt_batch_release(batch))
        for (size_t j = 0; j < batch->n - batch->n_repeated; j++) {
            assert_int_equal(seen[batch->indices[j]], 0);
            seen[batch->indices[j]] = 1;
        }
}

static void an_epoch_has_each_patch_once(void **state)
{
    (void)state;
    set s;
    open_set(&s, 2, "random");
    uint64_t n = mt_patching_count(s.patching); /* 13 * 13 = 169: 21 batches of 8, and 1 patch */
    for (int uneven = MT_UNEVEN_DROP; uneven <= MT_UNEVEN_PAD; uneven++)
        for (int order = 0; order < 3; order++) {
            uint8_t seen[169] = { 0 };
            mt_loader_options options = options_of();
            options.uneven = uneven;
            options.window = order == 0 ? 3 : MT_WINDOW_ALL;
            options.in_order = order == 2;
            mt_loader *loader = new_loader(&s, &options);
            assert_int_equal(mt_loader_count(loader), uneven == MT_UNEVEN_DROP ? 21 : 22);
            mark_epoch(loader, seen);
            uint64_t total = 0;
            for (uint64_t i = 0; i < n; i++)
                total += seen[i];
            assert_int_equal(total, uneven == MT_UNEVEN_DROP ? 168 : 169);
            mt_loader_free(loader);
        }
    close_set(&s);
}

/* The ranks together see exactly the epoch, in equally many steps. */
static void ranks_share_an_epoch(void **state)
{
    (void)state;
    set s;
    open_set(&s, 2, "random");
    for (uint64_t world = 1; world <= 7; world++)
        for (int locality = 0; locality < 2; locality++)
            for (int uneven = MT_UNEVEN_DROP; uneven <= MT_UNEVEN_PAD; uneven++) {
                uint8_t seen[169] = { 0 };
                uint64_t count = 0, total = 0;
                mt_loader *loader = NULL;
                mt_status st = MT_OK;
                for (uint64_t rank = 0; rank < world && !st; rank++) {
                    mt_loader_options options = options_of();
                    options.batch_size = 5;
                    options.rank = rank;
                    options.world_size = world;
                    options.locality_rank = locality;
                    options.uneven = uneven;
                    if ((st = mt_loader_new(s.patching, &options, &loader, NULL)))
                        continue;
                    if (rank == 0)
                        count = mt_loader_count(loader);
                    assert_int_equal(mt_loader_count(loader), count);
                    mark_epoch(loader, seen);
                    mt_loader_free(loader);
                }
                if (st) { /* too few patches are left for a round */
                    assert_int_equal(uneven, MT_UNEVEN_SHORT);
                    assert_true(locality ? 169 / world % 5 == 0 : 169 % (5 * world) < world);
                    continue;
                }
                for (int i = 0; i < 169; i++)
                    total += seen[i];
                if (uneven != MT_UNEVEN_DROP)
                    assert_int_equal(total, 169);
                else
                    assert_int_equal(total, count * world * 5);
            }
    close_set(&s);
}

/* From the batch at which the loader stands to the end of the epoch. */
static void check_positions(mt_loader *loader)
{
    const uint64_t rounds = mt_loader_count(loader);
    uint64_t positions[5], round = 0;
    size_t n;
    assert_int_equal(mt_loader_positions(loader, rounds, positions, &n, NULL), MT_E_RANGE);
    for (mt_batch *batch; (batch = next(loader)); mt_batch_release(batch), round++) {
        mt_batch *read;
        assert_int_equal(mt_loader_positions(loader, round, positions, &n, NULL), MT_OK);
        assert_int_equal(n, batch->n);
        assert_int_equal(mt_loader_read(loader, batch->epoch, positions, n, NULL, &read, NULL), MT_OK);
        assert_memory_equal(read->indices, batch->indices, n * sizeof *batch->indices);
        mt_batch_release(read);
    }
    assert_int_equal(round, rounds);
}

static void positions_are_those_of_the_batches(void **state)
{
    (void)state;
    set s;
    open_set(&s, 2, "random");
    for (int uneven = MT_UNEVEN_DROP; uneven <= MT_UNEVEN_PAD; uneven++)
        for (int locality = 0; locality < 2; locality++) {
            mt_loader_options options = options_of();
            options.batch_size = 5;
            options.rank = 2;
            options.world_size = 3;
            options.locality_rank = locality;
            options.uneven = uneven;
            mt_loader *loader = new_loader(&s, &options);
            check_positions(loader);
            assert_int_equal(mt_loader_seek(loader, 4, 6, NULL), MT_OK);
            check_positions(loader);
            mt_loader_free(loader);
        }
    close_set(&s);
}

static void batches_are_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    static const unsigned threads[] = { 1, 2, 7 };
    uint64_t expected[3][MOST], digests[MOST];
    for (size_t t = 0; t < 3; t++)
        for (size_t prefetch = 1; prefetch <= 5; prefetch += 2) {
            set s;
            open_set(&s, threads[t], "random");
            mt_loader_options options = options_of();
            options.prefetch = prefetch;
            options.augment = MT_AUGMENT_D4;
            mt_loader *loader = new_loader(&s, &options);
            for (int epoch = 0; epoch < 3; epoch++) {
                bool is_first = t == 0 && prefetch == 1;
                size_t n = digest_epoch(loader, is_first ? expected[epoch] : digests);
                assert_int_equal(n, 21);
                if (!is_first)
                    assert_memory_equal(digests, expected[epoch], n * sizeof *digests);
            }
            mt_loader_free(loader);
            close_set(&s);
        }
    assert_memory_not_equal(expected[0], expected[1], 21 * sizeof **expected);
}

static void a_loader_resumes_at_any_batch(void **state)
{
    (void)state;
    set s;
    uint64_t expected[MOST], digests[MOST], epoch, batch;
    open_set(&s, 2, "random");
    mt_loader_options options = options_of();
    mt_loader *loader = new_loader(&s, &options);
    assert_int_equal(mt_loader_seek(loader, 1, 0, NULL), MT_OK);
    size_t n = digest_epoch(loader, expected);
    for (size_t at = 0; at <= n; at++) {
        assert_int_equal(mt_loader_seek(loader, 1, at, NULL), MT_OK);
        mt_loader_tell(loader, &epoch, &batch);
        assert_int_equal(epoch, at == n ? 2 : 1);
        assert_int_equal(batch, at == n ? 0 : at);
        assert_int_equal(digest_epoch(loader, digests), n - at);
        assert_memory_equal(digests, expected + at, (n - at) * sizeof *digests);
        mt_loader_tell(loader, &epoch, &batch);
        assert_int_equal(epoch, 2);
        assert_int_equal(batch, 0);
    }
    mt_error err;
    assert_int_equal(mt_loader_seek(loader, 0, 22, &err), MT_E_ARGUMENT);
    mt_loader_free(loader);
    close_set(&s);
}

/* Three ranks take two steps; two ranks continue. Every batch is that of a single process. */
static void another_number_of_ranks_continues(void **state)
{
    (void)state;
    set s;
    uint64_t expected[MOST];
    open_set(&s, 2, "random");
    mt_loader_options options = options_of();
    mt_loader *loader = new_loader(&s, &options);
    size_t n = digest_epoch(loader, expected), seen = 0;
    mt_loader_free(loader);
    for (int phase = 0; phase < 2; phase++) {
        options.world_size = phase == 0 ? 3 : 2;
        for (options.rank = 0; options.rank < options.world_size; options.rank++) {
            loader = new_loader(&s, &options);
            assert_int_equal(mt_loader_seek(loader, 0, phase == 0 ? 0 : 6, NULL), MT_OK);
            mt_batch *one;
            for (int step = 0; (phase == 1 || step < 2) && (one = next(loader)); step++, seen++) {
                assert_int_equal(digest(one), expected[one->number]);
                mt_batch_release(one);
            }
            mt_loader_free(loader);
        }
    }
    assert_int_equal(seen, 6 + (n - 6) / 2 * 2);
    close_set(&s);
}

static void positions_can_be_read_in_any_batches(void **state)
{
    (void)state;
    set s;
    open_set(&s, 2, "random");
    mt_loader_options options = options_of();
    mt_loader *loader = new_loader(&s, &options);
    for (uint64_t first = 0; first < 160; first += 8) {
        mt_batch *batch = next(loader), *read;
        uint64_t positions[8];
        for (uint64_t i = 0; i < 8; i++)
            positions[i] = first + i;
        assert_int_equal(mt_loader_read(loader, 0, positions, 8, NULL, &read, NULL), MT_OK);
        assert_memory_equal(read->indices, batch->indices, 8 * sizeof *read->indices);
        assert_memory_equal(read->arrays[0].data, batch->arrays[0].data, 8 * CHANNELS * PATCH * PATCH * sizeof(float));
        mt_batch_release(read);
        mt_batch_release(batch);
    }
    uint64_t outside = 169;
    mt_batch *none;
    assert_int_equal(mt_loader_read(loader, 0, &outside, 1, NULL, &none, NULL), MT_E_RANGE);
    mt_loader_free(loader);
    close_set(&s);
}

/* Images of one block, whose patches need not be drawn to be ordered, between images of several. The same patches as a
 * list, of which nothing is known, come in the same order. */
static void small_and_large_images_are_ordered_alike(void **state)
{
    (void)state;
    enum { IMAGES = 7, ROOM = 1000 };
    static mt_patch_spec specs[ROOM];
    set s;
    mt_stack *stacks[IMAGES];
    mt_patching *drawn, *listed;
    open_set(&s, 2, "stratified");
    for (int i = 0; i < IMAGES; i++) {
        int64_t side = i % 3 == 1 ? SIDE : 70 + 9 * i;
        assert_int_equal(mt_stack_from_array(s.context, labels, MT_UINT16, "YX", (int64_t[]) { side, side },
                                             (int64_t[]) { SIDE * 2, 2 }, "image", &stacks[i], NULL),
                         MT_OK);
    }
    mt_patching_options po = {
        .struct_size = sizeof po, .strategy = "stratified", .patch_size = patch_size, .n_spatial = 2, .seed = 7
    };
    assert_int_equal(mt_patching_new(stacks, IMAGES, &po, &drawn, NULL), MT_OK);
    uint64_t n = mt_patching_count(drawn);
    assert_true(n < ROOM);
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(mt_patching_get(drawn, 0, i, 0, &specs[i], NULL), MT_OK);
    po = (mt_patching_options) { .struct_size = sizeof po, .strategy = "coords", .specs = specs, .n_specs = (size_t)n };
    assert_int_equal(mt_patching_new(stacks, IMAGES, &po, &listed, NULL), MT_OK);
    mt_loader_options options = options_of();
    mt_loader *a, *b;
    assert_int_equal(mt_loader_new(drawn, &options, &a, NULL), MT_OK);
    assert_int_equal(mt_loader_new(listed, &options, &b, NULL), MT_OK);
    uint64_t in_order = 0, count = 0;
    for (mt_batch *x, *y; (x = next(a)); mt_batch_release(x), mt_batch_release(y)) {
        assert_non_null(y = next(b));
        assert_memory_equal(x->indices, y->indices, x->n * sizeof *x->indices);
        for (size_t i = 0; i < x->n; i++)
            in_order += x->indices[i] == count++;
    }
    assert_true(in_order < n / 4);
    mt_loader_free(a);
    mt_loader_free(b);
    mt_patching_free(drawn);
    mt_patching_free(listed);
    for (int i = 0; i < IMAGES; i++)
        mt_stack_close(stacks[i]);
    close_set(&s);
}

/* The noise of a patch is the same in any batch, and does not touch the target. */
static void noise_follows_from_the_patch(void **state)
{
    (void)state;
    set s;
    open_set(&s, 2, "random");
    const double photons[CHANNELS] = { 0.5, 2 };
    const mt_noise_options noise = { .struct_size = sizeof noise, .gaussian = 3, .photon_scale = photons };
    mt_loader_array arrays[2] = { { 0 }, { 0 } };
    mt_loader_options options = options_of();
    options.arrays = arrays;
    options.n_arrays = 2;
    options.noise = &noise;
    mt_loader *loader = new_loader(&s, &options);
    for (uint64_t first = 0; first < 160; first += BATCH) {
        mt_batch *batch = next(loader), *one;
        const float *noisy = batch->arrays[0].data, *clean = batch->arrays[1].data;
        const size_t each = (size_t)CHANNELS * PATCH * PATCH;
        uint64_t position = first + 3;
        assert_int_equal(mt_loader_read(loader, 0, &position, 1, NULL, &one, NULL), MT_OK);
        assert_memory_equal(one->arrays[0].data, noisy + 3 * each, each * sizeof *noisy);
        double sum = 0;
        for (size_t i = 0; i < each; i++)
            sum += fabs((double)noisy[i] - (double)clean[i]);
        assert_true(sum / (double)each > 2);
        for (int y = 0; y < PATCH; y++)
            for (int x = 0; x < PATCH; x++)
                assert_true(clean[y * PATCH + x] ==
                            pixels[0][batch->specs[0].coords[0] + y][batch->specs[0].coords[1] + x]);
        mt_batch_release(one);
        mt_batch_release(batch);
    }
    mt_loader_free(loader);
    close_set(&s);
}

static void check_refusal(const set *s, const mt_loader_options *options, mt_status status, const char *message)
{
    mt_loader *loader = NULL;
    mt_error err;
    assert_int_equal(mt_loader_new(s->patching, options, &loader, &err), status);
    assert_string_equal(err.message, message);
    assert_null(loader);
}

static void what_does_not_fit_together_is_refused(void **state)
{
    (void)state;
    set s;
    mt_stack *other;
    open_set(&s, 1, "random");
    assert_int_equal(mt_stack_from_array(s.context, labels, MT_UINT16, "YX", (int64_t[]) { SIDE, SIDE - 1 }, NULL,
                                         "other", &other, NULL),
                     MT_OK);
    mt_loader_array arrays[2] = { { 0 }, { .stacks = &other } };
    mt_loader_options options = options_of();
    options.arrays = arrays;
    options.n_arrays = 2;
    check_refusal(&s, &options, MT_E_ARGUMENT,
                  "target 1: other has a shape (samples and spatial axes) of 1 x 400 x 399, image of 1 x 400 x 400");
    options = options_of();
    options.batch_size = 170;
    check_refusal(
        &s, &options, MT_E_ARGUMENT,
        "an epoch has 169 patches, fewer than a batch of 170 for each of 1 ranks; make smaller batches, or do "
        "not drop the last ones");
    options = options_of();
    options.rank = 2;
    options.world_size = 2;
    check_refusal(&s, &options, MT_E_ARGUMENT, "rank 2 of 2: ranks are counted from 0");
    options.rank = 0;
    options.world_size = 170;
    options.locality_rank = 1;
    options.uneven = MT_UNEVEN_PAD;
    check_refusal(&s, &options, MT_E_ARGUMENT, "169 patches are too few for windows of 170 ranks");
    options = options_of();
    options.augment = MT_AUGMENT_D4 | MT_AUGMENT_FLIP;
    check_refusal(&s, &options, MT_E_ARGUMENT, "\"d4\" contains flips and quarter turns and is not combined with them");
    options.augment = MT_AUGMENT_FLIP_X | MT_AUGMENT_FLIP;
    check_refusal(&s, &options, MT_E_ARGUMENT, "only one of the flips \"flip\", \"flip_y\" and \"flip_x\" is possible");
    options.augment = MT_AUGMENT_FLIP_X;
    options.flip_probability = 1.5;
    check_refusal(&s, &options, MT_E_ARGUMENT, "flip_probability is 1.5, not from 0 to 1");
    options.flip_probability = 0;
    options.rotate_probability = -0.5;
    check_refusal(&s, &options, MT_E_ARGUMENT, "rotate_probability is -0.5, not from 0 to 1");
    arrays[1] = (mt_loader_array) { .stacks = &s.target, .view = { .dtype = MT_UINT8 } };
    options = options_of();
    options.arrays = arrays;
    options.n_arrays = 2;
    check_refusal(&s, &options, MT_E_ARGUMENT,
                  "target 1: labels holds uint16 and cannot be loaded as uint8; load float32");
    mt_stack_close(other);
    close_set(&s);
}

/* Patches of several sizes, none of them square. */
static void only_square_patches_are_turned(void **state)
{
    (void)state;
    set s;
    mt_error err = MT_ERROR_INIT;
    open_set(&s, 1, "random");
    mt_patching_free(s.patching);
    const mt_patch_spec specs[] = { { .patch_size = { 20, 30 } }, { .patch_size = { 30, 20 } } };
    mt_patching_options given = { .struct_size = sizeof given, .strategy = "coords", .specs = specs, .n_specs = 2 };
    mt_loader_options options = options_of();
    options.batch_size = 1;
    options.augment = MT_AUGMENT_ROTATE90;
    check_ok(mt_patching_new(&s.stack, 1, &given, &s.patching, &err), &err);
    check_refusal(&s, &options, MT_E_ARGUMENT, "some patches are not square (Y, X) and cannot be turned");
    mt_patching_free(s.patching);
    given.n_specs = 1;
    check_ok(mt_patching_new(&s.stack, 1, &given, &s.patching, &err), &err);
    check_refusal(&s, &options, MT_E_ARGUMENT, "patches of 20 x 30 pixels (Y, X) are not square and cannot be turned");
    close_set(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_holds_the_pixels_of_its_patches),
        cmocka_unit_test(the_eight_symmetries_are_equally_likely),
        cmocka_unit_test(flips_and_turns_have_their_probabilities),
        cmocka_unit_test(an_epoch_has_each_patch_once),
        cmocka_unit_test(ranks_share_an_epoch),
        cmocka_unit_test(positions_are_those_of_the_batches),
        cmocka_unit_test(batches_are_the_same_for_any_number_of_threads),
        cmocka_unit_test(a_loader_resumes_at_any_batch),
        cmocka_unit_test(another_number_of_ranks_continues),
        cmocka_unit_test(positions_can_be_read_in_any_batches),
        cmocka_unit_test(small_and_large_images_are_ordered_alike),
        cmocka_unit_test(noise_follows_from_the_patch),
        cmocka_unit_test(what_does_not_fit_together_is_refused),
        cmocka_unit_test(only_square_patches_are_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
