/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of a map in a saved map (format/saved): the keys of blocks. */
#include "format/n5/n5.h"

#include "codec/params.h"
#include "format/saved/saved.h"

#include <string.h>

mt_status n5_save(const mt_chunk_map *map, mt_buffer *out, mt_error *err)
{
    (void)err;
    const n5_state *s = map->state;
    mt_put_text(out, s->stem);
    mt_put_text(out, s->infix ? s->infix : "");
    for (int64_t t = 0; s->infix && t < map->shape[0]; t++)
        mt_put_text(out, s->times[t] ? s->times[t] : "");
    return MT_OK;
}

static mt_status broken(mt_error *err) { return mt_fail(err, MT_E_CORRUPT, "keys of the saved map are broken"); }

static char *read_text(mt_reader *r, mt_arena *arena, mt_error *err)
{
    uint64_t n = mt_read_varint(r);
    const uint8_t *bytes = n < MT_KEY_BYTES ? mt_read_bytes(r, (size_t)n) : NULL;
    if (bytes)
        return mt_arena_strndup(arena, (const char *)bytes, (size_t)n, err);
    (void)!broken(err);
    return NULL;
}

static mt_status restore_times(mt_chunk_map *map, mt_reader *r, mt_error *err)
{
    n5_state *s = map->state;
    if (map->ndim < 2 || map->chunk_shape[0] != 1 || (uint64_t)map->shape[0] > mt_read_left(r))
        return broken(err);
    const char **times = mt_arena_alloc(map->arena, (size_t)map->shape[0] + 1, sizeof *times, err);
    if (!times)
        return mt_arena_failed(err);
    for (int64_t t = 0; t < map->shape[0]; t++) {
        const char *name = read_text(r, map->arena, err);
        if (!name)
            return mt_arena_failed(err);
        times[t] = *name ? name : NULL;
    }
    s->times = times;
    return MT_OK;
}

/* The chain of the map must be that of whole blocks of its shape. */
static bool has_chain(const mt_chunk_map *map, int ndim)
{
    const mt_step *step = &map->chain.steps[0];
    if (map->chain.n_steps != 1 || strcmp(step->codec->name, "n5_block") != 0)
        return false;
    const mt_block_params *p = step->params;
    if (p->ndim != ndim || p->element_size != mt_dtype_size(map->dtype))
        return false;
    for (int d = 0; d < ndim; d++)
        if (p->extent[d] != map->chunk_shape[map->ndim - 1 - d])
            return false;
    return true;
}

mt_status n5_restore(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err)
{
    n5_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    if (!s)
        return mt_arena_failed(err);
    map->state = s;
    const char *stem = read_text(r, map->arena, err), *infix = stem ? read_text(r, map->arena, err) : NULL;
    if (!infix || !(s->stem = mt_key_rename(renaming, stem, map->arena, err)))
        return mt_arena_failed(err);
    s->infix = *infix ? infix : NULL;
    mt_status st = s->infix ? restore_times(map, r, err) : MT_OK;
    if (!st && !has_chain(map, map->ndim - (s->infix != NULL)))
        st = broken(err);
    return st ? st : n5_finish(map, err);
}
