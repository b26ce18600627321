/* SPDX-License-Identifier: BSD-3-Clause */
/* What a copy puts, in words: for the identity of a writer, the same in every program. */
#include "stack/stack.h"

#include <microtome/write.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VALUES = 24 * MT_MAX_DIMS }; /* characters */

/* ", from 0,10,20"; NULL stands for zeros. */
static void list_values(const char *what, const int64_t *values, size_t n, char out[VALUES])
{
    size_t at = (size_t)snprintf(out, VALUES, ", %s", what);
    for (size_t d = 0; d < n && at < VALUES; d++)
        at += (size_t)snprintf(out + at, VALUES - at, "%c%" PRId64, d ? ',' : ' ', values ? values[d] : 0);
}

static mt_status append_box(const char *axes, const mt_copy_source *source, char *text, size_t room, mt_error *err)
{
    char from[VALUES], extent[VALUES] = "", to[VALUES];
    size_t ndim = strlen(axes), n = strlen(text);
    if (ndim > MT_MAX_DIMS)
        return mt_fail(err, MT_E_ARGUMENT, "%zu axes", ndim);
    list_values("from", source->from, ndim, from);
    if (source->extent)
        list_values("pixels", source->extent, ndim, extent);
    list_values("to", source->to, ndim, to);
    uint64_t missing = source->stack->info.n_missing;
    char filled[64] = "";
    if (missing)
        snprintf(filled, sizeof filled, ", %" PRIu64 " missing files or frames filled", missing);
    int more = snprintf(text + n, room - n, "%s, sample %" PRId64 ", %s%s%s%s", filled, source->sample, axes, from,
                        extent, to);
    return more >= 0 && (size_t)more < room - n
               ? MT_OK
               : mt_fail(err, MT_E_ARGUMENT, "%zu bytes do not hold the identity of a source", room);
}

mt_status mt_copy_identify(const char *axes, const mt_copy_source *source, char *text, size_t room, mt_error *err)
{
    mt_status st = mt_stack_identify(source->stack, text, room, err);
    return st ? st : append_box(axes, source, text, room, err);
}
