/* SPDX-License-Identifier: BSD-3-Clause */
/* CZI: the default image, the same with masks and as a depth view; parts and attachments. */
#include "fuzz_file.h"

#include "fuzz_container.h"

#define MAX_PARTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_names(const mt_names *names, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < mt_names_count(names) && i < MAX_PARTS; i++) {
        mt_open_options options = { .struct_size = sizeof options, .part = mt_names_get(names, i) };
        open_and_read("fuzz.czi", data, size, &options);
    }
}

static void read_parts(const uint8_t *data, size_t size)
{
    static const mt_open_options open_options = { .struct_size = sizeof open_options, .format = "czi" };
    const mt_context_options options = { .struct_size = sizeof options,
                                         .threads = 1,
                                         .limits = { .max_metadata_bytes = 4 << 20 } };
    mt_context *context;
    mt_store *store;
    mt_names *parts, *attachments;
    if (mt_context_new(&options, &context, NULL) ||
        mt_store_open_memory(&context->env, "fuzz.czi", data, size, &store, NULL) ||
        mt_names_new(&context->env, &parts, NULL) || mt_names_new(&context->env, &attachments, NULL))
        abort();
    mt_container *container = open_fuzz(store, "fuzz.czi", "fuzz.czi", data, size, &open_options);
    mt_error err = MT_ERROR_INIT;
    if (container) {
        outcome_status(mt_container_list(container, &fuzz_all, parts, &err), &err);
        outcome_status(mt_container_attachments(container, attachments, &err), &err);
    }
    mt_container_close(container);
    read_names(parts, data, size);
    read_names(attachments, data, size);
    mt_names_free(parts);
    mt_names_free(attachments);
    mt_context_free(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mt_open_options masked = { .struct_size = sizeof masked, .use_masks = 1, .depth_axis = "none" };
    if (!open_and_read("fuzz.czi", data, size, NULL)) /* else they are read */
        read_parts(data, size);
    open_and_read("fuzz.czi", data, size, &masked);
    return 0;
}
