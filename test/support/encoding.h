/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of encoders: chains, data and rooms. */
#ifndef MT_TEST_ENCODING_H
#define MT_TEST_ENCODING_H

#include "support/support.h"

#include "codec/codec.h"

#include <stdbool.h>

/* A chain. */
typedef struct recipe {
    struct {
        const char *codec;
        const void *params;
    } steps[5]; /* the last one is zero */
} recipe;

/* The scratch of all encodings, its group setup and its teardown, which fails if memory is not given back. */
extern mt_scratch *scratch;
int make_scratch(void **state);
int free_scratch(void **state);

/* False if this build lacks one of the codecs, or Blosc one of its compressors. */
bool make_chain(const recipe *r, mt_chain *out);

/* A block of just its size, which the sanitizers watch. */
uint8_t *allocate(size_t size);

/* Room for an encoder, and behind it bytes that libraries must leave alone: no sanitizer watches them. free_room checks
 * those. */
uint8_t *allocate_room(size_t size);
void free_room(uint8_t *room, size_t size);

/* Bytes of a kind, always the same. */
enum { NOISE, CONSTANT, IMAGE, KINDS };
uint8_t *make_data(int kind, size_t size);

/* The encoded bytes, in a block of just their size. */
uint8_t *encode(const mt_chain *chain, const uint8_t *data, size_t size, size_t *written);

#endif
