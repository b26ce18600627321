/* SPDX-License-Identifier: BSD-3-Clause */
/* The images of a container. */
#ifndef MT_FUZZ_PARTS_H
#define MT_FUZZ_PARTS_H

#include "fuzz_container.h"
#include "fuzz_map.h"

/* Reads a corner of an image. container may be NULL. */
static void read_part(mt_context *context, mt_container *container, const char *path)
{
    mt_chunk_map *map;
    const mt_selection part = { .text = path, .path = path, .series = -1, .level = -1 };
    mt_error err = MT_ERROR_INIT;
    if (!container || outcome_status(mt_container_map(container, &part, &map, &err), &err))
        return;
    read_corner(context, map);
    mt_chunk_map_free(map);
}

/* The images, and the files that belong to them; freed by the caller. */
static mt_names *list_parts(mt_context *context, const mt_container *container)
{
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    if (mt_names_new(&context->env, &names, NULL))
        abort();
    outcome_status(mt_container_list(container, &fuzz_all, names, &err), &err);
    outcome_status(mt_container_members(container, names, &err), &err);
    for (size_t i = 0; i < mt_names_count(names); i++)
        outcome_text(mt_names_get(names, i));
    return names;
}

#endif
