/* SPDX-License-Identifier: BSD-3-Clause */
/* A container over the store of a fuzz target. */
#ifndef MT_FUZZ_CONTAINER_H
#define MT_FUZZ_CONTAINER_H

#include "outcome.h"

#include "engine/context.h"
#include "format/container.h"

#include <stdlib.h>

static const mt_selection fuzz_all = { .text = "", .path = "", .series = -1, .level = -1 };

/* Takes ownership of the store. head is NULL for a folder. Returns NULL if opening fails. options name the format. */
static mt_container *open_fuzz(mt_store *store, const char *key, const char *name, const uint8_t *head, size_t size,
                               const mt_open_options *options)
{
    mt_container *c;
    if (mt_container_new(store->env, options, &c, NULL))
        abort();
    c->source.store = store;
    c->source.key = key;
    c->source.name = c->source.text = name;
    c->source.folder = !head;
    c->source.head = head;
    c->source.head_size = !head ? 0 : size < 4096 ? size : 4096;
    mt_error err = MT_ERROR_INIT;
    if (outcome_status(mt_container_open(c, &err), &err) == MT_OK)
        return c;
    mt_container_close(c);
    return NULL;
}

#endif
