/* SPDX-License-Identifier: BSD-3-Clause */
/* The groups of collections. Source: OME-Zarr 0.5 and 0.4: "bioformats2raw.layout" 3, where images are the groups 0, 1,
 * ... of the root; "labels"; "plate" and "well". */
#include "write/zarr/collection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NAME 255

const char *zarr_member_name(const zarr_collection *c, uint64_t i, char number[ZARR_NUMBER_BYTES])
{
    if (c->names)
        return c->names[i];
    snprintf(number, ZARR_NUMBER_BYTES, "%llu", (unsigned long long)i);
    return number;
}

/* --- Names. --- */

/* The length of a part of a name, up to a '/'; 0: it cannot be the name of a group. */
static size_t measure_part(const zarr_collection *c, const char *part)
{
    static const char alphanumeric[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = strcspn(part, "/");
    if (c->kind == ZARR_PLATE)
        return strspn(part, alphanumeric) == n ? n : 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)part[i] < ' ' || part[i] == '\\')
            return 0;
    bool is_document = n == strlen("zarr.json") && memcmp(part, "zarr.json", n) == 0;
    return *part == '.' || is_document ? 0 : n;
}

static mt_status check_name(const zarr_collection *c, const char *name, mt_error *err)
{
    int parts = 0;
    size_t n = 1;
    for (const char *part = name; n > 0; part += n + 1) {
        n = measure_part(c, part);
        parts++;
        if (n > 0 && part[n] == 0)
            break;
    }
    if (n > 0 && strlen(name) <= LONGEST_NAME && (c->kind != ZARR_PLATE || parts == 3))
        return MT_OK;
    return mt_fail(err, MT_E_ARGUMENT,
                   c->kind == ZARR_PLATE ? "\"%.300s\" is not ROW/COLUMN/FIELD, each of letters and digits"
                                         : "\"%.300s\" cannot be the name of a label image",
                   name);
}

/* 2 before 10, Z before AA. */
static int compare_names(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    return n != m ? (n > m) - (n < m) : strcmp(a, b);
}

static int compare_places(const zarr_field *a, const zarr_field *b)
{
    int order = compare_names(a->row, b->row);
    return order ? order : compare_names(a->column, b->column);
}

static int compare_fields(const void *left, const void *right)
{
    const zarr_field *a = left, *b = right;
    int order = compare_places(a, b);
    return order ? order : (a->number > b->number) - (a->number < b->number);
}

static int rank(char c) { return c == '/' ? 1 : (unsigned char)c; }

/* '/' is before all other characters: what lies in an image follows it. */
static int compare_texts(const void *left, const void *right)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    for (; *a && *a == *b; a++)
        b++;
    return rank(*a) - rank(*b);
}

static mt_status refuse_equal(const zarr_collection *c, mt_error *err)
{
    size_t n = (size_t)c->n;
    const char **sorted = mt_arena_alloc(c->arena, n, sizeof *sorted, err);
    if (!sorted)
        return mt_arena_failed(err);
    memcpy(sorted, c->names, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_texts);
    for (size_t i = 1; i < n; i++) {
        size_t length = strlen(sorted[i - 1]);
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return mt_fail(err, MT_E_ARGUMENT, "two images are named %s", sorted[i]);
        if (strncmp(sorted[i - 1], sorted[i], length) == 0 && sorted[i][length] == '/')
            return mt_fail(err, MT_E_ARGUMENT,
                           "the image %s would lie in the folder of the image %s: rename one of them", sorted[i],
                           sorted[i - 1]);
    }
    return MT_OK;
}

static mt_status sort_fields(zarr_collection *c, mt_error *err)
{
    c->fields = mt_arena_alloc(c->arena, (size_t)c->n, sizeof *c->fields, err);
    for (uint64_t i = 0; i < c->n && c->fields; i++) {
        const char *name = c->names[i], *column = strchr(name, '/') + 1, *field = strchr(column, '/') + 1;
        char *row = mt_arena_strndup(c->arena, name, (size_t)(column - name - 1), err);
        char *copy = mt_arena_strndup(c->arena, column, (size_t)(field - column - 1), err);
        if (!row || !copy)
            return mt_arena_failed(err);
        c->fields[i] = (zarr_field) { .row = row, .column = copy, .name = field, .number = i };
    }
    if (!c->fields)
        return mt_arena_failed(err);
    qsort(c->fields, (size_t)c->n, sizeof *c->fields, compare_fields);
    return MT_OK;
}

mt_status zarr_check_names(zarr_collection *c, mt_error *err)
{
    if (c->n == 0 || (c->kind == ZARR_SERIES && !c->names)) /* nothing is known yet, or they are numbers */
        return MT_OK;
    if (c->kind == ZARR_SERIES || !c->names)
        return mt_fail(err, MT_E_ARGUMENT,
                       c->names ? "series have no names" : "a collection of this kind needs names of its images");
    mt_status st = MT_OK;
    for (uint64_t i = 0; i < c->n && !st; i++)
        st = check_name(c, c->names[i], err);
    if (st || (st = refuse_equal(c, err)))
        return st;
    return c->kind == ZARR_PLATE ? sort_fields(c, err) : MT_OK;
}

/* --- Documents. Each function returns NULL if memory runs out. --- */

/* Appends an item, which may be NULL; then the list becomes NULL. */
static json_t *append(json_t *list, json_t *item)
{
    if (list && json_array_append_new(list, item) == 0)
        return list;
    json_decref(list);
    return NULL;
}

/* The attributes of a group with one member of OME-Zarr. */
static json_t *with_version(const zarr_collection *c, const char *name, json_t *value)
{
    return c->is_v2 ? json_pack("{so}", name, value) : json_pack("{s{ss so}}", "ome", "version", "0.5", name, value);
}

/* An object of 0.4 names the version itself. */
static json_t *with_own_version(const zarr_collection *c, const char *name, json_t *object)
{
    if (object && c->is_v2 && json_object_set_new(object, "version", json_string("0.4"))) {
        json_decref(object);
        object = NULL;
    }
    return with_version(c, name, object);
}

static json_t *write_names(const zarr_collection *c)
{
    json_t *list = json_array();
    for (uint64_t i = 0; list && i < c->n; i++) {
        char number[ZARR_NUMBER_BYTES];
        list = append(list, json_string(zarr_member_name(c, i, number)));
    }
    return list;
}

static int compare_columns(const void *a, const void *b)
{
    return compare_names(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the columns, in order. */
static const char **find_columns(const zarr_collection *c, size_t *n)
{
    const char **columns = mt_arena_alloc(c->arena, (size_t)c->n, sizeof *columns, NULL);
    *n = 0;
    for (uint64_t i = 0; i < c->n && columns; i++)
        columns[i] = c->fields[i].column;
    if (columns)
        qsort(columns, (size_t)c->n, sizeof *columns, compare_columns);
    for (uint64_t i = 0; i < c->n && columns; i++)
        if (*n == 0 || strcmp(columns[*n - 1], columns[i]) != 0)
            columns[(*n)++] = columns[i];
    return columns;
}

static int find_column(const char *const *columns, size_t n, const char *column)
{
    const char *const *found = bsearch(&column, columns, n, sizeof *columns, compare_columns);
    return found ? (int)(found - columns) : -1;
}

static json_t *write_plate(const zarr_collection *c)
{
    json_t *rows = json_array(), *wells = json_array(), *columns = json_array();
    size_t n_columns, n_rows = 0, in_well = 0, most = 0;
    const char **names = find_columns(c, &n_columns);
    for (size_t i = 0; i < n_columns && names; i++)
        columns = append(columns, json_pack("{ss}", "name", names[i]));
    for (uint64_t i = 0; i < c->n && names; i++) {
        const zarr_field *f = &c->fields[i], *before = i ? f - 1 : NULL;
        char path[LONGEST_NAME + 2];
        bool same_row = before && strcmp(before->row, f->row) == 0;
        if (!same_row) {
            rows = append(rows, json_pack("{ss}", "name", f->row));
            n_rows++;
        }
        in_well = same_row && strcmp(before->column, f->column) == 0 ? in_well + 1 : 1;
        most = in_well > most ? in_well : most;
        snprintf(path, sizeof path, "%s/%s", f->row, f->column);
        if (in_well == 1)
            wells = append(wells, json_pack("{ss si si}", "path", path, "rowIndex", (int)n_rows - 1, "columnIndex",
                                            find_column(names, n_columns, f->column)));
    }
    json_t *plate =
        json_pack("{so so so si}", "rows", rows, "columns", columns, "wells", wells, "field_count", (int)most);
    if (names)
        return plate;
    json_decref(plate);
    return NULL;
}

static json_t *write_mark(const zarr_collection *c)
{
    switch (c->kind) {
    case ZARR_LABELS: return with_version(c, "labels", write_names(c));
    case ZARR_PLATE: return with_own_version(c, "plate", write_plate(c));
    default: return with_version(c, "bioformats2raw.layout", json_integer(3));
    }
}

static json_t *write_own(const zarr_collection *c)
{
    return c->kind == ZARR_SERIES ? json_pack("{sI}", "collection", (json_int_t)c->n)
                                  : json_pack("{sI ss so}", "collection", (json_int_t)c->n, "kind", zarr_kinds[c->kind],
                                              "names", write_names(c));
}

json_t *zarr_write_collection(const zarr_collection *c, bool is_complete)
{
    json_t *attributes = is_complete ? write_mark(c) : json_object();
    if (attributes && json_object_set_new(attributes, "microtome", write_own(c)) == 0)
        return attributes;
    json_decref(attributes);
    return NULL;
}

/* --- Groups between the root and the images. --- */

static mt_status publish_group(const zarr_collection *c, const char *folder, bool only_new, json_t *attributes,
                               mt_error *err)
{
    return zarr_publish_group(c->env, c->target, folder, c->is_v2, only_new, attributes, err);
}

/* The group of a well lists its images, n of them from a field on. */
static json_t *write_well(const zarr_collection *c, const zarr_field *first, size_t n)
{
    json_t *images = json_array();
    for (size_t i = 0; i < n; i++)
        images = append(images, json_pack("{ss}", "path", first[i].name));
    return with_own_version(c, "well", json_pack("{so}", "images", images));
}

static mt_status publish_wells(const zarr_collection *c, bool is_complete, mt_error *err)
{
    char folder[ZARR_FOLDER_BYTES];
    mt_status st = MT_OK;
    for (size_t i = 0, n; i < c->n && !st; i += n) {
        const zarr_field *f = &c->fields[i];
        for (n = 1; i + n < c->n && compare_places(f, f + n) == 0;)
            n++;
        if (i == 0 || strcmp(f[-1].row, f->row) != 0) {
            snprintf(folder, sizeof folder, "%s/", f->row);
            st = publish_group(c, folder, true, json_object(), err);
        }
        snprintf(folder, sizeof folder, "%s/%s/", f->row, f->column);
        if (!st)
            st = publish_group(c, folder, !is_complete, is_complete ? write_well(c, f, n) : json_object(), err);
    }
    return st;
}

/* Label images may lie in groups of their own: "a/b" in "a". */
static mt_status publish_folders(const zarr_collection *c, const char *name, mt_error *err)
{
    char folder[ZARR_FOLDER_BYTES];
    mt_status st = MT_OK;
    for (const char *end = strchr(name, '/'); end && !st; end = strchr(end + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(end - name + 1), name);
        st = publish_group(c, folder, true, json_object(), err);
    }
    return st;
}

mt_status zarr_publish_between(const zarr_collection *c, bool is_complete, mt_error *err)
{
    mt_status st = MT_OK;
    if (c->kind == ZARR_PLATE)
        return publish_wells(c, is_complete, err);
    for (uint64_t i = 0; c->names && i < c->n && !st; i++)
        st = publish_folders(c, c->names[i], err);
    return st;
}

/* --- Series. --- */

mt_status zarr_publish_series(const zarr_collection *c, mt_error *err)
{
    mt_buffer text = mt_buffer_on(c->env);
    mt_status st = zarr_write_metadata(c, &text, err);
    if (!st)
        st = publish_group(c, "OME/", false, with_version(c, "series", write_names(c)), err);
    mt_piece piece = { text.data, text.size };
    if (!st && text.size > 0)
        st = mt_target_publish(c->target, "OME/METADATA.ome.xml", &piece, 1, err);
    mt_buffer_free(&text);
    return st;
}
