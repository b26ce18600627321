/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks whose object the store does not have: whether that is plausible is asked of the format, before they read as the
 * fill value. */
#ifndef MT_ENGINE_ABSENCE_H
#define MT_ENGINE_ABSENCE_H

#include "engine/call.h"

typedef enum mt_absence {
    MT_ABSENT, /* it is missing */
    MT_MOVED,  /* its object is called otherwise: found->key is right now */
    MT_REFUSED /* it must not pass for missing; *st and err say why */
} mt_absence;

/* May wait for the store. Any thread; found is not used by others meanwhile. */
mt_absence mt_judge_absence(mt_call *call, mt_found *found, mt_status *st, mt_error *err);

/* The same for the key alone (MT_KEY_BYTES), which is replaced. */
mt_absence mt_judge_key(const mt_image *image, uint64_t id, char *key, mt_status *st, mt_error *err);

#endif
