/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_SAMPLING_NOISE_H
#define MT_SAMPLING_NOISE_H

#include <microtome/noise.h>

/* Checks all options but struct_size. */
MT_MUST_CHECK mt_status mt_noise_check(const mt_noise_options *options, size_t channels, mt_error *err);

#endif
