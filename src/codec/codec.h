/* SPDX-License-Identifier: BSD-3-Clause */
/* A codec: bytes -> bytes, without state, the exact size of its output known beforehand.
 *
 * A chain is the list of steps that encoded a chunk, in the order of encoding; decoding walks it backwards. */
#ifndef MT_CODEC_CODEC_H
#define MT_CODEC_CODEC_H

#include "base/env.h"

#include <stdbool.h>

/* What one thread needs to decode: contexts of libraries and two buffers that only grow. */
typedef struct mt_scratch mt_scratch;
MT_MUST_CHECK mt_status mt_scratch_new(mt_env *env, mt_scratch **out, mt_error *err);
void mt_scratch_free(mt_scratch *scratch);
mt_env *mt_scratch_env(mt_scratch *scratch);
size_t mt_scratch_bytes(const mt_scratch *scratch); /* of its buffers */
void mt_scratch_trim(mt_scratch *scratch);          /* frees its buffers */

/* Buffer number i with at least size bytes; its content is lost. 0, 1 and 4 are the engine's, 2 and 3 the chain's, 5
 * is a codec's own. */
MT_MUST_CHECK mt_status mt_scratch_buffer(mt_scratch *scratch, int i, size_t size, uint8_t **out, mt_error *err);

/* A library's context of a kind (a static key's address), made on first use, destroyed with the scratch. NULL where
 * create fails. */
void *mt_scratch_context(mt_scratch *scratch, const void *kind, void *(*create)(void), void (*destroy)(void *));

typedef struct mt_codec {
    const char *name; /* the field's: "zstd", "blosc", "lzw" */
    const char
        *build_switch; /* NULL, or the CMake option without which this build lacks the codec; then no functions */

    bool is_mending; /* what a format adds to put pixels right: left out where an image's codecs are named */

    /* Optional: refuses parameters with which no chunk could be decoded, so that the image does not open. */
    mt_status (*check)(const void *params, mt_error *err);

    /* Decodes all of src into dst. Writes at most capacity bytes, sets *written. More output than capacity, or input
     * that ends early, is MT_E_CORRUPT. Checksums in the stream are verified. */
    mt_status (*decode)(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err);

    /* Optional: as decode, but only bytes [from, to) of dst must be right; the rest is left alone. capacity is the
     * exact decoded size. */
    mt_status (*decode_part)(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t from, size_t to, mt_scratch *scratch, mt_error *err);

    /* The encoded size of n decoded bytes where it depends on nothing else (checksums, filters); NULL for compressors.
     * 0 where n is impossible. */
    size_t (*encoded_size)(const void *params, size_t n);
} mt_codec;

/* The codec of a name, or NULL. All codecs the library knows are found, those this build lacks too. */
const mt_codec *mt_codec_find(const char *name);
const mt_codec *mt_codec_at(size_t i);

#define MT_MAX_STEPS 16

typedef struct mt_step {
    const mt_codec *codec;
    const void *params; /* owned by whoever made the chain */
} mt_step;

typedef struct mt_chain {
    int n_steps; /* 0: raw */
    mt_step steps[MT_MAX_STEPS];
} mt_chain;

/* Appends a step; MT_E_UNSUPPORTED where this build lacks the codec (naming the switch), the codec does not support the
 * parameters, or the chain is full. */
MT_MUST_CHECK mt_status mt_chain_add(mt_chain *chain, const mt_codec *codec, const void *params, mt_error *err);

/* Decodes a chunk. The last steps yield at least minimum and at most capacity bytes, which is how much is written to
 * dst; anything else is MT_E_CORRUPT. (minimum < capacity only for chunks that may be cut at the image's edge.) The
 * chain must not be raw. src must not overlap dst. */
MT_MUST_CHECK mt_status mt_chain_decode(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst,
                                        size_t minimum, size_t capacity, mt_scratch *scratch, mt_error *err);

/* The encoded size of n bytes if the chain fixes it; false if it does not. */
bool mt_chain_encoded_size(const mt_chain *chain, size_t n, size_t *out);

/* A bound for the encoded size of n bytes: more is refused before it is read. */
size_t mt_chain_encoded_bound(const mt_chain *chain, size_t n);

/* The checksum of the codec "crc32c". */
uint32_t mt_crc32c(const uint8_t *bytes, size_t n);

/* Whether a part can be decoded alone, and doing so. */
bool mt_chain_is_partial(const mt_chain *chain);
MT_MUST_CHECK mt_status mt_chain_decode_part(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst,
                                             size_t capacity, size_t from, size_t to, mt_scratch *scratch,
                                             mt_error *err);

#endif
