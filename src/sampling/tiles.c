/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches on a grid: "sequential" and "tiled" (CAREamics' SequentialPatching and TiledPatching). Each axis has its own
 * tiles; those of an image are all combinations, in row-major order. */
#include "base/checked.h"
#include "sampling/patching.h"

/* One tile along an axis. */
typedef struct tile {
    int64_t at, crop_at, crop_size, stitch_at;
} tile;

static int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0); }

/* The number of tiles along an axis. The first tile and the last one keep their outer halves of the overlap. */
static int64_t count_along(const mt_patching *p, size_t stack, size_t axis)
{
    const int64_t size = mt_patching_shape(p, stack)[axis], patch = p->patch_size[axis], overlap = p->overlap[axis];
    return size <= patch ? 1 : divide_up(size - overlap, patch - overlap);
}

static int64_t round_up(int64_t value, int64_t multiple) { return divide_up(value, multiple) * multiple; }

/* Crops meet in the middle of the overlap of two tiles. The last tile is moved inside, so its overlap is larger; it keeps
 * what the others leave. */
static tile tile_along(const mt_patching *p, size_t stack, size_t axis, int64_t i)
{
    const int64_t size = mt_patching_shape(p, stack)[axis], patch = p->patch_size[axis], overlap = p->overlap[axis];
    const int64_t begin = i * (patch - overlap), last = count_along(p, stack, axis) - 1;
    const int64_t end = round_up(mt_max_i64(size - patch, 0), p->align[axis]);
    tile t = { .at = i < last ? begin : end, .stitch_at = i ? begin + overlap / 2 : 0 };
    t.crop_at = t.stitch_at - t.at;
    t.crop_size = (i < last ? begin + patch - overlap / 2 : size) - t.stitch_at;
    return t;
}

static mt_status take_overlap(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    for (size_t i = 0; options->overlap && i < p->n_spatial; i++) {
        p->overlap[i] = options->overlap[i];
        if (p->overlap[i] < 0 || p->overlap[i] >= p->patch_size[i])
            return mt_fail(err, MT_E_ARGUMENT,
                           "an overlap of %lld: it must be at least 0 and less than the patch size of %lld",
                           (long long)p->overlap[i], (long long)p->patch_size[i]);
    }
    return MT_OK;
}

static mt_status take_align(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    for (size_t i = 0; i < p->n_spatial; i++) {
        const int64_t align = p->align[i] = options->align ? options->align[i] : 1;
        if (align < 1)
            return mt_fail(err, MT_E_ARGUMENT, "tiles cannot be aligned to multiples of %lld", (long long)align);
        if (p->patch_size[i] % align != 0 || p->overlap[i] / 2 % align != 0)
            return mt_fail(err, MT_E_ARGUMENT,
                           "tiles of %lld pixels with an overlap of %lld: both, the overlap by half, must be multiples "
                           "of %lld",
                           (long long)p->patch_size[i], (long long)p->overlap[i], (long long)align);
    }
    return MT_OK;
}

static mt_status count_tiles(mt_patching *p, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t s = 0; !st && s < p->n_stacks; s++) {
        uint64_t n = 1;
        for (size_t i = 0; i < p->n_spatial; i++)
            if (mt_mul_u64(n, (uint64_t)count_along(p, s, i), &n))
                n = UINT64_MAX; /* too many: set_count refuses */
        st = mt_patching_set_count(p, s, n, err);
    }
    return st;
}

static mt_status begin_sequential(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    mt_status st = take_overlap(p, options, err);
    p->align[0] = p->align[1] = p->align[2] = 1;
    if (st || (st = mt_patching_check_sizes(p, err)))
        return st;
    return count_tiles(p, err);
}

static mt_status begin_tiled(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    mt_status st = take_overlap(p, options, err);
    for (size_t i = 0; !st && i < p->n_spatial; i++)
        if (p->overlap[i] % 2 != 0)
            st = mt_fail(err, MT_E_ARGUMENT,
                         "the overlap of tiles must be even, not %lld: half of it is cropped on each side",
                         (long long)p->overlap[i]);
    if (st || (st = take_align(p, options, err)))
        return st;
    return count_tiles(p, err);
}

/* The place of a tile along each axis. Returns the number of tiles of a sample. */
static uint64_t find_place(const mt_patching *p, size_t stack, uint64_t number, int64_t place[3], int64_t *sample)
{
    uint64_t total = 1;
    for (size_t i = p->n_spatial; i-- > 0;) {
        uint64_t n = (uint64_t)count_along(p, stack, i);
        place[i] = (int64_t)(number % n);
        number /= n;
        total *= n;
    }
    *sample = (int64_t)number;
    return total;
}

static void get_sequential(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                           mt_patch_spec *out)
{
    (void)epoch, (void)index, (void)redraw;
    int64_t place[3];
    (void)find_place(p, out->stack, number, place, &out->sample);
    for (size_t i = 0; i < p->n_spatial; i++)
        out->coords[i] = tile_along(p, out->stack, i, place[i]).at;
}

static void get_tiled(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                      mt_patch_spec *out)
{
    (void)epoch, (void)index, (void)redraw;
    int64_t place[3];
    out->total_tiles =
        find_place(p, out->stack, number, place, &out->sample) * (uint64_t)p->stacks[out->stack]->info.data_shape[0];
    for (size_t i = 0; i < p->n_spatial; i++) {
        tile t = tile_along(p, out->stack, i, place[i]);
        out->coords[i] = t.at;
        out->crop_coords[i] = t.crop_at;
        out->crop_size[i] = t.crop_size;
        out->stitch_coords[i] = t.stitch_at;
    }
}

static uint64_t digest_tiled(const mt_patching *p, uint64_t digest)
{
    bool is_aligned = p->align[0] > 1 || p->align[1] > 1 || p->align[2] > 1;
    return is_aligned ? mt_fnv_add(digest, p->align, p->n_spatial * sizeof *p->align) : digest;
}

const mt_strategy mt_strategy_sequential = {
    .name = "sequential", .has_patch_size = true, .begin = begin_sequential, .get = get_sequential
};
const mt_strategy mt_strategy_tiled = {
    .name = "tiled", .has_patch_size = true, .begin = begin_tiled, .get = get_tiled, .digest = digest_tiled
};
