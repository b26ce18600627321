/* SPDX-License-Identifier: BSD-3-Clause */
/* What this build can do. */
#ifndef MICROTOME_BUILD_H
#define MICROTOME_BUILD_H

#include <microtome/export.h>

#include <stddef.h>

MT_BEGIN_DECLS

/* The version of the library, such as "0.1.0". */
MT_API const char *mt_version(void);

/* The i-th format, in the order in which they are tried; NULL where i is too large. suffixes is a comma-separated
 * list; out parameters may be NULL. */
MT_API const char *mt_format_name(size_t i, const char **title, const char **suffixes);

/* The i-th codec; NULL if i is too large. *build_switch is NULL if this build has the codec, else the CMake option that
 * brings it. Steps that only put pixels of one format right are not listed. */
MT_API const char *mt_codec_name(size_t i, const char **build_switch);

/* What the i-th codec is, and the formats that use it: "Zstandard: Zarr, TIFF, HDF5, CZI". NULL if i is too large. */
MT_API const char *mt_codec_title(size_t i);

MT_END_DECLS

#endif
