/* SPDX-License-Identifier: BSD-3-Clause */
/* The bounded reader. Parsers access the bytes of a file only through it.
 *
 * A read beyond the end returns zeros and sets failed, which stays set: check it once, after a group of reads. */
#ifndef MT_BASE_READER_H
#define MT_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mt_reader {
    const uint8_t *data; /* borrowed */
    size_t size;         /* bytes of data */
    size_t position;     /* byte offset of the next read, at most size */
    bool big_endian;     /* byte order of data */
    bool failed;         /* a read was out of bounds */
} mt_reader;

mt_reader mt_reader_over(const void *data, size_t size, bool big_endian);

/* A pointer to the next n bytes in data; NULL, and failed is set, if there are fewer. */
const uint8_t *mt_read_bytes(mt_reader *r, size_t n);
uint8_t mt_read_u8(mt_reader *r);
uint16_t mt_read_u16(mt_reader *r);
uint32_t mt_read_u32(mt_reader *r);
uint64_t mt_read_u64(mt_reader *r);
int32_t mt_read_i32(mt_reader *r);
float mt_read_f32(mt_reader *r);
double mt_read_f64(mt_reader *r);
/* Varints as written by base/buffer.h. One longer than 64 bits sets failed. */
uint64_t mt_read_varint(mt_reader *r);
int64_t mt_read_signed(mt_reader *r);
void mt_read_skip(mt_reader *r, size_t n);
void mt_read_seek(mt_reader *r, size_t position);
static inline size_t mt_read_left(const mt_reader *r) { return r->size - r->position; }

/* Unchecked loads. The caller has checked the bounds. */
static inline uint16_t mt_load_u16le(const void *p)
{
    const uint8_t *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t mt_load_u32le(const void *p)
{
    const uint8_t *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static inline uint64_t mt_load_u64le(const void *p)
{
    return mt_load_u32le(p) | (uint64_t)mt_load_u32le((const uint8_t *)p + 4) << 32;
}
uint32_t mt_load_u32be(const void *p);

static inline void mt_store_u32le(void *p, uint32_t value)
{
    uint8_t *b = p;
    for (int i = 0; i < 4; i++)
        b[i] = (uint8_t)(value >> 8 * i);
}

static inline void mt_store_u64le(void *p, uint64_t value)
{
    mt_store_u32le(p, (uint32_t)value);
    mt_store_u32le((uint8_t *)p + 4, (uint32_t)(value >> 32));
}

/* Whether this machine is big-endian. */
bool mt_host_big_endian(void);

/* Reverses the bytes of each of n elements of size 1, 2, 4 or 8, in place. */
void mt_swap_bytes(void *data, size_t n, size_t element_size);

#endif
