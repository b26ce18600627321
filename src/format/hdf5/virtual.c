/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual datasets (III.E, "Global Heap Block for Virtual Datasets"): the mappings, their sources, and the extent.
 * Sources that are virtual themselves are replaced by their own mappings, so that all remaining mappings lead to stored
 * datasets. */
#include "base/checked.h"
#include "format/hdf5/virtual.h"

#include <stdio.h>
#include <string.h>

#define MAX_MAPPINGS ((size_t)1 << 22)
#define MAX_STEPS (1 << 26) /* when nested virtual datasets are resolved */

/* The names of an entry of the list of mappings, to which later entries of a version 1 list may refer. */
typedef struct names {
    const char *file, *path;
} names;

/* An entry of the list of mappings. */
typedef struct entry {
    const char *file, *path;
    h5_selection from, to; /* in the source, in the virtual dataset */
} entry;

/* State while a virtual dataset is read. */
typedef struct reading {
    h5_making *m;
    const h5_file *file;
    const h5_dataset *dataset;
    mt_arena *arena; /* temporary memory */
    h5_virtual *out;
    names *names; /* of the entries so far */
    size_t n_names, names_room;
    int64_t least[MT_MAX_DIMS]; /* end of limited mappings */
    int64_t most[MT_MAX_DIMS];  /* end of unlimited mappings; -1: none */
} reading;

/* Pairs the selected elements of both sides. */
static mt_status pair(mt_arena *arena, const h5_intervals *to, const h5_intervals *from, h5_runs *out, mt_error *err)
{
    size_t i = 0, j = 0;
    int64_t in_to = 0, in_from = 0;
    *out = (h5_runs) { .list = mt_arena_alloc(arena, to->count + from->count, sizeof *out->list, err) };
    if (!out->list)
        return MT_E_MEMORY;
    while (i < to->count && j < from->count) {
        int64_t n = mt_min_i64(to->list[i].n - in_to, from->list[j].n - in_from);
        out->list[out->count++] = (h5_run) { to->list[i].start + in_to, from->list[j].start + in_from, n };
        in_to += n, in_from += n;
        if (in_to == to->list[i].n)
            i++, in_to = 0;
        if (in_from == from->list[j].n)
            j++, in_from = 0;
    }
    return MT_OK;
}

/* The selections of a mapping along each dimension. */
typedef struct selected {
    int to_rank, from_rank;
    h5_intervals to[MT_MAX_DIMS], from[MT_MAX_DIMS];
} selected;

/* Matches dimensions of the source with those of the virtual dataset: all in order, or those of more than one
 * element. */
static mt_status match(const selected *s, h5_mapping *out, mt_error *err)
{
    bool same = s->to_rank == s->from_rank;
    for (int d = 0; same && d < s->to_rank; d++)
        same = s->to[d].total == s->from[d].total;
    int d = 0, e = 0, matched = 0;
    memset(out->dim, -1, sizeof out->dim);
    for (;;) {
        while (d < s->to_rank && !same && s->to[d].total == 1)
            d++;
        while (e < s->from_rank && !same && s->from[e].total == 1)
            e++;
        if (d == s->to_rank || e == s->from_rank)
            break;
        if (s->to[d].total != s->from[e].total)
            return mt_fail(err, MT_E_UNSUPPORTED,
                           "a mapping of %lld elements along dimension %d of its source to %lld is not supported",
                           (long long)s->from[e].total, e, (long long)s->to[d].total);
        out->dim[d++] = e++;
        matched++;
    }
    if (d < s->to_rank || e < s->from_rank)
        return mt_fail(err, MT_E_UNSUPPORTED, "a mapping between selections of different shapes is not supported");
    if (matched == 0 && s->from_rank > 0) /* one element: its chunk still needs a dimension */
        out->dim[s->to_rank - 1] = s->from_rank - 1;
    return MT_OK;
}

static int64_t end_of(const h5_intervals *along)
{
    const h5_interval *last = along->count ? &along->list[along->count - 1] : NULL;
    return last ? last->start + last->n : 0;
}

static mt_status check_reach(const selected *s, const h5_source *source, mt_error *err)
{
    for (int e = 0; e < s->from_rank; e++)
        if (end_of(&s->from[e]) > source->shape[e])
            return mt_fail(err, MT_E_CORRUPT, "a mapping reaches to %lld along dimension %d of %lld",
                           (long long)end_of(&s->from[e]), e, (long long)source->shape[e]);
    return MT_OK;
}

static bool is_empty(const h5_intervals *along, int rank)
{
    for (int d = 0; d < rank; d++)
        if (along[d].total == 0)
            return true;
    return false;
}

static mt_status add_mapping(const reading *r, const h5_mapping *mapping, mt_error *err)
{
    h5_virtual *v = r->out;
    if (v->n == MAX_MAPPINGS)
        return mt_fail(err, MT_E_LIMIT, "more than %zu mappings", MAX_MAPPINGS);
    for (int d = 0; d < v->rank; d++)
        if (mapping->runs[d].count == 0)
            return MT_OK;
    h5_mapping *mappings = mt_arena_grow(r->m->arena, v->mappings, v->n, &v->room, 8, sizeof *mappings, err);
    if (!mappings)
        return MT_E_MEMORY;
    v->mappings = mappings;
    v->mappings[v->n++] = *mapping;
    return MT_OK;
}

/* Composes runs into a dataset with the runs of that dataset, along one dimension. */
static mt_status compose(mt_arena *arena, const h5_runs *outer, const h5_runs *inner, h5_runs *out, mt_error *err)
{
    *out = (h5_runs) { 0 };
    if (outer->count == 0 ||
        outer->list[0].from >= inner->list[inner->count - 1].at + inner->list[inner->count - 1].n ||
        inner->list[0].at >= outer->list[outer->count - 1].from + outer->list[outer->count - 1].n)
        return MT_OK;
    out->list = mt_arena_alloc(arena, outer->count + inner->count, sizeof *out->list, err);
    if (!out->list)
        return MT_E_MEMORY;
    for (size_t i = 0, j = 0; i < outer->count && j < inner->count;) {
        const h5_run *a = &outer->list[i], *b = &inner->list[j];
        int64_t low = mt_max_i64(a->from, b->at), a_end = a->from + a->n, b_end = b->at + b->n;
        int64_t high = mt_min_i64(a_end, b_end);
        if (low < high)
            out->list[out->count++] = (h5_run) { a->at + (low - a->from), b->from + (low - b->at), high - low };
        if (a_end <= b_end)
            i++;
        else
            j++;
    }
    return MT_OK;
}

/* Adds a mapping to a virtual dataset, composed with one of the mappings of that dataset. */
static mt_status add_through(const reading *r, const h5_mapping *outer, const h5_virtual *nested,
                             const h5_mapping *inner, mt_error *err)
{
    h5_mapping both = *inner;
    memset(both.dim, -1, sizeof both.dim);
    memcpy(both.runs, outer->runs, sizeof both.runs);
    for (int e = 0; e < nested->rank; e++) {
        int d = 0;
        while (d < r->out->rank && outer->dim[d] != e)
            d++;
        h5_run place = { 0, outer->fixed[e], 1 };
        h5_runs one = { &place, 1 }, through;
        mt_status st = compose(r->m->arena, d < r->out->rank ? &outer->runs[d] : &one, &inner->runs[e], &through, err);
        if (st || through.count == 0)
            return st;
        if (d < r->out->rank) {
            both.runs[d] = through;
            both.dim[d] = inner->dim[e];
        } else if (inner->dim[e] >= 0) {
            both.fixed[inner->dim[e]] = through.list[0].from;
        }
    }
    return add_mapping(r, &both, err);
}

/* A search for the part of a virtual dataset that a mapping shows. */
static h5_search search_shown(const h5_mapping *outer, int rank, const h5_virtual *nested)
{
    h5_search search = { .v = nested };
    for (int e = 0; e < nested->rank; e++)
        search.low[e] = outer->fixed[e], search.high[e] = outer->fixed[e] + 1;
    for (int d = 0; d < rank; d++) {
        const h5_runs *runs = &outer->runs[d];
        int e = outer->dim[d];
        if (e >= 0 && runs->count > 0) {
            const h5_run *last = &runs->list[runs->count - 1];
            search.low[e] = runs->list[0].from;
            search.high[e] = last->from + last->n;
        }
    }
    return search;
}

/* Adds a mapping to a virtual dataset. Gaps between the mappings of that dataset also hide earlier mappings. */
static mt_status add_nested(const reading *r, const h5_mapping *outer, const h5_virtual *nested, mt_error *err)
{
    h5_mapping gaps = { .source = H5_FILL };
    memset(gaps.dim, -1, sizeof gaps.dim);
    memcpy(gaps.runs, outer->runs, sizeof gaps.runs);
    mt_status st = add_mapping(r, &gaps, err);
    h5_search search = search_shown(outer, r->out->rank, nested);
    for (const h5_mapping *inner; !st && r->m->steps + search.steps <= MAX_STEPS && (inner = h5_next_mapping(&search));)
        st = add_through(r, outer, nested, inner, err);
    r->m->steps += search.steps;
    if (!st && r->m->steps > MAX_STEPS)
        st =
            mt_fail(err, MT_E_LIMIT, "more than %d steps to find what virtual datasets show of one another", MAX_STEPS);
    return st;
}

static mt_status add_selected(const reading *r, const h5_source *source, const selected *s, mt_error *err)
{
    h5_mapping mapping = { .source = source->number };
    if (is_empty(s->to, s->to_rank) || is_empty(s->from, s->from_rank))
        return MT_OK;
    for (int e = 0; e < s->from_rank; e++)
        mapping.fixed[e] = s->from[e].list[0].start;
    mt_status st = match(s, &mapping, err);
    if (!st)
        st = check_reach(s, source, err);
    if (st)
        mt_error_prefix(err, "%s#%s", source->key, source->path);
    for (int d = 0; d < s->to_rank && !st; d++) {
        h5_interval first = { 0, 1 };
        h5_intervals one = { &first, 1, 1 };
        int e = mapping.dim[d];
        st = pair(r->m->arena, &s->to[d], e < 0 ? &one : &s->from[e], &mapping.runs[d], err);
    }
    if (st)
        return st;
    if (source->state == H5_STORED)
        return add_mapping(r, &mapping, err);
    return add_nested(r, &mapping, source->nested, err);
}

static void note_reach(reading *r, const selected *s, int unlimited)
{
    for (int d = 0; d < r->out->rank; d++) {
        const h5_intervals *along = &s->to[d];
        int64_t end = end_of(along);
        if (d == unlimited)
            r->most[d] = mt_max_i64(r->most[d], end);
        else
            r->least[d] = mt_max_i64(r->least[d], end);
    }
}

/* The elements an entry selects if both sides are products; from_limit is the number of elements along the unlimited
 * dimension. */
static mt_status select_both(const reading *r, const entry *e, const h5_source *source, selected *out, mt_error *err)
{
    int open_from = h5_unlimited_dimension(&e->from), open_to = h5_unlimited_dimension(&e->to);
    mt_status st = MT_OK;
    out->to_rank = r->out->rank;
    out->from_rank = source->rank;
    for (int d = 0; d < source->rank && !st; d++)
        st = h5_select_along(&e->from, d, source->shape[d], INT64_MAX, r->arena, &out->from[d], err);
    for (int d = 0; d < r->out->rank && !st; d++) {
        int64_t most = d == open_to && open_from >= 0 ? out->from[open_from].total : INT64_MAX;
        int64_t extent = d == open_to ? INT64_MAX / 2 : r->dataset->shape[d];
        st = h5_select_along(&e->to, d, extent, most, r->arena, &out->to[d], err);
    }
    return st;
}

/* Selections that are not products are supported if they differ only by a translation. */
static mt_status add_blocks(reading *r, const entry *e, const h5_source *source, mt_error *err)
{
    int rank = r->out->rank;
    size_t n = e->from.n_blocks;
    if (e->from.kind != H5_BLOCKS || e->to.kind != H5_BLOCKS || e->to.n_blocks != n || e->from.rank != rank)
        return mt_fail(err, MT_E_UNSUPPORTED, "a mapping of an irregular selection is not supported");
    for (size_t i = 0; i < n; i++) {
        selected s = { .to_rank = rank, .from_rank = rank };
        h5_interval blocks[2][MT_MAX_DIMS];
        for (int d = 0; d < rank; d++) {
            size_t at = i * (size_t)rank + (size_t)d;
            blocks[0][d] = e->to.blocks[at];
            blocks[1][d] = e->from.blocks[at];
            if (blocks[0][d].start - blocks[1][d].start != e->to.blocks[d].start - e->from.blocks[d].start ||
                blocks[0][d].n != blocks[1][d].n)
                return mt_fail(err, MT_E_UNSUPPORTED, "a mapping of an irregular selection is not supported");
            s.to[d] = (h5_intervals) { &blocks[0][d], 1, blocks[0][d].n };
            s.from[d] = (h5_intervals) { &blocks[1][d], 1, blocks[1][d].n };
        }
        note_reach(r, &s, h5_unlimited_dimension(&e->to));
        mt_status st = add_selected(r, source, &s, err);
        if (st)
            return st;
    }
    return MT_OK;
}

/* The rank of the source must be that of the selection. */
static mt_status check_rank(const entry *e, const h5_source *source, mt_error *err)
{
    bool fits = source->state == H5_MISSING || e->from.kind == H5_ALL || e->from.rank == source->rank;
    return fits ? MT_OK
                : mt_fail(err, MT_E_CORRUPT, "a selection of %d dimensions of a dataset of %d", e->from.rank,
                          source->rank);
}

/* Adds a missing source: it is read as the fill value. */
static mt_status add_missing(reading *r, h5_source *source, int open_to, mt_error *err)
{
    if (open_to >= 0)
        r->most[open_to] = mt_max_i64(r->most[open_to], 0);
    if (source->is_told)
        return MT_OK;
    source->is_told = true;
    return mt_chunk_map_miss(r->m->map, err, "%s#%s", source->key, source->path);
}

static mt_status add_from(reading *r, const entry *e, h5_source *source, mt_error *err)
{
    selected s;
    int open_to = h5_unlimited_dimension(&e->to);
    if (e->from.kind == H5_NONE || e->to.kind == H5_NONE)
        return MT_OK;
    mt_status st = check_rank(e, source, err);
    if (st)
        return st;
    if (source->state == H5_MISSING)
        return add_missing(r, source, open_to, err);
    if (!e->from.is_product || !e->to.is_product)
        return add_blocks(r, e, source, err);
    if ((st = select_both(r, e, source, &s, err)))
        return st;
    note_reach(r, &s, open_to);
    return add_selected(r, source, &s, err);
}

/* Expands the name of block number i: "%b" is the number, "%%" a percent sign. */
static mt_status write_name(mt_arena *arena, const char *pattern, uint64_t i, const char **out, mt_error *err)
{
    size_t numbers = 0, n = 0;
    for (const char *c = pattern; *c; c++)
        numbers += *c == '%';
    char *name = mt_arena_alloc(arena, strlen(pattern) + 20 * numbers + 1, 1, err);
    if (!name)
        return MT_E_MEMORY;
    for (const char *c = pattern; *c; c++) {
        if (*c == '%' && c[1] == 'b') {
            n += (size_t)snprintf(name + n, 21, "%llu", (unsigned long long)i);
            c++;
        } else if (*c == '%' && c[1] != '%') {
            return mt_fail(err, MT_E_CORRUPT, "the name \"%s\" has a '%%' of no meaning", pattern);
        } else {
            name[n++] = *c;
            c += *c == '%';
        }
    }
    *out = name;
    return MT_OK;
}

static bool has_number(const char *pattern)
{
    for (const char *c = pattern; *c; c++) {
        if (*c == '%' && c[1] == 'b')
            return true;
        c += *c == '%' && c[1] == '%';
    }
    return false;
}

/* Block i of an unlimited selection comes from source i, up to the first missing source. */
static mt_status add_numbered(reading *r, const entry *e, int open_to, mt_error *err)
{
    if (e->to.block[open_to] == H5_UNDEFINED)
        return mt_fail(err, MT_E_CORRUPT, "numbered sources of a block without end");
    for (uint64_t i = 0;; i++) {
        const char *file, *path;
        h5_source *source;
        mt_status st = write_name(r->arena, e->file, i, &file, err);
        if (st || (st = write_name(r->arena, e->path, i, &path, err)) ||
            (st = r->m->find_source(r->m, r->file, file, path, &source, err)))
            return st;
        if (source->state == H5_MISSING) {
            r->most[open_to] = mt_max_i64(r->most[open_to], 0);
            return MT_OK;
        }
        entry block = *e;
        uint64_t *start = &block.to.start[open_to], step;
        if (i == MAX_MAPPINGS || mt_mul_u64(i, block.to.stride[open_to], &step) || step > INT64_MAX / 2 - *start)
            return mt_fail(err, MT_E_LIMIT, "numbered sources reach too far");
        *start += step;
        block.to.count[open_to] = 1;
        if ((st = add_from(r, &block, source, err)))
            return st;
        int64_t end = (int64_t)(*start + block.to.block[open_to]);
        r->most[open_to] = mt_max_i64(r->most[open_to], end);
    }
}

static mt_status add_entry(reading *r, const entry *e, mt_error *err)
{
    int open_to = h5_unlimited_dimension(&e->to), open_from = h5_unlimited_dimension(&e->from);
    bool numbered = has_number(e->file) || has_number(e->path);
    if (open_from >= 0 && open_to < 0)
        return mt_fail(err, MT_E_CORRUPT, "a source without end in a selection that has one");
    if (numbered != (open_to >= 0 && open_from < 0))
        return mt_fail(err, MT_E_CORRUPT, "numbered sources belong to a selection without end, others do not");
    if (e->to.kind != H5_ALL && e->to.kind != H5_NONE && e->to.rank != r->out->rank)
        return mt_fail(err, MT_E_CORRUPT, "a selection of %d dimensions of a dataset of %d", e->to.rank, r->out->rank);
    if (numbered)
        return add_numbered(r, e, open_to, err);
    const char *file, *path;
    h5_source *source;
    mt_status st = write_name(r->arena, e->file, 0, &file, err);
    if (st || (st = write_name(r->arena, e->path, 0, &path, err)) ||
        (st = r->m->find_source(r->m, r->file, file, path, &source, err)))
        return st;
    return add_from(r, e, source, err);
}

static const char *read_text(mt_reader *r)
{
    size_t left = mt_read_left(r);
    const uint8_t *text = r->data + r->position;
    const uint8_t *end = left ? memchr(text, 0, left) : NULL;
    return end ? (const char *)mt_read_bytes(r, (size_t)(end - text) + 1) : NULL;
}

/* Flags of a version 1 entry (HDF5 2.0): the file name, or the path, is replaced by the index of an earlier entry with
 * the same one; or the source is in the same file and has no file name. */
enum { SHARED_FILE = 1, SHARED_PATH = 2, SAME_FILE = 4 };

static const char *read_name(const reading *r, mt_reader *list, bool is_shared, bool is_path)
{
    if (!is_shared)
        return read_text(list);
    uint64_t number = h5_read_length(r->file, list);
    const names *earlier = !list->failed && number < r->n_names ? &r->names[number] : NULL;
    return !earlier ? NULL : is_path ? earlier->path : earlier->file;
}

static mt_status read_names(reading *r, mt_reader *list, int version, names *out, mt_error *err)
{
    int flags = version == 1 ? mt_read_u8(list) : 0;
    out->file = flags & SAME_FILE ? "." : read_name(r, list, (flags & SHARED_FILE) != 0, false);
    out->path = out->file ? read_name(r, list, (flags & SHARED_PATH) != 0, true) : NULL;
    if (!out->path || list->failed || flags > 7)
        return mt_fail(err, MT_E_CORRUPT, "entry %zu of the list of mappings is broken", r->n_names);
    names *all = mt_arena_grow(r->arena, r->names, r->n_names, &r->names_room, 8, sizeof *all, err);
    if (!all)
        return MT_E_MEMORY;
    r->names = all;
    r->names[r->n_names++] = *out;
    return MT_OK;
}

static mt_status read_entries(reading *r, mt_reader *list, mt_error *err)
{
    int version = mt_read_u8(list);
    uint64_t n = h5_read_length(r->file, list);
    if (version > 1)
        return mt_fail(err, MT_E_UNSUPPORTED, "a list of mappings of version %d is not supported", version);
    for (uint64_t i = 0; i < n; i++) {
        names found;
        mt_status st = read_names(r, list, version, &found, err);
        if (st)
            return st;
        entry e = { .file = found.file, .path = found.path };
        if ((st = h5_read_selection(list, r->arena, &e.from, err)) ||
            (st = h5_read_selection(list, r->arena, &e.to, err)) || (st = add_entry(r, &e, err)))
            return st;
    }
    return MT_OK;
}

static mt_status read_list(reading *r, mt_error *err)
{
    mt_reader list;
    mt_status st = h5_read_global(r->file, r->arena, r->dataset->address, (uint32_t)r->dataset->bytes, &list, err);
    if (st)
        return st;
    if (!h5_is_intact(list.data, list.size))
        return mt_fail(err, MT_E_CORRUPT, "the checksum of the list of mappings is wrong");
    list.size -= 4;
    return read_entries(r, &list, err);
}

/* Dimensions with unlimited mappings extend to the end of the available sources. */
mt_status h5_read_virtual(h5_making *m, const h5_file *file, const h5_dataset *dataset, h5_virtual *out, mt_error *err)
{
    reading r = { .m = m, .file = file, .dataset = dataset, .out = out };
    *out = (h5_virtual) { .rank = dataset->rank };
    if (dataset->rank == 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "a virtual dataset without dimensions is not supported");
    memset(r.most, -1, sizeof r.most);
    mt_status st = mt_arena_new(file->env, &r.arena, err);
    if (st)
        return st;
    if (dataset->address != H5_UNDEFINED)
        st = read_list(&r, err);
    mt_arena_free(r.arena);
    if (!st)
        st = h5_index_mappings(out, m->arena, err);
    for (int d = 0; d < out->rank; d++)
        out->shape[d] = r.most[d] < 0 ? dataset->shape[d] : mt_max_i64(r.most[d], r.least[d]);
    return st;
}
