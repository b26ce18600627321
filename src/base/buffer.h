/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that grow while they are written. Numbers are little-endian; varints have seven bits a byte, the lowest first.
 *
 * A failed allocation is remembered: check status once, at the end. */
#ifndef MT_BASE_BUFFER_H
#define MT_BASE_BUFFER_H

#include "base/env.h"

typedef struct mt_buffer {
    mt_env *env;
    uint8_t *data;
    size_t size, room;
    mt_status status; /* MT_E_MEMORY: what was put since is lost */
} mt_buffer;

static inline mt_buffer mt_buffer_on(mt_env *env) { return (mt_buffer) { .env = env }; }
void mt_buffer_free(mt_buffer *b);

void mt_put_bytes(mt_buffer *b, const void *bytes, size_t n);
void mt_put_u8(mt_buffer *b, uint8_t value);
void mt_put_u32(mt_buffer *b, uint32_t value);
void mt_put_u64(mt_buffer *b, uint64_t value);
void mt_put_f64(mt_buffer *b, double value);
void mt_put_varint(mt_buffer *b, uint64_t value);
/* Numbers near zero, of either sign, become short. */
void mt_put_signed(mt_buffer *b, int64_t value);
/* The length, and the bytes without the NUL. */
void mt_put_text(mt_buffer *b, const char *text);

#endif
