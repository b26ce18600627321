/* SPDX-License-Identifier: BSD-3-Clause */
/* Tiles painted into one plane, in their stored order, each at its place on the stage. The place in pixels is the
 * distance from the least coordinate of all tiles, divided by the pixel size and rounded half up: this gives what LAS X
 * merges without blending.
 *
 * A box shows a band: the rows of a tile if they have no padding, else one row. */
#include "base/checked.h"
#include "format/lif/lif.h"

#include <math.h>
#include <string.h>

typedef struct corner {
    int64_t x, y; /* pixels */
} corner;

typedef struct mosaic {
    lif_data data;
    lif_layout layout;     /* axes of the map: outer ones, Y, X, and C if it lies within a pixel */
    int n_outer;           /* axes before Y */
    int64_t width, height; /* of a tile, pixels */
    int64_t rows, bands;   /* of a band; bands of a tile */
    int64_t n_tiles, step; /* tiles; bytes between them */
    corner *corners;       /* of the tiles, in the plane */
    uint64_t band_bytes;
} mosaic;

typedef struct look {
    const mosaic *mosaic;
    int64_t low, high; /* rows of the plane */
    mt_visit_box visit;
    void *user;
} look;

static const lif_axis *y_axis(const mosaic *m) { return &m->layout.axes[m->n_outer]; }

/* The offset of a band from the first element. */
static int64_t find_offset(const mosaic *m, const int64_t *outer, int64_t tile, int64_t band)
{
    int64_t offset = tile * m->step + band * m->rows * y_axis(m)->step;
    for (int d = 0; d < m->n_outer; d++)
        offset += outer[d] * m->layout.axes[d].step;
    return offset;
}

/* Visits the bands of a tile that have rows in [low, high) of the plane. Those that are not stored hide nothing. */
static mt_status visit_bands(const look *l, const int64_t *outer, uint64_t plane, int64_t tile, mt_error *err)
{
    const mosaic *m = l->mosaic;
    int64_t top = m->corners[tile].y;
    int64_t from = mt_max_i64(l->low - top, 0) / m->rows, to = (mt_min_i64(l->high - top, m->height) - 1) / m->rows;
    mt_status st = MT_OK;
    for (int64_t i = from; !st && i <= to; i++) {
        uint64_t id = (plane * (uint64_t)m->n_tiles + (uint64_t)tile) * (uint64_t)m->bands + (uint64_t)i;
        if (lif_is_stored(&m->data, (uint64_t)find_offset(m, outer, tile, i), m->band_bytes))
            st = l->visit(l->user, id, err);
    }
    return st;
}

static mt_status find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err)
{
    const mosaic *m = map->state;
    int n = m->n_outer;
    const look l = { m, low[n], high[n], visit, user };
    int64_t at[MT_MAX_DIMS];
    memcpy(at, low, sizeof at);
    mt_status st = MT_OK;
    do {
        const uint64_t plane = mt_position_number(n, map->shape, at);
        for (int64_t i = 0; !st && i < m->n_tiles; i++) {
            const corner *c = &m->corners[i];
            if (c->x < high[n + 1] && c->x + m->width > low[n + 1] && c->y < high[n] && c->y + m->height > low[n])
                st = visit_bands(&l, at, plane, i, err);
        }
    } while (!st && mt_position_next(n, low, high, at));
    return st;
}

/* The indices of a box: along the outer axes, of the tile and of the band. */
static void split_id(const mt_chunk_map *map, uint64_t id, int64_t *outer, int64_t *tile, int64_t *band)
{
    const mosaic *m = map->state;
    *band = (int64_t)(id % (uint64_t)m->bands);
    id /= (uint64_t)m->bands;
    *tile = (int64_t)(id % (uint64_t)m->n_tiles);
    id /= (uint64_t)m->n_tiles;
    for (int d = m->n_outer - 1; d >= 0; d--) {
        outer[d] = (int64_t)(id % (uint64_t)map->shape[d]);
        id /= (uint64_t)map->shape[d];
    }
}

static mt_status get_box(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)err;
    const mosaic *m = map->state;
    int n = m->n_outer;
    int64_t tile, band;
    memset(out, 0, sizeof *out);
    out->chunk = id;
    memcpy(out->place.extent, map->chunk_shape, sizeof out->place.extent);
    split_id(map, id, out->place.start, &tile, &band);
    out->place.start[n] = m->corners[tile].y + band * m->rows;
    out->place.start[n + 1] = m->corners[tile].x;
    memcpy(out->whole, out->place.extent, sizeof out->whole);
    return MT_OK;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const mosaic *m = map->state;
    int64_t outer[MT_MAX_DIMS], tile, band;
    split_id(map, (uint64_t)position[0], outer, &tile, &band);
    return lif_locate(&m->data, (uint64_t)find_offset(m, outer, tile, band), m->band_bytes, out, err);
}

/* Metres between pixels; 0: not known. */
static double find_step(const lif_image *image, int id)
{
    const lif_dimension *d = lif_find_dimension(image, id);
    bool meters = d && d->unit && strcmp(d->unit, "meter") == 0;
    return meters && d->n > 1 ? fabs(d->length) / (double)(d->n - 1) : 0;
}

/* The place of a tile in the plane, in metres. */
static lif_tile turn(const lif_image *image, size_t i)
{
    lif_tile t = image->tiles[i];
    double x = image->flip_x ? -t.x : t.x, y = image->flip_y ? -t.y : t.y;
    return image->swap_xy ? (lif_tile) { .x = y, .y = x } : (lif_tile) { .x = x, .y = y };
}

static mt_status refuse(mt_error *err)
{
    return mt_fail(err, MT_E_UNSUPPORTED, "the tiles cannot be merged: the file does not tell where each of them lies");
}

static mt_status place_tiles(const lif_image *image, mosaic *m, corner *size, mt_error *err)
{
    double x_step = find_step(image, LIF_X), y_step = find_step(image, LIF_Y), x = INFINITY, y = INFINITY;
    bool known = x_step > 0 && y_step > 0, apart = false;
    for (size_t i = 0; known && i < image->n_tiles; i++) {
        lif_tile t = turn(image, i);
        known = isfinite(t.x) && isfinite(t.y);
        x = fmin(x, t.x);
        y = fmin(y, t.y);
    }
    *size = (corner) { 0 };
    for (int64_t i = 0; known && i < m->n_tiles; i++) {
        lif_tile t = turn(image, (size_t)i);
        double column = floor((t.x - x) / x_step + 0.5), row = floor((t.y - y) / y_step + 0.5);
        if (!(column < INT32_MAX && row < INT32_MAX)) /* also NaN */
            return mt_fail(err, MT_E_CORRUPT, "tile %lld lies more than 2^31 pixels from the first", (long long)i);
        m->corners[i] = (corner) { (int64_t)column, (int64_t)row };
        apart |= column > 0 || row > 0;
        size->x = mt_max_i64(size->x, m->corners[i].x + m->width);
        size->y = mt_max_i64(size->y, m->corners[i].y + m->height);
    }
    return known && apart ? MT_OK : refuse(err);
}

static lif_axis take_axis(lif_layout *layout, int i)
{
    lif_axis axis = layout->axes[i];
    layout->n_axes--;
    memmove(&layout->axes[i], &layout->axes[i + 1], (size_t)(layout->n_axes - i) * sizeof axis);
    return axis;
}

static int find_axis(const lif_layout *layout, char letter)
{
    int i = 0;
    while (layout->axes[i].letter != letter)
        i++;
    return i;
}

/* Puts Y, X and the samples of a pixel behind the other axes, and takes out the tiles. */
static mt_status arrange(const lif_dimension *tiles, mosaic *m, mt_error *err)
{
    lif_layout *layout = &m->layout;
    int64_t size = (int64_t)mt_dtype_size(layout->dtype);
    lif_axis last = layout->axes[layout->n_axes - 1], samples = { .n = 1 };
    int i = 0;
    while (layout->axes[i].named != tiles)
        i++;
    m->n_tiles = tiles->n;
    m->step = take_axis(layout, i).step;
    if (last.letter == 'C' && last.step == size)
        samples = take_axis(layout, layout->n_axes - 1);
    lif_axis y = take_axis(layout, find_axis(layout, 'Y')), x = take_axis(layout, find_axis(layout, 'X'));
    m->n_outer = layout->n_axes;
    m->width = x.n;
    m->height = y.n;
    if (x.n < 2 || y.n < 2 || x.step != samples.n * size)
        return mt_fail(err, MT_E_UNSUPPORTED, "tiles whose rows are not stored in one piece cannot be merged");
    m->rows = y.step == x.n * x.step ? y.n : 1;
    m->bands = y.n / m->rows;
    m->band_bytes = (uint64_t)(m->rows * x.n * x.step);
    layout->axes[layout->n_axes++] = y;
    layout->axes[layout->n_axes++] = x;
    if (samples.n > 1)
        layout->axes[layout->n_axes++] = samples;
    return MT_OK;
}

static mt_status set_axes(const mosaic *m, const corner *size, mt_chunk_map *map, mt_error *err)
{
    int n = m->n_outer;
    int64_t boxes = m->n_tiles;
    map->ndim = m->layout.n_axes;
    map->dtype = m->layout.dtype;
    map->swap = mt_dtype_size(map->dtype) > 1 && mt_host_big_endian();
    for (int d = 0; d < map->ndim; d++) {
        map->axes[d] = m->layout.axes[d].letter;
        map->shape[d] = m->layout.axes[d].n;
        map->chunk_shape[d] = d < n ? 1 : map->shape[d];
        if (d < n && mt_mul_i64(boxes, map->shape[d], &boxes))
            return mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 tiles");
    }
    if (mt_mul_i64(boxes, m->bands, &boxes))
        return mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 tiles");
    map->shape[n] = size->y;
    map->shape[n + 1] = size->x;
    map->chunk_shape[n] = m->rows;
    mt_chunk_map_c_order(map);
    return MT_OK;
}

mt_status lif_map_merged(const lif_file *file, const lif_image *image, mt_chunk_map *map, mt_error *err)
{
    mosaic *m = mt_arena_alloc(map->arena, 1, sizeof *m, err);
    corner size;
    int outer;
    if (!m)
        return MT_E_MEMORY;
    mt_status st = lif_lay_out(image, &m->layout, err);
    if (st)
        return st;
    m->data = lif_data_of(file, image, &m->layout);
    if ((uint64_t)(m->layout.base + m->layout.span) > m->data.place.size &&
        (st = lif_find_missing(&m->layout, m->data.place.size, map, &outer, err)))
        return st;
    const lif_dimension *tiles = lif_find_dimension(image, LIF_TILES);
    if (image->n_tiles != (size_t)tiles->n)
        return refuse(err);
    if ((st = arrange(tiles, m, err)))
        return st;
    m->corners = mt_arena_alloc(map->arena, (size_t)m->n_tiles, sizeof *m->corners, err);
    if (!m->corners)
        return MT_E_MEMORY;
    if ((st = place_tiles(image, m, &size, err)) || (st = set_axes(m, &size, map, err)) ||
        (st = lif_set_chain(&m->layout, map, err)))
        return st;
    map->state = m;
    map->locate = locate;
    map->find_boxes = find_boxes;
    map->get_box = get_box;
    return lif_set_details(image, &m->layout, map, err);
}
