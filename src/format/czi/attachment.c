/* SPDX-License-Identifier: BSD-3-Clause */
/* Attachments of a document: thumbnails, labels, tables. Read only on request. */
#include "base/checked.h"
#include "codec/params.h"
#include "format/czi/czi.h"

#include <stdio.h>
#include <string.h>

enum { HEAD = 256, ENTRY = 128, MAX_ATTACHMENTS = 65536 };

/* Reads the i-th entry of the attachment directory and the head of its segment. */
static mt_status read_entry(const czi_file *file, uint32_t i, czi_attachment *out, mt_error *err)
{
    uint8_t entry[ENTRY], size[4];
    uint64_t allocated;
    mt_status st = czi_read(file, file->attachments + CZI_SEGMENT_HEAD + HEAD + (uint64_t)i * ENTRY, entry, ENTRY, err);
    if (st)
        return st;
    if (memcmp(entry, "A1", 2) != 0)
        return mt_fail(err, MT_E_CORRUPT, "attachment %u has an unknown schema", i);
    uint64_t segment = mt_load_u64le(entry + 12);
    if ((st = czi_read_segment(file, segment, "ZISRAWATTACH", size, sizeof size, &allocated, err)))
        return st;
    *out = (czi_attachment) { .position = segment + CZI_SEGMENT_HEAD + HEAD, .size = mt_load_u32le(size) };
    memcpy(out->type, entry + 40, sizeof out->type - 1);
    memcpy(out->name, entry + 48, sizeof out->name - 1);
    if (allocated < HEAD || out->size > allocated - HEAD)
        return mt_fail(err, MT_E_CORRUPT, "attachment %s of %llu bytes in a segment of %llu", out->name,
                       (unsigned long long)out->size, (unsigned long long)allocated);
    return MT_OK;
}

static mt_status count_entries(const czi_file *file, uint32_t *out, mt_error *err)
{
    uint64_t allocated;
    uint8_t count[4];
    *out = 0;
    if (file->attachments == 0)
        return MT_OK;
    mt_status st = czi_read_segment(file, file->attachments, "ZISRAWATTDIR", count, sizeof count, &allocated, err);
    if (st)
        return st;
    uint32_t n = mt_load_u32le(count);
    if (allocated < HEAD || n > (allocated - HEAD) / ENTRY)
        return mt_fail(err, MT_E_CORRUPT, "%u attachments in a directory of %llu bytes", n,
                       (unsigned long long)allocated);
    if (n > MAX_ATTACHMENTS)
        return mt_fail(err, MT_E_LIMIT, "%u attachments, more than %d", n, MAX_ATTACHMENTS);
    *out = n;
    return MT_OK;
}

mt_status czi_list_attachments(const czi_file *file, mt_names *out, mt_error *err)
{
    uint32_t n;
    mt_status st = count_entries(file, &n, err);
    for (uint32_t i = 0; !st && i < n; i++) {
        czi_attachment a;
        char part[sizeof CZI_ATTACHMENT + sizeof a.name];
        if ((st = read_entry(file, i, &a, err)))
            break;
        snprintf(part, sizeof part, CZI_ATTACHMENT "%s", a.name);
        st = mt_names_add_part(out, &(mt_part) { .name = part, .title = a.name, .type = a.type, .size = a.size }, err);
    }
    return st;
}

mt_status czi_find_attachment(const czi_file *file, const char *name, czi_attachment *out, bool *is_document,
                              czi_file *document, mt_error *err)
{
    uint32_t n, i = 0;
    uint8_t start[16] = { 0 };
    mt_status st = count_entries(file, &n, err);
    for (; !st && i < n; i++)
        if ((st = read_entry(file, i, out, err)) || strcmp(out->name, name) == 0)
            break;
    if (!st && i == n)
        return mt_fail(err, MT_E_NOT_FOUND, "the document has no attachment \"%s\"", name);
    if (!st && out->size >= sizeof start)
        st = czi_read(file, out->position, start, sizeof start, err);
    *is_document = !st && memcmp(start, "ZISRAWFILE", sizeof "ZISRAWFILE") == 0;
    if (st || !*is_document)
        return st;
    *document = (czi_file) {
        .env = file->env, .store = file->store, .key = file->key, .base = file->base + out->position, .size = out->size
    };
    return czi_read_header(document, err);
}

/* Reads the code of a marker, which any number of bytes 0xff may precede (B.1.1.2); 0 if there is none. */
static uint8_t read_marker(mt_reader *r)
{
    uint8_t code = mt_read_u8(r);
    if (code != 0xff)
        return 0;
    while (code == 0xff)
        code = mt_read_u8(r); /* 0 at the end */
    return code;
}

/* The frame header of a JPEG (ITU-T T.81, B.2.2), and whether an Adobe segment declares three components as RGB. */
static bool read_frame(mt_reader *r, mt_picture_params *out)
{
    enum { SOF0 = 0xc0, DHT = 0xc4, JPG = 0xc8, DAC = 0xcc, SOF15 = 0xcf, APP14 = 0xee };
    out->ycbcr = true;
    mt_read_skip(r, 2);
    while (!r->failed) {
        uint8_t code = read_marker(r);
        uint16_t length = mt_read_u16(r);
        if (code == 0 || length < 2)
            return false;
        const uint8_t *data = mt_read_bytes(r, length - 2u);
        if (!data)
            return false;
        if (code == APP14 && length >= 14 && memcmp(data, "Adobe", 5) == 0)
            out->ycbcr = data[11] != 0;
        if (code < SOF0 || code > SOF15 || code == DHT || code == JPG || code == DAC || length < 8)
            continue;
        out->height = data[1] << 8 | data[2];
        out->width = data[3] << 8 | data[4];
        out->samples = data[5];
        return out->height > 0 && out->width > 0 && out->samples > 0;
    }
    return false;
}

typedef struct picture_state {
    const char *key;
    uint64_t offset, size;
    mt_picture_params params;
} picture_state;

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)position, (void)err;
    const picture_state *s = map->state;
    out->key = s->key;
    out->offset = s->offset;
    out->size = s->size;
    return MT_OK;
}

static mt_status read_picture_header(const czi_file *file, const czi_attachment *a, mt_picture_params *out,
                                     mt_error *err)
{
    enum { MOST = 256 << 10 };
    size_t size = a->size < MOST ? (size_t)a->size : MOST;
    void *head;
    if (size < 2)
        return mt_fail(err, MT_E_UNSUPPORTED, "attachment %s is empty", a->name);
    mt_status st = mt_alloc(file->env, size, &head, err);
    if (st)
        return st;
    st = czi_read(file, a->position, head, size, err);
    mt_reader r = mt_reader_over(head, size, true);
    bool is_jpeg = !st && memcmp(head, "\xff\xd8", 2) == 0;
    if (!st && !is_jpeg)
        st = mt_fail(err, MT_E_UNSUPPORTED, "attachment %s of type %s is not a supported picture", a->name, a->type);
    else if (!st && !read_frame(&r, out))
        st = mt_fail(err, MT_E_CORRUPT, "attachment %s: the JPEG has no frame", a->name);
    mt_release(file->env, head, size);
    return st;
}

mt_status czi_map_picture(const czi_file *file, const czi_attachment *attachment, mt_chunk_map *map, mt_error *err)
{
    picture_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    if (!s)
        return MT_E_MEMORY;
    *s = (picture_state) { .key = file->key,
                           .offset = file->base + attachment->position,
                           .size = attachment->size,
                           .params = { .dtype = MT_UINT8 } };
    mt_status st = read_picture_header(file, attachment, &s->params, err);
    if (st)
        return st;
    const int64_t shape[3] = { s->params.height, s->params.width, s->params.samples };
    map->ndim = s->params.samples > 1 ? 3 : 2;
    map->dtype = MT_UINT8;
    memcpy(map->axes, "YXC", (size_t)map->ndim);
    memcpy(map->shape, shape, sizeof shape);
    memcpy(map->chunk_shape, shape, sizeof shape);
    mt_chunk_map_c_order(map);
    map->state = s;
    map->locate = locate;
    return mt_chain_add(&map->chain, mt_codec_find("jpeg"), &s->params, err);
}
