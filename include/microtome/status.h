/* SPDX-License-Identifier: BSD-3-Clause */
/* Status codes and the error object.
 *
 * Every function that can fail returns an mt_status, which must be checked, and takes an mt_error as its last argument,
 * which may be NULL. The error belongs to the caller, owns nothing and needs no cleanup. Errors are neither
 * thread-local nor sticky: objects remain usable after a failed call. */
#ifndef MICROTOME_STATUS_H
#define MICROTOME_STATUS_H

#include <microtome/export.h>

MT_BEGIN_DECLS

typedef enum mt_status {
    MT_OK = 0,
    MT_E_ARGUMENT,     /* an argument is invalid */
    MT_E_RANGE,        /* a sample or channel index lies outside the image */
    MT_E_NOT_FOUND,    /* no such file, array, series or level */
    MT_E_IO,           /* the operating system failed to read or write */
    MT_E_CORRUPT,      /* the file is truncated or inconsistent */
    MT_E_UNSUPPORTED,  /* the image uses a feature that is not supported; the message names it */
    MT_E_LIMIT,        /* a limit of mt_limits was exceeded; the message names it */
    MT_E_MEMORY,       /* an allocation failed */
    MT_E_CANCELLED,    /* the caller asked to stop */
    MT_E_NOT_AN_IMAGE, /* a file or folder of no known format, or without an image in it */
    MT_E_CHANGED       /* the file or object has changed since it was opened */
} mt_status;

/* An error: "vol.zarr#0: zarr: chunk 0/3/1: zstd: corrupt block". Every function of the library that takes one first
 * sets it to MT_OK, so it can be reused. */
typedef struct mt_error {
    mt_status status;  /* the status returned */
    char message[508]; /* what failed, where and why: UTF-8, one line without newline, NUL-terminated */
} mt_error;

#define MT_ERROR_INIT                                                                                                  \
    {                                                                                                                  \
        MT_OK, ""                                                                                                      \
    }

/* The name of a status, such as "MT_E_CORRUPT". Never NULL. */
MT_API const char *mt_status_name(mt_status status);

/* Fills err (which may be NULL) and returns status. If err is already set, it is unchanged. For custom stacks. */
MT_API mt_status mt_fail(mt_error *err, mt_status status, const char *format, ...) MT_PRINTF(3, 4);

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time and must know that mt_fail never returns MT_OK. */
#define mt_fail(err, status, ...) (mt_fail(err, status, __VA_ARGS__), (status) ? (status) : MT_E_ARGUMENT)
#endif

/* Prepends "<text>: " to the message, if err is set. */
MT_API void mt_error_prefix(mt_error *err, const char *format, ...) MT_PRINTF(2, 3);

MT_END_DECLS

#endif
