/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of mt_statistics_new. */
#ifndef MT_SAMPLING_COMPUTE_H
#define MT_SAMPLING_COMPUTE_H

#include "sampling/statistics/statistics.h"
#include "sampling/statistics/survey.h"

/* The dtype of the pixels that a visit shows. */
static inline mt_dtype mt_counted_dtype(const mt_stack *stack) { return stack->map ? stack->info.dtype : MT_FLOAT32; }

MT_MUST_CHECK mt_status mt_statistics_check(mt_stack *const *stacks, size_t n, const mt_statistics_options *options,
                                            mt_error *err);

/* Sets the standard errors of the means from the parts of the sample. */
void mt_sample_errors(mt_sample *sample, mt_channel_statistics *groups, size_t n_channels);

#endif
