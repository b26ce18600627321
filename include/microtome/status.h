/* SPDX-License-Identifier: BSD-3-Clause */
/* Status codes and the error object.
 *
 * Every function that can fail returns an mt_status that must be checked, and takes an mt_error as its last argument,
 * which may be NULL. The error lives on the caller's stack, owns nothing and needs no cleanup. There are no
 * thread-local and no sticky errors: a failed call leaves its objects usable. */
#ifndef MICROTOME_STATUS_H
#define MICROTOME_STATUS_H

#include <microtome/export.h>

MT_BEGIN_DECLS

typedef enum mt_status {
    MT_OK = 0,
    MT_E_ARGUMENT,     /* an argument makes no sense, whatever the file holds */
    MT_E_RANGE,        /* a sample or channel index lies outside the image */
    MT_E_NOT_FOUND,    /* no such file, array, series or level */
    MT_E_IO,           /* the operating system could not read or write */
    MT_E_CORRUPT,      /* the file is cut short or contradicts itself */
    MT_E_UNSUPPORTED,  /* an image with a feature that is not supported; the message names it */
    MT_E_LIMIT,        /* a limit of mt_limits was hit; the message names it */
    MT_E_MEMORY,       /* an allocation failed */
    MT_E_CANCELLED,    /* the caller asked to stop */
    MT_E_NOT_AN_IMAGE, /* a file or folder of no known format */
    MT_E_CHANGED       /* the file or object has changed since it was opened */
} mt_status;

/* Says what went wrong, where and why: "zarr: vol.zarr/0, chunk 0/3/1: zstd: corrupt block". One line, no newline. Every
 * function of the library that takes one sets it to MT_OK first: it can be used again. */
typedef struct mt_error {
    mt_status status;
    char message[508];
} mt_error;

#define MT_ERROR_INIT                                                                                                  \
    {                                                                                                                  \
        MT_OK, ""                                                                                                      \
    }

/* The name of a status, such as "MT_E_CORRUPT". Never NULL. */
MT_API const char *mt_status_name(mt_status status);

/* Fills err (which may be NULL) and returns status. The first message is kept: a second call on the same error
 * changes nothing. For those who write stacks of their own. */
MT_API mt_status mt_fail(mt_error *err, mt_status status, const char *format, ...) MT_PRINTF(3, 4);

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time: tell it that a failure is never MT_OK. */
#define mt_fail(err, status, ...) (mt_fail(err, status, __VA_ARGS__), (status) ? (status) : MT_E_ARGUMENT)
#endif

/* Puts "<text>: " before the message of an error that is set. */
MT_API void mt_error_prefix(mt_error *err, const char *format, ...) MT_PRINTF(2, 3);

MT_END_DECLS

#endif
