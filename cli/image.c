/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening an image as the options say, and texts about it. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Sizes between 'x'. Returns where they end, or NULL. */
static const char *parse_shape(const char *text, int64_t *shape, int *ndim)
{
    for (*ndim = 0; *ndim < MT_MAX_DIMS;) {
        char *end;
        errno = 0;
        long long size = strtoll(text, &end, 10);
        if (end == text || errno || size < 0)
            return NULL;
        shape[(*ndim)++] = size;
        if (*end != 'x')
            return end;
        text = end + 1;
    }
    return NULL;
}

static bool parse_raw(const char *text, struct open_options *out)
{
    char type[16];
    size_t n = strcspn(text, ":");
    if (n >= sizeof type || text[n] == 0)
        return false;
    memcpy(type, text, n);
    type[n] = 0;
    out->options.raw_dtype = mt_dtype_from_name(type);
    text = parse_shape(text + n + 1, out->shape, &out->options.raw_ndim);
    if (!out->options.raw_dtype || !text)
        return false;
    if (*text == ':' && text[1] != 'b') {
        char *end;
        out->options.raw_offset = strtoll(text + 1, &end, 10);
        if (end == text + 1 || out->options.raw_offset < 0)
            return false;
        text = end;
    }
    out->options.raw_big_endian = strcmp(text, ":big") == 0;
    return *text == 0 || out->options.raw_big_endian;
}

int open_options_get(struct open_options *out, const struct args *args)
{
    const char *raw = args_get(args, "raw", 0);
    *out = (struct open_options) { .options = { .struct_size = sizeof out->options } };
    out->options.axes = args_get(args, "axes", 0);
    out->options.external_folder = args_get(args, "external-folder", 0);
    out->options.depth_axis = args_get(args, "depth-axis", 0);
    out->options.use_masks = args_count(args, "masks") > 0;
    out->options.map = args_get(args, "use-map", 0);
    if (!raw)
        return EXIT_OK;
    if (!parse_raw(raw, out))
        return usage_error(args, "--raw: \"%s\" is not TYPE:SHAPE[:OFFSET][:big], such as uint16:100x512x512:128", raw);
    out->options.format = "raw";
    out->options.raw_shape = out->shape;
    return EXIT_OK;
}

int image_open(struct image *image, const struct args *args)
{
    mt_error err = MT_ERROR_INIT;
    int64_t threads = 0;
    struct open_options open;
    *image = (struct image) { 0 };
    int status = args_integer(args, "threads", 1, 1024, &threads);
    if (status || (status = open_options_get(&open, args)))
        return status;
    mt_context_options options = { .struct_size = sizeof options, .threads = (unsigned)threads };
    if (mt_context_new(&options, &image->context, &err))
        return report(&err);
    if (mt_stack_open(image->context, args->paths[0], &open.options, &image->stack, &err)) {
        image_close(image);
        return report(&err);
    }
    image->info = mt_stack_get_info(image->stack);
    return EXIT_OK;
}

void note_absent(const mt_stack *stack)
{
    uint64_t absent, present;
    mt_stack_count_chunks(stack, &absent, &present);
    if (absent && !present)
        fprintf(stderr, "microtome: %s: all chunks read (%" PRIu64 ") are absent and read as the fill value\n",
                mt_stack_get_info(stack)->source, absent);
}

void image_close(struct image *image)
{
    mt_stack_close(image->stack);
    mt_context_free(image->context);
    *image = (struct image) { 0 };
}

size_t spatial_count(const mt_stack_info *info) { return (size_t)info->data_ndim - 2; }

int64_t spatial_size(const mt_stack_info *info, size_t d) { return info->data_shape[2 + d]; }

int image_channels(const struct image *image, const struct args *args, const char *name, int64_t **channels, size_t *n)
{
    int64_t count = image->info->data_shape[1];
    const char *text = args_get(args, name, 0);
    size_t most = 1;
    for (const char *c = text; c && *c; c++)
        most += *c == ',' || *c == 'x';
    if (!text)
        most = (size_t)count;
    *channels = need(most, sizeof **channels);
    if (!text) {
        for (size_t c = 0; c < most; c++)
            (*channels)[c] = (int64_t)c;
        *n = most;
        return EXIT_OK;
    }
    int status = args_list(args, name, 0, 0, INT64_MAX, most, *channels, n);
    for (size_t c = 0; !status && c < *n; c++)
        if ((*channels)[c] >= count)
            status =
                usage_error(args, "--%s: there is no channel %" PRId64 "; the image has %" PRId64 ", counted from 0",
                            name, (*channels)[c], count);
    if (status) {
        free(*channels);
        *channels = NULL;
    }
    return status;
}

const char *shape_text(const int64_t *shape, int ndim, char *text, size_t room)
{
    size_t n = 0;
    text[0] = 0;
    for (int d = 0; d < ndim && n < room; d++)
        n += (size_t)snprintf(text + n, room - n, "%s%" PRId64, d ? " x " : "", shape[d]);
    return text;
}

const char *bytes_text(double bytes, char *text, size_t room)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    size_t unit = 0;
    for (; bytes >= 1024 && unit < 6; unit++)
        bytes /= 1024;
    snprintf(text, room, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return text;
}
