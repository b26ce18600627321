/* SPDX-License-Identifier: BSD-3-Clause */
/* The place of a rank in an epoch: the patches of its batches, and where it continues. */
#include "loader_support.h"

/* The patches of a rank that are given again fill its last batch, as often as needed. */
static void patches_fill_a_batch(void **state)
{
    (void)state;
    static const struct {
        uint64_t world, rank, round, positions[8], start; /* start: the batch at which the epoch continues */
    } cases[] = {
        { 2, 0, 0, { 16, 17, 18, 19, 20, 21, 22, 23 }, 4 },
        { 2, 1, 0, { 101, 102, 103, 104, 105, 106, 107, 108 }, 4 },
        { 2, 1, 8, { 165, 166, 167, 168, 85, 86, 87, 88 }, 4 },
        { 1, 0, 21, { 168, 0, 1, 2, 3, 4, 5, 6 } },
        { 2, 0, 10, { 80, 81, 82, 83, 84, 0, 1, 2 } },
        { 2, 1, 10, { 165, 166, 167, 168, 85, 86, 87, 88 } },
        { 60, 0, 0, { 0, 1, 2, 0, 1, 2, 0, 1 } },
        { 60, 59, 0, { 167, 168, 167, 168, 167, 168, 167, 168 } },
    };
    set s;
    open_set(&s, 1, "random");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t positions[8];
        size_t n;
        mt_error err = MT_ERROR_INIT;
        mt_loader_options options = options_of();
        options.world_size = cases[i].world;
        options.rank = cases[i].rank;
        options.locality_rank = 1;
        options.uneven = MT_UNEVEN_PAD;
        mt_loader *loader = new_loader(&s, &options);
        check_ok(mt_loader_seek(loader, 0, cases[i].start, &err), &err);
        check_ok(mt_loader_positions(loader, cases[i].round, positions, &n, &err), &err);
        assert_int_equal(n, 8);
        assert_memory_equal(positions, cases[i].positions, sizeof positions);
        mt_loader_free(loader);
    }
    close_set(&s);
}

/* Ranks with windows of their own continue at the same round; others at any batch. The place is told after each batch. */
static void places_in_an_epoch(void **state)
{
    (void)state;
    static const struct {
        uint64_t world, batch;
        int locality;
        bool is_place;
    } cases[] = {
        { 1, 3, 0, true },  { 1, 3, 1, true }, { 2, 3, 0, true },
        { 2, 3, 1, false }, { 2, 4, 1, true }, { 3, 4, 1, false },
    };
    set s;
    open_set(&s, 1, "random");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t epoch, batch;
        mt_error err = MT_ERROR_INIT;
        mt_loader_options options = options_of();
        options.world_size = cases[i].world;
        options.locality_rank = cases[i].locality;
        mt_loader *loader = new_loader(&s, &options);
        const mt_status st = mt_loader_seek(loader, 5, cases[i].batch, &err);
        if (!cases[i].is_place)
            check_failed(st, MT_E_ARGUMENT, &err, "epoch 5, of 169 patches in batches of 8 for ");
        else
            check_ok(st, &err);
        for (uint64_t n = 0; n < 3 && cases[i].is_place; n++) {
            mt_loader_tell(loader, &epoch, &batch);
            assert_int_equal(epoch, 5);
            assert_int_equal(batch, cases[i].batch + n * cases[i].world);
            mt_batch_release(next(loader));
        }
        mt_loader_free(loader);
    }
    close_set(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_fill_a_batch),
        cmocka_unit_test(places_in_an_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
