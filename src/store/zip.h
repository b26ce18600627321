/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores inside an object of another store. */
#ifndef MT_STORE_ZIP_H
#define MT_STORE_ZIP_H

#include "store/store.h"

/* The members of a zip archive, which is an object of outer. Takes outer over, unless it fails. */
MT_MUST_CHECK mt_status mt_store_open_zip(mt_env *env, mt_store *outer, const char *key, mt_store **out, mt_error *err);

/* outer, in which the object `key`.gz, decoded, stands under the name key beside all others. Takes outer over, unless it
 * fails. packed is the object's own key. */
MT_MUST_CHECK mt_status mt_store_open_gzip(mt_env *env, mt_store *outer, const char *packed, const char *key,
                                           mt_store **out, mt_error *err);

#endif
