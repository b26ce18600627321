/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses the messages of a dataset: type, shape, fill value (IV.A.2.e, f), layout (IV.A.2.i), filters (IV.A.2.l). */
#include "base/checked.h"
#include "format/hdf5/hdf5.h"

#include <string.h>

bool h5_is_dataset(const h5_object *object)
{
    return h5_find_message(object, H5_MSG_LAYOUT) && h5_find_message(object, H5_MSG_DATATYPE) &&
           h5_find_message(object, H5_MSG_DATASPACE);
}

static mt_status set_shape(const h5_space *space, h5_dataset *d, mt_error *err)
{
    if (space->rank > MT_MAX_DIMS)
        return mt_fail(err, MT_E_LIMIT, "%d dimensions are more than max_dimensions (%d)", space->rank, MT_MAX_DIMS);
    if (space->is_null)
        return mt_fail(err, MT_E_UNSUPPORTED, "the dataset is null: it has no elements and no shape");
    d->rank = space->rank;
    for (int i = 0; i < d->rank; i++) {
        if (space->size[i] > INT64_MAX)
            return mt_fail(err, MT_E_CORRUPT, "dimension %d is of size %llu", i, (unsigned long long)space->size[i]);
        d->shape[i] = (int64_t)space->size[i];
        d->most[i] = space->most[i];
        if (d->most[i] < space->size[i])
            return mt_fail(err, MT_E_CORRUPT, "dimension %d is larger than its maximum", i);
    }
    return MT_OK;
}

/* Reads size and bytes of a fill value message. */
static mt_status read_fill_bytes(mt_reader *r, h5_dataset *d, mt_error *err)
{
    uint32_t size = mt_read_u32(r);
    const uint8_t *bytes = mt_read_bytes(r, size);
    size_t element = mt_dtype_size(d->type.dtype);
    if (size == 0 && !r->failed)
        return MT_OK;
    if (!bytes || size != element)
        return mt_fail(err, MT_E_CORRUPT, "a fill value of %u bytes for elements of %zu", size, element);
    memcpy(d->fill, bytes, element);
    if (d->type.big_endian != mt_host_big_endian())
        mt_swap_bytes(d->fill, 1, element);
    return MT_OK;
}

static mt_status read_fill(mt_reader *r, h5_dataset *d, mt_error *err)
{
    int version = mt_read_u8(r);
    bool defined;
    if (version < 1 || version > 3)
        return mt_fail(err, MT_E_CORRUPT, "a fill value message of version %d", version);
    if (version == 3) {
        defined = (mt_read_u8(r) & 0x20) != 0;
    } else {
        mt_read_skip(r, 2);
        defined = mt_read_u8(r) != 0;
    }
    return defined ? read_fill_bytes(r, d, err) : MT_OK;
}

static mt_status set_fill(const h5_file *file, mt_arena *arena, const h5_object *object, h5_dataset *d, mt_error *err)
{
    const h5_message *m = h5_find_message(object, H5_MSG_FILL), *old = h5_find_message(object, H5_MSG_OLD_FILL);
    mt_reader r;
    if (!m && !old)
        return MT_OK;
    mt_status st = h5_open_message(file, arena, m ? m : old, &r, err);
    if (st)
        return st;
    return m ? read_fill(&r, d, err) : read_fill_bytes(&r, d, err);
}

static mt_status read_filter(mt_reader *r, int version, h5_filter *f, mt_error *err)
{
    f->id = mt_read_u16(r);
    size_t name = version == 1 || f->id >= 256 ? mt_read_u16(r) : 0;
    mt_read_skip(r, 2); /* flag "optional": the filter mask of each chunk tells if it was applied */
    f->n_values = mt_read_u16(r);
    mt_read_skip(r, version == 1 ? (name + 7) / 8 * 8 : name);
    if (f->n_values > H5_MAX_FILTER_VALUES)
        return mt_fail(err, MT_E_UNSUPPORTED, "filter %d has %d parameters", f->id, f->n_values);
    for (int i = 0; i < f->n_values; i++)
        f->values[i] = mt_read_u32(r);
    if (version == 1 && f->n_values % 2)
        mt_read_skip(r, 4);
    return r->failed ? mt_fail(err, MT_E_CORRUPT, "the filter pipeline is cut off") : MT_OK;
}

static mt_status set_filters(const h5_file *file, mt_arena *arena, const h5_object *object, h5_dataset *d,
                             mt_error *err)
{
    const h5_message *m = h5_find_message(object, H5_MSG_FILTERS);
    mt_reader r;
    if (!m)
        return MT_OK;
    mt_status st = h5_open_message(file, arena, m, &r, err);
    if (st)
        return st;
    int version = mt_read_u8(&r), n = mt_read_u8(&r);
    if (version < 1 || version > 2)
        return mt_fail(err, MT_E_CORRUPT, "a filter pipeline of version %d", version);
    if (n > H5_MAX_FILTERS)
        return mt_fail(err, MT_E_UNSUPPORTED, "%d filters, at most %d are supported", n, H5_MAX_FILTERS);
    mt_read_skip(&r, version == 1 ? 6 : 0);
    for (; d->n_filters < n && !st; d->n_filters++)
        st = read_filter(&r, version, &d->filters[d->n_filters], err);
    return st;
}

/* Unused bits are undefined unless nbit clears them. */
static mt_status check_bits(const h5_dataset *d, mt_error *err)
{
    if (d->type.bits == 0 || d->type.bits == 8 * d->type.size || (d->n_filters > 0 && d->filters[0].id == 5))
        return MT_OK;
    return mt_fail(err, MT_E_UNSUPPORTED, "integers of %u bits in %u bytes are only supported with nbit", d->type.bits,
                   d->type.size);
}

static mt_status set_chunk(h5_dataset *d, int rank, const uint64_t *sizes, mt_error *err)
{
    uint64_t bytes = d->type.size;
    if (rank != d->rank + 1)
        return mt_fail(err, MT_E_CORRUPT, "chunks of %d dimensions in a dataset of %d", rank - 1, d->rank);
    if (sizes[d->rank] != d->type.size)
        return mt_fail(err, MT_E_CORRUPT, "elements of %llu bytes in chunks, of %u in the datatype",
                       (unsigned long long)sizes[d->rank], d->type.size);
    for (int i = 0; i < d->rank; i++) {
        if (sizes[i] == 0 || sizes[i] > INT64_MAX || mt_mul_u64(bytes, sizes[i], &bytes) || bytes > INT64_MAX)
            return mt_fail(err, MT_E_CORRUPT, "chunks of size %llu along dimension %d", (unsigned long long)sizes[i],
                           i);
        d->chunk[i] = (int64_t)sizes[i];
    }
    if (d->index != H5_SINGLE || d->n_filters == 0)
        d->bytes = bytes;
    return MT_OK;
}

/* Versions 1 and 2. */
static mt_status read_old_layout(const h5_file *file, mt_reader *r, uint64_t body, h5_dataset *d, mt_error *err)
{
    uint64_t sizes[H5_MAX_RANK + 1] = { 0 };
    int rank = mt_read_u8(r), layout = mt_read_u8(r);
    mt_read_skip(r, 5);
    if (rank > H5_MAX_RANK + 1 || layout > 2)
        return mt_fail(err, MT_E_CORRUPT, "a layout of class %d with %d dimensions", layout, rank);
    d->layout = layout;
    d->address = layout == H5_COMPACT ? 0 : h5_read_address(file, r);
    for (int i = 0; i < rank; i++)
        sizes[i] = mt_read_u32(r);
    if (layout == H5_CHUNKED)
        return set_chunk(d, rank, sizes, err);
    d->bytes = H5_UNDEFINED; /* not stored: follows from the shape */
    if (layout == H5_COMPACT) {
        d->bytes = mt_read_u32(r);
        d->address = body + r->position;
        mt_read_skip(r, (size_t)d->bytes);
    }
    return MT_OK;
}

/* Chunked layout of versions 4 and 5, with one of five indices. Version 5 (HDF5 2.0) has the fields of version 4, but
 * its index stores wider sizes of filtered chunks; the element size of the index tells the width. */
static mt_status read_new_chunks(const h5_file *file, mt_reader *r, h5_dataset *d, mt_error *err)
{
    uint64_t sizes[H5_MAX_RANK + 1] = { 0 };
    int flags = mt_read_u8(r), rank = mt_read_u8(r), width = mt_read_u8(r);
    if (rank > H5_MAX_RANK + 1 || width < 1 || width > 8)
        return mt_fail(err, MT_E_CORRUPT, "chunks of %d dimensions, of %d bytes each", rank, width);
    for (int i = 0; i < rank; i++)
        sizes[i] = h5_read_number(r, width);
    int index = mt_read_u8(r);
    d->raw_edges = (flags & 1) != 0;
    switch (index) {
    case 1:
        d->index = H5_SINGLE;
        if (flags & 2) {
            d->bytes = h5_read_length(file, r);
            d->mask = mt_read_u32(r);
        }
        break;
    case 2: d->index = H5_IMPLICIT; break;
    case 3:
        d->index = H5_FIXED_ARRAY;
        mt_read_skip(r, 1);
        break;
    case 4:
        d->index = H5_EXTENSIBLE_ARRAY;
        mt_read_skip(r, 5);
        break;
    case 5:
        d->index = H5_TREE2;
        mt_read_skip(r, 6);
        break;
    default: return mt_fail(err, MT_E_UNSUPPORTED, "a chunk index of type %d is not supported", index);
    }
    d->address = h5_read_address(file, r);
    return set_chunk(d, rank, sizes, err);
}

static mt_status read_layout(const h5_file *file, mt_reader *r, uint64_t body, h5_dataset *d, mt_error *err)
{
    uint64_t sizes[H5_MAX_RANK + 1] = { 0 };
    int version = mt_read_u8(r);
    if (version == 1 || version == 2)
        return read_old_layout(file, r, body, d, err);
    int layout = mt_read_u8(r);
    if (version < 3 || version > 5 || layout > 3)
        return mt_fail(err, version > 5 ? MT_E_UNSUPPORTED : MT_E_CORRUPT, "a layout of class %d, version %d", layout,
                       version);
    d->layout = layout;
    switch (d->layout) {
    case H5_COMPACT:
        d->bytes = mt_read_u16(r);
        d->address = body + r->position;
        mt_read_skip(r, (size_t)d->bytes);
        return MT_OK;
    case H5_CONTIGUOUS:
        d->address = h5_read_address(file, r);
        d->bytes = h5_read_length(file, r);
        return MT_OK;
    case H5_VIRTUAL:
        d->address = h5_read_address(file, r);
        d->bytes = mt_read_u32(r);
        return MT_OK;
    case H5_CHUNKED: break;
    }
    if (version >= 4)
        return read_new_chunks(file, r, d, err);
    int rank = mt_read_u8(r);
    if (rank > H5_MAX_RANK + 1)
        return mt_fail(err, MT_E_CORRUPT, "chunks of %d dimensions", rank);
    d->address = h5_read_address(file, r);
    for (int i = 0; i < rank; i++)
        sizes[i] = mt_read_u32(r);
    return set_chunk(d, rank, sizes, err);
}

static mt_status set_layout(const h5_object *object, h5_dataset *d, mt_error *err)
{
    const h5_message *m = h5_find_message(object, H5_MSG_LAYOUT), *list = h5_find_message(object, H5_MSG_EXTERNAL);
    mt_reader r = m->body;
    if (m->shared)
        return mt_fail(err, MT_E_CORRUPT, "the layout of a dataset is shared");
    mt_status st = read_layout(object->file, &r, m->address, d, err);
    if (st || r.failed)
        return st ? st : mt_fail(err, MT_E_CORRUPT, "the layout of the dataset is cut off");
    if (!list)
        return MT_OK;
    if (list->shared || d->layout != H5_CONTIGUOUS)
        return mt_fail(err, MT_E_CORRUPT, "a dataset with external files has a layout of class %d", (int)d->layout);
    d->external = true;
    d->address = list->address;
    d->list_bytes = list->body.size;
    return MT_OK;
}

/* Contiguous data must have the size of the shape and lie inside the file. */
static mt_status check_piece(const h5_file *file, h5_dataset *d, mt_error *err)
{
    uint64_t needed = d->type.size, room = file->size - file->base;
    for (int i = 0; i < d->rank; i++)
        if (mt_mul_u64(needed, (uint64_t)d->shape[i], &needed))
            return mt_fail(err, MT_E_CORRUPT, "the dataset has more than 2^64 bytes");
    if (d->external)
        d->bytes = needed;
    if (d->address == H5_UNDEFINED || needed == 0 || d->external)
        return MT_OK;
    if (d->bytes < needed)
        return mt_fail(err, MT_E_CORRUPT, "the layout gives %llu bytes to a dataset of %llu",
                       (unsigned long long)d->bytes, (unsigned long long)needed);
    d->bytes = needed;
    if (d->address > room || needed > room - d->address)
        return mt_fail(err, MT_E_CORRUPT, "the dataset's %llu bytes at address %llu lie outside the file of %llu",
                       (unsigned long long)needed, (unsigned long long)d->address, (unsigned long long)file->size);
    return MT_OK;
}

mt_status h5_read_dataset(mt_arena *arena, const h5_object *object, h5_dataset *out, mt_error *err)
{
    const h5_file *file = object->file;
    h5_space space;
    mt_reader type, extent;
    memset(out, 0, sizeof *out);
    if (!h5_is_dataset(object))
        return mt_fail(err, MT_E_NOT_FOUND, "it is a group, not a dataset");
    mt_status st = h5_open_message(file, arena, h5_find_message(object, H5_MSG_DATATYPE), &type, err);
    if (st || (st = h5_read_type(&type, &out->type, err)))
        return st;
    if (!out->type.dtype)
        return mt_fail(err, MT_E_UNSUPPORTED, "elements of type %s are not supported", out->type.obstacle);
    if ((st = h5_open_message(file, arena, h5_find_message(object, H5_MSG_DATASPACE), &extent, err)) ||
        (st = h5_read_space(file, &extent, &space, err)) || (st = set_shape(&space, out, err)) ||
        (st = set_fill(file, arena, object, out, err)))
        return st;
    if ((st = set_filters(file, arena, object, out, err)) || (st = check_bits(out, err)) ||
        (st = set_layout(object, out, err)))
        return st;
    return out->layout == H5_CHUNKED || out->layout == H5_VIRTUAL ? MT_OK : check_piece(file, out, err);
}
