/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens a file in memory and reads a patch at its first and last corner, with tight limits. */
#ifndef MT_FUZZ_FILE_H
#define MT_FUZZ_FILE_H

#include <microtome/microtome.h>

static void read_corner(mt_stack *stack, const int64_t *coords)
{
    static const int64_t size[3] = { 2, 17, 33 }, channel = 0;
    static float patch[2 * 17 * 33];
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t n = (size_t)info->data_ndim - 2;
    if (mt_stack_extract_patch(stack, info->data_shape[0] - 1, &channel, 1, coords, size + 3 - n, n, patch, NULL))
        return;
}

/* Opens with axes if the file does not name them. */
static mt_status open_named(mt_context *context, const char *name, const uint8_t *data, size_t size,
                            const mt_open_options *given, mt_stack **out)
{
    static const char *const axes[] = { "", "X", "YX", "SYX", "STYX", "STCYX", "STCZYX" };
    mt_open_options options = given ? *given : (mt_open_options) { .struct_size = sizeof options };
    options.allow_unknown_axes = 1;
    mt_status st = mt_stack_open_memory(context, name, data, size, &options, out, NULL);
    if (st || mt_stack_get_info(*out)->data_ndim > 0)
        return st;
    int n = mt_stack_get_info(*out)->original_ndim;
    mt_stack_close(*out);
    options.axes = n == 3 && size % 2 ? "TC2YX" : axes[n > 6 ? 6 : n];
    return mt_stack_open_memory(context, name, data, size, &options, out, NULL);
}

/* open_options may be NULL. */
static void open_and_read(const char *name, const uint8_t *data, size_t size, const mt_open_options *open_options)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 1 << 20 };
    options.limits.max_metadata_bytes = 4 << 20;
    options.limits.max_chunk_bytes = 4 << 20;
    options.limits.max_pages = 1000;
    mt_context *context;
    mt_stack *stack;
    if (mt_context_new(&options, &context, NULL))
        return;
    if (open_named(context, name, data, size, open_options, &stack) == MT_OK) {
        const int64_t *shape = mt_stack_get_info(stack)->data_shape;
        static const int64_t first[3] = { -1, -1, -1 };
        int n = mt_stack_get_info(stack)->data_ndim - 2;
        int64_t last[3];
        for (int i = 0; i < n; i++)
            last[i] = shape[2 + i] - 1;
        read_corner(stack, first);
        read_corner(stack, last);
        mt_names *names;
        if (mt_stack_list_parts(stack, &names, NULL) == MT_OK)
            mt_names_free(names);
        mt_stack_close(stack);
    }
    mt_context_free(context);
}

#endif
