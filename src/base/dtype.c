/* SPDX-License-Identifier: BSD-3-Clause */
#include <microtome/dtype.h>

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [MT_BOOL] = { "bool", 1 },       [MT_UINT8] = { "uint8", 1 },     [MT_INT8] = { "int8", 1 },
    [MT_UINT16] = { "uint16", 2 },   [MT_INT16] = { "int16", 2 },     [MT_UINT32] = { "uint32", 4 },
    [MT_INT32] = { "int32", 4 },     [MT_UINT64] = { "uint64", 8 },   [MT_INT64] = { "int64", 8 },
    [MT_FLOAT16] = { "float16", 2 }, [MT_FLOAT32] = { "float32", 4 }, [MT_FLOAT64] = { "float64", 8 },
};

static int is_dtype(mt_dtype dtype) { return dtype >= MT_BOOL && dtype <= MT_FLOAT64; }

size_t mt_dtype_size(mt_dtype dtype) { return is_dtype(dtype) ? dtypes[dtype].size : 0; }

const char *mt_dtype_name(mt_dtype dtype) { return is_dtype(dtype) ? dtypes[dtype].name : "unknown"; }

mt_dtype mt_dtype_from_name(const char *name)
{
    for (int i = MT_BOOL; i <= MT_FLOAT64; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return (mt_dtype)i;
    return (mt_dtype)0;
}
