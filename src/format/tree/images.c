/* SPDX-License-Identifier: BSD-3-Clause */
/* The images that a search has found. */
#include "format/tree/tree.h"

#include <string.h>

bool mt_tree_images_are_full(const mt_tree_images *images) { return images->n >= images->limit; }

bool mt_is_request_failure(mt_status st) { return st == MT_E_IO || st == MT_E_CHANGED || st == MT_E_CANCELLED; }

static mt_status add(mt_tree_images *images, const char *name, const mt_error *failure, mt_error *err)
{
    const char *below = images->below;
    if (mt_tree_images_are_full(images))
        return MT_OK;
    if (*below) {
        const char *between = !*name ? "" : strncmp(name, "series=", 7) == 0 ? "&" : "/";
        if (!(name = mt_arena_printf(images->tree->scratch, err, "%s%s%s", below, between, name)))
            return mt_arena_failed(err);
    }
    mt_tree_image *found =
        mt_arena_grow(images->tree->scratch, images->found, images->n, &images->room, 16, sizeof *found, err);
    if (!found)
        return mt_arena_failed(err);
    images->found = found;
    images->found[images->n++] = (mt_tree_image) { name, failure };
    return MT_OK;
}

mt_status mt_tree_images_add(mt_tree_images *images, const char *name, mt_error *err)
{
    return add(images, name, NULL, err);
}

mt_status mt_tree_images_add_failed(mt_tree_images *images, const char *name, const mt_error *why, mt_error *err)
{
    mt_error *failure = NULL;
    if (why->status == MT_E_MEMORY)
        return mt_fail(err, why->status, "%s", why->message);
    if (mt_is_request_failure(why->status)) {
        if (!(failure = mt_arena_alloc(images->tree->scratch, 1, sizeof *failure, err)))
            return mt_arena_failed(err);
        *failure = *why;
    }
    return add(images, name, failure, err);
}
