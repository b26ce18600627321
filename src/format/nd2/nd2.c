/* SPDX-License-Identifier: BSD-3-Clause */
/* Nikon ND2: opens a file, and finds the axes of its image. */
#include "format/nd2/nd2.h"

#include "base/checked.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    (void)err;
    *score = source->head_size >= ND2_HEAD_BYTES && mt_load_u32le(source->head) == ND2_MAGIC ? 2 : 0;
    return MT_OK;
}

mt_status nd2_warn(nd2_file *file, mt_arena *arena, mt_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mt_status st = mt_texts_warn(&file->warnings, arena, err, format, args);
    va_end(args);
    return st;
}

/* The first chunk holds the version: "Ver3.0". */
static mt_status check_version(const mt_source *source, mt_error *err)
{
    mt_reader r = mt_reader_over(source->head, source->head_size, false);
    mt_read_skip(&r, 4);
    uint32_t name_bytes = mt_read_u32(&r);
    mt_read_skip(&r, 8);
    mt_read_skip(&r, name_bytes);
    const char *version = (const char *)mt_read_bytes(&r, 6);
    if (!version || memcmp(version, "Ver", 3) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the first chunk does not hold the version");
    if (version[3] != '2' && version[3] != '3')
        return mt_fail(err, MT_E_UNSUPPORTED, "version %.3s of the format is not supported", version + 3);
    return MT_OK;
}

/* Parses a metadata chunk; *out is its outer level, or NULL if the file has none. Version 3 names that level. */
static mt_status parse_chunk(nd2_file *file, int chunk, const char *name, mt_arena *arena, const nd2_value **out,
                             mt_error *err)
{
    uint8_t *bytes;
    size_t size;
    const char *repair;
    *out = NULL;
    mt_status st = nd2_load(file, chunk, arena, &bytes, &size, err);
    if (st || !bytes || (st = nd2_parse(arena, bytes, size, name, out, &repair, err)) ||
        (repair && (st = nd2_warn(file, arena, err, "%s: %s", name, repair))))
        return st;
    const nd2_value *named = nd2_find(*out, name);
    *out = named ? named : nd2_unwrap(*out);
    return MT_OK;
}

/* The number types of the vendor: signed 0, unsigned 1, real 2. Old files have none, and no numbers of 32 bits but real
 * ones. */
static mt_dtype find_dtype(const nd2_value *attributes)
{
    static const mt_dtype dtypes[3][4] = { { MT_INT8, MT_INT16, MT_INT32, 0 },
                                           { MT_UINT8, MT_UINT16, MT_UINT32, 0 },
                                           { 0, MT_FLOAT16, MT_FLOAT32, MT_FLOAT64 } };
    double bits = nd2_number(attributes, "uiBpcInMemory", 0);
    double type = nd2_number(attributes, "ePixelType", bits == 32 ? 2 : 1);
    for (int i = 0; i < 4; i++)
        if (bits == 8 << i && type >= 0 && type < 3)
            return dtypes[(int)type][i];
    return (mt_dtype)0;
}

static mt_status read_sizes(const nd2_value *attributes, nd2_pixels *out, mt_error *err)
{
    static const char *const names[4] = { "uiWidth", "uiHeight", "uiComp", "uiWidthBytes" };
    int64_t sizes[4];
    for (int i = 0; i < 4; i++) {
        double size = nd2_number(attributes, names[i], 0);
        if (!(size >= 1 && size <= UINT32_MAX))
            return mt_fail(err, MT_E_CORRUPT, "the attributes have no valid %s", names[i]);
        sizes[i] = (int64_t)size;
    }
    out->width = sizes[0];
    out->height = sizes[1];
    out->components = sizes[2];
    out->row_bytes = (uint64_t)sizes[3];
    return MT_OK;
}

static mt_status read_pixels(const nd2_value *attributes, nd2_pixels *out, mt_error *err)
{
    enum { LOSSLESS = 0, LOSSY = 1, NONE = 2 };
    mt_status st = read_sizes(attributes, out, err);
    if (st)
        return st;
    out->dtype = find_dtype(attributes);
    if (!out->dtype)
        return mt_fail(err, MT_E_UNSUPPORTED, "pixels of %g bits and the type %g are not supported",
                       nd2_number(attributes, "uiBpcInMemory", 0), nd2_number(attributes, "ePixelType", 1));
    uint64_t size = mt_dtype_size(out->dtype), row;
    if (mt_mul_u64((uint64_t)out->width * size, (uint64_t)out->components, &row) || row > out->row_bytes ||
        out->row_bytes % size != 0)
        return mt_fail(err, MT_E_CORRUPT,
                       "rows of %lld pixels with %lld components of %llu bytes cannot have %llu bytes",
                       (long long)out->width, (long long)out->components, (unsigned long long)size,
                       (unsigned long long)out->row_bytes);
    double compression = nd2_number(attributes, "eCompression", NONE);
    if (compression != LOSSLESS && compression != NONE)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s compression (eCompression is %g) is not supported",
                       compression == LOSSY ? "lossy" : "this", compression);
    out->is_compressed = compression == LOSSLESS;
    return MT_OK;
}

/* Channels of three components are colours. Others show each component as a channel, as the reader nd2 does. */
static mt_status count_planes(nd2_file *file, mt_arena *arena, mt_error *err)
{
    nd2_pixels *pixels = &file->pixels;
    double planes = nd2_number(nd2_find(file->picture, "sPicturePlanes"), "uiCount", 0);
    if (!(planes >= 0 && planes <= UINT32_MAX) || planes != floor(planes))
        return mt_fail(err, MT_E_CORRUPT, "the number of channels is %g (uiCount)", planes);
    pixels->is_rgb = planes >= 1 && planes * 3 == (double)pixels->components;
    pixels->planes = pixels->is_rgb ? (int64_t)planes : pixels->components;
    if (planes >= 1 || pixels->components == 1)
        return MT_OK;
    return nd2_warn(file, arena, err,
                    "the number of channels is not stored: the %lld components are channels, in their order",
                    (long long)pixels->components);
}

static uint64_t count_frames(const nd2_loops *loops)
{
    uint64_t n = 1;
    for (int i = 0; i < loops->n; i++)
        if (mt_mul_u64(n, (uint64_t)loops->loop[i].count, &n))
            return UINT64_MAX;
    return n;
}

/* Shows frames in the order of acquisition, with the reason why their loops do not. */
static mt_status flatten(nd2_file *file, uint64_t n, mt_arena *arena, mt_error *err)
{
    uint64_t planned = count_frames(&file->loops);
    mt_status st = MT_OK;
    if (file->loops.unknown)
        st = nd2_warn(file, arena, err,
                      "the loops of the acquisition are not understood (%s): its %llu frames are T, in their order",
                      file->loops.unknown, (unsigned long long)n);
    else
        st = nd2_warn(file, arena, err,
                      "the loops of the acquisition have %llu frames, and the file %llu: these are T, in their order",
                      (unsigned long long)planned, (unsigned long long)n);
    file->loops = (nd2_loops) { .n = 1, .loop = { { .axis = 'T', .count = (int64_t)n } } };
    return st;
}

/* An acquisition that was stopped has fewer frames than its loops: the slowest is cut. */
static mt_status cut(nd2_file *file, uint64_t n, mt_arena *arena, mt_error *err)
{
    nd2_loop *slowest = &file->loops.loop[0];
    uint64_t planned = count_frames(&file->loops), inner = planned / (uint64_t)slowest->count;
    int64_t before = slowest->count;
    slowest->count = (int64_t)((n + inner - 1) / inner);
    return nd2_warn(file, arena, err,
                    "the acquisition was stopped: %llu of %llu frames are stored, and %c has %lld of %lld positions",
                    (unsigned long long)n, (unsigned long long)planned, slowest->axis, (long long)slowest->count,
                    (long long)before);
}

/* Makes the loops fit the number of frames, by the attributes and by the chunks, which may contradict them. */
static mt_status fit_loops(nd2_file *file, const nd2_value *attributes, mt_arena *arena, mt_error *err)
{
    const nd2_index *index = &file->index;
    size_t limit = file->env->limits.max_pages;
    uint64_t last = index->n_frames ? (uint64_t)index->frames[index->n_frames - 1].number + 1 : 0;
    double counted = nd2_number(attributes, "uiSequenceCount", 0);
    uint64_t n = counted > (double)last && counted <= UINT32_MAX ? (uint64_t)counted : last;
    uint64_t planned = count_frames(&file->loops);
    if (n == 0)
        return mt_fail(err, MT_E_CORRUPT, "the file has no frames");
    mt_status st = MT_OK;
    if (file->loops.unknown)
        st = flatten(file, n, arena, err);
    else if (last > planned || (n > planned && file->loops.n == 0))
        st = flatten(file, n > planned && file->loops.n == 0 ? n : last, arena, err);
    else if (n < planned)
        st = cut(file, n, arena, err);
    file->n_frames = count_frames(&file->loops);
    if (!st && file->n_frames > limit)
        return mt_fail(err, MT_E_LIMIT, "%llu frames are more than max_pages (%zu)", (unsigned long long)file->n_frames,
                       limit);
    return st;
}

/* Loops of one position are not axes. */
static void drop_single(nd2_loops *loops)
{
    int n = 0;
    for (int i = 0; i < loops->n; i++)
        if (loops->loop[i].count > 1)
            loops->loop[n++] = loops->loop[i];
    loops->n = n;
}

/* Times of all frames in milliseconds since the start. */
static mt_status read_times(nd2_file *file, mt_arena *arena, mt_error *err)
{
    uint8_t *bytes;
    size_t size;
    mt_status st = nd2_load(file, ND2_TIMES, arena, &bytes, &size, err);
    if (st || size < 8)
        return st;
    double *times = mt_arena_alloc(arena, size / 8, sizeof *times, err);
    if (!times)
        return MT_E_MEMORY;
    mt_reader r = mt_reader_over(bytes, size, false);
    for (size_t i = 0; i < size / 8; i++)
        times[i] = mt_read_f64(&r) / 1000;
    file->times = times;
    file->n_times = size / 8;
    return MT_OK;
}

static mt_status read_metadata(nd2_file *file, mt_arena *arena, mt_error *err)
{
    const nd2_value *attributes, *experiment;
    nd2_touch(file);
    mt_status st = parse_chunk(file, ND2_ATTRIBUTES, "SLxImageAttributes", arena, &attributes, err);
    if (st)
        return st;
    if (!attributes)
        return mt_fail(err, MT_E_CORRUPT, "the file is cut or damaged: the chunk ImageAttributes is missing");
    if ((st = parse_chunk(file, ND2_EXPERIMENT, "SLxExperiment", arena, &experiment, err)) ||
        (st = parse_chunk(file, ND2_PICTURE, "SLxPictureMetadata", arena, &file->picture, err)) ||
        (st = read_pixels(attributes, &file->pixels, err)) || (st = read_times(file, arena, err)))
        return st;
    nd2_read_loops(experiment, &file->loops);
    if ((st = count_planes(file, arena, err)) || (st = fit_loops(file, attributes, arena, err)))
        return st;
    for (int i = 0; i < file->loops.n; i++)
        if (nd2_positions(&file->loops.loop[i]))
            file->positions = file->loops.loop[i];
    drop_single(&file->loops);
    return st;
}

static mt_status open_nd2(mt_container *container, mt_error *err)
{
    const mt_source *source = &container->source;
    nd2_file *file = mt_arena_alloc(container->arena, 1, sizeof *file, err);
    if (!file)
        return MT_E_MEMORY;
    *file = (nd2_file) { .env = source->env, .store = source->store, .key = source->key };
    container->state = file;
    mt_status st = check_version(source, err);
    if (st || (st = nd2_find_chunks(file, container->arena, err)))
        return st;
    return read_metadata(file, container->arena, err);
}

static mt_status map_image(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    (void)part;
    const nd2_file *file = container->state;
    mt_status st = nd2_make_map(file, map, err);
    for (size_t i = 0; i < file->warnings.n && !st; i++)
        st = mt_chunk_map_warn(map, err, "%s", file->warnings.items[i]);
    return st ? st : nd2_describe(file, map, err);
}

const mt_format mt_format_nd2 = {
    .name = "nd2", .title = "Nikon ND2", .suffixes = "nd2", .probe = probe, .open = open_nd2, .map = map_image
};
