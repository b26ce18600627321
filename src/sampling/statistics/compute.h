/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of mt_statistics_new. */
#ifndef MT_SAMPLING_COMPUTE_H
#define MT_SAMPLING_COMPUTE_H

#include "sampling/statistics/statistics.h"
#include "sampling/statistics/survey.h"

/* Checks all arguments. *dtype is that in which pixels are counted. */
MT_MUST_CHECK mt_status mt_statistics_check(mt_stack *const *stacks, size_t n, const mt_statistics_options *options,
                                            mt_dtype *dtype, mt_error *err);

/* Sets the standard errors of the means from the parts of the sample. */
void mt_sample_errors(mt_sample *sample, mt_channel_statistics *groups, size_t n_channels);

#endif
