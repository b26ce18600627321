/* SPDX-License-Identifier: BSD-3-Clause */
/* The OME-XML of a collection: OME/METADATA.ome.xml of the layout of bioformats2raw, whose Image:N is the group N. Some
 * readers find images only by it. */
#include "stack/stack.h"
#include "write/ome_xml.h"
#include "write/zarr/collection.h"

#include <stdio.h>

/* The plan of an image with the description of this one. */
static mt_status describe(mt_arena *arena, const mt_stack *image, mt_plan **out, mt_error *err)
{
    const mt_writer_options like = { .struct_size = sizeof like, .like = image };
    return mt_plan_take(arena, mt_sink_zarr.name, &mt_sink_zarr.rules, &like, out, err);
}

/* Appends an image; *has_type is false, and nothing is appended, if OME lacks its type. */
static mt_status put_image(const zarr_collection *c, uint64_t i, mt_buffer *out, bool *has_type, mt_error *err)
{
    mt_arena *arena;
    mt_plan *plan;
    mt_stack *image;
    char number[ZARR_NUMBER_BYTES];
    mt_status st = mt_arena_new(c->env, &arena, err);
    if (st)
        return st;
    const char *path = mt_arena_printf(arena, err, "%s/%s", c->target->path, zarr_member_name(c, i, number));
    st = path ? mt_stack_open(c->context, path, NULL, &image, err) : mt_arena_failed(err);
    if (!st) {
        *has_type = mt_ome_type(image->info.dtype);
        if (*has_type && !(st = describe(arena, image, &plan, err)))
            mt_ome_put_image(plan, i, false, out);
        mt_stack_close(image);
    }
    mt_arena_free(arena);
    return st;
}

mt_status zarr_write_metadata(const zarr_collection *c, mt_buffer *out, mt_error *err)
{
    bool has_type = true;
    mt_status st = MT_OK;
    mt_ome_begin(NULL, out);
    for (uint64_t i = 0; i < c->n && has_type && !st; i++)
        st = put_image(c, i, out, &has_type, err);
    mt_ome_end(out);
    if (!has_type)
        out->size = 0;
    return st || !out->status ? st : mt_fail(err, out->status, "out of memory");
}
