/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics of images: mean, standard deviation, minimum, maximum, quantiles and histogram, per channel and over all
 * channels, and the normalizations that follow from them.
 *
 * Every pixel is read, in storage order, each chunk once per pass. One pass suffices for dtypes up to 16 bits, and if
 * neither quantiles nor a histogram are asked for. Otherwise 32-bit dtypes take two passes, and 64-bit dtypes four for
 * quantiles, two for a histogram.
 *
 * Sums are exact: the mean is correctly rounded, and the standard deviation is within two units in the last place.
 * Results depend on the set of pixels only: they are the same bits for any number of threads, any chunks and any file
 * format. NaN and infinite pixels are counted, and left out of everything else. */
#ifndef MICROTOME_STATISTICS_H
#define MICROTOME_STATISTICS_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* Immutable, so thread-safe. */
typedef struct mt_statistics mt_statistics;

#define MT_MOST_QUANTILES 64
#define MT_MOST_BINS 65536

typedef struct mt_statistics_options {
    size_t struct_size; /* sizeof(mt_statistics_options) */
    /* Quantiles, each in [0, 1], at most MT_MOST_QUANTILES. Of n sorted pixels x[0] ... x[n - 1], quantile q is x
     * interpolated linearly at q * (n - 1): numpy's method "linear", Hyndman and Fan's type 7. */
    const double *quantiles;
    size_t n_quantiles; /* length of quantiles */
    /* Bins of the histogram, at most MT_MOST_BINS. 0: 256 if the histogram takes no further pass, else no histogram. */
    size_t bins;
    int has_range;   /* not 0: the histogram covers range; 0: minimum to maximum of all channels */
    double range[2]; /* low < high, finite */
    /* NULL, or one mask for each stack: pixels count where the mask is > 0. A mask has the samples and the spatial
     * sizes of its image, and one channel or as many as the image. */
    mt_stack *const *masks;
    /* A sample instead of all pixels: this share of the chunks (0 < share < 1), or this number of chunks. A chunk here
     * is a block of stored chunks with all channels and, if the image is large enough, at least 65,536 pixels. Both 0:
     * all pixels. */
    double sample_share;
    uint64_t sample_chunks; /* at least 2 */
    uint64_t seed;          /* of the sample */
    /* 0: MT_E_NOT_FOUND if files or frames of an image are missing (mt_stack_info.n_missing). Not 0: they count as
     * their fill value. */
    int allow_missing;
    /* Optional, called in the calling thread, often; must be cheap. cancelled returns other than 0 to end the call
     * with MT_E_CANCELLED. progress receives the pixels done and their total, over all passes; the total may
     * decrease when a pass is not needed. */
    int (*cancelled)(void *user);
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user; /* passed to cancelled and progress */
} mt_statistics_options;

/* The statistics of one channel, or of all. The values are those of finite pixels; NaN if there are none. */
typedef struct mt_channel_statistics {
    uint64_t n;          /* finite pixels */
    uint64_t n_nan;      /* pixels that are NaN */
    uint64_t n_infinite; /* pixels that are infinite */
    double mean, std;    /* of the population: the square root of the mean squared deviation from the mean */
    double min, max;     /* integers beyond 2^53 are rounded */
    /* Of a sample: the standard error of the mean as an estimate for all pixels; else 0. NaN if unknown. With sums y[i]
     * and pixel counts n[i] of m chunks drawn from M without replacement, it is the square root of
     * (1 - m / M) * sum((y[i] - mean * n[i])^2) / (m * (m - 1)) / mean(n)^2: the ratio estimator of cluster sampling, W.
     * G. Cochran, Sampling Techniques, 3rd edition (1977), chapters 6 and 9A. */
    double mean_error;
} mt_channel_statistics;

/* Where the statistics come from, and the shape of their histogram. */
typedef struct mt_statistics_info {
    size_t struct_size;      /* sizeof(mt_statistics_info), set by the caller */
    mt_dtype dtype;          /* of the pixels; of images of several dtypes MT_FLOAT32 */
    int64_t n_channels;      /* number of channels */
    const double *quantiles; /* as asked for; owned by the statistics */
    size_t n_quantiles;      /* length of quantiles */
    size_t bins;             /* bins of the histogram; 0: none */
    /* Bin i is [edge(i), edge(i + 1)), the last one closed: edge(i) = range[0] + i * ((range[1] - range[0]) / bins). */
    double range[2];
    uint64_t sample_chunks, chunks; /* chunks drawn, of so many; 0: all pixels */
    uint64_t seed;                  /* of the sample */
} mt_statistics_info;

/* The channel number that stands for all channels together. */
#define MT_OVERALL ((int64_t)-1)

/* Computes the statistics of n images, which have the same number of channels and belong to one context. Images of several
 * dtypes are counted in float32, if that holds all their values (8 and 16 bits, float32), else MT_E_ARGUMENT. A
 * custom stack counts as float32. options may be NULL. MT_E_ARGUMENT if there is no finite pixel. Memory: 0.5 MiB for
 * each channel; for counting, a few MiB for each thread, or with many channels up to 64 MiB more; and, with quantiles of
 * dtypes beyond 16 bits, up to 1 MiB for each quantile and channel. */
MT_API MT_MUST_CHECK mt_status mt_statistics_new(mt_stack *const *stacks, size_t n,
                                                 const mt_statistics_options *options, mt_statistics **out,
                                                 mt_error *err);

/* NULL is allowed. */
MT_API void mt_statistics_free(mt_statistics *statistics);

/* Copies the description of the statistics. */
MT_API MT_MUST_CHECK mt_status mt_statistics_get_info(const mt_statistics *statistics, mt_statistics_info *out,
                                                      mt_error *err);

/* The statistics of a channel, or of all (MT_OVERALL). NULL if there is no such channel. Owned by the statistics. */
MT_API const mt_channel_statistics *mt_statistics_get(const mt_statistics *statistics, int64_t channel);

/* A quantile: one of those asked for, or 0 or 1. Else MT_E_ARGUMENT. MT_E_RANGE if there is no such channel. */
MT_API MT_MUST_CHECK mt_status mt_statistics_quantile(const mt_statistics *statistics, int64_t channel, double quantile,
                                                      double *out, mt_error *err);

/* The counts of the bins. NULL if there is no histogram or no such channel. Owned by the statistics. */
MT_API const uint64_t *mt_statistics_histogram(const mt_statistics *statistics, int64_t channel);

/* The statistics as JSON text (UTF-8, NUL-terminated, numbers that read back as the same bits). Owned by the
 * statistics. */
MT_API const char *mt_statistics_json(const mt_statistics *statistics);

/* Reads JSON text of mt_statistics_json. name stands for it in messages. MT_E_CORRUPT if it is not that. context may be
 * NULL. */
MT_API MT_MUST_CHECK mt_status mt_statistics_parse(mt_context *context, const char *text, size_t size, const char *name,
                                                   mt_statistics **out, mt_error *err);

typedef enum mt_normalization_kind {
    MT_NORMALIZE_NONE = 0, /* the pixels as float32 */
    MT_NORMALIZE_MEAN_STD, /* (x - mean) / (std + 1e-6) */
    MT_NORMALIZE_MIN_MAX,  /* (x - min) / (max - min + 1e-8) */
    MT_NORMALIZE_QUANTILE  /* (x - low) / (high - low + 1e-8), of two quantiles */
} mt_normalization_kind;

/* The normalization of a channel, in float32: y = (x - subtract) / divide. Its inverse: x = y * divide + subtract. As
 * scale and offset: y = x * scale + offset, which differs from the former in the last bits. */
typedef struct mt_normalization {
    float subtract, divide; /* the epsilon is included, added in float32 as CAREamics does */
    float scale, offset;    /* 1 / divide and -subtract / divide, from double */
} mt_normalization;

/* The normalization of a channel, or the common one (MT_OVERALL). low and high are quantiles for MT_NORMALIZE_QUANTILE,
 * else ignored. MT_E_ARGUMENT if the channel is constant, has no finite pixel, or the quantiles were not asked for. */
MT_API MT_MUST_CHECK mt_status mt_statistics_normalization(const mt_statistics *statistics, mt_normalization_kind kind,
                                                           int64_t channel, double low, double high,
                                                           mt_normalization *out, mt_error *err);

MT_END_DECLS

#endif
