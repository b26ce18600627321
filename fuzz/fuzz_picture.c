/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures of any image with any options are PNG files of the size that is told; those of one channel, neither reduced nor
 * captioned, have the gray levels that their contrast says. */
#include "choose_image.h"

#include <png.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PATCHES = 70, MOST_FILE = 1 << 21 };

typedef struct job {
    image image;
    size_t size, most; /* bytes of the file, and how many are taken */
    double share;      /* last told */
} job;

static uint8_t file[MOST_FILE];

/* --- Options. --- */

static int write_file(void *user, const void *bytes, size_t size)
{
    job *j = user;
    if (j->size + size > j->most)
        return 1;
    memcpy(file + j->size, bytes, size);
    j->size += size;
    return 0;
}

static int watch(void *user, double share)
{
    job *j = user;
    if (!(share >= j->share && share <= 1))
        __builtin_trap();
    j->share = share;
    return j->image.modulus == 94 && share > 0.5;
}

typedef struct options {
    mt_draw_options draw;
    int64_t channels[MOST_CHANNELS], z, region[4];
    double contrast[2 * MOST_CHANNELS];
    mt_draw_box boxes[3];
} options;

static void go_to_limit(choice *c, int64_t *place)
{
    *place = ((int64_t)1 << 61) + take_below(c, 2);
    *place = one_in(c, 2) ? -*place : *place;
}

static void take_boxes(choice *c, options *o, int64_t height, int64_t width)
{
    o->draw.boxes = o->boxes;
    o->draw.n_boxes = (size_t)take_below(c, 4);
    for (size_t i = 0; i < o->draw.n_boxes; i++) {
        for (int k = 0; k < 4; k++)
            o->boxes[i].box[k] = take_wild(c, 128, take_below(c, (int)(k % 2 ? width : height) + 6) - 3);
        if (one_in(c, 48)) /* the farthest places, and one beyond */
            go_to_limit(c, &o->boxes[i].box[take_below(c, 4)]);
        o->boxes[i].color[take_below(c, 3)] = 200;
    }
}

static void take_channel_list(choice *c, options *o, int64_t n)
{
    static const int64_t many[32769];
    o->draw.channels = o->channels;
    if (one_in(c, 64)) {
        o->draw.channels = many;
        o->draw.n_channels = 32767 + (size_t)take_below(c, 3);
        return;
    }
    o->draw.n_channels = 1 + (size_t)take_below(c, one_in(c, 2) ? 1 : MOST_CHANNELS);
    for (size_t i = 0; i < o->draw.n_channels; i++)
        o->channels[i] = take_wild(c, 128, take_below(c, (int)n));
}

static void take_options(job *j, options *o)
{
    choice *c = j->image.c;
    const int64_t *shape = j->image.info->data_shape + j->image.info->data_ndim - 2,
                  planes = j->image.info->data_shape[2];
    bool has_z = j->image.info->data_ndim == 5;
    memset(o, 0, sizeof *o);
    o->draw.struct_size = take_struct_size(c, sizeof o->draw);
    o->draw.sample = take_wild(c, 64, take_below(c, (int)j->image.info->data_shape[0]));
    o->draw.max_size = one_in(c, 64)   ? 32768 + take_below(c, 2)
                       : one_in(c, 12) ? 0
                                       : take_wild(c, 64, take_size(c, one_in(c, 4) ? 500 : 80));
    if (one_in(c, 2))
        take_channel_list(c, o, j->image.info->data_shape[1]);
    o->draw.project = (mt_projection)(has_z || one_in(c, 64) ? take_below(c, one_in(c, 16) ? 5 : 4) : 0);
    o->z = take_wild(c, 64, has_z ? take_below(c, (int)planes) : 0);
    o->draw.z = one_in(c, o->draw.project ? 32 : 2) ? &o->z : NULL;
    for (int k = 0; k < 2; k++) {
        o->region[2 + k] = take_wild(c, 64, take_size(c, mt_min_i64(shape[k], 600)));
        o->region[k] =
            take_wild(c, 64, take_below(c, 1 + (int)mt_max_i64(0, mt_min_i64(shape[k] - o->region[2 + k], 600))));
    }
    o->draw.region = one_in(c, 3) ? o->region : NULL;
    for (int i = 0; i < MOST_CHANNELS; i++) {
        o->contrast[2 * i] = take_below(c, 100) - 20;
        o->contrast[2 * i + 1] = o->contrast[2 * i] + (one_in(c, 64)   ? 0
                                                       : one_in(c, 64) ? (double)INFINITY
                                                                       : take_below(c, 200) + 0.5);
    }
    o->draw.contrast = one_in(c, 3) ? o->contrast : NULL;
    o->draw.n_contrast = one_in(c, 2) ? 1 : o->draw.channels ? o->draw.n_channels : (size_t)take_below(c, 5);
    o->draw.ignore_windows = one_in(c, 3);
    o->draw.palette = (mt_palette)(one_in(c, 3) ? take_below(c, one_in(c, 4) ? 4 : 3) : 0);
    o->draw.scale_bar = one_in(c, 3);
    o->draw.legend = one_in(c, 3);
    if (one_in(c, 3))
        take_boxes(c, o, mt_min_i64(shape[0], 2000), mt_min_i64(shape[1], 2000));
    o->draw.progress = one_in(c, 2) ? watch : NULL;
    o->draw.user = j;
}

/* --- Pictures. --- */

static void note_info(const mt_picture_info *info)
{
    outcome_real(info->scale);
    outcome_number(info->channels);
    outcome_number(info->contrast_kind);
    outcome_text(info->scale_bar);
    for (int64_t i = 0; i < info->channels && i < MT_MOST_COLORS; i++) {
        outcome_number(info->channel[i]);
        outcome_real(info->contrast[i][0]);
        outcome_real(info->contrast[i][1]);
    }
}

/* The RGB pixels, freed by the caller. */
static uint8_t *decode(const job *j, int64_t height, int64_t width)
{
    png_image png = { .version = PNG_IMAGE_VERSION };
    if (!png_image_begin_read_from_memory(&png, file, j->size) || png.height != height || png.width != width)
        __builtin_trap();
    png.format = PNG_FORMAT_RGB;
    uint8_t *rgb = malloc(PNG_IMAGE_SIZE(png));
    if (!rgb || !png_image_finish_read(&png, NULL, rgb, 0, NULL))
        __builtin_trap();
    outcome_bytes(rgb, PNG_IMAGE_SIZE(png));
    return rgb;
}

static void check_gray(const job *j, const options *o, const mt_picture_info *info, const uint8_t *rgb)
{
    const int64_t k = (int64_t)info->scale;
    const double low = info->contrast[0][0], high = info->contrast[0][1];
    for (int64_t y = 0; y < info->height; y++)
        for (int64_t x = 0; x < info->width; x++, rgb += 3) {
            float value;
            const int64_t at[2] = { y / k, x / k }, one[2] = { 1, 1 };
            if (y % k || x % k)
                continue;
            if (mt_stack_extract_patch(j->image.stack, o->draw.sample, info->channel, 1, at, one, 2, &value, NULL))
                __builtin_trap();
            double level = 255 * ((double)value - low) / (high - low);
            level = level > 0 ? fmin(level, 255) : 0;
            if (fabs(rgb[0] - level) > 0.51 || rgb[0] != rgb[1] || rgb[0] != rgb[2])
                __builtin_trap();
        }
}

static void check_picture(const job *j, const options *o, const mt_picture_info *info, bool is_sheet)
{
    outcome_number(info->height);
    outcome_number(info->width);
    note_info(info);
    uint8_t *rgb = decode(j, info->height, info->width);
    if (!is_sheet && !j->image.is_custom && info->contrast_kind == MT_CONTRAST_GIVEN && info->channels == 1 &&
        !o->draw.n_boxes && !j->image.info->channels && !o->draw.region && !o->draw.scale_bar && !o->draw.legend &&
        j->image.info->data_ndim == 4 && info->scale >= 1)
        check_gray(j, o, info, rgb);
    free(rgb);
}

static mt_status draw_sheet(job *j, options *o, mt_picture_info *info, mt_error *err)
{
    static mt_patch_request requests[MOST_PATCHES];
    static int64_t coords[MOST_PATCHES][3], sizes[2][3];
    choice *c = j->image.c;
    size_t n = one_in(c, 64) ? (size_t)take_below(c, 2) * 65 : 1 + (size_t)take_below(c, 10);
    size_t n_spatial = (size_t)j->image.info->data_ndim - 2;
    for (size_t d = 0; d < n_spatial; d++)
        sizes[0][d] = sizes[1][d] = take_wild(c, 256, take_size(c, one_in(c, 8) ? 60 : 20));
    if (one_in(c, 32))
        sizes[0][n_spatial - 1] = sizes[1][n_spatial - 1] = 32768 + take_below(c, 2);
    sizes[1][take_below(c, 2)]++;
    for (size_t i = 0; i < n; i++) {
        for (size_t d = 0; d < n_spatial; d++)
            coords[i][d] = take_below(c, (int)mt_min_i64(j->image.info->data_shape[2 + d], 200) + 10) - 5;
        requests[i] =
            (mt_patch_request) { .stack = j->image.stack, .coords = coords[i], .patch_size = sizes[one_in(c, 256)] };
        requests[i].sample = take_below(c, (int)j->image.info->data_shape[0]);
        requests[i].n_spatial = n_spatial + (size_t)one_in(c, 256);
        requests[i].channels = o->draw.channels;
        requests[i].n_channels = o->draw.channels ? o->draw.n_channels : 0;
    }
    return mt_draw_patches(requests, n, &o->draw, write_file, j, info, err);
}

static void draw(job *j)
{
    options o;
    mt_picture_info info = { .struct_size =
                                 one_in(j->image.c, 32) ? 8 * (size_t)take_below(j->image.c, 4) : sizeof info };
    mt_error err = MT_ERROR_INIT;
    bool is_sheet = one_in(j->image.c, 4), has_options = !one_in(j->image.c, 64),
         has_info = info.struct_size == sizeof info;
    j->most = one_in(j->image.c, 64) ? (size_t)take_byte(j->image.c) : MOST_FILE;
    take_options(j, &o);
    mt_status st = is_sheet ? draw_sheet(j, &o, &info, &err)
                            : mt_draw_plane(j->image.stack, has_options ? &o.draw : NULL, write_file, j, &info, &err);
    if (!note_written(st, &err) && has_info)
        check_picture(j, &o, &info, is_sheet || !has_options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice c = { .at = data, .end = data + size };
    job j = { .image = { .c = &c, .context = new_limited_context() } };
    open_image(&j.image);
    if (j.image.stack) {
        j.image.info = mt_stack_get_info(j.image.stack);
        draw(&j);
        mt_stack_close(j.image.stack);
    }
    mt_context_free(j.image.context);
    return 0;
}
