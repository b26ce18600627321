/* SPDX-License-Identifier: BSD-3-Clause */
/* What the benchmarks share: a clock, a table, the images and the files that they are written to. */
#ifndef MT_BENCH_H
#define MT_BENCH_H

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>

/* The images: a smooth scene with the noise of a camera. */
#define PLANE 4096 /* 2-D: PLANE x PLANE */
#define TILE 256   /* chunks of it */
#define PATCH 64   /* patches of both: PATCH x PATCH, */
#define DEPTH 256  /* 3-D: DEPTH x SIDE x SIDE, */
#define SIDE 512
#define CUBE 64    /* its chunks, */
#define PATCH_Z 16 /* and its patches: PATCH_Z x PATCH x PATCH */
#define BATCH 1024 /* patches in one call */
#define BATCH_3D 256
#define LARGE 16384      /* of the file of 2 GiB: planes of LARGE x LARGE, */
#define LARGE_CHANNELS 4 /* so many of them */
#define STRIP_WIDTH 8192 /* strips of 64 MiB: so many pixels, */
#define STRIP_ROWS 4096  /* rows */
#define STRIPS 16        /* and strips */
#define RUNS 15          /* the best of so many runs is what is reported, */
#define FEW_RUNS 3
#define LONG_ENOUGH 4.0 /* or of fewer, where they take more than so many seconds */

typedef struct image {
    int ndim; /* 2 or 3 */
    int64_t shape[3];
    uint16_t *pixels;
} image;

image image_make(int ndim);
void image_to_bytes(const image *from, uint8_t *out); /* the upper bits, for codecs of 8 bits */

/* Corners of random patches that lie inside. */
typedef struct patches {
    int ndim;
    size_t n, elements; /* of one patch */
    int64_t size[3];
    int64_t (*coords)[3];
    float *out;
} patches;

patches patches_make(const image *from, size_t n, uint64_t seed);

/* How chunks are encoded. */
typedef enum coding { RAW, ZLIB, ZSTD, BLOSC, LZW, JPEG, JPEGXR, N_CODINGS } coding;

/* One chunk, encoded; what comes back lies in a buffer that the next call overwrites. */
const uint8_t *encode(coding how, const void *raw, size_t size, size_t *encoded_size);

/* Decodes with the bare library: the limit. */
void decode(coding how, const uint8_t *encoded, size_t encoded_size, void *raw, size_t size);

/* All chunks of an image in one piece of memory, as the files hold them. */
typedef struct chunks {
    coding how;
    size_t n, raw_size;
    uint8_t **data;
    size_t *sizes;
} chunks;

chunks chunks_make(const image *from, coding how, int64_t side);
void chunks_free(chunks *c);

/* Files in the working folder. Paths are relative to it. */
void write_npy(const char *path, const image *from);
void write_raw(const char *path, const image *from, size_t offset);
void write_zarr(const char *path, const image *from, const chunks *c, int64_t side);
void write_sharded(const char *path, const image *from, const chunks *c, int64_t side, int64_t shard_side);
void write_tiff_strips(const char *path, const image *from);
void write_tiff_tiles(const char *path, const image *from, const chunks *c);
void write_tiff_pages(const char *path, size_t n, bool described);
/* Raw tiles, LARGE_CHANNELS planes of LARGE x LARGE (2 GiB); and STRIPS strips of 64 MiB, Zstandard. Copies of the plane
 * side by side, each with a mark. */
void write_large_tiff(const char *path, const image *plane);
uint16_t large_pixel(const image *plane, int64_t channel, int64_t y, int64_t x);
void write_tiff_large_strips(const char *path, const image *plane);
uint16_t strip_pixel(const image *plane, int64_t y, int64_t x);
void write_zarr_metadata(const char *path, int64_t size, int64_t chunk);
void write_group(const char *path, int n);

/* Seconds, monotonic. */
double now(void);

/* The best of RUNS runs, or of those that fit into the time. */
double best_time(void (*run)(void *), void *argument);

/* Of n figures, which are sorted. */
double median(double *figures, size_t n);

/* Ends the program where a call failed. */
void need(mt_status status, const mt_error *err);

/* A line of the table: a rate and its limit. A demand of 0 is none; at_least tells its direction. */
void print_title(const char *title);
void print_rate(const char *what, double rate, const char *unit, const char *limit_name, double limit, double demand);
void print_value(const char *what, double value, const char *unit, double most);
int missed_demands(void);

/* Opens with so many threads and a cache (MT_NO_CACHE, 0 for the default, or bytes). */
mt_stack *open_stack(const char *path, const mt_open_options *options, unsigned threads, int64_t cache, bool allow_mmap,
                     mt_context **context);

/* All patches of a stack. */
typedef struct job {
    mt_stack *stack;
    patches *p;
    mt_patch_request *requests; /* NULL: one call each */
} job;

job job_make(mt_stack *stack, patches *p, bool batch);
void job_free(job *j);
void extract(void *a_job);

/* Ends the program where a pixel is not what is expected. */
void check_pixels(const job *j, const float *expected);

/* Seconds for all patches, one call each or in one batch; each pixel is compared with expected before. */
double time_patches(mt_stack *stack, patches *p, const float *expected, bool batch);

/* What the patches are, gathered from memory, and how long that takes: the limit of all. */
double gather_patches(const image *from, const patches *p, float *out);

/* The same out of chunks in memory of a side, which costs more: rows are cut where chunks end. */
double gather_from_chunks(const image *from, const patches *p, int64_t side, float *out);

/* Seconds to read each row of each patch by a pread of bare.raw, one for each tile that it touches; tile 0: one a row. */
double time_row_reads(const patches *p, int64_t tile);

/* Seconds in which the bare codec decodes all chunks. */
double time_decoding(const chunks *c);

/* The chunks of a stack as they lie in its file. */
chunks find_chunks(const mt_stack *stack, coding how);

/* What was asked for on the command line. */
typedef struct settings {
    int pairs;          /* runs of each way that take turns, where the disk is measured */
    const char *folder; /* where large files stay, or NULL: the working folder */
} settings;
extern settings asked;

/* Where a large file lies that is written once, and whether it is there already. The path is the caller's. */
char *large_path(const char *name, bool *there);

/* The groups of rows; each may use or ignore the plane and the patches of it. */
void bench_memory(const image *plane, patches *p);
void bench_layouts(const image *plane, patches *p);
void bench_codings(const image *plane, patches *p);
void bench_volume(const image *plane, patches *p);
void bench_shards(const image *plane, patches *p);
void bench_opening(const image *plane, patches *p);
void bench_given(const image *plane, patches *p);
void bench_cold(const image *plane, patches *p);
void bench_delays(const image *plane, patches *p);
void bench_single(const image *plane, patches *p);
void bench_large(const image *plane, patches *p);
void bench_strips(const image *plane, patches *p);

#endif
