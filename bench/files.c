/* SPDX-License-Identifier: BSD-3-Clause */
/* Minimal writers of valid benchmark files. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void finish(FILE *f)
{
    if (fclose(f) != 0) {
        perror("bench");
        exit(1);
    }
}

static size_t pixel_count(const image *im)
{
    size_t n = 1;
    for (int d = 0; d < im->ndim; d++)
        n *= (size_t)im->shape[d];
    return n;
}

void write_raw(const char *path, const image *from, size_t offset)
{
    FILE *f = create(path);
    for (size_t i = 0; i < offset; i++)
        fputc(0, f);
    fwrite(from->pixels, sizeof *from->pixels, pixel_count(from), f);
    finish(f);
}

void write_npy(const char *path, const image *from)
{
    FILE *f = create(path);
    char header[128];
    int n = snprintf(header, sizeof header, "{'descr': '<u2', 'fortran_order': False, 'shape': (");
    for (int d = 0; d < from->ndim; d++)
        n += snprintf(header + n, sizeof header - (size_t)n, "%lld, ", (long long)from->shape[d]);
    n += snprintf(header + n, sizeof header - (size_t)n, "), }");
    fwrite("\x93NUMPY\x01\0\x76\0", 1, 10, f);
    fprintf(f, "%s%*s\n", header, 117 - n, "");
    fwrite(from->pixels, sizeof *from->pixels, pixel_count(from), f);
    finish(f);
}

static void print_shape(FILE *f, const image *im, int64_t side)
{
    for (int d = 0; d < im->ndim; d++)
        fprintf(f, "%s%lld", d ? "," : "[", (long long)(side ? side : im->shape[d]));
    fputc(']', f);
}

static void chunk_path(char *out, size_t size, const char *path, const char *prefix, size_t i, const image *im,
                       int64_t side)
{
    int64_t at[3], left = (int64_t)i;
    for (int d = im->ndim - 1; d >= 0; d--) {
        at[d] = left % (im->shape[d] / side);
        left /= im->shape[d] / side;
    }
    size_t n = (size_t)snprintf(out, size, "%s/%s", path, prefix);
    for (int d = 0; d < im->ndim; d++)
        n += (size_t)snprintf(out + n, size - n, "%s%lld", d ? "." : "", (long long)at[d]);
}

void write_zarr(const char *path, const image *from, const chunks *c, int64_t side)
{
    static const char *const compressors[N_CODINGS] = {
        "null", "{\"id\":\"zlib\",\"level\":1}", "{\"id\":\"zstd\",\"level\":3}",
        "{\"id\":\"blosc\",\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":1}"
    };
    char name[1024];
    mkdir(path, 0777);
    snprintf(name, sizeof name, "%s/.zarray", path);
    FILE *f = create(name);
    fputs("{\"zarr_format\":2,\"shape\":", f);
    print_shape(f, from, 0);
    fputs(",\"chunks\":", f);
    print_shape(f, from, side);
    fprintf(f, ",\"dtype\":\"<u2\",\"compressor\":%s,\"fill_value\":0,\"filters\":null,\"order\":\"C\"}",
            compressors[c->how]);
    finish(f);
    for (size_t i = 0; i < c->n; i++) {
        chunk_path(name, sizeof name, path, "", i, from, side);
        f = create(name);
        fwrite(c->data[i], 1, c->sizes[i], f);
        finish(f);
    }
}

static void put64(FILE *f, uint64_t v) { fwrite(&v, 1, 8, f); }

/* Zarr v3, shards of zstd chunks, the index (without a checksum) at the end. */
void write_sharded(const char *path, const image *from, const chunks *c, int64_t side, int64_t shard_side)
{
    char name[1024];
    mkdir(path, 0777);
    snprintf(name, sizeof name, "%s/zarr.json", path);
    FILE *f = create(name);
    fprintf(f,
            "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[%lld,%lld],\"data_type\":\"uint16\",\"chunk_grid\":{"
            "\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[%lld,%lld]}},\"chunk_key_encoding\":{\"name\":"
            "\"default\",\"configuration\":{\"separator\":\".\"}},\"fill_value\":0,\"codecs\":[{\"name\":"
            "\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[%lld,%lld],\"codecs\":[{\"name\":\"bytes\","
            "\"configuration\":{\"endian\":\"little\"}},{\"name\":\"zstd\",\"configuration\":{\"level\":3,\"checksum\":"
            "false}}],\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}],"
            "\"index_location\":\"end\"}}]}",
            (long long)from->shape[0], (long long)from->shape[1], (long long)shard_side, (long long)shard_side,
            (long long)side, (long long)side);
    finish(f);
    int64_t shards = from->shape[1] / shard_side, inner = shard_side / side, along = from->shape[1] / side;
    uint64_t *index = malloc((size_t)(inner * inner) * 2 * sizeof *index);
    for (int64_t s = 0; s < shards * (from->shape[0] / shard_side); s++) {
        chunk_path(name, sizeof name, path, "c.", (size_t)s, from, shard_side);
        f = create(name);
        uint64_t at = 0;
        for (int64_t k = 0; k < inner * inner; k++) {
            int64_t y = s / shards * inner + k / inner, x = s % shards * inner + k % inner;
            size_t i = (size_t)(y * along + x);
            fwrite(c->data[i], 1, c->sizes[i], f);
            index[2 * k] = at;
            index[2 * k + 1] = c->sizes[i];
            at += c->sizes[i];
        }
        for (int64_t k = 0; k < 2 * inner * inner; k++)
            put64(f, index[k]);
        finish(f);
    }
    free(index);
}

/* BigTIFF, little-endian: one directory entry of 20 bytes. */
static void put_entry(FILE *f, unsigned tag, unsigned type, uint64_t count, uint64_t value)
{
    uint16_t head[2] = { (uint16_t)tag, (uint16_t)type };
    fwrite(head, 1, 4, f);
    put64(f, count);
    put64(f, value);
}

static void put_header(FILE *f) { fwrite("II\x2b\0\x08\0\0\0\0\0\0\0\0\0\0\0", 1, 16, f); }

typedef struct tiff_layout {
    uint64_t width, height, bits, compression, tile; /* tile 0: strips of rows */
    uint64_t planes;                                 /* channels in separate tiles; 0: one */
    uint64_t rows, n, offsets, sizes;                /* offsets of the tables, or the values if n is 1 */
} tiff_layout;

/* Writes a directory at the end of the file and links it from the last one. */
static void put_directory(FILE *f, long *link, const tiff_layout *t, const char *description)
{
    uint64_t text = (uint64_t)ftell(f), length = description ? strlen(description) + 1 : 0;
    fwrite(description, 1, length, f);
    uint64_t at = (uint64_t)ftell(f);
    fseek(f, *link, SEEK_SET);
    put64(f, at);
    fseek(f, 0, SEEK_END);
    put64(f, (t->tile ? 10 : 9) + (length > 0) + (t->planes ? 2 : 0));
    put_entry(f, 256, 4, 1, t->width);
    put_entry(f, 257, 4, 1, t->height);
    if (t->planes)
        put_entry(f, 258, 3, 4, t->bits * 0x0001000100010001U);
    else
        put_entry(f, 258, 3, 1, t->bits);
    put_entry(f, 259, 3, 1, t->compression);
    put_entry(f, 262, 3, 1, 1);
    if (length)
        put_entry(f, 270, 2, length, text);
    if (!t->tile) {
        put_entry(f, 273, 16, t->n, t->offsets);
        put_entry(f, 277, 3, 1, 1);
        put_entry(f, 278, 4, 1, t->rows);
        put_entry(f, 279, 16, t->n, t->sizes);
    } else {
        put_entry(f, 277, 3, 1, t->planes ? t->planes : 1);
        if (t->planes)
            put_entry(f, 284, 3, 1, 2);
        put_entry(f, 322, 4, 1, t->tile);
        put_entry(f, 323, 4, 1, t->tile);
        put_entry(f, 324, 16, t->n, t->offsets);
        put_entry(f, 325, 16, t->n, t->sizes);
        if (t->planes)
            put_entry(f, 338, 3, t->planes - 1, 0);
    }
    *link = ftell(f);
    put64(f, 0);
}

void write_tiff_strips(const char *path, const image *from)
{
    FILE *f = create(path);
    long link = 8;
    put_header(f);
    fwrite(from->pixels, sizeof *from->pixels, pixel_count(from), f);
    uint64_t rows = 4, strip = rows * (uint64_t)from->shape[1] * 2, n = (uint64_t)from->shape[0] / rows;
    uint64_t tables = (uint64_t)ftell(f);
    for (uint64_t i = 0; i < n; i++)
        put64(f, 16 + i * strip);
    for (uint64_t i = 0; i < n; i++)
        put64(f, strip);
    tiff_layout t = { .width = (uint64_t)from->shape[1],
                      .height = (uint64_t)from->shape[0],
                      .bits = 16,
                      .compression = 1,
                      .rows = rows,
                      .n = n,
                      .offsets = tables,
                      .sizes = tables + 8 * n };
    put_directory(f, &link, &t, NULL);
    finish(f);
}

void write_tiff_tiles(const char *path, const image *from, const chunks *c)
{
    static const uint64_t compressions[N_CODINGS] = { 1, 8, 50000, 0, 5, 7 };
    FILE *f = create(path);
    long link = 8;
    put_header(f);
    for (size_t i = 0; i < c->n; i++)
        fwrite(c->data[i], 1, c->sizes[i], f);
    uint64_t tables = (uint64_t)ftell(f), at = 16;
    for (size_t i = 0; i < c->n; at += c->sizes[i++])
        put64(f, at);
    for (size_t i = 0; i < c->n; i++)
        put64(f, c->sizes[i]);
    tiff_layout t = { .width = (uint64_t)from->shape[1],
                      .height = (uint64_t)from->shape[0],
                      .bits = c->how == JPEG ? 8 : 16,
                      .compression = compressions[c->how],
                      .tile = TILE,
                      .n = c->n,
                      .offsets = tables,
                      .sizes = tables + 8 * c->n };
    put_directory(f, &link, &t, NULL);
    finish(f);
}

uint16_t large_pixel(const image *plane, int64_t channel, int64_t y, int64_t x)
{
    int64_t mark = channel * 16 + y / PLANE * 4 + x / PLANE;
    return (uint16_t)(plane->pixels[y % PLANE * PLANE + x % PLANE] ^ mark);
}

void write_large_tiff(const char *path, const image *plane)
{
    enum { ALONG = LARGE / TILE };
    static uint16_t tile[TILE * TILE];
    FILE *f = create(path);
    long link = 8;
    uint64_t n = (uint64_t)LARGE_CHANNELS * ALONG * ALONG;
    put_header(f);
    for (uint64_t i = 0; i < n; i++) {
        int64_t channel = (int64_t)(i / (ALONG * ALONG)), row = (int64_t)(i / ALONG % ALONG), at = (int64_t)(i % ALONG);
        for (int64_t y = 0; y < TILE; y++)
            for (int64_t x = 0; x < TILE; x++)
                tile[y * TILE + x] = large_pixel(plane, channel, row * TILE + y, at * TILE + x);
        fwrite(tile, 1, sizeof tile, f);
    }
    uint64_t tables = (uint64_t)ftell(f);
    for (uint64_t i = 0; i < n; i++)
        put64(f, 16 + i * sizeof tile);
    for (uint64_t i = 0; i < n; i++)
        put64(f, sizeof tile);
    tiff_layout t = { .width = LARGE,
                      .height = LARGE,
                      .bits = 16,
                      .compression = 1,
                      .tile = TILE,
                      .planes = LARGE_CHANNELS,
                      .n = n,
                      .offsets = tables,
                      .sizes = tables + 8 * n };
    put_directory(f, &link, &t, NULL);
    finish(f);
}

uint16_t strip_pixel(const image *plane, int64_t y, int64_t x)
{
    return (uint16_t)(plane->pixels[y % PLANE * PLANE + x % PLANE] ^ (y / STRIP_ROWS));
}

void write_tiff_large_strips(const char *path, const image *plane)
{
    FILE *f = create(path);
    long link = 8;
    uint64_t offsets[STRIPS], sizes[STRIPS], at = 16;
    size_t size = (size_t)STRIP_ROWS * STRIP_WIDTH * sizeof(uint16_t), encoded;
    uint16_t *strip = malloc(size);
    put_header(f);
    for (int64_t i = 0; i < STRIPS; i++) {
        for (int64_t y = 0; y < STRIP_ROWS; y++)
            for (int64_t x = 0; x < STRIP_WIDTH; x++)
                strip[y * STRIP_WIDTH + x] = strip_pixel(plane, i * STRIP_ROWS + y, x);
        const uint8_t *bytes = encode(ZSTD, strip, size, &encoded);
        fwrite(bytes, 1, encoded, f);
        offsets[i] = at;
        sizes[i] = encoded;
        at += encoded;
    }
    free(strip);
    for (int i = 0; i < STRIPS; i++)
        put64(f, offsets[i]);
    for (int i = 0; i < STRIPS; i++)
        put64(f, sizes[i]);
    tiff_layout t = { .width = STRIP_WIDTH,
                      .height = STRIP_ROWS * STRIPS,
                      .bits = 16,
                      .compression = 50000,
                      .rows = STRIP_ROWS,
                      .n = STRIPS,
                      .offsets = at,
                      .sizes = at + sizeof offsets };
    put_directory(f, &link, &t, NULL);
    finish(f);
}

/* Writes pages of 8 x 8 pixels. */
void write_tiff_pages(const char *path, size_t n, bool described)
{
    static const uint16_t pixels[64];
    char description[128];
    snprintf(description, sizeof description, "{\"shape\": [%zu, 8, 8]}", n);
    FILE *f = create(path);
    long link = 8;
    put_header(f);
    for (size_t i = 0; i < n; i++) {
        tiff_layout t = { .width = 8,
                          .height = 8,
                          .bits = 16,
                          .compression = 1,
                          .rows = 8,
                          .n = 1,
                          .offsets = (uint64_t)ftell(f),
                          .sizes = sizeof pixels };
        fwrite(pixels, 1, sizeof pixels, f);
        put_directory(f, &link, &t, described && i == 0 ? description : NULL);
    }
    finish(f);
}

void write_zarr_metadata(const char *path, int64_t size, int64_t chunk)
{
    char name[1024];
    mkdir(path, 0777);
    snprintf(name, sizeof name, "%s/.zarray", path);
    FILE *f = create(name);
    fprintf(f,
            "{\"zarr_format\":2,\"shape\":[%lld,%lld],\"chunks\":[%lld,%lld],\"dtype\":\"<u2\",\"compressor\":null,"
            "\"fill_value\":0,\"filters\":null,\"order\":\"C\"}",
            (long long)size, (long long)size, (long long)chunk, (long long)chunk);
    finish(f);
}

void write_group(const char *path, int n)
{
    char name[512];
    mkdir(path, 0777);
    snprintf(name, sizeof name, "%s/.zgroup", path);
    FILE *f = create(name);
    fputs("{\"zarr_format\":2}", f);
    finish(f);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/array%04d", path, i);
        write_zarr_metadata(name, 64, 64);
    }
}
