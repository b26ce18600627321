/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/deliver.h"

#include "base/checked.h"
#include "engine/visit.h"

#include <string.h>

static void find_part_of_box(const mt_read *read, const mt_shown *shown, mt_intersection *out)
{
    for (int d = 0; d < read->image->map->ndim; d++) {
        out->low[d] = shown->low[d];
        out->start[d] = shown->place.start[d];
        out->extent[d] = shown->place.extent[d];
        out->out += (shown->place.start[d] - read->start[d]) * read->out_stride[d];
    }
}

static void find_part_of_piece(const mt_read *read, mt_intersection *out)
{
    for (int d = 0; d < read->image->map->ndim; d++) {
        int64_t end = mt_min_i64(read->image->map->shape[d], read->start[d] + read->extent[d]);
        out->low[d] = out->start[d] = mt_max_i64(read->start[d], 0);
        out->extent[d] = end - out->low[d];
        out->out += (out->low[d] - read->start[d]) * read->out_stride[d];
    }
}

static void find_part_of_chunk(const mt_read *read, uint64_t id, mt_intersection *out)
{
    const mt_image *image = read->image;
    int64_t position[MT_MAX_DIMS];
    mt_image_chunk_position(image, id, position);
    for (int d = 0; d < image->map->ndim; d++) {
        int64_t chunk_start = mt_image_chunk_start(image, d, position[d]);
        int64_t from = mt_max_i64(chunk_start, read->start[d]);
        int64_t to = mt_min_i64(mt_image_chunk_end(image, d, position[d]), read->start[d] + read->extent[d]);
        out->low[d] = from - chunk_start;
        out->start[d] = from;
        out->extent[d] = to - from;
        out->out += (from - read->start[d]) * read->out_stride[d];
    }
}

void mt_find_intersection(const mt_call *call, const mt_planned *planned, uint32_t copy, mt_intersection *out)
{
    const mt_copy *c = &call->plan->copies[copy];
    out->read = &call->reads[c->read];
    out->out = out->read->out;
    if (c->part != MT_NONE)
        find_part_of_box(out->read, &call->plan->parts[c->part], out);
    else if (planned->id == MT_PIECE)
        find_part_of_piece(out->read, out);
    else
        find_part_of_chunk(out->read, planned->id, out);
}

const mt_layout *mt_planned_layout(const mt_call *call, const mt_planned *planned, mt_layout *storage)
{
    if (planned->id == MT_PIECE)
        return &planned->use->image->piece;
    uint32_t part = call->plan->copies[planned->first_copy].part;
    const int64_t *whole = part == MT_NONE ? NULL : call->plan->parts[part].whole;
    return mt_image_chunk_layout(planned->use->image, planned->id, whole, storage);
}

/* Fills the part with one element. */
static void spread(const mt_intersection *p, const mt_convert *convert, const void *element)
{
    static const int64_t same_element[MT_MAX_DIMS] = { 0 };
    mt_gather(convert, p->read->image->map->ndim, p->extent, p->out, p->read->out_stride, element, same_element);
}

/* data NULL: the fill value. */
static void show(mt_call *call, const mt_intersection *p, const uint8_t *data, const int64_t *stride, bool swap)
{
    size_t used = (size_t)p->read->image->map->ndim * sizeof(int64_t);
    mt_visited box = { .data = data, .swap = swap };
    mt_error failure;
    mt_error_clear(&failure);
    if (call->cancel->ended)
        return;
    memcpy(box.place.start, p->start, used);
    memcpy(box.place.extent, p->extent, used);
    if (data)
        memcpy(box.stride, stride, used);
    mt_status st = p->read->visitor->visit(p->read->visitor->user, &box, &failure);
    if (st)
        mt_call_end(call, st, &failure);
}

static void hold(mt_call *call, const mt_planned *planned, const mt_visitor *visitor)
{
    mt_error failure;
    mt_error_clear(&failure);
    if (call->cancel->ended || planned->id == MT_NOTHING)
        return;
    mt_status st = visitor->hold(visitor->user, planned->use->image, planned->id, &failure);
    if (st)
        mt_call_end(call, st, &failure);
}

static void fill(mt_call *call, const mt_intersection *part)
{
    if (part->read->visitor && part->read->visitor->hold)
        return;
    if (part->read->visitor) {
        show(call, part, NULL, NULL, false);
        return;
    }
    mt_convert convert = part->read->convert;
    convert.swap = false;
    spread(part, &convert, part->read->image->map->fill);
}

void mt_deliver_absent(mt_call *call, const mt_read *read, const mt_box *box)
{
    mt_intersection p = { .read = read, .out = read->out };
    for (int d = 0; d < read->image->map->ndim; d++) {
        p.start[d] = box->start[d];
        p.extent[d] = box->extent[d];
        if (!read->visitor)
            p.out += (box->start[d] - read->start[d]) * read->out_stride[d];
    }
    fill(call, &p);
}

void mt_deliver(mt_call *call, const mt_planned *planned, const mt_chunk *chunk)
{
    mt_layout storage;
    const mt_layout *layout = mt_planned_layout(call, planned, &storage);
    int ndim = planned->use->image->map->ndim;
    mt_intersection p;
    const mt_visitor *visitor = call->reads[call->plan->copies[planned->first_copy].read].visitor;
    if (visitor && visitor->hold) {
        hold(call, planned, visitor);
        return;
    }
    MT_FOR_EACH_COPY(c, call, planned)
    {
        mt_find_intersection(call, planned, c, &p);
        if (!chunk->data) {
            fill(call, &p);
            continue;
        }
        const uint8_t *in = chunk->data + mt_layout_offset(layout, p.low, ndim);
        if (p.read->visitor) {
            show(call, &p, in, layout->stride, chunk->swap);
            continue;
        }
        mt_convert convert = p.read->convert;
        convert.swap = chunk->swap;
        mt_gather(&convert, ndim, p.extent, p.out, p.read->out_stride, in, layout->stride);
    }
}

void mt_deliver_soon(const mt_call *call, const mt_planned *planned, const uint8_t *data)
{
    const mt_image *image = planned->use->image;
    mt_layout storage;
    mt_intersection p;
    if (!data || call->reads[call->plan->copies[planned->first_copy].read].visitor)
        return;
    const mt_layout *layout = mt_planned_layout(call, planned, &storage);
    mt_find_intersection(call, planned, planned->first_copy, &p);
    mt_gather_soon(image->element_size, image->map->ndim, p.extent, p.read->out_stride,
                   data + mt_layout_offset(layout, p.low, image->map->ndim), layout->stride);
}

static void zero_part(const mt_intersection *p)
{
    if (p->read->visitor)
        return;
    static const uint8_t zero[8] = { 0 };
    mt_convert as_is = { .from = p->read->convert.to, .to = p->read->convert.to };
    spread(p, &as_is, zero);
}

void mt_deliver_zero(const mt_call *call, const mt_planned *planned)
{
    mt_intersection p;
    MT_FOR_EACH_COPY(c, call, planned)
    {
        mt_find_intersection(call, planned, c, &p);
        zero_part(&p);
    }
}

void mt_zero_read(const mt_read *read)
{
    mt_intersection p = { .read = read, .out = read->out };
    memcpy(p.extent, read->extent, sizeof p.extent);
    zero_part(&p);
}

void mt_find_needed(const mt_call *call, const mt_planned *planned, const mt_layout *layout, size_t *from, size_t *to)
{
    const mt_image *image = planned->use->image;
    *from = layout->bytes;
    *to = 0;
    mt_intersection p = { .read = NULL };
    MT_FOR_EACH_COPY(c, call, planned)
    {
        mt_find_intersection(call, planned, c, &p);
        int64_t first = mt_layout_offset(layout, p.low, image->map->ndim), last = first;
        for (int d = 0; d < image->map->ndim; d++)
            *(layout->stride[d] < 0 ? &first : &last) += (p.extent[d] - 1) * layout->stride[d];
        last += (int64_t)image->element_size;
        *from = (size_t)first < *from ? (size_t)first : *from;
        *to = (size_t)last > *to ? (size_t)last : *to;
    }
}
