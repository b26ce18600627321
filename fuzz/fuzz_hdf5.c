/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5: the default image and the first datasets of a file. */
#include "fuzz_map.h"

#include <string.h>

#define MAX_PARTS 6

static void read_part(mt_context *context, mt_source *source, const char *path)
{
    mt_chunk_map *map;
    source->selection = (mt_selection) { .text = path, .path = path, .series = -1, .level = -1 };
    if (mt_format_find("hdf5")->open(source, &map, NULL))
        return;
    if (!mt_chunk_map_check(map, NULL))
        read_corner(context, map);
    mt_chunk_map_free(map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const mt_context_options options = { .struct_size = sizeof options,
                                         .threads = 1,
                                         .cache_bytes = 1 << 16,
                                         .limits = { .max_metadata_bytes = 1 << 22, .max_chunk_bytes = 1 << 20 } };
    static const mt_open_options open_options = { .struct_size = sizeof open_options, .external_folder = "" };
    mt_context *context;
    mt_store *store;
    mt_names *names;
    if (mt_context_new(&options, &context, NULL))
        abort();
    if (mt_store_open_memory(&context->env, "fuzz.h5", data, size, &store, NULL))
        abort();
    mt_source source = { .env = &context->env,
                         .store = store,
                         .key = "fuzz.h5",
                         .name = "fuzz.h5",
                         .head = data,
                         .head_size = size < 4096 ? size : 4096,
                         .selection = { .text = "", .path = "", .series = -1, .level = -1 },
                         .options = &open_options };
    read_part(context, &source, "");
    if (!mt_names_new(&context->env, &names, NULL)) {
        source.selection = (mt_selection) { .text = "", .path = "", .series = -1, .level = -1 };
        (void)!mt_format_find("hdf5")->list(&source, names, NULL);
        for (size_t i = 0; i < mt_names_count(names) && i < MAX_PARTS; i++)
            read_part(context, &source, mt_names_get(names, i));
        mt_names_free(names);
    }
    mt_store_close(store);
    mt_context_free(context);
    return 0;
}
