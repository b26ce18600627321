/* SPDX-License-Identifier: BSD-3-Clause */
/* Object headers (IV.A): lists of messages, in one block or several. */
#include "format/hdf5/hdf5.h"

#include <string.h>

#define MAX_BLOCKS 4096 /* continuations; more are a loop */

enum { FLAG_SHARED = 2, TIMES_STORED = 0x20, PHASES_STORED = 0x10, ORDER_TRACKED = 4 };

typedef struct header {
    const h5_file *file;
    mt_arena *arena;
    h5_object *object;
    int version;
    bool order; /* messages have a creation order */
} header;

static mt_status add_message(header *h, int type, int flags, uint64_t address, const uint8_t *body, size_t size,
                             mt_error *err)
{
    h5_message *m = mt_arena_alloc(h->arena, 1, sizeof *m, err);
    if (!m)
        return MT_E_MEMORY;
    *m = (h5_message) { .type = type, .shared = (flags & FLAG_SHARED) != 0, .address = address };
    m->body = mt_reader_over(body, size, false);
    if (h->object->last)
        h->object->last->next = m;
    else
        h->object->first = m;
    h->object->last = m;
    return MT_OK;
}

/* Reads the messages of a block; address is that of its first message. A remainder too small for a message is a gap. */
static mt_status read_messages(header *h, mt_reader r, uint64_t address, mt_error *err)
{
    size_t head = h->version == 1 ? 8 : h->order ? 6 : 4;
    while (mt_read_left(&r) >= head) {
        int type = h->version == 1 ? mt_read_u16(&r) : mt_read_u8(&r);
        size_t size = mt_read_u16(&r);
        int flags = mt_read_u8(&r);
        mt_read_skip(&r, h->version == 1 ? 3 : h->order ? 2 : 0);
        uint64_t at = address + r.position;
        const uint8_t *body = mt_read_bytes(&r, size);
        if (!body)
            return mt_fail(err, MT_E_CORRUPT, "a message of type %d extends beyond the object header at address %llu",
                           type, (unsigned long long)h->object->address);
        mt_status st = add_message(h, type, flags, at, body, size, err);
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status wrong_checksum(uint64_t address, mt_error *err)
{
    return mt_fail(err, MT_E_CORRUPT, "the checksum of the object header at address %llu is wrong",
                   (unsigned long long)address);
}

static mt_status read_continuation(header *h, const h5_message *where, mt_error *err)
{
    mt_reader r = where->body, block;
    uint64_t address = h5_read_address(h->file, &r), size = h5_read_length(h->file, &r);
    if (r.failed)
        return mt_fail(err, MT_E_CORRUPT, "a continuation message is too short");
    mt_status st = h5_load(h->file, h->arena, address, size, &block, err);
    if (st || h->version == 1)
        return st ? st : read_messages(h, block, address, err);
    if (size < 8 || memcmp(block.data, "OCHK", 4) != 0)
        return mt_fail(err, MT_E_CORRUPT, "there is no OCHK at address %llu", (unsigned long long)address);
    if (!h5_is_intact(block.data, block.size))
        return wrong_checksum(address, err);
    block.size -= 4;
    mt_read_skip(&block, 4);
    return read_messages(h, block, address, err);
}

static mt_status read_continuations(header *h, mt_error *err)
{
    int n = 0;
    for (const h5_message *m = h->object->first; m; m = m->next) {
        if (m->type != H5_MSG_CONTINUATION)
            continue;
        if (++n > MAX_BLOCKS)
            return mt_fail(err, MT_E_CORRUPT, "the object header at address %llu has too many continuations",
                           (unsigned long long)h->object->address);
        mt_status st = read_continuation(h, m, err);
        if (st)
            return st;
    }
    return MT_OK;
}

/* Version 1: r is positioned at the start of the header. */
static mt_status read_old(header *h, mt_reader *r, mt_error *err)
{
    mt_reader block;
    mt_read_skip(r, 8);
    uint32_t size = mt_read_u32(r);
    uint64_t at = h->object->address + 16; /* the head of 12 bytes is filled up to 16 */
    mt_status st = r->failed ? mt_fail(err, MT_E_CORRUPT, "an object header ends early") : MT_OK;
    if (st || (st = h5_load(h->file, h->arena, at, size, &block, err)))
        return st;
    return read_messages(h, block, at, err);
}

/* Version 2: r is positioned after the signature. */
static mt_status read_new(header *h, mt_reader *r, mt_error *err)
{
    mt_reader block;
    int version = mt_read_u8(r), flags = mt_read_u8(r);
    if (version != 2)
        return mt_fail(err, MT_E_UNSUPPORTED, "an object header of version %d is not supported", version);
    h->order = (flags & ORDER_TRACKED) != 0;
    mt_read_skip(r, (flags & TIMES_STORED ? 16 : 0) + (flags & PHASES_STORED ? 4 : 0));
    uint64_t size = h5_read_number(r, 1 << (flags & 3));
    if (r->failed || size > h->file->size)
        return mt_fail(err, MT_E_CORRUPT, "an object header of %llu bytes", (unsigned long long)size);
    mt_status st = h5_load(h->file, h->arena, h->object->address, r->position + size + 4, &block, err);
    if (st)
        return st;
    if (!h5_is_intact(block.data, block.size))
        return wrong_checksum(h->object->address, err);
    block.size -= 4;
    mt_read_skip(&block, r->position);
    return read_messages(h, block, h->object->address, err);
}

mt_status h5_read_object(const h5_file *file, mt_arena *arena, uint64_t address, h5_object *out, mt_error *err)
{
    uint64_t room = file->size - file->base;
    mt_reader r;
    *out = (h5_object) { .file = file, .address = address };
    if (address >= room)
        return mt_fail(err, MT_E_CORRUPT, "an object header at address %llu lies outside the file of %llu bytes",
                       (unsigned long long)address, (unsigned long long)file->size);
    mt_status st = h5_load(file, arena, address, room - address < 34 ? room - address : 34, &r, err);
    if (st)
        return st;
    header h = { .file = file, .arena = arena, .object = out, .version = 1 };
    if (r.size >= 4 && memcmp(r.data, "OHDR", 4) == 0) {
        h.version = 2;
        mt_read_skip(&r, 4);
        st = read_new(&h, &r, err);
    } else if (r.data[0] == 1) {
        st = read_old(&h, &r, err);
    } else {
        st = mt_fail(err, MT_E_CORRUPT, "there is no object header at address %llu", (unsigned long long)address);
    }
    return st ? st : read_continuations(&h, err);
}

const h5_message *h5_find_message(const h5_object *object, int type)
{
    for (const h5_message *m = object->first; m; m = m->next)
        if (m->type == type)
            return m;
    return NULL;
}

mt_status h5_open_message(const h5_file *file, mt_arena *arena, const h5_message *message, mt_reader *out,
                          mt_error *err)
{
    *out = message->body;
    if (!message->shared)
        return MT_OK;
    mt_reader r = message->body;
    h5_object object;
    int version = mt_read_u8(&r), kind = mt_read_u8(&r);
    if (version == 1)
        mt_read_skip(&r, 6);
    if (version > 3 || (version == 3 && kind == 1))
        return mt_fail(err, MT_E_UNSUPPORTED, "messages in a shared heap are not supported");
    uint64_t address = h5_read_address(file, &r);
    if (r.failed)
        return mt_fail(err, MT_E_CORRUPT, "a shared message is too short");
    mt_status st = h5_read_object(file, arena, address, &object, err);
    if (st)
        return st;
    const h5_message *there = h5_find_message(&object, message->type);
    if (!there || there->shared)
        return mt_fail(err, MT_E_CORRUPT, "a shared message is not at address %llu", (unsigned long long)address);
    *out = there->body;
    return MT_OK;
}
