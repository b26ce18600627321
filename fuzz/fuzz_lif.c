/* SPDX-License-Identifier: BSD-3-Clause */
/* LIF: the default image, the same with its tiles merged, and its parts. Input that is not a LIF file is
 * made one: text up to the first NUL is the document, what follows are the blocks. */
#include "base/reader.h"
#include "fuzz_file.h"

#include <stdlib.h>
#include <string.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mt_open_options merged = { .struct_size = sizeof merged, .format = "lif", .merge_tiles = 1 };
    bool is_file = size > 8 && mt_load_u32le(data) == 0x70;
    uint8_t *made = is_file ? NULL : make_file(data, size, &size);
    const uint8_t *file = made ? made : data;
    open_and_read("fuzz.lif", file, size, NULL);
    open_and_read("fuzz.lif", file, size, &merged);
    free(made);
    return 0;
}
