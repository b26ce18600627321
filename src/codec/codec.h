/* SPDX-License-Identifier: BSD-3-Clause */
/* A codec: a stateless function from bytes to bytes. The decoded size is known before decoding.
 *
 * A chain is the list of codecs that encoded a chunk, in the order of encoding; decoding runs it backwards. */
#ifndef MT_CODEC_CODEC_H
#define MT_CODEC_CODEC_H

#include "base/env.h"

#include <stdbool.h>

/* The scratch memory of one thread that decodes or encodes: contexts of libraries, and buffers that only grow. Not thread-safe. */
typedef struct mt_scratch mt_scratch;
MT_MUST_CHECK mt_status mt_scratch_new(mt_env *env, mt_scratch **out, mt_error *err);
void mt_scratch_free(mt_scratch *scratch);
mt_env *mt_scratch_env(mt_scratch *scratch);
size_t mt_scratch_bytes(const mt_scratch *scratch); /* total size of its buffers */
void mt_scratch_trim(mt_scratch *scratch);          /* frees its buffers */

/* Returns buffer i with at least size bytes; the old content is lost. 0, 1 and 4 belong to the engine, 2 and 3 to the
 * chain, 5 to the codec. */
MT_MUST_CHECK mt_status mt_scratch_buffer(mt_scratch *scratch, int i, size_t size, uint8_t **out, mt_error *err);

/* A library's context, created on first use and destroyed with the scratch, or before another variant of its kind is
 * created. kind identifies it: the address of a static variable. variant is the codec's to choose, such as a level. NULL
 * if create fails. */
void *mt_scratch_context(mt_scratch *scratch, const void *kind, int variant, void *(*create)(int variant),
                         void (*destroy)(void *));

typedef struct mt_codec {
    const char *name; /* "zstd", "blosc", "lzw"; unique */
    /* NULL, or the CMake option that enables the codec, if this build lacks it; then all functions are NULL. */
    const char *build_switch;

    /* Optional, for a step around data of another codec: that codec, or NULL if the data is raw. Users know the step as
     * that codec, and parts can be decoded if it is raw or decodes parts. */
    const struct mt_codec *(*inner)(const void *params);

    /* Optional: rejects invalid parameters when the chain is made. */
    mt_status (*check)(const void *params, mt_error *err);

    /* Decodes src into dst. Writes at most capacity bytes and sets *written. MT_E_CORRUPT if the output exceeds
     * capacity or the input is truncated. Verifies checksums in the stream. */
    mt_status (*decode)(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err);

    /* Optional: like decode, but writes only bytes [from, to) of dst. capacity is the exact decoded size. */
    mt_status (*decode_part)(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t from, size_t to, mt_scratch *scratch, mt_error *err);

    /* The encoded size of n decoded bytes, for codecs of fixed size (checksums, filters); 0 if n is not possible. NULL
     * for compressors. */
    size_t (*encoded_size)(const void *params, size_t n);

    /* Optional: encodes src into dst, which does not overlap it, and sets *written. The output depends on params and src
     * alone. capacity is encoded_size or encoded_bound; with less it may fail. NULL: this codec only decodes. */
    mt_status (*encode)(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err);

    /* The largest size that encode makes of n bytes; SIZE_MAX if it cannot encode n bytes. Only compressors that encode
     * have it. */
    size_t (*encoded_bound)(const void *params, size_t n);
} mt_codec;

/* The codec with that name, or NULL. Also finds known codecs that this build lacks. */
const mt_codec *mt_codec_find(const char *name);
const mt_codec *mt_codec_at(size_t i);

/* The name of a codec for users, one of mt_codec_name; NULL: an internal step that is not reported. */
const char *mt_codec_known_as(const mt_codec *codec);

#define MT_MAX_STEPS 16

typedef struct mt_step {
    const mt_codec *codec; /* static */
    const void *params;    /* of the codec (codec/params.h), or NULL; owned by the creator of the chain. Both
                            * directions use the same. */
} mt_step;

/* The name of a step for users: that of its codec, or of the one within. */
const char *mt_step_known_as(const mt_step *step);

typedef struct mt_chain {
    int n_steps;                 /* 0: raw */
    mt_step steps[MT_MAX_STEPS]; /* in the order of encoding */
} mt_chain;

/* Appends a step. MT_E_UNSUPPORTED if this build lacks the codec (the message names build_switch), the codec does not
 * support the parameters, or the chain is full. */
MT_MUST_CHECK mt_status mt_chain_add(mt_chain *chain, const mt_codec *codec, const void *params, mt_error *err);

/* Decodes a chunk into dst. MT_E_CORRUPT unless the decoded size is between minimum and capacity (minimum < capacity
 * only for chunks that may be truncated at the edge of the image). The chain must not be raw. src must not overlap
 * dst. */
MT_MUST_CHECK mt_status mt_chain_decode(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst,
                                        size_t minimum, size_t capacity, mt_scratch *scratch, mt_error *err);

/* Whether the chain can encode a chunk of n bytes. MT_E_UNSUPPORTED, naming the codec, if one only decodes or cannot
 * encode that many bytes. For the creator of an image, before it writes. */
MT_MUST_CHECK mt_status mt_chain_can_encode(const mt_chain *chain, size_t n, mt_error *err);

/* The room that mt_chain_encode needs for n bytes; SIZE_MAX if the chain cannot encode them. */
size_t mt_chain_encode_bound(const mt_chain *chain, size_t n);

/* Encodes a chunk into dst and sets *written. MT_E_ARGUMENT if capacity is less than mt_chain_encode_bound. The chain
 * must not be raw. src must not overlap dst. Equal chunks give equal bytes, whatever was encoded before. */
MT_MUST_CHECK mt_status mt_chain_encode(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst,
                                        size_t capacity, size_t *written, mt_scratch *scratch, mt_error *err);

/* The encoded size of n bytes; false if it depends on the data. */
bool mt_chain_encoded_size(const mt_chain *chain, size_t n, size_t *out);

/* An upper bound for the encoded size of n bytes, by whatever encoder. A larger chunk is refused before it is read. */
size_t mt_chain_encoded_bound(const mt_chain *chain, size_t n);

/* The checksum of the codec "crc32c". */
uint32_t mt_crc32c(const uint8_t *bytes, size_t n);
/* The checksum of bytes whose first part has a checksum, and that go on with these. That of no bytes is 0. */
uint32_t mt_crc32c_add(uint32_t first, const uint8_t *bytes, size_t n);
/* The same, given the checksum of the n bytes that follow in place of the bytes. */
uint32_t mt_crc32c_join(uint32_t first, uint32_t second, size_t n);

/* XXH32 with a seed. */
uint32_t mt_xxh32(const uint8_t *bytes, size_t n, uint32_t seed);

/* Whether the chain can decode a part of a chunk, and the function that does. */
bool mt_chain_is_partial(const mt_chain *chain);
MT_MUST_CHECK mt_status mt_chain_decode_part(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst,
                                             size_t capacity, size_t from, size_t to, mt_scratch *scratch,
                                             mt_error *err);

#endif
