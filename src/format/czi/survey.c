/* SPDX-License-Identifier: BSD-3-Clause */
/* The content of a document: scenes, pixel types, and the ranges and levels of an image. */
#include "format/czi/czi.h"

#include <string.h>

const czi_pixel_type *czi_find_pixel_type(int32_t number)
{
    static const czi_pixel_type table[] = {
        { 0, "gray8", MT_UINT8, 1 },
        { 1, "gray16", MT_UINT16, 1 },
        { 2, "gray32float", MT_FLOAT32, 1 },
        { 3, "bgr24", MT_UINT8, 3 },
        { 4, "bgr48", MT_UINT16, 3 },
        { 8, "bgr96float", MT_FLOAT32, 3 },
        { 9, "bgra32", MT_UINT8, 4 },
        { 10, "gray64complexfloat", (mt_dtype)0, 1 },
        { 11, "bgr192complexfloat", (mt_dtype)0, 3 },
        { 12, "gray32", MT_INT32, 1 },
        { 13, "gray64", MT_FLOAT64, 1 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].number == number)
            return &table[i];
    return NULL;
}

typedef struct surveying {
    mt_arena *arena;
    czi_survey *out;
} surveying;

size_t czi_find_scene(const czi_survey *s, int32_t scene)
{
    size_t low = 0, high = s->n_scenes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->scenes[middle] < scene)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static mt_status add_scene(surveying *v, int32_t scene, mt_error *err)
{
    czi_survey *s = v->out;
    size_t at = czi_find_scene(s, scene);
    if (at < s->n_scenes && s->scenes[at] == scene)
        return MT_OK;
    if (s->n_scenes == CZI_MAX_SCENES)
        return mt_fail(err, MT_E_LIMIT, "more than %d scenes", CZI_MAX_SCENES);
    int32_t *scenes = mt_arena_grow(v->arena, s->scenes, s->n_scenes, &s->scene_room, 16, sizeof *scenes, err);
    if (!scenes)
        return MT_E_MEMORY;
    s->scenes = scenes;
    memmove(s->scenes + at + 1, s->scenes + at, (s->n_scenes - at) * sizeof *s->scenes);
    s->scenes[at] = scene;
    s->n_scenes++;
    return MT_OK;
}

static mt_status add_pixel_type(czi_survey *s, int32_t type, int32_t channel, mt_error *err)
{
    int i = 0, most = (int)(sizeof s->pixel_types / sizeof *s->pixel_types);
    while (i < s->n_pixel_types && s->pixel_types[i] != type)
        i++;
    if (i == most)
        return mt_fail(err, MT_E_UNSUPPORTED, "more than %d pixel types", most);
    if (i == s->n_pixel_types)
        s->pixel_types[s->n_pixel_types++] = type;
    if (channel >= s->first_channel)
        return MT_OK;
    s->first_channel = channel;
    s->pixel_types[i] = s->pixel_types[0];
    s->pixel_types[0] = type;
    return MT_OK;
}

static mt_status survey_entry(void *user, const czi_entry *e, mt_error *err)
{
    surveying *v = user;
    if (!czi_find_pixel_type(e->pixel_type))
        return mt_fail(err, MT_E_UNSUPPORTED, "pixel type %d is not supported", e->pixel_type);
    mt_status st = add_pixel_type(v->out, e->pixel_type, e->start[CZI_C], err);
    return st || !(e->present >> CZI_S & 1) ? st : add_scene(v, e->start[CZI_S], err);
}

mt_status czi_make_survey(const czi_entries *entries, mt_arena *arena, czi_survey *out, mt_error *err)
{
    surveying v = { arena, out };
    *out = (czi_survey) { .first_channel = INT32_MAX };
    mt_status st = czi_walk(entries, survey_entry, &v, err);
    if (!st && out->n_pixel_types == 0)
        return mt_fail(err, MT_E_NOT_AN_IMAGE, "the document holds no pixels");
    return st;
}

typedef struct measuring {
    const czi_survey *survey;
    czi_rectangle *rectangles;
} measuring;

/* Whether a subblock is of level 0: stored at its nominal size. */
static bool is_whole(const czi_entry *e)
{
    return e->stored_width == e->size[CZI_X] && e->stored_height == e->size[CZI_Y];
}

static mt_status add_to_rectangle(void *user, const czi_entry *e, mt_error *err)
{
    (void)err;
    const measuring *m = user;
    bool has_scene = e->present >> CZI_S & 1;
    if (!is_whole(e) || (m->survey->n_scenes > 0 && !has_scene))
        return MT_OK;
    czi_rectangle *r = &m->rectangles[has_scene ? czi_find_scene(m->survey, e->start[CZI_S]) : 0];
    for (int d = CZI_X; d <= CZI_Y; d++) {
        int32_t end = e->start[d] + e->size[d];
        r->low[d] = e->start[d] < r->low[d] ? e->start[d] : r->low[d];
        r->high[d] = end > r->high[d] ? end : r->high[d];
    }
    return MT_OK;
}

mt_status czi_measure_scenes(const czi_entries *entries, const czi_survey *survey, mt_arena *arena, czi_rectangle **out,
                             mt_error *err)
{
    size_t n = survey->n_scenes ? survey->n_scenes : 1;
    measuring m = { survey, mt_arena_alloc(arena, n, sizeof(czi_rectangle), err) };
    if (!m.rectangles)
        return MT_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        m.rectangles[i] = (czi_rectangle) { { INT32_MAX, INT32_MAX }, { INT32_MIN, INT32_MIN } };
    *out = m.rectangles;
    return czi_walk(entries, add_to_rectangle, &m, err);
}

static bool is_in_scene(const czi_image *image, const czi_entry *e)
{
    return image->whole || ((e->present >> CZI_S & 1) && e->start[CZI_S] == image->scene);
}

bool czi_belongs(const czi_image *image, const czi_entry *e)
{
    return is_in_scene(image, e) && e->pixel_type == image->pixel_type;
}

/* Tiles at the edge of a level have rounded sizes. The tolerance, in tenths, is that of libCZI. */
static int32_t snap(int64_t size, int64_t stored)
{
    static const struct {
        int32_t factor, tenths;
    } table[] = { { 16, 8 },   { 27, 8 },   { 32, 10 },  { 64, 10 },  { 81, 15 },   { 128, 10 },
                  { 243, 20 }, { 256, 20 }, { 512, 40 }, { 729, 50 }, { 1024, 100 } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t off = 10 * (size - table[i].factor * stored);
        if (off <= table[i].tenths * stored && -off <= table[i].tenths * stored)
            return table[i].factor;
    }
    return (int32_t)((size + stored / 2) / stored);
}

int32_t czi_factor(const czi_entry *e)
{
    bool wide = e->stored_width > e->stored_height;
    return wide ? snap(e->size[CZI_X], e->stored_width) : snap(e->size[CZI_Y], e->stored_height);
}

static void mark(uint64_t *bits, int32_t number, int32_t count)
{
    for (int32_t i = 0; i < count && i < 1024; i++) {
        uint32_t at = ((uint32_t)number + (uint32_t)i) % 1024;
        bits[at / 64] |= UINT64_C(1) << at % 64;
    }
}

static void cover(czi_coverage *c, const czi_entry *e)
{
    for (int d = 0; d < CZI_DIMS; d++) {
        if (!(e->present >> d & 1))
            continue;
        int32_t end = e->start[d] + e->size[d];
        c->low[d] = e->start[d] < c->low[d] ? e->start[d] : c->low[d];
        c->high[d] = end > c->high[d] ? end : c->high[d];
    }
    if (e->present >> CZI_C & 1)
        mark(c->channels, e->start[CZI_C], e->size[CZI_C]);
    if (e->present >> CZI_S & 1)
        mark(c->scenes, e->start[CZI_S], 1);
}

/* Makes room for a level before number i. */
static void insert_level(czi_image *image, int i, int32_t factor)
{
    size_t behind = (size_t)(image->n_levels++ - i);
    memmove(image->factor + i + 1, image->factor + i, behind * sizeof *image->factor);
    memmove(image->n_tiles + i + 1, image->n_tiles + i, behind * sizeof *image->n_tiles);
    memmove(image->coverage + i + 1, image->coverage + i, behind * sizeof *image->coverage);
    image->factor[i] = factor;
    image->n_tiles[i] = 0;
    image->coverage[i] = (czi_coverage) { 0 };
    for (int d = 0; d < CZI_DIMS; d++)
        image->coverage[i].low[d] = INT32_MAX, image->coverage[i].high[d] = INT32_MIN;
}

static mt_status add_to_level(czi_image *image, const czi_entry *e, int32_t factor, mt_error *err)
{
    int i = 0;
    while (i < image->n_levels && image->factor[i] < factor)
        i++;
    if (i == image->n_levels || image->factor[i] != factor) {
        if (image->n_levels == CZI_MAX_LEVELS)
            return mt_fail(err, MT_E_UNSUPPORTED, "more than %d levels", CZI_MAX_LEVELS);
        insert_level(image, i, factor);
    }
    image->n_tiles[i]++;
    cover(&image->coverage[i], e);
    return MT_OK;
}

/* Dimensions that the tiles of a level lack count as being at the first position. */
static bool covers(const czi_image *image, const czi_coverage *level, const czi_coverage *whole, int d)
{
    int32_t first = image->low[d];
    int32_t low[2] = { level->low[d], whole->low[d] }, high[2] = { level->high[d], whole->high[d] };
    for (int i = 0; i < 2; i++)
        if (low[i] > high[i])
            low[i] = first, high[i] = first + 1;
    return low[0] <= low[1] && high[0] >= high[1];
}

/* Whether bits contains all of whole. */
static bool has_all(const uint64_t *bits, const uint64_t *whole)
{
    uint64_t missing = 0;
    for (int i = 0; i < 16; i++)
        missing |= whole[i] & ~bits[i];
    return missing == 0;
}

static bool is_complete(const czi_image *image, const czi_coverage *level)
{
    static const int planes[] = { CZI_C, CZI_Z, CZI_T, CZI_H, CZI_V, CZI_I, CZI_R, CZI_B };
    const czi_coverage *whole = &image->coverage[0];
    bool has_channels = level->low[CZI_C] <= level->high[CZI_C], has_scenes = level->low[CZI_S] <= level->high[CZI_S];
    bool complete = (!has_channels || has_all(level->channels, whole->channels)) &&
                    (!has_scenes || has_all(level->scenes, whole->scenes));
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++)
        complete &= covers(image, level, whole, planes[i]);
    return complete;
}

/* Drops levels that lack a part of the image: some writers make a pyramid for one channel only. */
static void drop_partial(czi_image *image)
{
    int n = 1;
    for (int i = 1; i < image->n_levels; i++) {
        if (!is_complete(image, &image->coverage[i])) {
            image->n_partial++;
            continue;
        }
        image->factor[n] = image->factor[i];
        image->n_tiles[n++] = image->n_tiles[i];
    }
    image->n_levels = n;
}

/* All pixel types of a scene share one rectangle, so that their channels are aligned. */
static mt_status measure_entry(void *user, const czi_entry *e, mt_error *err)
{
    czi_image *image = user;
    bool belongs = czi_belongs(image, e), in_scene = is_in_scene(image, e);
    bool counts = belongs || (image->depth_view && e->pixel_type == image->pixel_type);
    if (!in_scene && !counts)
        return MT_OK;
    if (!is_whole(e))
        return belongs && czi_factor(e) > 1 ? add_to_level(image, e, czi_factor(e), err) : MT_OK;
    for (int d = 0; d < CZI_DIMS; d++) {
        bool in_plane = d == CZI_X || d == CZI_Y;
        if (!(e->present >> d & 1) || !(in_plane ? in_scene : counts))
            continue;
        int32_t end = e->start[d] + e->size[d];
        image->low[d] = e->start[d] < image->low[d] ? e->start[d] : image->low[d];
        image->high[d] = end > image->high[d] ? end : image->high[d];
    }
    return belongs ? add_to_level(image, e, 1, err) : MT_OK;
}

mt_status czi_measure(const czi_entries *entries, czi_image *image, mt_error *err)
{
    image->n_levels = image->n_partial = 0;
    for (int d = 0; d < CZI_DIMS; d++) {
        image->low[d] = INT32_MAX;
        image->high[d] = INT32_MIN;
    }
    mt_status st = czi_walk(entries, measure_entry, image, err);
    if (st)
        return st;
    if (image->n_levels == 0 || image->factor[0] != 1)
        return mt_fail(err, MT_E_CORRUPT, "the image has no tiles of full size");
    for (int d = 0; d < CZI_DIMS; d++) {
        if (image->low[d] > image->high[d]) /* no subblock has this dimension */
            image->low[d] = 0, image->high[d] = 1;
        if ((int64_t)image->high[d] - image->low[d] > INT32_MAX)
            return mt_fail(err, MT_E_CORRUPT, "dimension %c reaches from %d to %d", CZI_LETTERS[d], image->low[d],
                           image->high[d]);
    }
    drop_partial(image);
    return MT_OK;
}
