/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk of one repeated element: a chunk that is not stored and whose value differs from the image's fill value. */
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)src, (void)size, (void)scratch, (void)err;
    const mt_constant_params *p = params;
    *written = capacity / p->element_size * p->element_size;
    for (size_t i = 0; i < *written; i += p->element_size)
        memcpy(dst + i, p->element, p->element_size);
    return MT_OK;
}

const mt_codec mt_codec_constant = { .name = "constant", .decode = decode };
