/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of mappings of virtual datasets, byte by byte: what they map, and each reason for which they are refused. */
#include "crafted.h"

#include "format/hdf5/virtual.h"

enum { HEAP = 64, OPEN = -1 /* unlimited */ };

/* A selection to write. */
typedef struct selection {
    enum { ALL, NONE, REGULAR, BLOCKS, POINTS, STRANGE } kind;
    int rank;
    int64_t numbers[3][4]; /* of REGULAR: start, stride, count, block of each dimension; of BLOCKS: first and last
                              corner of each block, two dimensions */
    int n;                 /* blocks */
} selection;

/* The only one of two dimensions: rows of all six columns. */
#define ROWS(first, n)                                                                                                 \
    {                                                                                                                  \
        REGULAR, 2, { { first, 1, 1, n }, { 0, 1, 1, 6 } }, 0                                                          \
    }

static void put_selection(crafted *c, const selection *s)
{
    static const uint32_t kinds[] = { 3, 0, 2, 2, 1, 9 };
    put_number(c, kinds[s->kind], 4);
    if (s->kind == REGULAR) {
        put_number(c, 3, 4);
        PUT_BYTES(c, 1, 8);
        put_number(c, (uint64_t)s->rank, 4);
        for (int d = 0; d < s->rank; d++)
            for (int i = 0; i < 4; i++)
                put_number(c, (uint64_t)s->numbers[d][i], 8);
    } else if (s->kind == BLOCKS) {
        put_number(c, 1, 4);
        put_number(c, 0, 8);
        put_number(c, (uint64_t)s->rank, 4);
        put_number(c, (uint64_t)s->n, 4);
        for (int i = 0; i < s->n; i++)
            for (int k = 0; k < 4; k++)
                put_number(c, (uint64_t)s->numbers[i][k], 4);
    } else {
        put_number(c, 0, 12);
    }
}

typedef struct mapping {
    const char *path;
    selection from, to;
} mapping;

/* A global heap with the list as its object 1. */
static void put_list(crafted *c, const mapping *list, size_t n)
{
    c->at = HEAP;
    put_text(c, "GCOL");
    put_number(c, 1, 4);
    put_number(c, CRAFTED_BYTES - HEAP, 8);
    PUT_BYTES(c, 1, 0, 0, 0, 0, 0, 0, 0);
    size_t size = c->at, start = c->at + 8;
    c->at = start;
    put_number(c, 0, 1);
    put_number(c, n, 8);
    for (size_t i = 0; i < n; i++) {
        put(c, ".", 2);
        put(c, list[i].path, strlen(list[i].path) + 1);
        put_selection(c, &list[i].from);
        put_selection(c, &list[i].to);
    }
    seal(c, start);
    size_t end = c->at;
    c->at = size;
    put_number(c, end - start, 8);
    c->at = end;
}

static h5_virtual nested; /* what /nested shows */

/* /s has 4 x 6 elements, /v 6, /c 1 x 4 x 6, /t of any number 1 x 6, /p0 to /p2 too; the others are missing. */
static mt_status find(h5_making *m, const h5_file *file, const char *name, const char *path, h5_source **out,
                      mt_error *err)
{
    (void)file;
    (void)err;
    assert_string_equal(name, ".");
    h5_source *s = *out = mt_arena_alloc(m->arena, 1, sizeof *s, NULL);
    assert_non_null(s);
    *s = (h5_source) { .key = "crafted.h5", .path = path, .state = H5_MISSING, .number = (uint32_t)m->n++, .rank = 2 };
    char c = path[1];
    if (c == 's' || c == 'v' || c == 'c' || c == 't' || (c == 'p' && path[2] < '3'))
        s->state = H5_STORED;
    if (c == 'n')
        *s = (h5_source) { .key = s->key, .path = path, .state = H5_NESTED, .rank = nested.rank, .nested = &nested };
    s->rank = c == 'v' ? 1 : c == 'c' ? 3 : s->rank;
    memcpy(s->shape,
           c == 's'   ? (int64_t[3]) { 4, 6 }
           : c == 'v' ? (int64_t[3]) { 6 }
           : c == 'c' ? (int64_t[3]) { 1, 4, 6 }
           : c == 'n' ? nested.shape
                      : (int64_t[3]) { 1, 6 },
           3 * sizeof *s->shape);
    return MT_OK;
}

typedef struct read_back {
    h5_virtual v;
    mt_chunk_map map;
    size_t n_sources;
} read_back;

/* Reads the list as that of a dataset of 8 x 6 elements, or with another rank. */
static mt_status read_list(crafted *c, const mapping *list, size_t n, int rank, read_back *out, mt_error *err)
{
    put_list(c, list, n);
    const h5_file *file = open_crafted(c);
    h5_dataset dataset = { .rank = rank, .layout = H5_VIRTUAL, .address = HEAP, .bytes = 1 };
    memcpy(dataset.shape, rank == 1 ? (int64_t[2]) { 6 } : (int64_t[2]) { 8, 6 }, 2 * sizeof *dataset.shape);
    *out = (read_back) { .map = { .arena = c->arena } };
    h5_making making = { .arena = c->arena, .find_source = find, .whole = &dataset, .map = &out->map };
    mt_status st = h5_read_virtual(&making, file, &dataset, &out->v, err);
    out->n_sources = making.n;
    return st;
}

static void check_runs(const h5_runs *runs, size_t n, const h5_run *expected)
{
    assert_int_equal(runs->count, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(runs->list[i].at, expected[i].at);
        assert_int_equal(runs->list[i].from, expected[i].from);
        assert_int_equal(runs->list[i].n, expected[i].n);
    }
}

/* A mapping of one run along each of two dimensions. */
static void check_mapping(const h5_mapping *m, h5_run row, h5_run column, int dim_0, int dim_1)
{
    check_runs(&m->runs[0], 1, &row);
    check_runs(&m->runs[1], 1, &column);
    assert_int_equal(m->dim[0], dim_0);
    assert_int_equal(m->dim[1], dim_1);
}

/* One mapping into a dataset of two dimensions, of which the one that is read is checked. */
static h5_mapping read_one(crafted *c, const mapping *given)
{
    read_back got;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_list(c, given, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.n, 1);
    assert_int_equal(got.v.shape[0], 8);
    assert_int_equal(got.v.shape[1], 6);
    return got.v.mappings[0];
}

static void what_mappings_map(void **state)
{
    (void)state;
    crafted c;
    craft(&c);
    h5_mapping m = read_one(&c, &(mapping) { "/s", { .kind = ALL }, ROWS(3, 4) });
    check_mapping(&m, (h5_run) { 3, 0, 4 }, (h5_run) { 0, 0, 6 }, 0, 1);
    m = read_one(&c, &(mapping) { "/v", { .kind = ALL }, ROWS(3, 1) });
    check_mapping(&m, (h5_run) { 3, 0, 1 }, (h5_run) { 0, 0, 6 }, -1, 0);
    m = read_one(&c, &(mapping) { "/c", { .kind = ALL }, ROWS(0, 4) });
    check_mapping(&m, (h5_run) { 0, 0, 4 }, (h5_run) { 0, 0, 6 }, 1, 2);
    assert_int_equal(m.fixed[0], 0);
    m = read_one(&c, &(mapping) { "/s%%", { .kind = ALL }, ROWS(0, 4) }); /* "/s%" */
    check_mapping(&m, (h5_run) { 0, 0, 4 }, (h5_run) { 0, 0, 6 }, 0, 1);
    const selection one = { REGULAR, 2, { { 2, 1, 1, 1 }, { 5, 1, 1, 1 } }, 0 };
    m = read_one(&c, &(mapping) { "/s", one, { REGULAR, 2, { { 7, 1, 1, 1 }, { 1, 1, 1, 1 } }, 0 } });
    check_runs(&m.runs[0], 1, &(h5_run) { 7, 2, 1 });
    check_runs(&m.runs[1], 1, &(h5_run) { 1, 5, 1 });
    assert_int_equal(m.fixed[0], 2);
    const selection of_line = { REGULAR, 1, { { 5, 1, 1, 1 } }, 0 };
    m = read_one(&c, &(mapping) { "/v", of_line, { REGULAR, 2, { { 7, 1, 1, 1 }, { 1, 1, 1, 1 } }, 0 } });
    check_mapping(&m, (h5_run) { 7, 0, 1 }, (h5_run) { 1, 5, 1 }, -1, 0);
    const selection spread = { REGULAR, 2, { { 1, 3, 2, 2 }, { 0, 1, 1, 6 } }, 0 }; /* rows 1, 2, 4, 5 */
    m = read_one(&c, &(mapping) { "/s", { .kind = ALL }, spread });
    check_runs(&m.runs[0], 2, (const h5_run[]) { { 1, 0, 2 }, { 4, 2, 2 } });
    discard(&c);
}

/* Selections of nothing map nothing; missing sources are told once. */
static void what_maps_nothing(void **state)
{
    (void)state;
    static const mapping none[] = { { "/s", { .kind = NONE }, ROWS(0, 4) },
                                    { "/s", { .kind = ALL }, { .kind = NONE } },
                                    { "/s", ROWS(0, 0), ROWS(0, 0) },
                                    { "/s", { BLOCKS, 2, { { 0 } }, 0 }, ROWS(0, 4) },
                                    { "/absent", { .kind = ALL }, ROWS(0, 4) } };
    crafted c;
    read_back got;
    mt_error err = MT_ERROR_INIT;
    craft(&c);
    check_ok(read_list(&c, none, 5, 2, &got, &err), &err);
    assert_int_equal(got.v.n, 0);
    assert_int_equal(got.map.n_missing, 1);
    assert_string_equal(got.map.missing.items[0], "crafted.h5#/absent");
    discard(&c);
}

/* Dimensions without end reach as far as the sources that are there. */
static void dimensions_without_end(void **state)
{
    (void)state;
    const selection rows = { REGULAR, 2, { { 1, 1, OPEN, 1 }, { 0, 1, 1, 6 } }, 0 };
    const selection endless = { REGULAR, 2, { { 1, 1, 1, OPEN }, { 0, 1, 1, 6 } }, 0 };
    const mapping numbered = { "/p%b", { .kind = ALL }, rows }, absent = { "/x%b", { .kind = ALL }, rows };
    const mapping open = { "/s", { REGULAR, 2, { { 0, 1, OPEN, 1 }, { 0, 1, 1, 6 } }, 0 }, endless };
    const mapping missing = { "/x", { REGULAR, 2, { { 0, 1, OPEN, 1 }, { 0, 1, 1, 6 } }, 0 }, endless };
    crafted c;
    read_back got;
    mt_error err = MT_ERROR_INIT;
    craft(&c);
    check_ok(read_list(&c, &numbered, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.n, 3);
    assert_int_equal(got.n_sources, 4);
    assert_int_equal(got.v.shape[0], 4);
    assert_int_equal(got.v.shape[1], 6);
    for (int64_t i = 0; i < 3; i++)
        check_mapping(&got.v.mappings[i], (h5_run) { 1 + i, 0, 1 }, (h5_run) { 0, 0, 6 }, 0, 1);
    check_ok(read_list(&c, &absent, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.shape[0], 0);
    check_ok(read_list(&c, &open, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.shape[0], 5);
    check_mapping(&got.v.mappings[0], (h5_run) { 1, 0, 4 }, (h5_run) { 0, 0, 6 }, 0, 1);
    check_ok(read_list(&c, &missing, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.shape[0], 0);
    assert_int_equal(got.map.n_missing, 1);
    discard(&c);
}

/* Blocks that are not the product of intervals, moved as a whole. */
static void blocks_that_are_moved(void **state)
{
    (void)state;
    const selection from = { BLOCKS, 2, { { 0, 0, 1, 1 }, { 2, 2, 3, 4 } }, 2 };
    const selection to = { BLOCKS, 2, { { 4, 1, 5, 2 }, { 6, 3, 7, 5 } }, 2 };
    crafted c;
    read_back got;
    mt_error err = MT_ERROR_INIT;
    craft(&c);
    check_ok(read_list(&c, &(mapping) { "/s", from, to }, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.n, 2);
    check_mapping(&got.v.mappings[0], (h5_run) { 4, 0, 2 }, (h5_run) { 1, 0, 2 }, 0, 1);
    check_mapping(&got.v.mappings[1], (h5_run) { 6, 2, 2 }, (h5_run) { 3, 2, 3 }, 0, 1);
    discard(&c);
}

static void virtual_datasets_of_virtual_ones(void **state)
{
    (void)state;
    crafted c;
    read_back inner, got;
    mt_error err = MT_ERROR_INIT;
    craft(&c);
    check_ok(read_list(&c, &(mapping) { "/s", { .kind = ALL }, ROWS(2, 4) }, 1, 2, &inner, &err), &err);
    nested = inner.v;
    check_ok(read_list(&c, &(mapping) { "/nested", ROWS(4, 4), ROWS(1, 4) }, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.n, 2);
    assert_int_equal(got.v.mappings[0].source, H5_FILL); /* hides what earlier mappings show there */
    check_runs(&got.v.mappings[0].runs[0], 1, &(h5_run) { 1, 4, 4 });
    check_mapping(&got.v.mappings[1], (h5_run) { 1, 2, 2 }, (h5_run) { 0, 0, 6 }, 0, 1);
    /* Row 3, which is row 1 of the source, in one dimension. */
    const selection along = { REGULAR, 1, { { 0, 1, 1, 6 } }, 0 };
    check_ok(read_list(&c, &(mapping) { "/nested", ROWS(3, 1), along }, 1, 1, &got, &err), &err);
    assert_int_equal(got.v.n, 2);
    check_runs(&got.v.mappings[1].runs[0], 1, &(h5_run) { 0, 0, 6 });
    assert_int_equal(got.v.mappings[1].dim[0], 1);
    assert_int_equal(got.v.mappings[1].fixed[0], 1);
    /* Rows 0 and 7, between which the source lies, which is not shown. */
    const selection around = { REGULAR, 2, { { 0, 7, 2, 1 }, { 0, 1, 1, 6 } }, 0 };
    check_ok(read_list(&c, &(mapping) { "/nested", around, ROWS(0, 2) }, 1, 2, &got, &err), &err);
    assert_int_equal(got.v.n, 1);
    discard(&c);
}

#define FAR (INT64_MAX / 2)

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        mapping m;
        mt_status status;
        const char *message;
    } cases[] = {
        { { "/s", ROWS(0, 2), ROWS(0, 4) }, MT_E_UNSUPPORTED, "2 elements along dimension 0 of its source to 4" },
        { { "/s", { .kind = ALL }, { REGULAR, 2, { { 0, 1, 1, 1 }, { 0, 1, 1, 4 } }, 0 } },
          MT_E_UNSUPPORTED,
          "selections of different shapes" },
        { { "/s", ROWS(2, 4), ROWS(0, 4) },
          MT_E_CORRUPT,
          "crafted.h5#/s: a mapping reaches to 6 along dimension 0 of 4" },
        { { "/s", { REGULAR, 1, { { 0, 1, 1, 4 } }, 0 }, ROWS(0, 4) },
          MT_E_CORRUPT,
          "a selection of 1 dimensions of a dataset of 2" },
        { { "/s", { .kind = ALL }, { REGULAR, 3, { { 0, 1, 1, 4 }, { 0, 1, 1, 1 }, { 0, 1, 1, 1 } }, 0 } },
          MT_E_CORRUPT,
          "a selection of 3 dimensions of a dataset of 2" },
        { { "/s", { REGULAR, 2, { { 0, 1, OPEN, 1 }, { 0, 1, 1, 6 } }, 0 }, ROWS(0, 4) },
          MT_E_CORRUPT,
          "a source without end in a selection that has one" },
        { { "/p%b", { .kind = ALL }, ROWS(0, 1) }, MT_E_CORRUPT, "numbered sources belong to a selection without end" },
        { { "/s", { .kind = ALL }, { REGULAR, 2, { { 0, 1, OPEN, 1 }, { 0, 1, 1, 6 } }, 0 } },
          MT_E_CORRUPT,
          "numbered sources belong to a selection without end" },
        { { "/p%b", { .kind = ALL }, { REGULAR, 2, { { 0, 1, 1, OPEN }, { 0, 1, 1, 6 } }, 0 } },
          MT_E_CORRUPT,
          "numbered sources of a block without end" },
        { { "/t%b", { .kind = ALL }, { REGULAR, 2, { { 0, FAR, OPEN, 1 }, { 0, 1, 1, 6 } }, 0 } },
          MT_E_LIMIT,
          "numbered sources reach too far" },
        { { "/s%d", { .kind = ALL }, ROWS(0, 4) }, MT_E_CORRUPT, "the name \"/s%d\" has a '%' of no meaning" },
        { { "/s", { .kind = ALL }, { BLOCKS, 2, { { 0, 0, 1, 1 }, { 2, 2, 3, 4 } }, 2 } },
          MT_E_UNSUPPORTED,
          "a mapping of an irregular selection" },
        { { "/s",
            { BLOCKS, 2, { { 0, 0, 1, 1 }, { 2, 2, 3, 4 } }, 2 },
            { BLOCKS, 2, { { 0, 0, 1, 1 }, { 2, 3, 3, 5 } }, 2 } },
          MT_E_UNSUPPORTED,
          "a mapping of an irregular selection" },
        { { "/s",
            { BLOCKS, 2, { { 0, 0, 1, 1 }, { 2, 2, 5, 4 } }, 2 },
            { BLOCKS, 2, { { 0, 0, 1, 1 }, { 2, 2, 5, 4 } }, 2 } },
          MT_E_CORRUPT,
          "a mapping reaches to 6 along dimension 0 of 4" },
        { { "/s", { .kind = POINTS }, ROWS(0, 4) }, MT_E_UNSUPPORTED, "selections of points are not supported" },
        { { "/s", { .kind = STRANGE }, ROWS(0, 4) }, MT_E_CORRUPT, "a selection of type 9" },
        { { "/s", { .kind = ALL }, { REGULAR, 0, { { 0 } }, 0 } }, MT_E_CORRUPT, "a selection of 0 dimensions" },
        { { "/s", { .kind = ALL }, ROWS(FAR + 1, 4) }, MT_E_CORRUPT, "a selection reaches too far" },
        { { "/s", { .kind = ALL }, { REGULAR, 2, { { 0, 1, 2, 2 }, { 0, 1, 1, 6 } }, 0 } },
          MT_E_CORRUPT,
          "a selection of 2 blocks of 2 elements, 1 apart" },
        { { "/s", { .kind = ALL }, { REGULAR, 2, { { 0, 0, 2, 0 }, { 0, 1, 1, 6 } }, 0 } },
          MT_E_CORRUPT,
          "a selection of 2 blocks of 0 elements, 0 apart" },
        { { "/s", { .kind = ALL }, { REGULAR, 2, { { 0, FAR, 3, 1 }, { 0, 1, 1, 6 } }, 0 } },
          MT_E_CORRUPT,
          "a selection of 3 blocks of 1 elements" },
        { { "/s", { BLOCKS, 2, { { 3, 0, 1, 1 } }, 1 }, ROWS(0, 4) },
          MT_E_CORRUPT,
          "a block of a selection ends at 1" },
    };
    crafted c;
    read_back got;
    mt_error err = MT_ERROR_INIT;
    craft(&c);
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        check_failure(read_list(&c, &cases[i].m, 1, 2, &got, &err), cases[i].status, &err, cases[i].message, i);
    check_failure(read_list(&c, &cases[0].m, 1, 0, &got, &err), MT_E_UNSUPPORTED, &err, "without dimensions", 100);
    put_list(&c, &(mapping) { "/s", { .kind = ALL }, ROWS(0, 4) }, 1);
    c.bytes[c.at - 1] ^= 1;
    const h5_dataset dataset = { .rank = 2, .layout = H5_VIRTUAL, .address = HEAP, .bytes = 1 };
    h5_making making = { .arena = c.arena, .find_source = find, .whole = &dataset, .map = &got.map };
    check_failure(h5_read_virtual(&making, open_crafted(&c), &dataset, &got.v, &err), MT_E_CORRUPT, &err,
                  "the checksum of the list of mappings is wrong", 101);
    discard(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_mappings_map),
        cmocka_unit_test(what_maps_nothing),
        cmocka_unit_test(dimensions_without_end),
        cmocka_unit_test(blocks_that_are_moved),
        cmocka_unit_test(virtual_datasets_of_virtual_ones),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
