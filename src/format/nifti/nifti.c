/* SPDX-License-Identifier: BSD-3-Clause */
/* NIfTI: a file with header and pixels (.nii), or a pair of files (.hdr, .img), of which either can be named. */
#include "format/nifti/nifti.h"

#include "base/suffix.h"

#include <string.h>

/* What is open: the header, and the keys of the pixels and of the other file of a pair. */
typedef struct nifti_file {
    nifti_header header;
    const char *pixels, *other; /* other: NULL for a single file */
} nifti_file;

static bool has_suffix(const char *key, const char *suffix) { return mt_has_suffix(key, strlen(key), suffix); }

/* Reads the header beside a file of pixels. *found: there is one, of a pair. */
static mt_status read_beside(const mt_source *source, mt_arena *arena, const char **key, nifti_header *out, bool *found,
                             mt_error *err)
{
    uint8_t head[NIFTI_HEADER_2];
    size_t n;
    uint64_t size;
    bool pair = false;
    mt_status st = mt_source_find_beside(source, arena, "hdr", key, found, err);
    if (st || !*found || (st = mt_store_read_start(source->store, *key, head, sizeof head, &n, &size, err)))
        return st;
    *found = nifti_find_magic(head, n, &pair) && pair;
    return *found ? nifti_parse(head, n, out, err) : MT_OK;
}

/* A file of pixels has no signature: the header beside it counts. */
static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    bool found;
    mt_arena *arena;
    if (nifti_find_magic(source->head, source->head_size, &found)) {
        *score = 2;
        return MT_OK;
    }
    if (source->folder || !has_suffix(source->key, "img"))
        return MT_OK;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    const char *key;
    nifti_header header;
    st = read_beside(source, arena, &key, &header, &found, err);
    *score = !st && found;
    mt_arena_free(arena);
    return st;
}

/* The file is that of the header. */
static mt_status open_header(const mt_source *source, mt_arena *arena, nifti_file *file, mt_error *err)
{
    mt_status st = nifti_parse(source->head, source->head_size, &file->header, err);
    if (st || !file->header.pair)
        return st;
    if (!has_suffix(source->key, "hdr"))
        return mt_fail(
            err, MT_E_UNSUPPORTED,
            "the header is that of a pair of files, and must be called .hdr for the pixels in .img to be found");
    bool exists;
    st = mt_source_find_beside(source, arena, "img", &file->other, &exists, err);
    file->pixels = file->other;
    return st || exists ? st : mt_fail(err, MT_E_CORRUPT, "%s, which holds the pixels, does not exist", file->pixels);
}

/* The file is that of the pixels. */
static mt_status open_pixels(const mt_source *source, mt_arena *arena, nifti_file *file, mt_error *err)
{
    bool found = false;
    if (!source->folder && has_suffix(source->key, "img")) {
        mt_status st = read_beside(source, arena, &file->other, &file->header, &found, err);
        if (st)
            return st;
    }
    return found ? MT_OK : mt_fail(err, MT_E_CORRUPT, "there is no NIfTI header");
}

static mt_status open_nifti(mt_container *container, mt_error *err)
{
    const mt_source *source = &container->source;
    nifti_file *file = mt_arena_alloc(container->arena, 1, sizeof *file, err);
    bool pair;
    if (!file)
        return MT_E_MEMORY;
    container->state = file;
    file->pixels = source->key;
    bool is_header = nifti_find_magic(source->head, source->head_size, &pair);
    return (is_header ? open_header : open_pixels)(source, container->arena, file, err);
}

static mt_status map_pixels(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    (void)part;
    const nifti_file *file = container->state;
    mt_status st = file->other ? mt_chunk_map_add_member(map, file->other, err) : MT_OK;
    return st ? st : nifti_make_map(&file->header, file->pixels, container->source.options->scaled != 0, map, err);
}

static mt_status members(const mt_container *container, mt_names *out, mt_error *err)
{
    const nifti_file *file = container->state;
    return file->other ? mt_names_add(out, file->other, err) : MT_OK;
}

const mt_format mt_format_nifti = { .name = "nifti",
                                    .title = "NIfTI-1, NIfTI-2",
                                    .suffixes = "nii,hdr,img",
                                    .probe = probe,
                                    .open = open_nifti,
                                    .map = map_pixels,
                                    .members = members };
