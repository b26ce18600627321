/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing OME-Zarr, per second of processor time: raw shards beside plain writes, encoded chunks beside the bare
 * encoder, and tiles that are not aligned with chunks beside tiles that are. */
#include "bench.h"

#include <blosc.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define MB "MB a CPU second"
#define SHARD 2048
#define UNALIGNED 208

/* What is written how. */
typedef struct writing {
    const void *pixels;
    mt_dtype dtype;
    const char *codec, *shuffle;
    int level;
    int64_t shard, tile; /* sides; shard 0: none */
    int durability;
} writing;

static void put_tiles(mt_writer *w, const writing *what)
{
    const int64_t size = (int64_t)mt_dtype_size(what->dtype), strides[2] = { PLANE * size, size };
    mt_error err = MT_ERROR_INIT;
    for (int64_t y = 0; y < PLANE; y += what->tile)
        for (int64_t x = 0; x < PLANE; x += what->tile) {
            int64_t start[2] = { y, x }, extent[2] = { what->tile, what->tile };
            for (int d = 0; d < 2; d++)
                extent[d] = start[d] + extent[d] > PLANE ? PLANE - start[d] : extent[d];
            mt_writer_box box = { .start = start, .extent = extent, .strides = strides };
            box.data = (const uint8_t *)what->pixels + (y * PLANE + x) * size;
            need(mt_writer_put(w, &box, &err), &err);
        }
}

/* Processor time of one image in seconds. */
static double write_once(const writing *what)
{
    static int n_images;
    char path[32];
    snprintf(path, sizeof path, "write-%d.zarr", n_images++);
    const int64_t shape[2] = { PLANE, PLANE }, chunk[2] = { TILE, TILE }, shard[2] = { what->shard, what->shard };
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = "YX",
                                        .shape = shape,
                                        .dtype = what->dtype,
                                        .chunk_shape = chunk,
                                        .shard_shape = what->shard ? shard : NULL,
                                        .codec = what->codec,
                                        .codec_level = what->level,
                                        .shuffle = what->shuffle,
                                        .durability = what->durability };
    mt_error err = MT_ERROR_INIT;
    mt_writer *w;
    double start = processor_time();
    need(mt_writer_create(NULL, path, &options, &w, &err), &err);
    put_tiles(w, what);
    need(
        mt_writer_finish(w, &(mt_finish_options) { .struct_size = sizeof(mt_finish_options), .all_required = 1 }, &err),
        &err);
    mt_writer_close(w);
    double took = processor_time() - start;
    empty_tree(path);
    return took;
}

static double megabytes(const writing *what, double seconds)
{
    return (double)PLANE * PLANE * (double)mt_dtype_size(what->dtype) / seconds * 1e-6;
}

/* MB per second of processor time, median of RUNS. */
static double measure(const writing *what)
{
    double took[RUNS];
    for (int i = 0; i < RUNS; i++)
        took[i] = write_once(what);
    return megabytes(what, median(took, RUNS));
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        abort();
    setvbuf(file, NULL, _IONBF, 0);
    return file;
}

/* The same bytes by write, in files of 16 MB. */
static double measure_plain(const writing *what)
{
    double took[RUNS];
    size_t bytes = (size_t)PLANE * PLANE * mt_dtype_size(what->dtype), each = (size_t)16 << 20;
    for (int i = 0; i < RUNS; i++) {
        took[i] = 0;
        for (size_t at = 0; at < bytes; at += each) {
            remove("plain.bin"); /* to cut it would take time, too */
            double start = processor_time();
            FILE *file = create("plain.bin");
            if (fwrite((const uint8_t *)what->pixels + at, 1, each, file) != each || fclose(file))
                abort();
            took[i] += processor_time() - start;
        }
    }
    return megabytes(what, median(took, RUNS));
}

/* The bare encoder on chunks that are copied from the image; is_written: and plain writes of what it makes. */
static double measure_encoder(const writing *what, bool is_written)
{
    double took[RUNS];
    size_t size = mt_dtype_size(what->dtype), chunk = (size_t)TILE * TILE * size, room = 2 * chunk + 1024;
    uint8_t *raw = malloc(chunk), *encoded = malloc(room);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    bool is_blosc = strncmp(what->codec, "blosc-", 6) == 0;
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 3);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    for (int i = 0; i < RUNS; i++) {
        remove("plain.bin");
        double start = processor_time();
        FILE *file = create("plain.bin");
        for (size_t y = 0; y < PLANE; y += TILE)
            for (size_t x = 0; x < PLANE; x += TILE) {
                for (size_t row = 0; row < TILE; row++)
                    memcpy(raw + row * TILE * size, (const uint8_t *)what->pixels + ((y + row) * PLANE + x) * size,
                           TILE * size);
                size_t n =
                    is_blosc ? (size_t)blosc_compress_ctx(5, 1, size, chunk, raw, encoded, room, what->codec + 6, 0, 1)
                             : ZSTD_compress2(context, encoded, room, raw, chunk);
                if (is_written && fwrite(encoded, 1, n, file) != n)
                    abort();
            }
        fclose(file);
        took[i] = processor_time() - start;
    }
    ZSTD_freeCCtx(context);
    free(raw);
    free(encoded);
    return megabytes(what, median(took, RUNS));
}

static void print_raw(writing what)
{
    double plain = measure_plain(&what);
    what.codec = "none";
    what.shard = SHARD;
    what.tile = SHARD;
    what.durability = MT_DURABLE_NEVER;
    double rate = measure(&what);
    print_rate("raw shards of 16 MB, without fsync", rate, MB, "demand", 1000, 1);
    print_rate("the same, as part of plain writes", rate, MB, "write", plain, 0);
    what.durability = MT_DURABLE_UNITS;
    print_rate("with fsync", measure(&what), MB, "demand", 600, 1);
}

/* To shards: new files would cost more than fast encoders. */
static void print_encoded(const char *title, writing what)
{
    what.tile = PLANE;
    what.shard = SHARD;
    what.durability = MT_DURABLE_NEVER;
    double rate = measure(&what);
    print_rate(title, rate, MB, "encoder", measure_encoder(&what, false), 0.95);
    print_rate("  the same", rate, MB, "encoder and plain writes", measure_encoder(&what, true), 0);
}

/* In turns: files cost more or less from one minute to the next. */
static void print_tiles(const char *title, writing what, int64_t tile, int64_t shard)
{
    double took[2][RUNS];
    writing aligned = what;
    aligned.tile = TILE;
    aligned.durability = what.durability = MT_DURABLE_NEVER;
    what.tile = tile;
    what.shard = shard;
    for (int i = 0; i < RUNS; i++) {
        took[0][i] = write_once(&aligned);
        took[1][i] = write_once(&what);
    }
    print_rate(title, megabytes(&what, median(took[1], RUNS)), MB, "aligned",
               megabytes(&aligned, median(took[0], RUNS)), 0.9);
}

void bench_write(const image *plane, patches *p)
{
    (void)p;
    size_t n = (size_t)PLANE * PLANE;
    float *floats = malloc(n * sizeof *floats);
    for (size_t i = 0; i < n; i++)
        floats[i] = (float)plane->pixels[i] * 1.2345f + (float)(i % 101) * 0.013f;
    const writing reals = { .pixels = floats, .dtype = MT_FLOAT32 };
    writing what = reals;
    print_title("4096 x 4096 pixels to OME-Zarr, chunks of 256 x 256");
    print_raw(reals);
    what.codec = "zstd";
    print_encoded("float32, zstd", what);
    print_tiles("float32, zstd, tiles of 208 x 208", what, UNALIGNED, 0);
    print_tiles("float32, zstd, tiles of 256 x 256 to shards of 2048 x 2048", what, TILE, SHARD);
    what.codec = "blosc-lz4";
    print_encoded("float32, blosc-lz4 with shuffle", what);
    print_tiles("float32, blosc-lz4, tiles of 208 x 208", what, UNALIGNED, 0);
    what = (writing) { .pixels = plane->pixels, .dtype = MT_UINT16, .codec = "blosc-zstd" };
    print_encoded("uint16, blosc-zstd with shuffle", what);
    what.codec = "zstd";
    print_encoded("uint16, zstd", what);
    free(floats);
}
