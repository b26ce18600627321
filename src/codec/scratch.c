/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/codec.h"

#include <string.h>

#define BUFFERS 6
#define CONTEXTS 8

struct mt_scratch {
    mt_env *env;
    struct {
        uint8_t *data;
        size_t size;
    } buffers[BUFFERS];
    struct context {
        const void *kind; /* NULL: free, as are all that follow */
        int variant;
        void *context; /* NULL: could not be created */
        void (*destroy)(void *);
    } contexts[CONTEXTS];
};

mt_status mt_scratch_new(mt_env *env, mt_scratch **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_scratch), &memory, err);
    if (st)
        return st;
    *out = memset(memory, 0, sizeof(mt_scratch));
    (*out)->env = env;
    return MT_OK;
}

static void drop_context(struct context *c)
{
    if (c->context)
        c->destroy(c->context);
    c->context = NULL;
}

void mt_scratch_free(mt_scratch *scratch)
{
    if (!scratch)
        return;
    mt_scratch_trim(scratch);
    for (int i = 0; i < CONTEXTS; i++)
        drop_context(&scratch->contexts[i]);
    mt_release(scratch->env, scratch, sizeof *scratch);
}

mt_env *mt_scratch_env(mt_scratch *scratch) { return scratch->env; }

static void free_buffer(mt_scratch *scratch, int i)
{
    mt_release(scratch->env, scratch->buffers[i].data, scratch->buffers[i].size);
    atomic_fetch_sub_explicit(&scratch->env->work_bytes, scratch->buffers[i].size, memory_order_relaxed);
    scratch->buffers[i].data = NULL;
    scratch->buffers[i].size = 0;
}

void mt_scratch_trim(mt_scratch *scratch)
{
    for (int i = 0; i < BUFFERS; i++)
        free_buffer(scratch, i);
}

size_t mt_scratch_bytes(const mt_scratch *scratch)
{
    size_t bytes = 0;
    for (int i = 0; i < BUFFERS; i++)
        bytes += scratch->buffers[i].size;
    return bytes;
}

mt_status mt_scratch_buffer(mt_scratch *scratch, int i, size_t size, uint8_t **out, mt_error *err)
{
    if (scratch->buffers[i].size < size || !scratch->buffers[i].data) {
        size_t room = size + size / 4 + 64;
        free_buffer(scratch, i);
        void *memory;
        mt_status st = mt_alloc(scratch->env, room, &memory, err);
        if (st)
            return st;
        scratch->buffers[i].data = memory;
        scratch->buffers[i].size = room;
        atomic_fetch_add_explicit(&scratch->env->work_bytes, room, memory_order_relaxed);
    }
    *out = scratch->buffers[i].data;
    return MT_OK;
}

void *mt_scratch_context(mt_scratch *scratch, const void *kind, int variant, void *(*create)(int variant),
                         void (*destroy)(void *))
{
    int i = 0;
    while (i < CONTEXTS && scratch->contexts[i].kind && scratch->contexts[i].kind != kind)
        i++;
    if (i == CONTEXTS)
        return NULL;
    struct context *c = &scratch->contexts[i];
    if (c->variant != variant)
        drop_context(c);
    if (!c->context)
        *c = (struct context) { kind, variant, create(variant), destroy };
    return c->context;
}
