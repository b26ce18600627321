/* SPDX-License-Identifier: BSD-3-Clause */
/* The bounded reader: the only way in which a parser touches the bytes of a file.
 *
 * A read beyond the end gives zeros and sets failed, which stays set: check it once, after a group of reads. */
#ifndef MT_BASE_READER_H
#define MT_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mt_reader {
    const uint8_t *data;
    size_t size;
    size_t position; /* never greater than size */
    bool big_endian;
    bool failed;
} mt_reader;

mt_reader mt_reader_over(const void *data, size_t size, bool big_endian);

/* The next n bytes, which stay where they are; NULL (and failed) where there are fewer. */
const uint8_t *mt_read_bytes(mt_reader *r, size_t n);
uint8_t mt_read_u8(mt_reader *r);
uint16_t mt_read_u16(mt_reader *r);
uint32_t mt_read_u32(mt_reader *r);
uint64_t mt_read_u64(mt_reader *r);
int32_t mt_read_i32(mt_reader *r);
float mt_read_f32(mt_reader *r);
double mt_read_f64(mt_reader *r);
/* What base/buffer.h writes: a varint, one of either sign. Longer ones than 64 bits fail. */
uint64_t mt_read_varint(mt_reader *r);
int64_t mt_read_signed(mt_reader *r);
void mt_read_skip(mt_reader *r, size_t n);
void mt_read_seek(mt_reader *r, size_t position);
static inline size_t mt_read_left(const mt_reader *r) { return r->size - r->position; }

/* Plain loads, for places that were checked before. */
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

/* Whether this machine keeps the most significant byte first. */
bool mt_host_big_endian(void);

/* Reverses the bytes of each of n elements of size 1, 2, 4 or 8, in place. */
void mt_swap_bytes(void *data, size_t n, size_t element_size);

#endif
