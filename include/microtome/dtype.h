/* SPDX-License-Identifier: BSD-3-Clause */
/* Element types. Elements in memory are in native byte order. */
#ifndef MICROTOME_DTYPE_H
#define MICROTOME_DTYPE_H

#include <microtome/export.h>

#include <stddef.h>

MT_BEGIN_DECLS

typedef enum mt_dtype {
    MT_BOOL = 1, /* one byte, zero or not */
    MT_UINT8,
    MT_INT8,
    MT_UINT16,
    MT_INT16,
    MT_UINT32,
    MT_INT32,
    MT_UINT64,
    MT_INT64,
    MT_FLOAT16, /* IEEE 754 binary16 */
    MT_FLOAT32,
    MT_FLOAT64
} mt_dtype;

/* Bytes of one element; 0 if dtype is invalid. */
MT_API size_t mt_dtype_size(mt_dtype dtype);

/* NumPy's name, such as "uint16"; "unknown" if dtype is invalid. */
MT_API const char *mt_dtype_name(mt_dtype dtype);

/* The dtype of a NumPy name such as "uint16"; 0 if unknown. */
MT_API mt_dtype mt_dtype_from_name(const char *name);

MT_END_DECLS

#endif
