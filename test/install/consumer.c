/* SPDX-License-Identifier: BSD-3-Clause */
/* A program outside the tree that uses only installed files. */
#include <microtome/microtome.h>

#include <stdio.h>

int main(void)
{
    const uint16_t image[3][4] = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 }, { 9, 10, 11, 12 } };
    const int64_t shape[] = { 3, 4 }, coords[] = { 1, 2 }, patch_size[] = { 2, 3 };
    const float expected[] = { 7, 8, 0, 11, 12, 0 };
    float patch[6];
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    if (mt_stack_from_array(NULL, image, MT_UINT16, "YX", shape, NULL, "image", &stack, &err) ||
        mt_stack_extract_patch(stack, 0, NULL, 0, coords, patch_size, 2, patch, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    mt_stack_close(stack);
    for (int i = 0; i < 6; i++)
        if (patch[i] != expected[i])
            return 1;
    printf("microtome %s\n", mt_version());
    return 0;
}
