/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/stack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct identity_text {
    char *text;
    size_t n, room;
} identity_text;

MT_PRINTF(2, 3) static void append(identity_text *out, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(out->n < out->room ? out->text + out->n : NULL, out->n < out->room ? out->room - out->n : 0,
                      format, list);
    va_end(list);
    out->n += n > 0 ? (size_t)n : 0;
}

/* Objects that do not exist, or whose store cannot tell changes, add nothing. */
static mt_status append_object(identity_text *out, const mt_stack *stack, const char *key, mt_error *err)
{
    mt_identity identity;
    mt_error local = MT_ERROR_INIT;
    mt_status st = mt_store_identify(stack->map->store, key, &identity, &local);
    if (st == MT_E_NOT_FOUND || st == MT_E_UNSUPPORTED)
        return MT_OK;
    if (st)
        return mt_fail(err, st, "%s", local.message);
    append(out, ", %" PRIu64 " bytes", identity.size);
    if (identity.etag[0])
        append(out, ", ETag %s", identity.etag);
    else
        append(out, ", changed at %" PRId64 " ns", identity.mtime_ns);
    return MT_OK;
}

/* How the file was read. */
static void append_options(identity_text *out, const mt_stack *stack)
{
    append(out, " %s%s%s%s", stack->info.original_axes, stack->masks ? ", masks" : "", stack->scaled ? ", scaled" : "",
           stack->merged ? ", merged tiles" : "");
    if (stack->raw_offset)
        append(out, ", from byte %" PRId64, stack->raw_offset);
    if (stack->raw_big_endian)
        append(out, ", big-endian");
}

mt_status mt_stack_identify(const mt_stack *stack, char *text, size_t room, mt_error *err)
{
    mt_error_reset(err);
    const mt_stack_info *info = &stack->info;
    identity_text out = { text, 0, room };
    mt_status st = MT_OK;
    append(&out, "%s%s%s, %s", info->source, info->part && *info->part ? "#" : "", info->part ? info->part : "",
           mt_dtype_name(info->dtype));
    for (int d = 0; d < info->data_ndim; d++)
        append(&out, "%s%" PRId64, d ? "x" : " ", info->data_shape[d]);
    append_options(&out, stack);
    const mt_container *container = stack->map ? stack->map->container : NULL;
    if (container && !container->source.folder)
        st = append_object(&out, stack, container->source.key, err);
    for (size_t i = 0; container && container->source.folder && i < container->n_documents && !st; i++)
        st = append_object(&out, stack, container->documents[i], err);
    if (st) {
        mt_error_prefix(err, "%s", info->source);
        return st;
    }
    return out.n < room ? MT_OK : mt_fail(err, MT_E_ARGUMENT, "%zu bytes do not hold an identity of %zu", room, out.n);
}
