/* SPDX-License-Identifier: BSD-3-Clause */
/* NDTiff of Micro-Manager: a file NDTiff.index beside one or several TIFF files lists their pages in order, each with
 * its position along named axes. Source: the specification of NDTiff 3, micro-manager/NDTiffStorage. */
#include "base/checked.h"
#include "base/json.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

#define ND_MAGIC 483729
#define ND_MAX_AXES 8
#define ND_MAX_FILES 512
#define ND_MAX_WORDS 512 /* names along an axis */

typedef struct nd_axis {
    const char *name;
    int64_t low, high; /* range of the positions */
    const char **words;
    size_t n_words, room;
} nd_axis;

/* A page and its position along the axes, in order of appearance. */
typedef struct nd_frame {
    int32_t at[ND_MAX_AXES];
    uint32_t file, page;
} nd_frame;

typedef struct nd_index {
    const tiff_scan *scan;
    nd_axis axes[ND_MAX_AXES];
    size_t n_axes;
    const char **files; /* keys; the first is the file that was opened */
    uint32_t *pages;    /* pages of each file so far */
    size_t n_files, file_room, page_room;
    nd_frame *frames;
    size_t n, room;
    bool fits;
} nd_index;

static mt_status no_memory(const mt_error *err) { return err && err->status ? err->status : MT_E_MEMORY; }

/* The position of a name along an axis: names are numbered in order of appearance. */
static mt_status find_word(nd_index *x, nd_axis *axis, const char *word, int64_t *out, mt_error *err)
{
    mt_arena *arena = x->scan->images->arena;
    size_t i = 0;
    while (i < axis->n_words && strcmp(axis->words[i], word) != 0)
        i++;
    *out = (int64_t)i;
    if (i < axis->n_words)
        return MT_OK;
    if (i == ND_MAX_WORDS)
        return mt_fail(err, MT_E_LIMIT, "NDTiff.index: more than %d names along %s", ND_MAX_WORDS, axis->name);
    const char **words = mt_arena_grow(arena, axis->words, i, &axis->room, 4, sizeof *words, err);
    if (!words || !(words[i] = mt_arena_strndup(arena, word, strlen(word), err)))
        return no_memory(err);
    axis->words = words;
    axis->n_words++;
    return MT_OK;
}

static mt_status find_axis(nd_index *x, const char *name, size_t *out, mt_error *err)
{
    size_t i = 0;
    while (i < x->n_axes && strcmp(x->axes[i].name, name) != 0)
        i++;
    *out = i;
    if (i < x->n_axes)
        return MT_OK;
    if (i == ND_MAX_AXES)
        return mt_fail(err, MT_E_LIMIT, "NDTiff.index: more than %d axes", ND_MAX_AXES);
    const char *copy = mt_arena_strndup(x->scan->scratch, name, strlen(name), err);
    if (!copy)
        return no_memory(err);
    x->axes[x->n_axes++] = (nd_axis) { .name = copy, .low = INT64_MAX, .high = INT64_MIN };
    return MT_OK;
}

/* {"time": 0, "channel": "DAPI", "z": -3} */
static mt_status read_place(nd_index *x, const char *text, size_t size, nd_frame *frame, mt_error *err)
{
    json_t *json, *value;
    const char *name;
    mt_status st = mt_json_parse(x->scan->file->env, text, size, "NDTiff.index", &json, err);
    if (st)
        return st;
    json_object_foreach(json, name, value)
    {
        size_t i;
        int64_t at = json_integer_value(value);
        if ((st = find_axis(x, name, &i, err)) ||
            (json_is_string(value) && (st = find_word(x, &x->axes[i], json_string_value(value), &at, err))))
            break;
        nd_axis *axis = &x->axes[i];
        x->fits = x->fits && (json_is_string(value) || (json_is_integer(value) && axis->n_words == 0)) &&
                  at >= INT32_MIN && at <= INT32_MAX;
        frame->at[i] = (int32_t)at;
        axis->low = mt_min_i64(axis->low, at);
        axis->high = mt_max_i64(axis->high, at);
    }
    json_decref(json);
    return st;
}

static mt_status find_file(nd_index *x, const char *name, size_t length, uint32_t *out, mt_error *err)
{
    mt_arena *arena = x->scan->scratch;
    size_t i = 0;
    while (i < x->n_files && (strncmp(x->files[i], name, length) != 0 || x->files[i][length] != 0))
        i++;
    *out = (uint32_t)i;
    if (i < x->n_files)
        return MT_OK;
    if (i == ND_MAX_FILES)
        return mt_fail(err, MT_E_LIMIT, "NDTiff.index: more than %d files", ND_MAX_FILES);
    const char **files = mt_arena_grow(arena, x->files, i, &x->file_room, 4, sizeof *files, err);
    uint32_t *pages = files ? mt_arena_grow(arena, x->pages, i, &x->page_room, 4, sizeof *pages, err) : NULL;
    if (!pages || !(files[i] = mt_arena_strndup(arena, name, length, err)))
        return no_memory(err);
    pages[i] = 0;
    x->files = files;
    x->pages = pages;
    x->n_files++;
    return MT_OK;
}

static const char *read_text(mt_reader *r, size_t *size)
{
    uint32_t n = mt_read_u32(r);
    *size = n;
    return (const char *)mt_read_bytes(r, n);
}

/* Reads an entry: position, file, and numbers of which the second and third are width and height. */
static mt_status read_entry(nd_index *x, mt_reader *r, const tiff_page *page, mt_error *err)
{
    size_t place_size, name_size;
    nd_frame frame = { 0 };
    const char *place = read_text(r, &place_size), *name = read_text(r, &name_size);
    mt_read_skip(r, 4);
    uint32_t width = mt_read_u32(r), height = mt_read_u32(r);
    mt_read_skip(r, 5 * 4);
    if (r->failed)
        return MT_OK; /* truncated: the file was still being written */
    x->fits = x->fits && width == (uint64_t)page->width && height == (uint64_t)page->height && name_size > 0 &&
              !memchr(name, '/', name_size) && !memchr(name, '\\', name_size) && !memchr(name, 0, name_size);
    if (!x->fits)
        return MT_OK;
    mt_status st = read_place(x, place, place_size, &frame, err);
    if (st || (st = find_file(x, name, name_size, &frame.file, err)))
        return st;
    if (x->n >= x->scan->file->env->limits.max_pages)
        return mt_fail(err, MT_E_LIMIT, "NDTiff.index: more pages than max_pages (%zu)",
                       x->scan->file->env->limits.max_pages);
    frame.page = x->pages[frame.file]++;
    nd_frame *frames = mt_arena_grow(x->scan->scratch, x->frames, x->n, &x->room, 64, sizeof *frames, err);
    if (!frames)
        return no_memory(err);
    x->frames = frames;
    x->frames[x->n++] = frame;
    return MT_OK;
}

/* The letter of an axis: positions and unknown axes are samples. */
static char letter_of(const nd_axis *axis)
{
    static const char *const names[3] = { "time", "z", "channel" };
    for (int i = 0; i < 3; i++)
        if (strcmp(axis->name, names[i]) == 0)
            return "TZC"[i];
    return 'S';
}

/* Sets the leading dimensions: samples first, then T, Z and C, without those of length 1. order: their axes. */
static mt_status set_axes(nd_index *x, tiff_series *series, size_t *order, mt_error *err)
{
    size_t n = 0;
    uint64_t planes = 1, limit = x->scan->file->env->limits.max_pages;
    series->ndim = 0;
    series->axes[0] = 0;
    for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < x->n_axes; i++) {
            const nd_axis *axis = &x->axes[i];
            if (letter_of(axis) != "STZC"[k])
                continue;
            order[n++] = i;
            int64_t size = axis->high - axis->low + 1;
            if (mt_mul_u64(planes, (uint64_t)size, &planes) || planes > limit)
                return mt_fail(err, MT_E_LIMIT, "NDTiff.index: more planes than max_pages (%llu)",
                               (unsigned long long)limit);
            tiff_add_axis(series, "STZC"[k], size);
        }
    series->n_planes = planes;
    return MT_OK;
}

static mt_status place_frames(const nd_index *x, uint64_t pages, const size_t *order, tiff_series *series,
                              mt_error *err)
{
    tiff_plane *planes = mt_arena_alloc(x->scan->images->arena, (size_t)series->n_planes, sizeof *planes, err);
    if (!planes)
        return no_memory(err);
    for (uint64_t i = 0; i < series->n_planes; i++)
        planes[i].file = TIFF_NO_FILE;
    for (size_t i = 0; i < x->n; i++) {
        const nd_frame *frame = &x->frames[i];
        uint64_t plane = 0;
        for (size_t k = 0; k < x->n_axes; k++) {
            const nd_axis *axis = &x->axes[order[k]];
            int64_t at = mt_max_i64(frame->at[order[k]], axis->low); /* 0 if the entry does not name the axis */
            plane = plane * (uint64_t)(axis->high - axis->low + 1) + (uint64_t)(mt_min_i64(at, axis->high) - axis->low);
        }
        if (frame->file == 0 && frame->page >= pages)
            continue;
        planes[plane] = (tiff_plane) { .file = frame->file, .page = (uint32_t)frame->page };
        if (frame->file == 0 && frame->page == 0)
            series->reference = plane;
    }
    series->planes = planes;
    return MT_OK;
}

static const char *get_folder(const mt_source *source, int *length)
{
    const char *slash = strrchr(source->key, '/');
    *length = slash ? (int)(slash + 1 - source->key) : 0;
    return source->key;
}

/* Adds the other files, after the one that was opened. */
static mt_status add_files(const nd_index *x, mt_error *err)
{
    const mt_source *source = x->scan->source;
    tiff_images *images = x->scan->images;
    int length;
    const char *folder = get_folder(source, &length);
    tiff_chain **files = mt_arena_alloc(images->arena, x->n_files, sizeof(tiff_chain *), err);
    if (!files)
        return no_memory(err);
    files[0] = images->files[0];
    images->files = files;
    for (size_t i = 1; i < x->n_files; i++) {
        const char *key = mt_arena_printf(x->scan->scratch, err, "%.*s%s", length, folder, x->files[i]);
        mt_status st =
            key ? tiff_chain_new(source->env, source->store, key, images->arena, &files[i], err) : no_memory(err);
        if (st)
            return st;
        images->n_files++;
    }
    return MT_OK;
}

static mt_status name_channels(const nd_index *x, tiff_series *series, mt_error *err)
{
    for (size_t i = 0; i < x->n_axes; i++) {
        const nd_axis *axis = &x->axes[i];
        if (letter_of(axis) != 'C' || axis->n_words == 0)
            continue;
        mt_channel *channels = mt_arena_alloc(x->scan->images->arena, axis->n_words, sizeof *channels, err);
        if (!channels)
            return no_memory(err);
        for (size_t c = 0; c < axis->n_words; c++)
            channels[c].name = axis->words[c];
        series->channels = channels;
        series->n_channels = axis->n_words;
    }
    return MT_OK;
}

static mt_status read_index(nd_index *x, const tiff_page *page, const char *text, size_t size, mt_error *err)
{
    mt_reader r = mt_reader_over(text, size, false);
    const char *key = x->scan->source->key, *slash = strrchr(key, '/');
    uint32_t own;
    x->fits = true;
    key = slash ? slash + 1 : key;
    mt_status st = find_file(x, key, strlen(key), &own, err);
    while (!st && x->fits && !r.failed && mt_read_left(&r) > 0)
        st = read_entry(x, &r, page, err);
    x->fits = x->fits && x->n > 0 && x->pages[0] > 0;
    return st;
}

mt_status tiff_describe_ndtiff(const tiff_scan *scan, tiff_series *series, mt_error *err)
{
    const mt_source *source = scan->source;
    nd_index x = { .scan = scan };
    size_t size, order[ND_MAX_AXES];
    int length;
    char *text;
    uint64_t pages = series->n_planes;
    mt_reader r = mt_reader_over(source->head, source->head_size, scan->file->big_endian);
    mt_read_skip(&r, 8);
    if (mt_read_u32(&r) != ND_MAGIC || r.failed || series->kinds)
        return MT_OK;
    const char *folder = get_folder(source, &length);
    const char *key = mt_arena_printf(scan->scratch, err, "%.*sNDTiff.index", length, folder);
    if (!key)
        return no_memory(err);
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_store_load(source->store, key, source->env->limits.max_metadata_bytes, "max_metadata_bytes",
                                 scan->scratch, &text, &size, &own);
    if (st == MT_E_NOT_FOUND)
        return tiff_warn(scan->images, series, err,
                         "NDTiff.index is missing beside this NDTiff file: pages are read in file order");
    if (st)
        return mt_fail(err, st, "%s", own.message);
    st = read_index(&x, &series->page, text, size, &own);
    if (st == MT_E_CORRUPT || (!st && !x.fits))
        return tiff_warn(scan->images, series, err,
                         "NDTiff.index does not match this file: pages are read in file order");
    if (st)
        return mt_fail(err, st, "%s", own.message);
    if ((st = set_axes(&x, series, order, err)) || (st = place_frames(&x, pages, order, series, err)) ||
        (st = add_files(&x, err)))
        return st;
    if (!(scan->images->document = mt_arena_strndup(scan->images->arena, key, strlen(key), err)))
        return no_memory(err);
    return name_channels(&x, series, err);
}
