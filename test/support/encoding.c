/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/encoding.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 };

static mt_env env;
mt_scratch *scratch;

int make_scratch(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_scratch_new(&env, &scratch, NULL);
}

int free_scratch(void **state)
{
    (void)state;
    mt_scratch_free(scratch);
    return env.memory_bytes != 0;
}

bool make_chain(const recipe *r, mt_chain *out)
{
    *out = (mt_chain) { 0 };
    for (int i = 0; r->steps[i].codec; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_chain_add(out, mt_codec_find(r->steps[i].codec), r->steps[i].params, &err);
        if (st == MT_E_UNSUPPORTED)
            return false;
        check_ok(st, &err);
    }
    return true;
}

uint8_t *allocate(size_t size)
{
    uint8_t *block = malloc(size ? size : 1);
    assert_non_null(block);
    return block;
}

uint8_t *allocate_room(size_t size)
{
    uint8_t *room = allocate(size + GUARD);
    memset(room + size, 0xa5, GUARD);
    return room;
}

void free_room(uint8_t *room, size_t size)
{
    for (int i = 0; i < GUARD; i++)
        assert_int_equal(room[size + (size_t)i], 0xa5);
    free(room);
}

uint8_t *make_data(int kind, size_t size)
{
    uint64_t seed = 7;
    uint8_t *data = allocate(size);
    for (size_t i = 0; i < size; i++) {
        unsigned pixel = (unsigned)(1000 + i / 2 % 256 * 3 + i / 512 % 256 + next_random(&seed) % 16);
        data[i] = kind == NOISE ? (uint8_t)next_random(&seed) : kind == CONSTANT ? 42 : (uint8_t)(pixel >> i % 2 * 8);
    }
    return data;
}

uint8_t *encode(const mt_chain *chain, const uint8_t *data, size_t size, size_t *written)
{
    size_t room = mt_chain_encode_bound(chain, size);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_chain_can_encode(chain, size, &err), &err);
    uint8_t *out = allocate_room(room);
    check_ok(mt_chain_encode(chain, data, size, out, room, written, scratch, &err), &err);
    assert_true(*written <= room);
    uint8_t *encoded = allocate(*written);
    memcpy(encoded, out, *written);
    free_room(out, room);
    return encoded;
}
