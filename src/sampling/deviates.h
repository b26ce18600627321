/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers of the normal and the Poisson distribution. microtome/noise.h names the sources. */
#ifndef MT_SAMPLING_DEVIATES_H
#define MT_SAMPLING_DEVIATES_H

#include "base/random.h"

#include <stddef.h>

/* Converts n uniform random words of 32 bits to numbers of the standard normal distribution. */
void mt_normal(const uint32_t *words, size_t n, float *out);

/* A Poisson distributed number; mean > 0 is finite. */
double mt_poisson(mt_random *random, double mean);

#endif
