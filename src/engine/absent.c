/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/absent.h"

#include <string.h>

/* Below this number of chunks, locating each is as fast as asking for absent regions. */
#define FEWEST 1024

void mt_absent_begin(mt_absent *a, const mt_walk *walk)
{
    const mt_image *image = walk->image;
    a->is_asked = false;
    if (!image->map->find_stored || image->missing_is_error || mt_walk_count(walk) < FEWEST)
        return;
    *a = (mt_absent) { .image = image, .scan.wanted = mt_walk_count(walk) };
    a->is_asked = mt_collector_init(&a->collector, &image->context->env, NULL) == MT_OK;
}

void mt_absent_end(mt_absent *a)
{
    if (!a->is_asked)
        return;
    if (a->scan.free_memo)
        a->scan.free_memo(&a->image->context->env, a->scan.memo);
    mt_collector_destroy(&a->collector);
}

bool mt_absent_take(mt_absent *a, mt_walk *walk, mt_box *out)
{
    uint64_t n;
    if (!a->is_asked || walk->done)
        return false;
    if (!a->has_target) {
        mt_collect_into(&a->collector);
        a->image->map->find_stored(a->image->map, &a->scan, walk->position, a->target);
        mt_collect_into(NULL);
    }
    a->has_target = mt_walk_take(walk, a->target, out, &n);
    if (a->has_target)
        mt_image_count((mt_image *)(uintptr_t)a->image, n, 0); /* borrowed as const for its geometry */
    return a->has_target;
}
