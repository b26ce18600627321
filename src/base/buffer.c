/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/buffer.h"

#include <string.h>

void mt_buffer_free(mt_buffer *b)
{
    if (b->data)
        mt_release(b->env, b->data, b->room);
    b->data = NULL;
    b->size = b->room = 0;
}

void mt_put_bytes(mt_buffer *b, const void *bytes, size_t n)
{
    if (b->status)
        return;
    if (n > b->room - b->size) {
        size_t room = b->room < 256 ? 256 : 2 * b->room;
        room = room - b->size < n ? b->size + n : room;
        void *moved = mt_resize(b->env, b->data, b->room, room);
        if (!moved) {
            b->status = MT_E_MEMORY;
            return;
        }
        b->data = moved;
        b->room = room;
    }
    if (n > 0)
        memcpy(b->data + b->size, bytes, n);
    b->size += n;
}

static void put_uint(mt_buffer *b, uint64_t value, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    mt_put_bytes(b, bytes, n);
}

void mt_put_u8(mt_buffer *b, uint8_t value) { mt_put_bytes(b, &value, 1); }
void mt_put_u32(mt_buffer *b, uint32_t value) { put_uint(b, value, 4); }
void mt_put_u64(mt_buffer *b, uint64_t value) { put_uint(b, value, 8); }

void mt_put_f64(mt_buffer *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_uint(b, bits, 8);
}

void mt_put_varint(mt_buffer *b, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    mt_put_bytes(b, bytes, n);
}

void mt_put_signed(mt_buffer *b, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    mt_put_varint(b, (uint64_t)value << 1 ^ sign);
}

void mt_put_text(mt_buffer *b, const char *text)
{
    size_t n = strlen(text);
    mt_put_varint(b, n);
    mt_put_bytes(b, text, n);
}
