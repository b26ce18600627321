/* SPDX-License-Identifier: BSD-3-Clause */
/* Planes of images in chunks, in any order of axes and with chunks that are not stored, against their definition. */
#include "picture_support.h"

#include "picture/picture.h"
#include "support/folder.h"

#include <math.h>
#include <stdio.h>

enum { DIMS = 4 };

typedef struct image {
    const char *axes; /* of the last dimensions */
    int64_t shape[DIMS], chunk[DIMS];
    int skip; /* each skip-th chunk is not stored; 0: all are */
    int fill;
    int wide; /* not 0: uint16, big-endian */
} image;

static const image images[] = {
    { "CZYX", { 5, 4, 13, 17 }, { 2, 3, 5, 7 }, 0, 0, 0 }, { "CZYX", { 5, 4, 13, 17 }, { 1, 1, 13, 4 }, 3, 7, 1 },
    { "ZCYX", { 3, 4, 9, 11 }, { 2, 4, 4, 11 }, 2, 0, 0 }, { "YXC", { 1, 14, 10, 5 }, { 1, 4, 3, 2 }, 5, 200, 0 },
    { "XYC", { 1, 14, 10, 2 }, { 1, 4, 3, 2 }, 0, 0, 1 },  { "YX", { 1, 1, 40, 50 }, { 1, 1, 7, 16 }, 4, 90, 0 },
    { "YZX", { 1, 12, 6, 20 }, { 1, 5, 4, 6 }, 3, 50, 0 },
};
enum { IMAGES = sizeof images / sizeof *images };

static int64_t chunk_number(const image *im, const int64_t *at)
{
    int64_t n = 0;
    for (int d = 0; d < DIMS; d++)
        n = n * ((im->shape[d] + im->chunk[d] - 1) / im->chunk[d]) + at[d] / im->chunk[d];
    return n;
}

static bool is_stored(const image *im, int64_t number) { return im->skip == 0 || (number + 1) % im->skip != 0; }

/* The value of an element of the array. */
static int element(const image *im, const int64_t *at)
{
    uint32_t n = 0;
    if (!is_stored(im, chunk_number(im, at)))
        return im->fill;
    for (int d = 0; d < DIMS; d++)
        n = n * (uint32_t)im->shape[d] + (uint32_t)at[d];
    return (int)(n * 2654435761u >> 11 & 255);
}

static int64_t size_along(const image *im, char axis)
{
    const char *found = strchr(im->axes, axis);
    return found ? im->shape[DIMS - strlen(im->axes) + (size_t)(found - im->axes)] : 1;
}

static int value(const image *im, int64_t c, int64_t z, int64_t y, int64_t x)
{
    int64_t at[DIMS] = { 0 };
    for (size_t i = 0, n = strlen(im->axes); i < n; i++)
        at[DIMS - n + i] = im->axes[i] == 'C' ? c : im->axes[i] == 'Z' ? z : im->axes[i] == 'Y' ? y : x;
    return element(im, at);
}

static void write_chunk(const image *im, const int64_t *first, const char *path)
{
    size_t n = 0;
    uint8_t bytes[4096];
    int64_t end[DIMS], at[DIMS];
    for (int d = 0; d < DIMS; d++)
        end[d] = first[d] + im->chunk[d];
    for (at[0] = first[0]; at[0] < end[0]; at[0]++)
        for (at[1] = first[1]; at[1] < end[1]; at[1]++)
            for (at[2] = first[2]; at[2] < end[2]; at[2]++)
                for (at[3] = first[3]; at[3] < end[3]; at[3]++) {
                    bool outside = false;
                    for (int d = 0; d < DIMS; d++)
                        outside |= at[d] >= im->shape[d];
                    if (im->wide)
                        bytes[n++] = 0;
                    bytes[n++] = (uint8_t)(outside ? 77 : element(im, at));
                }
    write_temporary(path, bytes, n);
}

/* Joins the last n numbers. */
static void join(const int64_t *numbers, size_t n, char separator, char out[64])
{
    size_t used = 0;
    for (size_t i = DIMS - n; i < DIMS; i++)
        used += (size_t)snprintf(out + used, 64 - used, "%lld%c", (long long)numbers[i], separator);
    out[used > 0 ? used - 1 : 0] = 0;
}

static void write_image(const image *im, const char *name)
{
    char text[400], path[128], shape[64], chunk[64];
    size_t n = strlen(im->axes);
    join(im->shape, n, ',', shape);
    join(im->chunk, n, ',', chunk);
    snprintf(text, sizeof text,
             "{\"zarr_format\":2,\"shape\":[%s],\"chunks\":[%s],\"dtype\":\"%s\",\"order\":\"C\",\"compressor\":null,"
             "\"filters\":null,\"fill_value\":%d}",
             shape, chunk, im->wide ? ">u2" : "|u1", im->fill);
    snprintf(path, sizeof path, "%s/.zarray", name);
    write_temporary_text(path, text);
    int64_t at[DIMS], index[DIMS];
    for (at[0] = 0; at[0] < im->shape[0]; at[0] += im->chunk[0])
        for (at[1] = 0; at[1] < im->shape[1]; at[1] += im->chunk[1])
            for (at[2] = 0; at[2] < im->shape[2]; at[2] += im->chunk[2])
                for (at[3] = 0; at[3] < im->shape[3]; at[3] += im->chunk[3]) {
                    for (int d = 0; d < DIMS; d++)
                        index[d] = at[d] / im->chunk[d];
                    join(index, n, '.', chunk);
                    snprintf(path, sizeof path, "%s/%s", name, chunk);
                    if (is_stored(im, chunk_number(im, at)))
                        write_chunk(im, at, path);
                }
}

static mt_context *context; /* of one thread */

static int make_context(void **state)
{
    (void)state;
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
    return mt_context_new(&options, &context, NULL);
}

static int clean(void **state)
{
    mt_context_free(context);
    return remove_temporary_folder(state);
}

static mt_stack *open_image(const image *im, size_t number)
{
    char name[32];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = im->axes };
    snprintf(name, sizeof name, "%zu.zarr", number);
    write_image(im, name);
    check_ok(mt_stack_open(context, temporary_path(name), &options, &stack, &err), &err);
    return stack;
}

/* The value of a pixel of the plane or projection of a channel. */
static double pixel_of(const image *im, const mt_draw_options *o, int64_t c, int64_t y, int64_t x)
{
    int64_t planes = size_along(im, 'Z');
    double largest = 0, sum = 0;
    if (o->project == MT_PROJECT_NONE)
        return value(im, c, o->z ? *o->z : planes / 2, y, x);
    for (int64_t z = 0; z < planes; z++) {
        largest = fmax(largest, value(im, c, z, y, x));
        sum += value(im, c, z, y, x);
    }
    return o->project == MT_PROJECT_MAX ? largest : o->project == MT_PROJECT_MEAN ? sum / (double)planes : sum;
}

static double overlap(double a, double b, double step)
{
    return fmax(0, fmin(a + 1, (b + 1) * step) - fmax(a, b * step));
}

/* The average of what lies below pixel (i, j) of a picture. */
static double mean_below(const image *im, const mt_draw_options *o, const int64_t *region, int64_t c, int64_t i,
                         int64_t j, double down, double along)
{
    double sum = 0;
    for (int64_t y = (int64_t)((double)i * down); y < region[2] && (double)y < (double)(i + 1) * down; y++)
        for (int64_t x = (int64_t)((double)j * along); x < region[3] && (double)x < (double)(j + 1) * along; x++)
            sum += overlap((double)y, (double)i, down) * overlap((double)x, (double)j, along) *
                   pixel_of(im, o, c, region[0] + y, region[1] + x);
    return sum / (down * along);
}

static int check_progress(void *user, double share)
{
    double *last = user;
    assert_true(share >= *last && share <= 1);
    *last = share;
    return 0;
}

/* Draws with the given options, of which contrast and progress are set here, and compares all pixels. */
static void check_plane(mt_stack *stack, const image *im, mt_draw_options o)
{
    static const uint8_t colors[3][3] = { { 255, 0, 0 }, { 0, 255, 0 }, { 0, 0, 255 } };
    static const uint8_t pair[2][3] = { { 0, 255, 0 }, { 255, 0, 255 } };
    static const int64_t first = 0;
    const double contrast[2] = { 0, o.project == MT_PROJECT_SUM ? 255.0 * (double)size_along(im, 'Z') : 255 };
    const int64_t whole[4] = { 0, 0, size_along(im, 'Y'), size_along(im, 'X') };
    const int64_t *region = o.region ? o.region : whole;
    double last = 0;
    mt_picture_info info;
    if (!o.channels)
        o.channels = &first, o.n_channels = 1;
    o.struct_size = sizeof o;
    o.contrast = contrast;
    o.n_contrast = 1;
    o.progress = check_progress;
    o.user = &last;
    uint8_t *pixels = draw_plane(stack, &o, &info);
    double down = (double)region[2] / (double)info.height, along = (double)region[3] / (double)info.width;
    for (int64_t i = 0; i < info.height; i++)
        for (int64_t j = 0; j < info.width; j++)
            for (int k = 0; k < 3; k++) {
                double wanted = 0;
                for (size_t c = 0; c < o.n_channels; c++)
                    if (o.n_channels == 1 || (o.n_channels == 2 ? pair : colors)[c][k])
                        wanted += 255 * mean_below(im, &o, region, o.channels[c], i, j, down, along) / contrast[1];
                if (fabs(pixels[3 * (i * info.width + j) + k] - fmin(wanted, 255)) > 0.502)
                    fail_msg("%s, row %d, column %d: %d, not %g", im->axes, (int)i, (int)j,
                             pixels[3 * (i * info.width + j) + k], wanted);
            }
    free(pixels);
}

static void planes_and_projections(void **state)
{
    (void)state;
    static const int64_t lists[][3] = { { 1, 0, 1 }, { 0, 1, 1 } }, sparse[] = { 4, 0, 3 };
    for (size_t n = 0; n < IMAGES; n++) {
        const image *im = &images[n];
        mt_stack *stack = open_image(im, n);
        int64_t height = size_along(im, 'Y'), width = size_along(im, 'X'), channels = size_along(im, 'C');
        const int64_t last = size_along(im, 'Z') - 1, zero = 0, longest = height > width ? height : width;
        const int64_t regions[][4] = { { 2, 3, height - 3, width - 4 },
                                       { height - 1, 0, 1, width },
                                       { 0, 1, height, 1 } };
        for (mt_projection how = MT_PROJECT_NONE; how <= (last ? MT_PROJECT_SUM : MT_PROJECT_NONE); how++) {
            check_plane(stack, im, (mt_draw_options) { .max_size = longest, .project = how });
            check_plane(stack, im, (mt_draw_options) { .max_size = longest - 1, .project = how });
            check_plane(stack, im, (mt_draw_options) { .max_size = 3, .project = how });
            const int64_t *region = regions[(n + how) % 3], side = region[2] > region[3] ? region[2] : region[3];
            check_plane(stack, im, (mt_draw_options) { .max_size = side, .project = how, .region = region });
            check_plane(stack, im, (mt_draw_options) { .max_size = 4, .project = how, .region = region });
            for (size_t i = 0; i < 2 && channels > 1; i++)
                for (size_t k = 1; k < 4; k++)
                    check_plane(stack, im,
                                (mt_draw_options) {
                                    .max_size = longest, .project = how, .channels = lists[i], .n_channels = k });
            if (channels == 5)
                check_plane(
                    stack, im,
                    (mt_draw_options) { .max_size = longest, .project = how, .channels = sparse, .n_channels = 3 });
        }
        check_plane(stack, im, (mt_draw_options) { .max_size = longest, .z = &zero });
        check_plane(stack, im, (mt_draw_options) { .max_size = longest, .z = &last });
        mt_stack_close(stack);
    }
}

/* Of labels each pixel has the colour of the one at its centre, also where chunks meet and where none is stored. */
static void labels(void **state)
{
    (void)state;
    for (size_t n = 0; n < IMAGES; n++) {
        const image *im = &images[n];
        const int64_t height = size_along(im, 'Y'), width = size_along(im, 'X'),
                      longest = height > width ? height : width;
        const int64_t sizes[] = { longest, longest - 1, longest / 2 + 1, 3 }, zero = 0;
        mt_stack *stack = open_image(im, n);
        for (int k = 0; k < 4; k++) {
            const mt_draw_options options = { .struct_size = sizeof options,
                                              .max_size = sizes[k],
                                              .palette = MT_PALETTE_LABELS,
                                              .channels = &zero,
                                              .n_channels = 1 };
            mt_picture_info info;
            uint8_t *pixels = draw_plane(stack, &options, &info);
            for (int64_t i = 0; i < info.height * info.width; i++) {
                uint8_t rgb[3], label = (uint8_t)value(im, 0, size_along(im, 'Z') / 2,
                                                       (2 * (i / info.width) + 1) * height / (2 * info.height),
                                                       (2 * (i % info.width) + 1) * width / (2 * info.width));
                mt_label_color(mt_label_key(MT_UINT8, &label, false), rgb);
                assert_memory_equal(pixels + 3 * i, rgb, 3);
            }
            free(pixels);
        }
        mt_stack_close(stack);
    }
}

/* However many channels are drawn, and in which order: what lies in one chunk is read with it. */
static void chunks_are_decoded_once(void **state)
{
    (void)state;
    static const struct {
        int64_t list[4];
        size_t n;
        uint64_t chunks; /* along C, of two channels each */
    } cases[] = { { { 0 }, 1, 1 },          { { 1, 0 }, 2, 1 },       { { 4, 0 }, 2, 2 },      { { 0, 1, 2 }, 3, 2 },
                  { { 3, 3, 2, 2 }, 4, 1 }, { { 4, 3, 2, 1 }, 4, 3 }, { { 0, 2, 4, 0 }, 4, 3 } };
    const image *im = &images[0];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_counters before, counters;
        mt_stack *stack = open_image(im, 0);
        mt_context_get_counters(context, &before);
        const mt_draw_options options = { .struct_size = sizeof options,
                                          .channels = cases[i].list,
                                          .n_channels = cases[i].n };
        free(draw_plane(stack, &options, NULL));
        mt_context_get_counters(context, &counters);
        assert_int_equal(counters.chunks_decoded - before.chunks_decoded, cases[i].chunks * 3 * 3);
        assert_int_equal(counters.cache_hits, before.cache_hits);
        mt_stack_close(stack);
    }
}

/* With this many channels a block has 512 pixels, here 2 rows of four chunks: the region is projected in four. */
static void a_projection_in_small_blocks(void **state)
{
    (void)state;
    enum { MOST = 32768 };
    static const image im = { "ZYX", { 1, 1, 4, 270 }, { 1, 1, 2, 60 }, 4, 30, 0 };
    static int64_t list[MOST];
    const int64_t region[4] = { 1, 2, 3, 260 };
    int red = 0;
    for (int c = 0; c < MOST; c++)
        red += c % 7 == 0 || c % 7 == 3 || c % 7 == 5 || c % 7 == 6;
    const double contrast[2] = { 0, 255.0 * red };
    const mt_draw_options options = { .struct_size = sizeof options,
                                      .max_size = 9,
                                      .project = MT_PROJECT_MAX,
                                      .region = region,
                                      .channels = list,
                                      .n_channels = MOST,
                                      .contrast = contrast,
                                      .n_contrast = 1 };
    mt_stack *stack = open_image(&im, IMAGES);
    mt_picture_info info;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    double down = 3.0 / (double)info.height, along = 260.0 / (double)info.width;
    for (int64_t i = 0; i < info.height; i++)
        for (int64_t j = 0; j < info.width; j++)
            assert_true(
                fabs(pixels[3 * (i * info.width + j)] - mean_below(&im, &options, region, 0, i, j, down, along)) < 0.6);
    free(pixels);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_and_projections),
        cmocka_unit_test(labels),
        cmocka_unit_test(chunks_are_decoded_once),
        cmocka_unit_test(a_projection_in_small_blocks),
    };
    return cmocka_run_group_tests(tests, make_context, clean);
}
