/* SPDX-License-Identifier: BSD-3-Clause */
/* What the chunk map of a series keeps to find its chunks. */
#ifndef MT_FORMAT_TIFF_MAP_H
#define MT_FORMAT_TIFF_MAP_H

#include "format/tiff/tiff.h"

/* Planes that are cut and compressed alike. */
typedef struct tiff_kind {
    tiff_page page;         /* description of the first plane */
    uint64_t plane;         /* the first of them */
    mt_chain chain;         /* decodes a chunk */
    bool swap;              /* chunks are in the other byte order than the machine's */
    uint64_t decoded, most; /* bytes of a whole chunk; encoded at most */
} tiff_kind;

typedef struct tiff_state {
    mt_env *env;                 /* memory, limits and caches */
    const tiff_images *images;   /* series and files; borrowed from the container */
    uint64_t first_page;         /* of the first plane, and */
    const tiff_plane *planes;    /* NULL, or where each lies */
    uint64_t n_planes;           /* planes of the series */
    int level;                   /* 0: full resolution */
    int sub_ifd;                 /* which SubIFD of its page is a plane; -1: the page itself */
    int leading;                 /* dimensions before those of the page */
    bool loose_counts;           /* byte counts may be too large (LSM) */
    tiff_kind *kinds;            /* at least one */
    size_t n_kinds;              /* entries of kinds */
    const uint8_t *kind_of;      /* NULL, or the kind of each plane */
    const uint64_t *first_chunk; /* of each plane, and behind the last; NULL: the map is a grid */
    uint64_t owner;              /* of the strip tables in the index cache */
} tiff_state;

static inline const tiff_kind *tiff_kind_of(const tiff_state *s, uint64_t plane)
{
    return &s->kinds[s->kind_of ? s->kind_of[plane] : 0];
}

/* Where a strip or tile of a plane lies. */
MT_MUST_CHECK mt_status tiff_locate(const mt_chunk_map *map, uint64_t plane, uint64_t chunk, mt_chunk_ref *out,
                                    mt_error *err);

/* Makes boxes of the chunks of a map whose dimensions are set, whose planes are of several kinds. */
MT_MUST_CHECK mt_status tiff_mix_kinds(mt_chunk_map *map, mt_error *err);

#endif
