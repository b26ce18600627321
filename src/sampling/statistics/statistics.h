/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_SAMPLING_STATISTICS_H
#define MT_SAMPLING_STATISTICS_H

#include "base/arena.h"

#include <microtome/statistics.h>

/* Groups are the channels and, last, all of them together. */
struct mt_statistics {
    mt_context *context;           /* retained */
    mt_arena *arena;               /* owns what follows */
    mt_statistics_info info;       /* struct_size is 0 */
    double *asked;                 /* info.quantiles */
    mt_channel_statistics *groups; /* n_channels + 1 */
    double *values;                /* of each group: the quantiles */
    uint64_t *histogram;           /* of each group: the counts of the bins; NULL: none */
    const char *json;              /* as text */
};

static inline size_t mt_statistics_groups(const mt_statistics *s) { return (size_t)s->info.n_channels + 1; }

/* Creates statistics with room for n quantiles. All values are still to be set. */
MT_MUST_CHECK mt_status mt_statistics_make(mt_context *context, int64_t n_channels, size_t n, mt_statistics **out,
                                           mt_error *err);

/* Makes room for the histogram, of info.bins bins. */
MT_MUST_CHECK mt_status mt_statistics_make_bins(mt_statistics *statistics, mt_error *err);

/* Sets json, once the rest is set. */
MT_MUST_CHECK mt_status mt_statistics_write(mt_statistics *statistics, mt_error *err);

#endif
