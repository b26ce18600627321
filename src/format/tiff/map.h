/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of the chunk map of a series. */
#ifndef MT_FORMAT_TIFF_MAP_H
#define MT_FORMAT_TIFF_MAP_H

#include "format/tiff/tiff.h"

/* Planes of equal tiling and compression. */
typedef struct tiff_kind {
    tiff_page page;         /* description of the first plane */
    uint64_t plane;         /* first plane of this kind */
    mt_chain chain;         /* decodes a chunk */
    bool swap;              /* chunks are stored in the other byte order */
    uint64_t decoded, most; /* bytes of a decoded chunk; upper bound on encoded bytes */
} tiff_kind;

typedef struct tiff_state {
    mt_env *env;                 /* memory, limits and caches */
    const tiff_images *images;   /* series and files; borrowed from the container */
    uint64_t first_page;         /* page of the first plane, if planes is NULL */
    const tiff_plane *planes;    /* location of each plane, or NULL: consecutive pages */
    uint64_t n_planes;           /* planes of the series */
    int level;                   /* 0: full resolution */
    int sub_ifd;                 /* index of the SubIFD that holds a plane; -1: the page itself */
    int leading;                 /* number of dimensions before those of the page */
    bool loose_counts;           /* byte counts may be too large (LSM) */
    tiff_kind *kinds;            /* at least one */
    size_t n_kinds;              /* entries of kinds */
    const uint8_t *kind_of;      /* kind of each plane; NULL: all are of kind 0 */
    const uint64_t *first_chunk; /* first chunk of each plane, and the total; NULL: the map is a grid */
    uint64_t owner;              /* owner of the tables in the index cache */
} tiff_state;

static inline const tiff_kind *tiff_kind_of(const tiff_state *s, uint64_t plane)
{
    return &s->kinds[s->kind_of ? s->kind_of[plane] : 0];
}

/* Locates a strip or tile of a plane. */
MT_MUST_CHECK mt_status tiff_locate(const mt_chunk_map *map, uint64_t plane, uint64_t chunk, mt_chunk_ref *out,
                                    mt_error *err);

/* Turns the chunks of a map into boxes, for planes of several kinds. The dimensions of the map are set. */
MT_MUST_CHECK mt_status tiff_mix_kinds(mt_chunk_map *map, mt_error *err);

#endif
