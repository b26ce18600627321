/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the benchmarks: a clock, a table, test images and their files. */
#ifndef MT_BENCH_H
#define MT_BENCH_H

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>

/* The images: a smooth scene with the noise of a camera. */
#define PLANE 4096 /* 2-D: PLANE x PLANE */
#define TILE 256   /* side of its chunks */
#define PATCH 64   /* patches of both images: PATCH x PATCH */
#define DEPTH 256  /* 3-D: DEPTH x SIDE x SIDE */
#define SIDE 512
#define CUBE 64    /* side of its chunks */
#define PATCH_Z 16 /* its patches: PATCH_Z x PATCH x PATCH */
#define BATCH 1024 /* patches in one call */
#define BATCH_3D 256
#define LARGE 16384      /* the 2 GiB file: planes of LARGE x LARGE */
#define LARGE_CHANNELS 4 /* number of planes */
#define STRIP_WIDTH 8192 /* strips of 64 MiB: width in pixels */
#define STRIP_ROWS 4096  /* rows per strip */
#define STRIPS 16        /* number of strips */
#define RUNS 15          /* the best of this number of runs is reported */
#define FEW_RUNS 3
#define LONG_ENOUGH 4.0 /* seconds after which no further run is started */

typedef struct image {
    int ndim;         /* 2 or 3 */
    int64_t shape[3]; /* (Z,) Y, X */
    uint16_t *pixels; /* C order */
} image;

image image_make(int ndim);
void image_to_bytes(const image *from, uint8_t *out); /* converts to the upper 8 bits, for 8-bit codecs */

/* Corners of random patches inside an image. */
typedef struct patches {
    int ndim;             /* 2 or 3 */
    size_t n, elements;   /* patches; elements of one patch */
    int64_t size[3];      /* pixels of a patch */
    int64_t (*coords)[3]; /* corner of each patch */
    float *out;           /* n * elements values */
} patches;

patches patches_make(const image *from, size_t n, uint64_t seed);

/* Encodings of chunks. */
typedef enum coding { RAW, ZLIB, ZSTD, BLOSC, LZW, JPEG, JPEGXR, N_CODINGS } coding;

/* Encodes one chunk. The result is valid until the next call. */
const uint8_t *encode(coding how, const void *raw, size_t size, size_t *encoded_size);

/* Decodes with the bare library, for the limit. */
void decode(coding how, const uint8_t *encoded, size_t encoded_size, void *raw, size_t size);

/* All encoded chunks of an image in one buffer. */
typedef struct chunks {
    coding how;         /* encoding of all chunks */
    size_t n, raw_size; /* chunks; bytes of a decoded chunk */
    uint8_t **data;     /* encoded chunks */
    size_t *sizes;      /* bytes of each encoded chunk */
} chunks;

chunks chunks_make(const image *from, coding how, int64_t side);
void chunks_free(chunks *c);

/* Writers of files; paths are relative to the working folder. */
void write_npy(const char *path, const image *from);
void write_raw(const char *path, const image *from, size_t offset);
void write_zarr(const char *path, const image *from, const chunks *c, int64_t side);
void write_sharded(const char *path, const image *from, const chunks *c, int64_t side, int64_t shard_side);
void write_tiff_strips(const char *path, const image *from);
void write_tiff_tiles(const char *path, const image *from, const chunks *c);
void write_tiff_pages(const char *path, size_t n, bool described);
/* LARGE_CHANNELS planes of LARGE x LARGE in raw tiles (2 GiB); and STRIPS strips of 64 MiB, Zstandard. Both repeat the
 * plane; each copy is marked. */
void write_large_tiff(const char *path, const image *plane);
uint16_t large_pixel(const image *plane, int64_t channel, int64_t y, int64_t x);
void write_tiff_large_strips(const char *path, const image *plane);
uint16_t strip_pixel(const image *plane, int64_t y, int64_t x);
void write_zarr_metadata(const char *path, int64_t size, int64_t chunk);
void write_group(const char *path, int n);

/* Monotonic time in seconds. */
double now(void);

/* Processor time of all threads in seconds. */
double processor_time(void);

/* Removes a file or folder, if it exists. */
void remove_tree(const char *path);
/* Cuts all files of a folder to no bytes. For some minutes after files were removed, ext4 takes a millisecond of processor
 * time to make another one: it passes over their inodes. */
void empty_tree(const char *path);

/* The best time of RUNS runs, or of as many as fit in LONG_ENOUGH. */
double best_time(void (*run)(void *), void *argument);

/* The median of n figures, which it sorts. */
double median(double *figures, size_t n);

/* Exits if a call failed. */
void need(mt_status status, const mt_error *err);

/* Print a line of the table: a rate and its limit. demand 0: none; at_least: whether it is a lower bound. */
void print_title(const char *title);
void print_rate(const char *what, double rate, const char *unit, const char *limit_name, double limit, double demand);
void print_value(const char *what, double value, const char *unit, double most);
int missed_demands(void);

/* Opens with a number of threads and a cache (MT_NO_CACHE, 0 for the default, or bytes). */
mt_stack *open_stack(const char *path, const mt_open_options *options, unsigned threads, int64_t cache, bool allow_mmap,
                     mt_context **context);

/* A job: all patches of a stack. */
typedef struct job {
    mt_stack *stack;            /* to read from */
    patches *p;                 /* to read */
    mt_patch_request *requests; /* NULL: one call per patch */
} job;

job job_make(mt_stack *stack, patches *p, bool batch);
void job_free(job *j);
void extract(void *a_job);

/* Exits if a pixel is not as expected. */
void check_pixels(const job *j, const float *expected);

/* Seconds for all patches, one call each or in one batch. Compares all pixels with expected first. */
double time_patches(mt_stack *stack, patches *p, const float *expected, bool batch);

/* Gathers the patches from memory and returns the time: the limit. */
double gather_patches(const image *from, const patches *p, float *out);

/* The same from chunks in memory, which costs more, as rows are cut at chunk borders. */
double gather_from_chunks(const image *from, const patches *p, int64_t side, float *out);

/* Seconds to read each row of each patch from bare.raw, one pread per tile it touches; tile 0: one per row. */
double time_row_reads(const patches *p, int64_t tile);

/* Seconds for the bare codec to decode all chunks. */
double time_decoding(const chunks *c);

/* The encoded chunks of a stack. */
chunks find_chunks(const mt_stack *stack, coding how);

/* Options of the command line. */
typedef struct settings {
    int pairs;          /* interleaved runs of each variant for disk benchmarks */
    const char *folder; /* folder where large files are kept; NULL: the working folder */
} settings;
extern settings asked;

/* The path of a large file, and whether it exists. The caller frees the path. */
char *large_path(const char *name, bool *there);

/* The groups of rows. Each may use the plane and its patches. */
void bench_memory(const image *plane, patches *p);
void bench_batches(const image *plane, patches *p);
void bench_layouts(const image *plane, patches *p);
void bench_codings(const image *plane, patches *p);
void bench_volume(const image *plane, patches *p);
void bench_shards(const image *plane, patches *p);
void bench_opening(const image *plane, patches *p);
void bench_given(const image *plane, patches *p);
void bench_cold(const image *plane, patches *p);
void bench_delays(const image *plane, patches *p);
void bench_single(const image *plane, patches *p);
void bench_filters(const image *plane, patches *p);
void bench_large(const image *plane, patches *p);
void bench_strips(const image *plane, patches *p);
void bench_loader(const image *plane, patches *p);
void bench_write(const image *plane, patches *p);
void bench_predict(const image *plane, patches *p);
void bench_lateral(const image *plane, patches *p);
void bench_statistics(const image *plane, patches *p);
void bench_sampling(const image *plane, patches *p);

#endif
