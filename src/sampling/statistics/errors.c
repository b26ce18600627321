/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard errors of means of a sample of chunks: the formula is in microtome/statistics.h. */
#include "sampling/statistics/compute.h"

#include <math.h>
#include <stdlib.h>

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_parts(const mt_sampled *x, const mt_sampled *y)
{
    int order = COMPARE(x->unit, y->unit);
    order = order ? order : COMPARE(x->channel, y->channel);
    return order ? order : COMPARE(x->place, y->place);
}

/* By channel, and all channels of a chunk together. The order is complete, so sums are the same in every run. */
static int by_channel(const void *a, const void *b)
{
    const mt_sampled *x = a, *y = b;
    int order = COMPARE(x->channel, y->channel);
    return order ? order : compare_parts(x, y);
}

static int by_unit(const void *a, const void *b) { return compare_parts(a, b); }

/* The error of the mean of sorted parts. */
static double find_error(const mt_sample *sample, const mt_sampled *parts, size_t n, double mean)
{
    double squares = 0, pixels = 0, m = (double)sample->n, of = (double)sample->of;
    for (size_t i = 0; i < n;) {
        double sum = 0, count = 0;
        uint64_t unit = parts[i].unit;
        for (; i < n && parts[i].unit == unit; i++) {
            sum += parts[i].sum;
            count += (double)parts[i].n;
        }
        pixels += count;
        squares += (sum - mean * count) * (sum - mean * count);
    }
    if (sample->n == sample->of)
        return 0;
    return sqrt((1 - m / of) * squares / (m * (m - 1))) / (pixels / m);
}

void mt_sample_errors(mt_sample *sample, mt_channel_statistics *groups, size_t n_channels)
{
    if (sample->n_parts == 0)
        return;
    qsort(sample->parts, sample->n_parts, sizeof *sample->parts, by_channel);
    for (size_t i = 0; i < sample->n_parts;) {
        size_t first = i, channel = sample->parts[i].channel;
        while (i < sample->n_parts && sample->parts[i].channel == channel)
            i++;
        groups[channel].mean_error = find_error(sample, sample->parts + first, i - first, groups[channel].mean);
    }
    qsort(sample->parts, sample->n_parts, sizeof *sample->parts, by_unit);
    if (n_channels > 1)
        groups[n_channels].mean_error = find_error(sample, sample->parts, sample->n_parts, groups[n_channels].mean);
}
