/* SPDX-License-Identifier: BSD-3-Clause */
/* What a chain of encoders makes of any bytes, with any parameters that are accepted, decodes to the same bytes. */
#include "outcome.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS 3
#define STEP_BYTES 4 /* the codec and its parameters */

typedef union params {
    mt_zstd_params zstd;
    mt_level_params level;
    mt_blosc_params blosc;
    mt_element_params element;
    mt_checksum_params checksum;
    mt_row_params rows;
} params;

static const char *const names[] = { "zstd",    "blosc",    "zlib",       "gzip",       "lz4",
                                     "shuffle", "byteswap", "predictor2", "predictor3", "crc32c" };
#define NAMES (sizeof names / sizeof *names)

static void make_blosc(const uint8_t *bytes, mt_blosc_params *p)
{
    static const char *const compressors[] = { NULL, "blosclz", "lz4", "lz4hc", "zlib", "zstd", "snappy", "none" };
    *p = (mt_blosc_params) { .compressor = compressors[bytes[0] % 8],
                             .level = bytes[0] / 8 % 16,
                             .element_size = bytes[1],
                             .block = bytes[2] / 3 * 64 };
    p->shuffle = bytes[2] % 3 == 0 ? MT_BLOSC_NOSHUFFLE : bytes[2] % 3 == 1 ? MT_BLOSC_SHUFFLE : MT_BLOSC_BITSHUFFLE;
}

static params make_params(const char *name, const uint8_t *bytes)
{
    params p;
    memset(&p, 0, sizeof p);
    if (strcmp(name, "zstd") == 0)
        p.zstd = (mt_zstd_params) { .level = (int8_t)bytes[0], .checksum = bytes[1] & 1 };
    else if (strcmp(name, "zlib") == 0 || strcmp(name, "gzip") == 0)
        p.level.level = (int8_t)bytes[0];
    else if (strcmp(name, "blosc") == 0)
        make_blosc(bytes, &p.blosc);
    else if (strcmp(name, "shuffle") == 0)
        p.element.element_size = 1 + bytes[0];
    else if (strcmp(name, "byteswap") == 0)
        p.element.element_size = (size_t)1 << bytes[0] % 4;
    else if (strncmp(name, "predictor", 9) == 0)
        p.rows = (mt_row_params) { .width = 1 + bytes[0] % 64,
                                   .samples = 1 + bytes[1] % 4,
                                   .bits = 8 << (1 + bytes[2] % 3),
                                   .is_signed = bytes[2] & 64,
                                   .big_endian = bytes[2] & 128 };
    else
        p.checksum.at_start = bytes[0] & 1;
    return p;
}

/* False if the parameters are refused. */
static bool make_chain(const uint8_t *head, mt_chain *chain, params *all)
{
    for (int i = 0; i < STEPS; i++, head += STEP_BYTES) {
        size_t k = head[0] % (NAMES + 1);
        if (i > 0 && k == NAMES)
            break;
        const char *name = names[k % NAMES];
        all[i] = make_params(name, head + 1);
        mt_error err = MT_ERROR_INIT;
        if (!outcome_status(mt_chain_add(chain, mt_codec_find(name), &all[i], &err), &err))
            continue;
        if (!*err.message)
            __builtin_trap();
        return false;
    }
    return true;
}

/* Bytes behind the room, which libraries must leave alone: no sanitizer watches them. */
static const uint8_t guard[32] = { 0xa5, 1, 2, 3 };

static uint8_t *allocate(size_t size)
{
    uint8_t *block = malloc(size ? size : 1);
    if (!block)
        abort();
    return block;
}

static void check(const mt_chain *chain, const uint8_t *data, size_t size, mt_scratch *scratch)
{
    mt_error err = MT_ERROR_INIT;
    size_t room = mt_chain_encode_bound(chain, size), written = 0;
    uint8_t *encoded = allocate(room + sizeof guard), *decoded = allocate(size);
    memcpy(encoded + room, guard, sizeof guard);
    mt_status st = mt_chain_encode(chain, data, size, encoded, room, &written, scratch, &err);
    outcome_status(st, &err);
    if (st && !strstr(err.message, "are not rows of")) /* of the floating-point predictor */
        __builtin_trap();
    if (memcmp(encoded + room, guard, sizeof guard) != 0)
        __builtin_trap();
    if (!st && (written > room || written > mt_chain_encoded_bound(chain, size) ||
                mt_chain_decode(chain, encoded, written, decoded, size, size, scratch, &err) ||
                memcmp(decoded, data, size) != 0))
        __builtin_trap();
    free(encoded);
    free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mt_env env;
    static mt_scratch *scratch;
    if (!scratch) {
        mt_env_init(&env, NULL, NULL);
        if (mt_scratch_new(&env, &scratch, NULL))
            return 0;
    }
    mt_chain chain = { 0 };
    params all[STEPS];
    if (size >= STEPS * STEP_BYTES && make_chain(data, &chain, all))
        check(&chain, data + STEPS * STEP_BYTES, size - STEPS * STEP_BYTES, scratch);
    return 0;
}
