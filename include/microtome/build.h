/* SPDX-License-Identifier: BSD-3-Clause */
/* Version, formats and codecs of this build. */
#ifndef MICROTOME_BUILD_H
#define MICROTOME_BUILD_H

#include <microtome/export.h>

#include <stddef.h>

MT_BEGIN_DECLS

/* The version of the library, such as "0.1.0". */
MT_API const char *mt_version(void);

/* The name of the i-th format, in the order in which formats are tried; NULL if i is too large. suffixes is a
 * comma-separated list. title and suffixes may be NULL. */
MT_API const char *mt_format_name(size_t i, const char **title, const char **suffixes);

/* The name of the i-th codec; NULL if i is too large. *build_switch is NULL if this build has the codec, else the CMake
 * option that enables it. Internal steps that only convert the pixels of one format are not listed. */
MT_API const char *mt_codec_name(size_t i, const char **build_switch);

/* The full name of the i-th codec and the formats that use it: "Zstandard: Zarr, TIFF, HDF5, CZI". NULL if i is too
 * large. */
MT_API const char *mt_codec_title(size_t i);

MT_END_DECLS

#endif
