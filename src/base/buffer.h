/* SPDX-License-Identifier: BSD-3-Clause */
/* A growing byte buffer. Numbers are little-endian; varints hold seven bits per byte, lowest first.
 *
 * status records a failed allocation: check it once, at the end. */
#ifndef MT_BASE_BUFFER_H
#define MT_BASE_BUFFER_H

#include "base/env.h"

typedef struct mt_buffer {
    mt_env *env;       /* allocator, borrowed */
    uint8_t *data;     /* owned */
    size_t size, room; /* bytes written; capacity of data in bytes */
    mt_status status;  /* MT_E_MEMORY: an allocation failed, and later bytes are lost */
} mt_buffer;

static inline mt_buffer mt_buffer_on(mt_env *env) { return (mt_buffer) { .env = env }; }
void mt_buffer_free(mt_buffer *b);

void mt_put_bytes(mt_buffer *b, const void *bytes, size_t n);
void mt_put_u8(mt_buffer *b, uint8_t value);
void mt_put_u32(mt_buffer *b, uint32_t value);
void mt_put_u64(mt_buffer *b, uint64_t value);
void mt_put_f64(mt_buffer *b, double value);
void mt_put_varint(mt_buffer *b, uint64_t value);
/* A zigzag varint: numbers near zero, of either sign, take few bytes. */
void mt_put_signed(mt_buffer *b, int64_t value);
/* The length as a varint, then the bytes without the NUL. */
void mt_put_text(mt_buffer *b, const char *text);

#endif
