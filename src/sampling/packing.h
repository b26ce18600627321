/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_SAMPLING_PACKING_H
#define MT_SAMPLING_PACKING_H

#include "base/env.h"

/* Packs n areas into n_bins bins of equal capacity, which is to be small: best-fit decreasing with a capacity that
 * grows when nothing fits (CAREamics' _region_bin_packing). The areas are finite and not negative, the largest one is
 * positive, and 0 < n_bins < n <= MT_PACKING_MOST. bin_of: the bin of each area. *capacity: the final one.
 *
 * Decreasing: larger areas first, equal ones in the order given. An area goes to the bin with the least room in which it
 * fits, and of equal ones to the first. If it fits in none, it goes to the bin with the most room, and the capacity of
 * all bins grows by what is missing. Rooms are doubles, and are changed one step at a time as in CAREamics, whose
 * packing is thus reproduced to the last bit. */
MT_MUST_CHECK mt_status mt_pack(mt_env *env, const double *areas, size_t n, size_t n_bins, uint32_t *bin_of,
                                double *capacity, mt_error *err);
#define MT_PACKING_MOST ((size_t)1 << 30)

#endif
