/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/reader.h"

#include <string.h>

mt_reader mt_reader_over(const void *data, size_t size, bool big_endian)
{
    return (mt_reader) { .data = data, .size = size, .big_endian = big_endian };
}

const uint8_t *mt_read_bytes(mt_reader *r, size_t n)
{
    if (r->failed || r->size - r->position < n) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->data + r->position;
    r->position += n;
    return p;
}

static uint64_t read_uint(mt_reader *r, size_t n)
{
    const uint8_t *p = mt_read_bytes(r, n);
    if (!p)
        return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)p[i] << 8 * (r->big_endian ? n - 1 - i : i);
    return value;
}

uint8_t mt_read_u8(mt_reader *r) { return (uint8_t)read_uint(r, 1); }
uint16_t mt_read_u16(mt_reader *r) { return (uint16_t)read_uint(r, 2); }
uint32_t mt_read_u32(mt_reader *r) { return (uint32_t)read_uint(r, 4); }
uint64_t mt_read_u64(mt_reader *r) { return read_uint(r, 8); }
int32_t mt_read_i32(mt_reader *r) { return (int32_t)read_uint(r, 4); }

float mt_read_f32(mt_reader *r)
{
    uint32_t bits = mt_read_u32(r);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double mt_read_f64(mt_reader *r)
{
    uint64_t bits = mt_read_u64(r);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint64_t mt_read_varint(mt_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = mt_read_u8(r);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return r->failed ? 0 : value;
    }
    r->failed = true;
    return 0;
}

int64_t mt_read_signed(mt_reader *r)
{
    uint64_t value = mt_read_varint(r);
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

void mt_read_skip(mt_reader *r, size_t n) { (void)mt_read_bytes(r, n); }

void mt_read_seek(mt_reader *r, size_t position)
{
    if (position > r->size)
        r->failed = true;
    else
        r->position = position;
}

uint32_t mt_load_u32be(const void *p)
{
    const uint8_t *b = p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

bool mt_host_big_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 0;
}

/* memcpy, because data of a file may be unaligned. Compilers turn each loop into vector shuffles. */
#define SWAP_LOOP(type, swapped)                                                                                       \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type v;                                                                                                        \
        memcpy(&v, p + i * sizeof v, sizeof v);                                                                        \
        v = (type)(swapped);                                                                                           \
        memcpy(p + i * sizeof v, &v, sizeof v);                                                                        \
    }

void mt_swap_bytes(void *data, size_t n, size_t element_size)
{
    uint8_t *p = data;
    switch (element_size) {
    case 2: SWAP_LOOP(uint16_t, v << 8 | v >> 8) break;
    case 4: SWAP_LOOP(uint32_t, v << 24 | (v & 0xff00) << 8 | (v >> 8 & 0xff00) | v >> 24) break;
    case 8: SWAP_LOOP(uint64_t, __builtin_bswap64(v)) break;
    default: break;
    }
}
