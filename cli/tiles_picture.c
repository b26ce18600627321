/* SPDX-License-Identifier: BSD-3-Clause */
/* The tiles of one plane, drawn over it: their outlines, and those of the parts that are kept. */
#include "predict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TILES = 100000 }; /* more could not be told apart */

static const uint8_t tile_color[3] = { 255, 160, 0 }, crop_color[3] = { 0, 220, 255 };

/* The number of the first tile of the row of tiles that contains a plane; row: tiles of it. */
static uint64_t find_first(const mt_tiling_info *t, int64_t z, uint64_t *row)
{
    *row = (uint64_t)(t->counts[t->n_spatial - 2] * t->counts[t->n_spatial - 1]);
    if (t->n_spatial == 2)
        return 0;
    int64_t step = t->tile[0] - t->overlap[0], k = z / step;
    return (uint64_t)(k < t->counts[0] ? k : t->counts[0] - 1) * *row;
}

static mt_draw_box outline(const mt_tiling_info *t, const int64_t *corner, const int64_t *size, const uint8_t *color)
{
    const size_t y = t->n_spatial - 2;
    return (mt_draw_box) { .box = { corner[y], corner[y + 1], size[y], size[y + 1] },
                           .color = { color[0], color[1], color[2] } };
}

/* Tiles first, so that the parts that are kept lie above. */
static int find_boxes(const prediction *p, uint64_t first, uint64_t n, mt_draw_box *boxes)
{
    const mt_tiling_info *t = mt_tiling_get_info(p->tiling);
    for (uint64_t i = 0; i < n; i++) {
        mt_patch_spec tile;
        mt_error err = MT_ERROR_INIT;
        if (mt_tiling_get(p->tiling, first + i, &tile, &err))
            return report(&err);
        boxes[i] = outline(t, tile.coords, tile.patch_size, tile_color);
        boxes[n + i] = outline(t, tile.stitch_coords, tile.crop_size, crop_color);
    }
    return EXIT_OK;
}

static int draw(const prediction *p, struct drawing *drawing, const char *path)
{
    mt_error err = MT_ERROR_INIT;
    output out;
    int status = output_open(&out, path);
    if (status)
        return status;
    progress_start(&drawing->progress);
    mt_status st = mt_draw_plane(p->stack, &drawing->options, output_write, &out, &drawing->drawn, &err);
    progress_end(&drawing->progress);
    return output_drawn(&out, st, &err);
}

int tiles_draw(prediction *p, struct drawing *drawing, const char *path)
{
    const mt_tiling_info *t = mt_tiling_get_info(p->tiling);
    int64_t planes = t->n_spatial == 3 ? t->shape[0] : 1, z = planes / 2, max_size = 1024;
    uint64_t n;
    int status = image_index(p->info, p->args, "z", planes, &z);
    if (!status)
        status = args_integer(p->args, "max-size", 1, 32768, &max_size);
    if (status)
        return status;
    uint64_t first = find_first(t, z, &n);
    if (n > MOST_TILES)
        return failed("--picture: a plane has %" PRIu64 " tiles, and at most %d can be drawn", n, MOST_TILES);
    mt_draw_box *boxes = need(2 * n, sizeof *boxes);
    if (!(status = find_boxes(p, first, n, boxes))) {
        drawing->options.channels = args_count(p->args, "channels") ? p->channels : NULL;
        drawing->options.n_channels = args_count(p->args, "channels") ? p->n_channels : 0;
        drawing->options.z = &z;
        drawing->options.max_size = max_size;
        drawing->options.boxes = boxes;
        drawing->options.n_boxes = 2 * n;
        status = draw(p, drawing, path);
    }
    free(boxes);
    return status;
}
