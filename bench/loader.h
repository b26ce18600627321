/* SPDX-License-Identifier: BSD-3-Clause */
/* Epochs of a loader: batches of 64 normalized, flipped and turned patches. */
#ifndef MT_BENCH_LOADER_H
#define MT_BENCH_LOADER_H

#include "bench.h"

#define PATCHES "patches/s"
#define LOADER_BATCH 64
#define CACHED_CHUNKS 1024 /* chunks in the cache */

/* What one run of a loader took. */
typedef struct measured {
    double patches, wall, processor; /* number; seconds; processor seconds */
    double decoded;                  /* chunks of an epoch */
    double first_batch;              /* seconds */
    double first_chunks;             /* decoded for it */
} measured;

/* Runs epochs, at least one, for some seconds; warm: after one that does not count. */
measured run_epochs(mt_stack *const *stacks, size_t n, mt_context *context, const int64_t *size, size_t n_spatial,
                    bool warm);

/* Prints rates, of which the one by processor time has to reach a part of the limit, and the time of the first batch. */
void print_measured(const char *what, const measured *m, const char *limit_name, double limit, double demand);

/* Makes a Zarr array of a grid of chunks that are links to those of a smaller array of the same chunks. */
typedef struct linked {
    const char *path, *from;   /* the array to make; the smaller array */
    const char *compressor;    /* JSON */
    int ndim;                  /* dimensions */
    int side;                  /* of a chunk, in pixels */
    int grid[3], from_grid[3]; /* chunks along each dimension, of both arrays */
} linked;
void write_linked(const linked *array);

#define COMPRESSOR_ZSTD "{\"id\":\"zstd\",\"level\":3}"
#define COMPRESSOR_BLOSC "{\"id\":\"blosc\",\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":1}"

void bench_loader_files(const image *plane, double gather);

#endif
