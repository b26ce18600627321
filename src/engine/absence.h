/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks whose object does not exist in the store. Before they read as the fill value, the format is asked whether that
 * is plausible. */
#ifndef MT_ENGINE_ABSENCE_H
#define MT_ENGINE_ABSENCE_H

#include "engine/call.h"

typedef enum mt_absence {
    MT_ABSENT, /* the chunk is missing */
    MT_MOVED,  /* its object has another key, now in found->key */
    MT_REFUSED /* the chunk must not read as missing; *st and err have the reason */
} mt_absence;

/* May wait for the store. Any thread; no other thread uses found. */
mt_absence mt_judge_absence(mt_call *call, mt_found *found, mt_status *st, mt_error *err);

/* The same for a key (a buffer of MT_KEY_BYTES), which MT_MOVED replaces. */
mt_absence mt_judge_key(const mt_image *image, uint64_t id, char *key, mt_status *st, mt_error *err);

#endif
