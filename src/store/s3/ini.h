/* SPDX-License-Identifier: BSD-3-Clause */
/* AWS profile files: sections of "key = value". Source: AWS SDKs and Tools Reference Guide, "Shared config and
 * credentials files". */
#ifndef MT_STORE_S3_INI_H
#define MT_STORE_S3_INI_H

#include <stdbool.h>
#include <stddef.h>

/* A value: part of the text of the file. */
typedef struct mt_ini_value {
    const char *text; /* not NUL-terminated */
    size_t size;      /* bytes */
} mt_ini_value;

/* Whether the text has the section "[name]" or, with prefix, "[prefix name]". prefix may be NULL. */
bool mt_ini_has_section(const char *text, size_t size, const char *prefix, const char *name);

/* The last value of a key in such sections; false if there is none. Indented lines belong to nested values and are
 * skipped. */
bool mt_ini_get(const char *text, size_t size, const char *prefix, const char *name, const char *key,
                mt_ini_value *out);

#endif
