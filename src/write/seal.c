/* SPDX-License-Identifier: BSD-3-Clause */
/* Pixels that are missing when finishing begins become zeros, in the upper levels, too. If finishing is stopped, another
 * writer may still put them: then the upper levels are wrong, though the journal says that they are done. A mark beside the
 * journal tells it: the digest of the units that were missing then. Who finishes next, and finds others missing, makes the
 * upper levels again. The first mark stays: after that, they are made again each time, until the image is finished. */
#include "write/writer.h"

#include "base/fnv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY MT_JOURNAL_FOLDER "/" MT_SEAL_NAME

enum { DIGEST_BYTES = 17 };

/* The units of the full resolution that are not done; returns their number. */
static uint64_t digest_missing(mt_writer *w, char text[DIGEST_BYTES])
{
    uint64_t digest = MT_FNV_START, n = 0;
    mt_lock_take(&w->lock);
    for (uint64_t unit = 0; unit < w->progress.n_units; unit++)
        if (!mt_bit_get(w->done, unit)) {
            digest = mt_fnv_add_number(digest, unit);
            n++;
        }
    mt_lock_give(&w->lock);
    snprintf(text, DIGEST_BYTES, "%016" PRIx64, digest);
    return n;
}

/* The upper levels, as if nothing of them had been published. */
static void forget_upper(mt_writer *w)
{
    mt_lock_take(&w->lock);
    for (uint64_t unit = w->progress.n_units; unit < mt_writer_all_units(w); unit++) {
        mt_bit_clear(w->done, unit);
        mt_bit_clear(w->stored, unit);
    }
    mt_lock_give(&w->lock);
}

/* The mark is on the device before the first unit that relies on it. */
static mt_status publish(mt_writer *w, const char *digest, mt_steps *steps, mt_error *err)
{
    bool made;
    mt_status st = mt_target_make_new(w->target, KEY, &(mt_piece) { digest, strlen(digest) }, 1, &made, err);
    if (st || mt_target_get_sync(w->target) != MT_SYNC_END)
        return st;
    return mt_target_sync_asking(w->target, mt_steps_ask, steps, err);
}

mt_status mt_writer_seal(mt_writer *w, mt_steps *steps, mt_error *err)
{
    char *stored, digest[DIGEST_BYTES];
    size_t size;
    mt_error why = MT_ERROR_INIT;
    uint64_t n_missing = digest_missing(w, digest);
    mt_status st = mt_target_load(w->target, KEY, w->env->limits.max_json_bytes, w->arena, &stored, &size, &why);
    if (st == MT_E_NOT_FOUND)
        return n_missing > 0 ? publish(w, digest, steps, err) : MT_OK;
    if (st)
        return mt_fail(err, st, "%s", why.message);
    if (strcmp(stored, digest) != 0) /* or a power cut has damaged the mark */
        forget_upper(w);
    return MT_OK;
}
