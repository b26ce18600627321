/* SPDX-License-Identifier: BSD-3-Clause */
/* Fixed arrays (VII.C) and extensible arrays (VII.D) of chunks. An element is the address of a chunk and, if there are
 * filters, its size and filter mask. Both store elements in data blocks, large ones in pages with a checksum each. */
#include "format/hdf5/hdf5.h"

#include <string.h>

typedef struct array {
    const h5_file *file;
    bool filtered;
    size_t element_bytes;
    uint64_t page_elements; /* of a page */
} array;

static void read_element(const array *a, mt_reader *r, h5_chunk *out)
{
    out->address = h5_read_address(a->file, r);
    if (a->filtered) {
        out->bytes = h5_read_number(r, (int)a->element_bytes - a->file->address_bytes - 4);
        out->mask = mt_read_u32(r);
    }
}

/* Reads version, client and element size, the first fields of both headers. */
static mt_status read_kind(mt_reader *r, const h5_dataset *d, array *a, mt_error *err)
{
    int version = mt_read_u8(r), client = mt_read_u8(r);
    a->filtered = client == 1;
    a->element_bytes = mt_read_u8(r);
    size_t least = a->file->address_bytes;
    if (version != 0 || client > 1 || a->filtered != (d->n_filters > 0))
        return mt_fail(err, MT_E_CORRUPT, "an array of chunks is of version %d for client %d", version, client);
    if (a->filtered ? a->element_bytes < least + 5 || a->element_bytes > least + 12 : a->element_bytes != least)
        return mt_fail(err, MT_E_CORRUPT, "an array of chunks has elements of %zu bytes", a->element_bytes);
    return MT_OK;
}

/* Reads a page: elements followed by a checksum, without a signature. */
static mt_status read_page(const array *a, uint64_t address, uint64_t n, uint64_t i, h5_chunk *out, mt_error *err)
{
    h5_block page;
    mt_status st = h5_get_block(a->file, address, n * a->element_bytes + 4, "", true, &page, err);
    if (st)
        return st;
    mt_read_seek(&page.reader, (size_t)(i * a->element_bytes));
    read_element(a, &page.reader, out);
    h5_give_block(a->file, &page);
    return MT_OK;
}

static bool is_bit_set(const uint8_t *bits, uint64_t i) { return bits[i / 8] >> (7 - i % 8) & 1; }

/* Element i of n in a fixed array's data block. */
static mt_status find_in_fixed_block(const array *a, uint64_t address, uint64_t n, uint64_t i, h5_chunk *out,
                                     mt_error *err)
{
    uint64_t head = 6 + a->file->address_bytes;
    bool paged = n > a->page_elements;
    uint64_t pages = paged ? n / a->page_elements + (n % a->page_elements != 0) : 0;
    uint64_t size = head + (paged ? (pages + 7) / 8 : n * a->element_bytes) + 4;
    h5_block block;
    mt_status st = h5_get_block(a->file, address, size, "FADB", true, &block, err);
    if (st)
        return st;
    mt_read_seek(&block.reader, (size_t)head);
    bool stored = true;
    if (paged) {
        stored = is_bit_set(block.reader.data + head, i / a->page_elements);
    } else {
        mt_read_skip(&block.reader, (size_t)(i * a->element_bytes));
        read_element(a, &block.reader, out);
    }
    h5_give_block(a->file, &block);
    if (!paged || !stored)
        return MT_OK;
    uint64_t page = i / a->page_elements, first = page * a->page_elements;
    uint64_t elements = n - first < a->page_elements ? n - first : a->page_elements;
    return read_page(a, address + size + page * (a->page_elements * a->element_bytes + 4), elements, i - first, out,
                     err);
}

mt_status h5_find_in_fixed_array(const h5_file *file, const h5_dataset *d, uint64_t index, h5_chunk *out, mt_error *err)
{
    h5_block block;
    array a = { .file = file };
    uint64_t size = 12 + file->length_bytes + file->address_bytes;
    mt_status st = h5_get_block(file, d->address, size, "FAHD", true, &block, err);
    if (st)
        return st;
    st = read_kind(&block.reader, d, &a, err);
    int page_bits = mt_read_u8(&block.reader);
    uint64_t n = h5_read_length(file, &block.reader), address = h5_read_address(file, &block.reader);
    h5_give_block(file, &block);
    if (st)
        return st;
    if (page_bits > 32 || n > file->size || index >= n)
        return mt_fail(err, MT_E_CORRUPT, "the array of chunks has %llu elements, in pages of 2^%d",
                       (unsigned long long)n, page_bits);
    a.page_elements = UINT64_C(1) << page_bits;
    return address == H5_UNDEFINED ? MT_OK : find_in_fixed_block(&a, address, n, index, out, err);
}

/* An extensible array: some elements are in the index block, the others in data blocks of growing size, grouped in
 * super blocks of growing size. The first super blocks are part of the index block. */
typedef struct extensible {
    array a;
    uint64_t header;
    size_t offset_bytes; /* of the number of an element */
    /* elements in the index block; elements in the smallest data block; data blocks in the smallest super block */
    uint64_t inside, least_elements, least_blocks;
    int supers, direct_supers;
} extensible;

static mt_status read_extensible(const h5_file *file, const h5_dataset *d, extensible *e, uint64_t *index_block,
                                 mt_error *err)
{
    h5_block block;
    uint64_t size = 16 + 6 * file->length_bytes + file->address_bytes;
    *e = (extensible) { .a.file = file, .header = d->address };
    mt_status st = h5_get_block(file, d->address, size, "EAHD", true, &block, err);
    if (st)
        return st;
    mt_reader *r = &block.reader;
    st = read_kind(r, d, &e->a, err);
    int bits = mt_read_u8(r);
    e->inside = mt_read_u8(r);
    e->least_elements = mt_read_u8(r);
    e->least_blocks = mt_read_u8(r);
    int page_bits = mt_read_u8(r);
    mt_read_skip(r, 6 * file->length_bytes);
    *index_block = h5_read_address(file, r);
    h5_give_block(file, &block);
    if (st)
        return st;
    int first_bits = h5_log2(e->least_elements), block_bits = h5_log2(e->least_blocks);
    if (bits > 64 || page_bits > 32 || e->least_elements == 0 || e->least_blocks < 2 || first_bits > bits ||
        e->least_elements != UINT64_C(1) << first_bits || e->least_blocks != UINT64_C(1) << block_bits)
        return mt_fail(err, MT_E_CORRUPT, "the array of chunks at address %llu is broken",
                       (unsigned long long)d->address);
    e->a.page_elements = UINT64_C(1) << page_bits;
    e->offset_bytes = (bits + 7) / 8;
    e->supers = 1 + bits - first_bits;
    e->direct_supers = 2 * block_bits;
    return MT_OK;
}

/* A super block: its number of data blocks, the elements in each, and the totals before it. */
typedef struct super {
    int number;
    uint64_t blocks, elements;
    uint64_t first_block, first_element;
} super;

static bool find_super(const extensible *e, uint64_t i, super *s)
{
    *s = (super) { .blocks = 1, .elements = e->least_elements };
    while (s->number < e->supers && i - s->first_element >= s->blocks * s->elements) {
        s->first_block += s->blocks;
        s->first_element += s->blocks * s->elements;
        s->number++;
        if (s->number % 2)
            s->elements *= 2;
        else
            s->blocks *= 2;
        if (s->elements > UINT64_C(1) << 31)
            return false;
    }
    return s->number < e->supers;
}

/* Reads an address or an element from the index block. */
static mt_status read_index_block(const extensible *e, uint64_t address, uint64_t offset, mt_reader *out,
                                  h5_block *block, mt_error *err)
{
    uint64_t addresses = 2 * (e->least_blocks - 1);
    if (e->supers > e->direct_supers)
        addresses += (uint64_t)(e->supers - e->direct_supers);
    uint64_t head = 6 + e->a.file->address_bytes;
    uint64_t size = head + e->inside * e->a.element_bytes + addresses * e->a.file->address_bytes + 4;
    mt_status st = h5_get_block(e->a.file, address, size, "EAIB", true, block, err);
    if (st)
        return st;
    *out = block->reader;
    mt_read_seek(out, (size_t)(head + offset));
    return MT_OK;
}

static mt_status read_block_address(const extensible *e, uint64_t index_block, uint64_t number, uint64_t *out,
                                    mt_error *err)
{
    mt_reader r;
    h5_block block;
    uint64_t offset = e->inside * e->a.element_bytes + number * e->a.file->address_bytes;
    mt_status st = read_index_block(e, index_block, offset, &r, &block, err);
    if (st)
        return st;
    *out = h5_read_address(e->a.file, &r);
    h5_give_block(e->a.file, &block);
    return r.failed ? mt_fail(err, MT_E_CORRUPT, "the index block of an array is too short") : MT_OK;
}

/* Finds a data block by its number in a super block, and whether a page of it is stored. */
static mt_status read_super_block(const extensible *e, const super *s, uint64_t address, uint64_t number, uint64_t page,
                                  uint64_t pages, uint64_t *out, bool *stored, mt_error *err)
{
    uint64_t head = 6 + e->a.file->address_bytes + e->offset_bytes;
    uint64_t bits = s->blocks * ((pages + 7) / 8);
    uint64_t size = head + bits + s->blocks * e->a.file->address_bytes + 4;
    h5_block block;
    mt_status st = h5_get_block(e->a.file, address, size, "EASB", true, &block, err);
    if (st)
        return st;
    *stored = pages == 0 || is_bit_set(block.reader.data + head, number * pages + page);
    mt_read_seek(&block.reader, (head + bits + number * e->a.file->address_bytes));
    *out = h5_read_address(e->a.file, &block.reader);
    h5_give_block(e->a.file, &block);
    return MT_OK;
}

static mt_status find_in_data_block(const extensible *e, uint64_t address, uint64_t n, bool paged, uint64_t i,
                                    h5_chunk *out, mt_error *err)
{
    uint64_t head = 6 + e->a.file->address_bytes + e->offset_bytes;
    if (paged) {
        uint64_t page = i / e->a.page_elements;
        return read_page(&e->a, address + head + 4 + page * (e->a.page_elements * e->a.element_bytes + 4),
                         e->a.page_elements, i % e->a.page_elements, out, err);
    }
    h5_block block;
    mt_status st = h5_get_block(e->a.file, address, head + n * e->a.element_bytes + 4, "EADB", true, &block, err);
    if (st)
        return st;
    mt_read_seek(&block.reader, (size_t)(head + i * e->a.element_bytes));
    read_element(&e->a, &block.reader, out);
    h5_give_block(e->a.file, &block);
    return MT_OK;
}

static mt_status find_outside(const extensible *e, uint64_t index_block, uint64_t i, h5_chunk *out, mt_error *err)
{
    super s;
    if (!find_super(e, i, &s))
        return mt_fail(err, MT_E_CORRUPT, "chunk %llu is more than the array can hold", (unsigned long long)i);
    uint64_t rest = i - s.first_element, number = rest / s.elements, address;
    bool stored = true, paged = false;
    rest %= s.elements;
    mt_status st;
    if (s.number < e->direct_supers) {
        st = read_block_address(e, index_block, s.first_block + number, &address, err);
    } else {
        uint64_t slot = 2 * (e->least_blocks - 1) + (uint64_t)(s.number - e->direct_supers);
        st = read_block_address(e, index_block, slot, &address, err);
        paged = s.elements > e->a.page_elements;
        uint64_t pages = paged ? s.elements / e->a.page_elements : 0;
        if (!st && address != H5_UNDEFINED)
            st = read_super_block(e, &s, address, number, rest / e->a.page_elements, pages, &address, &stored, err);
    }
    if (st || address == H5_UNDEFINED || !stored)
        return st;
    return find_in_data_block(e, address, s.elements, paged, rest, out, err);
}

mt_status h5_find_in_extensible_array(const h5_file *file, const h5_dataset *d, uint64_t index, h5_chunk *out,
                                      mt_error *err)
{
    extensible e;
    uint64_t index_block;
    mt_status st = read_extensible(file, d, &e, &index_block, err);
    if (st || index_block == H5_UNDEFINED)
        return st;
    if (index >= e.inside)
        return find_outside(&e, index_block, index - e.inside, out, err);
    mt_reader r;
    h5_block block;
    if ((st = read_index_block(&e, index_block, index * e.a.element_bytes, &r, &block, err)))
        return st;
    read_element(&e.a, &r, out);
    h5_give_block(file, &block);
    return r.failed ? mt_fail(err, MT_E_CORRUPT, "the index block of an array is too short") : MT_OK;
}
