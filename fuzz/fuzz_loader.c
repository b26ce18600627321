/* SPDX-License-Identifier: BSD-3-Clause */
/* A state that a loader takes is written again as a state that it takes, at the same position; any other is refused with
 * a message. */
#include "outcome.h"

#include <microtome/microtome.h>

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mt_loader *make_loader(void)
{
    static const uint8_t pixels[64 * 64];
    static const int64_t shape[2] = { 64, 64 }, patch_size[2] = { 8, 8 };
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "random", .patch_size = patch_size, .n_spatial = 2
    };
    const mt_loader_options loader_options = { .struct_size = sizeof loader_options, .batch_size = 4 };
    mt_stack *stack;
    mt_patching *patching;
    mt_loader *loader;
    if (mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", shape, NULL, NULL, &stack, NULL) ||
        mt_patching_new(&stack, 1, &options, &patching, NULL) ||
        mt_loader_new(patching, &loader_options, &loader, NULL))
        __builtin_trap();
    mt_patching_free(patching);
    mt_stack_close(stack);
    return loader;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mt_loader *loader;
    char text[8192];
    uint64_t epoch, batch, epoch_again, batch_again;
    mt_error err = MT_ERROR_INIT;
    if (!loader)
        loader = make_loader();
    if (outcome_status(mt_loader_set_state(loader, (const char *)data, size, &err), &err)) {
        if (!*err.message)
            __builtin_trap();
        return 0;
    }
    mt_loader_tell(loader, &epoch, &batch);
    size_t length = mt_loader_get_state(loader, text, sizeof text);
    if (length >= sizeof text || mt_loader_set_state(loader, text, length, &err))
        __builtin_trap();
    outcome_text(text);
    mt_loader_tell(loader, &epoch_again, &batch_again);
    if (epoch != epoch_again || batch != batch_again)
        __builtin_trap();
    return 0;
}
