/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_and_read("fuzz.npy", data, size, NULL);
    return 0;
}
