/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5: the default image and the first datasets of a file. */
#include "fuzz_parts.h"

#define MAX_PARTS 6

static void read_parts(mt_context *context, mt_container *container)
{
    read_part(context, container, "");
    mt_names *names = list_parts(context, container);
    for (size_t i = 0; i < mt_names_count(names) && i < MAX_PARTS; i++)
        read_part(context, container, mt_names_get(names, i));
    mt_names_free(names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const mt_context_options options = { .struct_size = sizeof options,
                                         .threads = 1,
                                         .cache_bytes = 1 << 16,
                                         .limits = { .max_metadata_bytes = 1 << 22, .max_chunk_bytes = 1 << 20 } };
    static const mt_open_options open_options = { .struct_size = sizeof open_options,
                                                  .format = "hdf5",
                                                  .external_folder = "" };
    mt_context *context;
    mt_store *store;
    if (mt_context_new(&options, &context, NULL))
        abort();
    if (mt_store_open_memory(&context->env, "fuzz.h5", data, size, &store, NULL))
        abort();
    mt_container *container = open_fuzz(store, "fuzz.h5", "fuzz.h5", data, size, &open_options);
    if (container)
        read_parts(context, container);
    mt_container_close(container);
    mt_context_free(context);
    return 0;
}
