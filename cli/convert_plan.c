/* SPDX-License-Identifier: BSD-3-Clause */
/* What is copied where: axes, shape, boxes of the inputs, channels, and the text that identifies all this. */
#include "convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const mt_stack_info *info_of(const conversion *c, size_t i) { return mt_stack_get_info(c->images.stacks[i]); }

static bool has_axis(const mt_stack_info *info, char letter) { return strchr(info->original_axes, letter) != NULL; }

int64_t input_size(const mt_stack_info *info, char letter)
{
    const char *at = strchr(info->original_axes, letter);
    if (letter == 'C')
        return info->data_shape[1];
    if (letter == 'S')
        return info->data_shape[0] / (input_size(info, 'T') ? input_size(info, 'T') : 1);
    return at ? info->original_shape[at - info->original_axes] : 1;
}

int64_t count_samples(const conversion *c, size_t image) { return input_size(info_of(c, image), 'S'); }

/* --- Axes and regions. --- */

static void find_axes(conversion *c)
{
    int n = 0;
    for (const char *letter = "TCZYX"; *letter; letter++)
        if (has_axis(info_of(c, 0), *letter) || *letter == c->join || *letter == 'Y' || *letter == 'X')
            c->out.axes[n++] = *letter;
}

/* The pixels of an input along an axis that are copied. */
static int find_span(const conversion *c, const mt_stack_info *info, char letter, int64_t *from, int64_t *extent)
{
    const char *axis = strchr(REGION_AXES, letter);
    const span *s = axis ? &c->region[axis - REGION_AXES] : NULL;
    int64_t size = input_size(info, letter);
    *from = s && s->is_given ? s->start : 0;
    *extent = s && s->is_given && s->size > 0 ? s->size : size - *from;
    if (*from >= size || *extent > size - *from)
        return size == 0 ? failed("%s has no pixels", info->source)
                         : failed("%s: --region reaches beyond the image, which has %" PRId64 " along %c", info->source,
                                  size, letter);
    return EXIT_OK;
}

/* The position along S. */
static int find_sample(const conversion *c, const mt_stack_info *info, int64_t *out)
{
    int64_t extent;
    int status = find_span(c, info, 'S', out, &extent);
    if (!status && extent != 1)
        status = failed("%s has %" PRId64 " images along S, and an output holds one: choose one, such as --region S=0",
                        info->source, extent);
    return status;
}

/* --region may name only axes that the image has. */
static int check_region(const conversion *c, const mt_stack_info *info)
{
    for (int i = 0; REGION_AXES[i]; i++)
        if (c->region[i].is_given && !has_axis(info, REGION_AXES[i]))
            return failed("%s has no axis %c for --region", info->source, REGION_AXES[i]);
    return EXIT_OK;
}

/* --- Sources: the boxes of the inputs. --- */

/* An input, whose channels from one on are copied to those from another on. */
static int add_source(conversion *c, size_t image, int64_t channel, int64_t n_channels, int64_t to_channel,
                      int64_t joined)
{
    source_box *box = &c->boxes[c->n_sources];
    mt_copy_source *source = &c->sources[c->n_sources++];
    const mt_stack_info *info = info_of(c, image);
    int status = find_sample(c, info, &source->sample);
    for (int d = 0; c->out.axes[d] && !status; d++) {
        bool is_channel = c->out.axes[d] == 'C' && c->join != 'C';
        status = find_span(c, info, c->out.axes[d], &box->from[d], &box->extent[d]);
        if (is_channel) {
            box->from[d] = channel;
            box->extent[d] = n_channels;
        }
        box->to[d] = c->out.axes[d] == c->join ? joined : is_channel ? to_channel : 0;
    }
    source->stack = c->images.stacks[image];
    source->from = box->from;
    source->extent = box->extent;
    source->to = box->to;
    return status;
}

/* One source for each run of channels that follow one another in the input. */
static int add_image(conversion *c, size_t image, const int64_t *channels, size_t n, int64_t joined)
{
    int status = EXIT_OK;
    for (size_t i = 0, end; i < n && !status; i = end) {
        for (end = i + 1; end < n && channels[end] == channels[end - 1] + 1;)
            end++;
        status = add_source(c, image, channels[i], (int64_t)(end - i), (int64_t)i, joined);
    }
    return status;
}

/* All inputs must agree but for the size of the joined axis. */
static int check_alike(const conversion *c, size_t image)
{
    const mt_stack_info *first = info_of(c, 0), *info = info_of(c, image);
    for (const char *letter = "TCZYX"; *letter; letter++)
        if (*letter != c->join && input_size(info, *letter) != input_size(first, *letter))
            return failed("%s has %" PRId64 " along %c, and %s has %" PRId64 ": they cannot be joined along %c",
                          info->source, input_size(info, *letter), *letter, first->source, input_size(first, *letter),
                          c->join);
    if (info->dtype != first->dtype && !c->out.options.dtype)
        return failed("%s is %s, and %s is %s: choose the type with --dtype", info->source, mt_dtype_name(info->dtype),
                      first->source, mt_dtype_name(first->dtype));
    return check_region(c, info);
}

/* Each input has at most as many sources as channels that were asked for. */
static void make_room(conversion *c, size_t n_channels)
{
    size_t n = c->images.n * (args_get(c->args, "channels", 0) ? n_channels : 1);
    c->sources = need(n, sizeof *c->sources);
    c->boxes = need(n, sizeof *c->boxes);
}

static int add_images(conversion *c, const int64_t *channels, size_t n_channels)
{
    const char *join = c->join ? strchr(c->out.axes, c->join) : NULL;
    int64_t joined = 0;
    int status = EXIT_OK;
    make_room(c, n_channels);
    for (size_t i = 0; i < c->images.n && !status; i++) {
        status = check_alike(c, i);
        if (!status)
            status = add_image(c, i, channels, c->join == 'C' ? 1 : n_channels, joined);
        joined += join && !status ? c->boxes[c->n_sources - 1].extent[join - c->out.axes] : 0;
    }
    for (int d = 0; c->out.axes[d] && !status; d++)
        c->out.shape[d] = c->out.axes[d] == c->join ? joined
                          : c->out.axes[d] == 'C'   ? (int64_t)n_channels
                                                    : c->boxes[0].extent[d];
    return status;
}

/* --- Channels. --- */

static void describe_channels(conversion *c, const int64_t *channels, size_t n)
{
    const mt_stack_info *info = info_of(c, 0);
    if (!info->channels || c->join == 'C')
        return;
    c->channels = need(n, sizeof *c->channels);
    for (size_t i = 0; i < n; i++)
        c->channels[i] = info->channels[channels[i]];
}

/* Those of the inputs, one after another, if any of them describes its own. */
static void describe_joined_channels(conversion *c)
{
    size_t n = 0, at = 0;
    bool any = false;
    for (size_t i = 0; i < c->images.n && c->join == 'C'; i++) {
        n += (size_t)info_of(c, i)->data_shape[1];
        any = any || info_of(c, i)->channels;
    }
    if (!any)
        return;
    c->channels = need(n, sizeof *c->channels);
    for (size_t i = 0; i < c->images.n; i++)
        for (int64_t k = 0; k < info_of(c, i)->data_shape[1]; k++)
            c->channels[at++] = info_of(c, i)->channels ? info_of(c, i)->channels[k] : (mt_channel) { .name = "" };
}

/* --- The identity. --- */

static int write_identity(conversion *c)
{
    size_t size;
    FILE *out = open_memstream(&c->out.identity, &size);
    if (!out)
        return failed("out of memory");
    mt_status st = MT_OK;
    for (size_t i = 0; i < c->n_sources && !st; i++) {
        char text[16384];
        mt_error err = MT_ERROR_INIT;
        if (!(st = mt_copy_identify(c->out.axes, &c->sources[i], text, sizeof text, &err)))
            fprintf(out, "%s%s", i ? "\n" : "", text);
        else
            report(&err);
    }
    for (size_t i = 0; i < c->labels.n; i++)
        fprintf(out, "; label image %s", c->labels.names[i]);
    return fclose(out) && !st ? failed("out of memory") : st ? EXIT_FAILED : EXIT_OK;
}

static int plan_channels(conversion *c, const int64_t *channels, size_t n)
{
    find_axes(c);
    int status = add_images(c, channels, n);
    describe_channels(c, channels, n);
    describe_joined_channels(c);
    return status;
}

/* All channels of a label image, else those of --channels. */
static int choose_channels(const conversion *c, int64_t **channels, size_t *n)
{
    const mt_stack_info *info = info_of(c, 0);
    if (!c->is_label)
        return image_channels(info, c->args, channels, n);
    *n = (size_t)info->data_shape[1];
    *channels = need(*n, sizeof **channels);
    for (size_t i = 0; i < *n; i++)
        (*channels)[i] = (int64_t)i;
    return EXIT_OK;
}

int conversion_plan(conversion *c)
{
    int64_t *channels;
    size_t n;
    int status = choose_channels(c, &channels, &n);
    if (status)
        return status;
    status = plan_channels(c, channels, n);
    free(channels);
    if (status || (status = write_identity(c)))
        return status;
    c->out.options.like = c->images.stacks[0];
    c->out.options.channels = c->channels;
    c->out.options.identity = c->out.identity;
    writing_note_missing(&c->out, c->images.stacks, c->images.n, "converted");
    return writing_plan(&c->out);
}
