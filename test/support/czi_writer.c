/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/czi_writer.h"

#include <stdlib.h>
#include <string.h>

/* A power of two, so that documents of many tiles are not copied for each. */
static size_t room_for(size_t size)
{
    size_t room = 1024;
    while (room <= size)
        room *= 2;
    return room;
}

static void append(uint8_t **data, size_t *size, const void *bytes, size_t n)
{
    if (!*data || room_for(*size) < room_for(*size + n))
        *data = realloc(*data, room_for(*size + n));
    assert_non_null(*data);
    if (bytes)
        memcpy(*data + *size, bytes, n);
    else
        memset(*data + *size, 0, n);
    *size += n;
}

static void put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* Starts a segment of n bytes, all zero; returns where its bytes begin. */
static size_t begin_segment(czi_writer *w, const char *id, size_t n)
{
    uint8_t head[32] = { 0 };
    n = (n + 31) / 32 * 32;
    memcpy(head, id, strlen(id));
    put(head + 16, n, 8);
    put(head + 24, n, 8);
    append(&w->data, &w->size, head, sizeof head);
    size_t at = w->size;
    append(&w->data, &w->size, NULL, n);
    return at;
}

czi_tile czi_gray_tile(int32_t x, int32_t y, int32_t width, int32_t height, const uint8_t *pixels)
{
    czi_tile tile = { .pixels = pixels, .size = (size_t)width * (size_t)height };
    czi_add_dimension(&tile, 'X', x, width);
    czi_add_dimension(&tile, 'Y', y, height);
    return tile;
}

void czi_add_dimension(czi_tile *tile, char letter, int32_t start, int32_t size)
{
    int n = 0;
    while (tile->dims[n].letter)
        n++;
    tile->dims[n].letter = letter;
    tile->dims[n].start = start;
    tile->dims[n].size = tile->dims[n].stored = size;
}

void czi_begin(czi_writer *w)
{
    *w = (czi_writer) { 0 };
    size_t at = begin_segment(w, "ZISRAWFILE", 512);
    put(w->data + at, 1, 4);
}

static size_t make_entry(const czi_tile *t, uint64_t position, uint8_t *out)
{
    size_t n = 0;
    memcpy(out, "DV", 2);
    put(out + 2, (uint32_t)t->pixel_type, 4);
    put(out + 6, position, 8);
    put(out + 18, (uint32_t)t->compression, 4);
    for (; t->dims[n].letter; n++) {
        uint8_t *dim = out + 32 + 20 * n;
        dim[0] = (uint8_t)t->dims[n].letter;
        put(dim + 4, (uint32_t)t->dims[n].start, 4);
        put(dim + 8, (uint32_t)t->dims[n].size, 4);
        put(dim + 16, (uint32_t)t->dims[n].stored, 4);
    }
    put(out + 28, n, 4);
    return 32 + 20 * n;
}

void czi_add_tile(czi_writer *w, const czi_tile *t)
{
    uint8_t entry[32 + 20 * 16] = { 0 };
    size_t n = make_entry(t, w->size, entry), head = 16 + n > 256 ? 16 + n : 256;
    size_t metadata = t->metadata ? strlen(t->metadata) : 0;
    size_t at = begin_segment(w, "ZISRAWSUBBLOCK", head + metadata + t->size + t->attachment_size);
    uint8_t *out = w->data + at;
    put(out, metadata, 4);
    put(out + 4, t->attachment_size, 4);
    put(out + 8, t->size, 8);
    memcpy(out + 16, entry, n);
    if (metadata)
        memcpy(out + head, t->metadata, metadata);
    memcpy(out + head + metadata, t->pixels, t->size);
    if (t->attachment_size)
        memcpy(out + head + metadata + t->size, t->attachment, t->attachment_size);
    append(&w->entries, &w->n_entry_bytes, entry, n);
}

void czi_add_attachment(czi_writer *w, const char *name, const char *type, const void *bytes, size_t size)
{
    uint8_t entry[128] = "A1";
    put(entry + 12, w->size, 8);
    memcpy(entry + 40, type, strlen(type));
    memcpy(entry + 48, name, strlen(name));
    size_t at = begin_segment(w, "ZISRAWATTACH", 256 + size);
    put(w->data + at, size, 4);
    memcpy(w->data + at + 16, entry, sizeof entry);
    memcpy(w->data + at + 256, bytes, size);
    append(&w->attached, &w->n_attached_bytes, entry, sizeof entry);
}

static uint32_t count_entries(const czi_writer *w)
{
    uint32_t n = 0;
    for (size_t at = 0; at < w->n_entry_bytes; n++)
        at += 32 + 20 * (size_t)w->entries[at + 28];
    return n;
}

/* The place of the segment in the file's header. */
static void point_to(czi_writer *w, size_t field, size_t at) { put(w->data + 32 + field, at - 32, 8); }

void czi_finish(czi_writer *w, const char *xml)
{
    size_t at = begin_segment(w, "ZISRAWDIRECTORY", 128 + w->n_entry_bytes);
    put(w->data + at, count_entries(w), 4);
    memcpy(w->data + at + 128, w->entries, w->n_entry_bytes);
    point_to(w, 52, at);
    if (xml) {
        at = begin_segment(w, "ZISRAWMETADATA", 256 + strlen(xml));
        put(w->data + at, strlen(xml), 4);
        memcpy(w->data + at + 256, xml, strlen(xml));
        point_to(w, 60, at);
    }
    if (w->n_attached_bytes) {
        at = begin_segment(w, "ZISRAWATTDIR", 256 + w->n_attached_bytes);
        put(w->data + at, w->n_attached_bytes / 128, 4);
        memcpy(w->data + at + 256, w->attached, w->n_attached_bytes);
        point_to(w, 72, at);
    }
}

void czi_free(czi_writer *w)
{
    free(w->data);
    free(w->entries);
    free(w->attached);
}
