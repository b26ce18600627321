/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores inside an object of another store. */
#ifndef MT_STORE_ZIP_H
#define MT_STORE_ZIP_H

#include "store/store.h"

/* The store of the members of a zip archive, an object of outer. Takes ownership of outer on success. */
MT_MUST_CHECK mt_status mt_store_open_zip(mt_env *env, mt_store *outer, const char *key, mt_store **out, mt_error *err);

/* A store like outer, in which the gzip object packed also appears decoded as key. Takes ownership of outer on
 * success. */
MT_MUST_CHECK mt_status mt_store_open_gzip(mt_env *env, mt_store *outer, const char *packed, const char *key,
                                           mt_store **out, mt_error *err);

#endif
