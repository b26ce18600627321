/* SPDX-License-Identifier: BSD-3-Clause */
/* LIF: the default image, the same with its tiles merged, and the images of all parts. Input that is not a LIF file is
 * made one: text up to the first NUL is the document, what follows are the blocks. */
#include "base/reader.h"
#include "fuzz_file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *make_file(const uint8_t *data, size_t size, size_t *out)
{
    enum { HEADER = 13 };
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL; /* data may be NULL without bytes */
    size_t text = end ? (size_t)(end - data) : size, from = end ? text + 1 : size;
    uint8_t *file = calloc(HEADER + 2 * size + 1, 1);
    if (!file)
        abort();
    *out = HEADER + 2 * text + (size - from);
    mt_store_u32le(file, 0x70);
    file[8] = 0x2a;
    mt_store_u32le(file + 9, (uint32_t)text);
    for (size_t i = 0; i < text; i++)
        file[HEADER + 2 * i] = data[i];
    if (from < size)
        memcpy(file + HEADER + 2 * text, data + from, size - from);
    return file;
}

static void read_parts(const uint8_t *data, size_t size)
{
    static const mt_open_options plain = { .struct_size = sizeof plain };
    const mt_context_options options = { .struct_size = sizeof options,
                                         .threads = 1,
                                         .limits = { .max_metadata_bytes = 4 << 20 } };
    mt_context *context;
    mt_stack *stack;
    mt_names *parts = NULL;
    if (mt_context_new(&options, &context, NULL))
        abort();
    if (mt_stack_open_memory(context, "fuzz.lif", data, size, &plain, &stack, NULL) == MT_OK) {
        (void)!mt_stack_list_parts(stack, &parts, NULL);
        mt_stack_close(stack);
    }
    for (size_t i = 0; parts && i < mt_names_count(parts) && i < MAX_PARTS; i++) {
        mt_open_options part = { .struct_size = sizeof part, .part = mt_names_get(parts, i) };
        open_and_read("fuzz.lif", data, size, &part);
    }
    mt_names_free(parts);
    mt_context_free(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mt_open_options merged = { .struct_size = sizeof merged, .format = "lif", .merge_tiles = 1 };
    bool is_file = size > 8 && mt_load_u32le(data) == 0x70;
    uint8_t *made = is_file ? NULL : make_file(data, size, &size);
    const uint8_t *file = made ? made : data;
    open_and_read("fuzz.lif", file, size, NULL);
    open_and_read("fuzz.lif", file, size, &merged);
    read_parts(file, size);
    free(made);
    return 0;
}
