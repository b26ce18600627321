/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map of a virtual dataset: boxes that show parts of the chunks of its sources. A mapping's runs are cut
 * where chunks end, so that each combination of runs is a box. */
#include "base/checked.h"
#include "format/hdf5/virtual.h"

#include <string.h>

typedef struct virtual_state {
    h5_virtual v;
    h5_source **sources; /* sorted by first_chunk; some have no chunks */
    size_t n_sources;
} virtual_state;

/* Elements of a chunk between neighbours along the last dimension that a mapping shows: more than one if the source has
 * further dimensions with a fixed position. */
static int64_t elements_behind(const h5_mapping *m, int rank, const h5_source *s)
{
    int last = -1;
    int64_t behind = 1;
    for (int d = 0; d < rank; d++)
        last = m->dim[d] > last ? m->dim[d] : last;
    for (int e = last + 1; e < s->rank; e++)
        behind *= s->map->chunk_shape[e];
    return behind;
}

static mt_status cut_runs(mt_arena *arena, h5_runs *runs, int64_t chunk, bool single, mt_error *err)
{
    uint64_t n = 0;
    for (size_t i = 0; i < runs->count; i++) {
        const h5_run *run = &runs->list[i];
        n += single ? (uint64_t)run->n : (uint64_t)((run->from + run->n - 1) / chunk - run->from / chunk) + 1;
    }
    if (n == runs->count)
        return MT_OK;
    h5_run *cut = mt_arena_alloc(arena, (size_t)n, sizeof *cut, err);
    if (!cut)
        return MT_E_MEMORY;
    size_t at = 0;
    for (size_t i = 0; i < runs->count; i++)
        for (h5_run rest = runs->list[i]; rest.n > 0;) {
            h5_run piece = rest;
            piece.n = single ? 1 : mt_min_i64(rest.n, chunk - rest.from % chunk);
            cut[at++] = piece;
            rest = (h5_run) { rest.at + piece.n, rest.from + piece.n, rest.n - piece.n };
        }
    *runs = (h5_runs) { cut, at };
    return MT_OK;
}

static mt_status cut_mapping(mt_arena *arena, h5_mapping *m, int rank, const h5_source *s, mt_error *err)
{
    int64_t behind = elements_behind(m, rank, s);
    int last = -1;
    for (int d = 0; d < rank; d++)
        last = m->dim[d] >= 0 ? d : last;
    for (int d = 0; d < rank; d++) {
        int e = m->dim[d];
        mt_status st =
            e < 0 ? MT_OK : cut_runs(arena, &m->runs[d], s->map->chunk_shape[e], d == last && behind > 1, err);
        if (st)
            return st;
    }
    return MT_OK;
}

/* Sets the chunk that a box shows, from its position in the source, and the extents of the chunk along the dimensions
 * of the virtual dataset. Dimensions with a fixed position are merged into the next one. */
static void show_chunk(const h5_mapping *m, int rank, const h5_source *s, const int64_t *place, mt_shown *out)
{
    int64_t whole = 1, low = 0;
    int d = 0, last = 0;
    uint64_t chunk = 0;
    for (int i = 0; i < MT_MAX_DIMS; i++)
        out->whole[i] = 1, out->low[i] = 0;
    for (int e = 0; e < s->rank; e++) {
        int64_t size = s->map->chunk_shape[e], number = place[e] / size, end = s->map->shape[e] - number * size;
        chunk = chunk * (uint64_t)(s->map->shape[e] / size + 1) + (uint64_t)number;
        low = low * (s->map->contiguous ? mt_min_i64(size, end) : size) + place[e] % size;
        whole *= s->map->contiguous ? mt_min_i64(size, end) : size;
        while (d < rank && m->dim[d] < 0)
            d++;
        if (d < rank && m->dim[d] == e) {
            out->whole[d] = whole, out->low[d] = low;
            whole = 1, low = 0;
            last = d++;
        }
    }
    out->low[last] = out->low[last] * whole + low;
    out->whole[last] *= whole;
    out->chunk = s->first_chunk + chunk;
}

/* The mapping whose boxes hold this one. */
static const h5_mapping *find_mapping(const h5_virtual *v, uint64_t box)
{
    size_t low = 0, high = v->n; /* [low].first_box <= box < [high].first_box */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(v->mappings[middle].first_box <= box ? &low : &high) = middle;
    }
    return &v->mappings[low];
}

static mt_status get_box(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)err;
    const virtual_state *s = map->state;
    const h5_mapping *m = find_mapping(&s->v, id);
    int64_t place[MT_MAX_DIMS];
    memcpy(place, m->fixed, sizeof place);
    uint64_t rest = id - m->first_box;
    for (int d = map->ndim - 1; d >= 0; d--) {
        const h5_run *run = &m->runs[d].list[rest % m->runs[d].count];
        rest /= m->runs[d].count;
        out->place.start[d] = run->at;
        out->place.extent[d] = run->n;
        if (m->dim[d] >= 0)
            place[m->dim[d]] = run->from;
    }
    if (m->source != H5_FILL) {
        show_chunk(m, map->ndim, s->sources[m->source], place, out);
        return MT_OK;
    }
    out->chunk = MT_NOTHING;
    memset(out->low, 0, sizeof out->low);
    memcpy(out->whole, out->place.extent, sizeof out->whole);
    return MT_OK;
}

/* The runs that intersect [low, high): [*first, *end). */
static void find_runs(const h5_runs *runs, int64_t low, int64_t high, size_t *first, size_t *end)
{
    size_t a = 0, b = runs->count;
    while (a < b) {
        size_t middle = a + (b - a) / 2;
        if (runs->list[middle].at + runs->list[middle].n > low)
            b = middle;
        else
            a = middle + 1;
    }
    *first = a;
    b = runs->count;
    while (a < b) {
        size_t middle = a + (b - a) / 2;
        if (runs->list[middle].at < high)
            a = middle + 1;
        else
            b = middle;
    }
    *end = a;
}

static mt_status visit_mapping(const h5_mapping *m, int rank, const int64_t *low, const int64_t *high,
                               mt_visit_box visit, void *user, mt_error *err)
{
    size_t first[MT_MAX_DIMS], end[MT_MAX_DIMS], at[MT_MAX_DIMS];
    for (int d = 0; d < rank; d++) {
        find_runs(&m->runs[d], low[d], high[d], &first[d], &end[d]);
        if (first[d] == end[d])
            return MT_OK;
        at[d] = first[d];
    }
    for (;;) {
        uint64_t id = 0;
        for (int d = 0; d < rank; d++)
            id = id * m->runs[d].count + at[d];
        mt_status st = visit(user, m->first_box + id, err);
        if (st)
            return st;
        int d = rank;
        for (; d > 0 && ++at[d - 1] == end[d - 1]; d--)
            at[d - 1] = first[d - 1];
        if (d <= 0)
            return MT_OK;
    }
}

static mt_status find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err)
{
    const virtual_state *s = map->state;
    h5_search search = { .v = &s->v };
    memcpy(search.low, low, (size_t)map->ndim * sizeof *low);
    memcpy(search.high, high, (size_t)map->ndim * sizeof *high);
    mt_status st = MT_OK;
    for (const h5_mapping *m; !st && (m = h5_next_mapping(&search));)
        st = visit_mapping(m, map->ndim, low, high, visit, user, err);
    return st;
}

static const h5_source *find_source(const virtual_state *s, uint64_t chunk)
{
    size_t low = 0, high = s->n_sources;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(s->sources[middle]->first_chunk <= chunk ? &low : &high) = middle;
    }
    return s->sources[low];
}

/* Locates the chunk in the source and appends the steps that convert its elements to the type of the virtual
 * dataset. */
static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const h5_source *s = find_source(map->state, (uint64_t)position[0]);
    uint64_t rest = (uint64_t)position[0] - s->first_chunk;
    int64_t place[MT_MAX_DIMS] = { 0 };
    for (int e = s->rank - 1; e >= 0; e--) {
        uint64_t along = (uint64_t)(s->map->shape[e] / s->map->chunk_shape[e] + 1);
        place[e] = (int64_t)(rest % along);
        rest /= along;
    }
    mt_status st = s->map->locate(s->map, place, out, err);
    if (st) {
        mt_error_prefix(err, "%s#%s", s->key, s->path);
        return st;
    }
    if (out->missing && s->nothing.n_steps) {
        out->missing = false;
        out->key = s->key;
        out->offset = out->size = 0;
        out->chain = &s->nothing;
        return MT_OK;
    }
    const mt_chain *stored = out->chain ? out->chain : &s->map->chain;
    if (out->missing || s->chain.n_steps == 0) {
        out->chain = stored;
        return MT_OK;
    }
    mt_chain whole = s->chain;
    for (int i = 0; i < stored->n_steps && !st; i++)
        st = mt_chain_add(&whole, stored->steps[i].codec, stored->steps[i].params, err);
    out->chain_buffer = whole;
    out->chain = &out->chain_buffer;
    return st;
}

static mt_status number_chunks(virtual_state *s, mt_error *err)
{
    uint64_t next = 0;
    for (size_t i = 0; i < s->n_sources; i++) {
        s->sources[i]->first_chunk = next;
        if (mt_add_u64(next, s->sources[i]->n_chunks, &next) || next > INT64_MAX)
            return mt_fail(err, MT_E_LIMIT, "the virtual dataset has more than 2^63 chunks");
    }
    return MT_OK;
}

/* Updates the largest chunk along each dimension; in each source the first chunk is the largest. */
static void note_chunk(mt_chunk_map *map, const h5_mapping *m, const h5_source *source)
{
    static const int64_t origin[MT_MAX_DIMS] = { 0 };
    mt_shown shown;
    show_chunk(m, map->ndim, source, origin, &shown);
    for (int d = 0; d < map->ndim; d++)
        map->chunk_shape[d] = mt_max_i64(map->chunk_shape[d], shown.whole[d]);
}

static void note_chain(mt_chunk_map *map, const h5_source *s)
{
    mt_chain whole = s->chain;
    for (int i = 0; i < s->map->chain.n_steps; i++)
        if (mt_chain_add(&whole, s->map->chain.steps[i].codec, s->map->chain.steps[i].params, NULL))
            return;
    if (whole.n_steps > map->chain.n_steps)
        map->chain = whole;
}

static mt_status number_boxes(virtual_state *s, mt_chunk_map *map, mt_error *err)
{
    uint64_t next = 0;
    for (size_t i = 0; i < s->v.n; i++) {
        h5_mapping *m = &s->v.mappings[i];
        uint64_t boxes = 1;
        mt_status st = m->source == H5_FILL ? MT_OK : cut_mapping(map->arena, m, map->ndim, s->sources[m->source], err);
        if (st)
            return st;
        m->first_box = next;
        for (int d = 0; d < map->ndim; d++)
            if (mt_mul_u64(boxes, m->runs[d].count, &boxes) || boxes > INT64_MAX - next)
                return mt_fail(err, MT_E_LIMIT, "the virtual dataset has more than 2^63 parts");
        next += boxes;
    }
    return MT_OK;
}

mt_status h5_make_virtual_map(const h5_file *file, const h5_dataset *dataset, mt_chunk_map *map, mt_error *err)
{
    virtual_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    if (!s)
        return MT_E_MEMORY;
    h5_making making = { .arena = map->arena, .whole = dataset, .map = map, .find_source = h5_find_source };
    mt_status st = h5_start_map(dataset, map, err);
    if (st || (st = h5_read_virtual(&making, file, dataset, &s->v, err)))
        return st;
    s->sources = making.sources;
    s->n_sources = making.n;
    map->state = s;
    memcpy(map->shape, s->v.shape, sizeof map->shape);
    if ((st = number_chunks(s, err)) || (st = number_boxes(s, map, err)))
        return st;
    for (int d = 0; d < map->ndim; d++)
        map->chunk_shape[d] = 1;
    for (size_t i = 0; i < s->v.n; i++)
        if (s->v.mappings[i].source != H5_FILL)
            note_chunk(map, &s->v.mappings[i], s->sources[s->v.mappings[i].source]);
    for (size_t i = 0; i < s->n_sources; i++)
        if (s->sources[i]->state == H5_STORED)
            note_chain(map, s->sources[i]);
    mt_chunk_map_c_order(map);
    map->find_boxes = find_boxes;
    map->get_box = get_box;
    map->locate = locate;
    return MT_OK;
}
