/* SPDX-License-Identifier: BSD-3-Clause */
/* A format whose images are single files, FUZZ_FORMAT: recognised by content or name, and asked for. */
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t shape[] = { 3, 6, 7 }; /* for "raw"; the others do not look at it */
    static const mt_open_options options = {
        .struct_size = sizeof options, .format = FUZZ_FORMAT, .raw_dtype = MT_UINT16, .raw_shape = shape, .raw_ndim = 3
    };
    open_and_read("fuzz." FUZZ_FORMAT, data, size, NULL);
    open_and_read("fuzz." FUZZ_FORMAT, data, size, &options);
    return 0;
}
