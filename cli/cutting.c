/* SPDX-License-Identifier: BSD-3-Clause */
/* --tile, --overlap and --align. */
#include "predict.h"

#include <stdlib.h>
#include <string.h>

/* Sizes for each axis of the network, in the order (Z)YX. */
typedef struct cut {
    size_t n;
    int64_t tile[3], overlap[3], align;
} cut;

/* What --identity does without them. */
static const cut plain = { .n = 2, .tile = { 256, 256 }, .overlap = { 48, 48 }, .align = 1 };

static int read_tile(const prediction *p, cut *out)
{
    const size_t axes = spatial_count(p->info);
    int status = args_list(p->args, "tile", 0, 0, INT32_MAX, 3, out->tile, &out->n);
    if (status)
        return status;
    if (out->n < 2 || out->n > axes)
        return axes == 2
                   ? usage_error(p->args, "--tile takes the sizes along Y and X, such as 256x256; 0: the whole axis")
                   : usage_error(p->args, "--tile takes the sizes along Z, Y and X, such as 32x256x256, or along "
                                          "Y and X, for tiles of the planes; 0: the whole axis");
    return EXIT_OK;
}

/* Whether a tile is as long as the image along an axis of the network: it has no neighbours. */
static bool is_whole(const prediction *p, const cut *c, size_t d)
{
    int64_t size = spatial_size(p->info, spatial_count(p->info) - c->n + d);
    return c->tile[d] == 0 || c->tile[d] >= size;
}

/* "25%" of the tile, rounded down to what the tiling allows. */
static bool take_share(const char *text, cut *out)
{
    char *end;
    long share = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;
    if (share < 0 || share > 90 || strcmp(end, "%") != 0)
        return false;
    for (size_t d = 0; d < out->n; d++)
        out->overlap[d] = out->tile[d] * share / 100 / (2 * out->align) * (2 * out->align);
    return true;
}

/* How far a network sees is known to the caller alone; --identity copies pixels. */
static int check_no_overlap(const prediction *p, const cut *c)
{
    for (size_t d = 0; d < c->n; d++)
        if (!is_whole(p, c, d) && !args_count(p->args, "identity"))
            return usage_error(p->args, "--overlap is required: the pixels that neighbouring tiles share, such as "
                                        "--overlap 48; with 0, seams may show");
    return EXIT_OK;
}

static int read_overlap(const prediction *p, cut *out)
{
    const char *text = args_get(p->args, "overlap", 0);
    size_t n;
    if (!text)
        return check_no_overlap(p, out);
    if (take_share(text, out))
        return EXIT_OK;
    int status = args_list(p->args, "overlap", 0, 0, INT32_MAX, 3, out->overlap, &n);
    if (status)
        return status;
    if (n != 1 && n != out->n)
        return usage_error(p->args, "--overlap takes one number, or as many as --tile, such as 48x48; or 25%%");
    for (size_t d = out->n; n == 1 && d-- > 0;)
        out->overlap[d] = is_whole(p, out, d) ? 0 : out->overlap[0];
    return EXIT_OK;
}

/* A share of tiles whose size is not chosen yet is not known. */
static int check_automatic(const prediction *p)
{
    const char *text = args_get(p->args, "overlap", 0);
    if (args_get(p->args, "tile", 0))
        return usage_error(p->args, "--tile and --tile-memory exclude each other");
    return text && strchr(text, '%') ? usage_error(p->args, "--tile-memory takes an --overlap in pixels") : EXIT_OK;
}

/* The bytes that the library compares with tiles of all channels. */
static size_t bytes_of_all(const prediction *p, int64_t bytes)
{
    return (size_t)((double)bytes * (double)p->info->data_shape[1] / (double)p->n_channels);
}

static int new_tiling(prediction *p, const cut *c, int64_t tile_memory)
{
    mt_error err = MT_ERROR_INIT;
    const mt_tiling_options options = { .struct_size = sizeof options,
                                        .tile = tile_memory ? NULL : c->tile,
                                        .n_spatial = c->n,
                                        .overlap = c->overlap,
                                        .align = c->align,
                                        .tile_bytes = bytes_of_all(p, tile_memory),
                                        .batch_size = (size_t)p->batch_size };
    return mt_tiling_new(p->stack, &options, &p->tiling, &err) ? failed("%s: %s", p->info->source, err.message)
                                                               : EXIT_OK;
}

int prediction_cut(prediction *p)
{
    cut c = { .n = spatial_count(p->info), .tile = { -1, -1, -1 }, .align = 1 }; /* -1: not known */
    int64_t tile_memory = 0;
    int status = args_integer(p->args, "align", 1, 65536, &c.align);
    if (!status)
        status = args_size(p->args, "tile-memory", &tile_memory);
    if (!status && tile_memory)
        status = check_automatic(p);
    else if (!status && args_get(p->args, "tile", 0))
        status = read_tile(p, &c);
    else if (!status && args_count(p->args, "identity"))
        c = plain;
    else if (!status)
        status = usage_error(p->args, "--tile is required, such as --tile 256x256, or --tile-memory");
    if (!status)
        status = read_overlap(p, &c);
    return status ? status : new_tiling(p, &c, tile_memory);
}
