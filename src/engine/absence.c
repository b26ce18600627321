/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/absence.h"

#include "engine/locate.h"

#include <string.h>

static mt_absence judge(const mt_image *image, uint64_t id, const char *key, mt_status *st, mt_error *err)
{
    const mt_chunk_map *map = image->map;
    int64_t position[MT_MAX_DIMS];
    bool moved = false, any_stored = atomic_load_explicit(&image->present, memory_order_relaxed) > 0;
    *st = MT_OK;
    if (!map->judge_absent)
        return MT_ABSENT;
    mt_image_chunk_position(image, id, position);
    *st = map->judge_absent(map, position, key, any_stored, &moved, err);
    return *st ? MT_REFUSED : moved ? MT_MOVED : MT_ABSENT;
}

mt_absence mt_judge_absence(mt_call *call, mt_found *found, mt_status *st, mt_error *err)
{
    mt_absence absence = judge(found->planned->use->image, found->planned->id, found->key, st, err);
    if (absence == MT_MOVED && (*st = mt_locate_again(call, found, err)))
        return MT_REFUSED;
    return absence;
}

mt_absence mt_judge_key(const mt_image *image, uint64_t id, char *key, mt_status *st, mt_error *err)
{
    int64_t position[MT_MAX_DIMS];
    mt_chunk_ref ref = { .size = MT_WHOLE };
    mt_absence absence = judge(image, id, key, st, err);
    if (absence != MT_MOVED)
        return absence;
    mt_image_chunk_position(image, id, position);
    if ((*st = image->map->locate(image->map, position, &ref, err)))
        return MT_REFUSED;
    memcpy(key, ref.key, strlen(ref.key) + 1);
    return MT_MOVED;
}
