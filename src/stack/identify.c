/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/fnv.h"
#include "stack/stack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
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

static void append_object(identity_text *out, const mt_identity *identity)
{
    append(out, ", %" PRIu64 " bytes", identity->size);
    if (identity->etag[0])
        append(out, ", ETag %s", identity->etag);
    else
        append(out, ", changed at %" PRId64 " ns", identity->mtime_ns);
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

/* In a text of bounded length. */
static void append_part(identity_text *out, const char *part)
{
    char end[MT_NAME_END];
    const size_t n = strlen(part);
    mt_name_end(part, end);
    if (n <= MT_PART_SHOWN)
        append(out, "#%s, ", part);
    else
        append(out, "#%s %016" PRIx64 ", ", end, mt_fnv_add(MT_FNV_START, part, n));
}

static bool has_part(const mt_stack *stack) { return stack->info.part && *stack->info.part; }

void mt_stack_identify_image(const mt_stack *stack, char text[MT_IMAGE_IDENTITY])
{
    const mt_stack_info *info = &stack->info;
    identity_text out = { text, 0, MT_IMAGE_IDENTITY };
    if (has_part(stack))
        append_part(&out, info->part);
    append(&out, "%s", mt_dtype_name(info->dtype));
    for (int d = 0; d < info->data_ndim; d++)
        append(&out, "%s%" PRId64, d ? "x" : " ", info->data_shape[d]);
    append_options(&out, stack);
    if (stack->is_identified)
        append_object(&out, &stack->identity);
    append(&out, "%s", stack->members ? stack->members : "");
}

mt_status mt_stack_identify(const mt_stack *stack, char *text, size_t room, mt_error *err)
{
    mt_error_reset(err);
    char image[MT_IMAGE_IDENTITY];
    identity_text out = { text, 0, room };
    mt_stack_identify_image(stack, image);
    append(&out, "%s%s%s", stack->info.source, has_part(stack) ? "" : ", ", image);
    return out.n < room ? MT_OK : mt_fail(err, MT_E_ARGUMENT, "%zu bytes do not hold an identity of %zu", room, out.n);
}
