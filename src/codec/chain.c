/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"
#include "codec/codec.h"

/* The worst case of an encoder for n bytes. LZW makes 12 bits of a byte of noise, JPEG at its best quality 15 or more.
 * Data that is already compressed hardly grows. */
static size_t bound(size_t n)
{
    const size_t room = (size_t)64 << 10;
    return n > (SIZE_MAX - room) / 3 ? SIZE_MAX : 3 * n + room;
}

enum { FIRST_BUFFER = 2 };

/* The name of a step in messages. */
static const char *spoken(const mt_step *step)
{
    const char *known = mt_step_known_as(step);
    return known ? known : step->codec->name;
}

mt_status mt_chain_add(mt_chain *chain, const mt_codec *codec, const void *params, mt_error *err)
{
    const mt_step step = { codec, params };
    if (!codec->decode)
        return mt_fail(err, MT_E_UNSUPPORTED, "codec %s is not in this build: it was made without %s", spoken(&step),
                       codec->build_switch);
    if (chain->n_steps == MT_MAX_STEPS)
        return mt_fail(err, MT_E_UNSUPPORTED, "more than %d codecs in a chain", MT_MAX_STEPS);
    mt_status st = codec->check ? codec->check(params, err) : MT_OK;
    if (!st)
        chain->steps[chain->n_steps++] = step;
    return st;
}

/* The encoded size of n bytes after the first steps of a chain; false if one of them is a compressor. */
static bool size_after(const mt_chain *chain, int steps, size_t n, size_t *out)
{
    for (int i = 0; i < steps; i++) {
        const mt_step *step = &chain->steps[i];
        if (!step->codec->encoded_size)
            return false;
        n = step->codec->encoded_size(step->params, n);
    }
    *out = n;
    return true;
}

bool mt_chain_encoded_size(const mt_chain *chain, size_t n, size_t *out)
{
    return size_after(chain, chain->n_steps, n, out);
}

/* A bound for the size after the first steps. Filters may enlarge the data. */
static size_t bound_after(const mt_chain *chain, int steps, size_t n)
{
    for (int i = 0; i < steps; i++) {
        const mt_step *step = &chain->steps[i];
        size_t fixed = step->codec->encoded_size ? step->codec->encoded_size(step->params, n) : 0;
        n = fixed > n ? fixed : n;
    }
    return bound(n);
}

size_t mt_chain_encoded_bound(const mt_chain *chain, size_t n) { return bound_after(chain, chain->n_steps, n); }

static mt_status run_step(const mt_step *step, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                          size_t *written, mt_scratch *scratch, mt_error *err)
{
    mt_status st = step->codec->decode(step->params, src, size, dst, capacity, written, scratch, err);
    if (st)
        mt_error_prefix(err, "%s", spoken(step));
    return st;
}

mt_status mt_chain_decode(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst, size_t minimum,
                          size_t capacity, mt_scratch *scratch, mt_error *err)
{
    for (int i = chain->n_steps - 1; i >= 0; i--) {
        size_t room = capacity, written;
        uint8_t *out = dst;
        if (i > 0) {
            if (!size_after(chain, i, capacity, &room))
                room = bound_after(chain, i, capacity);
            mt_status st = mt_scratch_buffer(scratch, FIRST_BUFFER + i % 2, room, &out, err);
            if (st)
                return st;
        }
        mt_status st = run_step(&chain->steps[i], src, size, out, room, &written, scratch, err);
        if (st)
            return st;
        src = out;
        size = written;
    }
    if (size < minimum)
        return mt_fail(err, MT_E_CORRUPT, "%s: decodes to %zu bytes, the chunk needs %zu", spoken(&chain->steps[0]),
                       size, minimum);
    return MT_OK;
}

/* The room that a step needs to encode n bytes; SIZE_MAX if it cannot. */
static size_t step_bound(const mt_step *step, size_t n)
{
    const mt_codec *codec = step->codec;
    if (!codec->encode || n > SIZE_MAX / 4) /* so that no bound overflows */
        return SIZE_MAX;
    return codec->encoded_size ? codec->encoded_size(step->params, n) : codec->encoded_bound(step->params, n);
}

mt_status mt_chain_can_encode(const mt_chain *chain, size_t n, mt_error *err)
{
    for (int i = 0; i < chain->n_steps; i++) {
        const mt_codec *codec = chain->steps[i].codec;
        size_t room = step_bound(&chain->steps[i], n);
        if (!codec->encode)
            return mt_fail(err, MT_E_UNSUPPORTED, "codec %s can be read but not written", spoken(&chain->steps[i]));
        if (room == SIZE_MAX)
            return mt_fail(err, MT_E_UNSUPPORTED, "codec %s cannot encode chunks of %zu bytes",
                           spoken(&chain->steps[i]), n);
        n = room;
    }
    return MT_OK;
}

size_t mt_chain_encode_bound(const mt_chain *chain, size_t n)
{
    for (int i = 0; i < chain->n_steps && n != SIZE_MAX; i++)
        n = step_bound(&chain->steps[i], n);
    return n;
}

mt_status mt_chain_encode(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                          size_t *written, mt_scratch *scratch, mt_error *err)
{
    mt_status st = mt_chain_can_encode(chain, size, err);
    if (!st && capacity < mt_chain_encode_bound(chain, size))
        st = mt_fail(err, MT_E_ARGUMENT, "%zu bytes are not enough room to encode %zu", capacity, size);
    for (int i = 0; !st && i < chain->n_steps; i++) {
        const mt_step *step = &chain->steps[i];
        size_t room = capacity;
        uint8_t *out = dst;
        if (i < chain->n_steps - 1) {
            room = step_bound(step, size);
            st = mt_scratch_buffer(scratch, FIRST_BUFFER + i % 2, room, &out, err);
            if (st)
                return st;
        }
        st = step->codec->encode(step->params, src, size, out, room, written, scratch, err);
        if (st)
            mt_error_prefix(err, "%s", spoken(step));
        src = out;
        size = *written;
    }
    return st;
}

bool mt_chain_is_partial(const mt_chain *chain)
{
    const mt_step *step = &chain->steps[0];
    if (chain->n_steps != 1 || !step->codec->decode_part)
        return false;
    const mt_codec *inner = step->codec->inner ? step->codec->inner(step->params) : NULL;
    return !inner || inner->decode_part;
}

mt_status mt_chain_decode_part(const mt_chain *chain, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                               size_t from, size_t to, mt_scratch *scratch, mt_error *err)
{
    const mt_step *step = &chain->steps[0];
    mt_status st = step->codec->decode_part(step->params, src, size, dst, capacity, from, to, scratch, err);
    if (st)
        mt_error_prefix(err, "%s", spoken(step));
    return st;
}
