/* SPDX-License-Identifier: BSD-3-Clause */
/* Units that several processes share: each claims a run of units that nobody else is at, publishes them, and claims the
 * next one. What was claimed by a process that has ended, or does not renew its claim, is claimed anew.
 *
 * A unit that two processes write costs time and nothing else: both publish the same bytes. */
#ifndef MT_WRITE_SHARE_H
#define MT_WRITE_SHARE_H

#include "write/writer.h"

typedef struct mt_share mt_share;

/* lease: seconds after which a claim that was not renewed ends. follow is called while waiting; other than 0: stop. */
MT_MUST_CHECK mt_status mt_share_new(mt_writer *w, double lease, int (*follow)(void *user), void *user, mt_share **out,
                                     mt_error *err);

/* Claims the next units, once those claimed before were put: *count of them from *first on. Waits while other processes
 * are at all that are left. *count is 0 once all are published. */
MT_MUST_CHECK mt_status mt_share_next(mt_share *share, uint64_t *first, uint64_t *count, mt_error *err);

/* Renews the claim if it is time. To be called several times during a lease. */
void mt_share_renew(mt_share *share);

/* Takes units for done that another process has published, if the claim was not renewed in time. */
MT_MUST_CHECK mt_status mt_share_catch_up(mt_share *share, mt_error *err);

/* Gives back claims of units that are not published. NULL is allowed. */
void mt_share_free(mt_share *share);

#endif
