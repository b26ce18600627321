/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens an image with the options of the command line; formats texts about it. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Parses sizes separated by 'x'. Returns a pointer to their end, or NULL. */
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

/* Axes that fit no image are a usage error. Letters may be followed by sizes. */
static int check_axes(const struct args *args, const char *name)
{
    char letters[32];
    size_t n = 0;
    mt_error err = MT_ERROR_INIT;
    const char *axes = args_get(args, name, 0);
    for (const char *c = axes; c && *c && n < sizeof letters - 1; c++)
        if (*c < '0' || *c > '9')
            letters[n++] = *c;
    letters[n] = 0;
    return axes && mt_axes_check(letters, &err) ? usage_error(args, "--%s: %s", name, err.message) : EXIT_OK;
}

static int check_depth_axis(const struct args *args)
{
    const char *axis = args_get(args, "depth-axis", 0);
    if (!axis || !strcmp(axis, "none") || !strcmp(axis, "Z") || !strcmp(axis, "T"))
        return EXIT_OK;
    return usage_error(args, "--depth-axis is none, Z or T, not '%s'", axis);
}

int open_options_get(struct open_options *out, const struct args *args)
{
    const char *raw = args_get(args, "raw", 0);
    *out = (struct open_options) { .options = { .struct_size = sizeof out->options } };
    out->options.axes = args_get(args, "axes", 0);
    out->options.external_folder = args_get(args, "external-folder", 0);
    out->options.depth_axis = args_get(args, "depth-axis", 0);
    out->options.use_masks = args_count(args, "masks") > 0;
    out->options.scaled = args_count(args, "scaled") > 0;
    out->options.merge_tiles = args_count(args, "merge-tiles") > 0;
    out->options.map = args_get(args, "use-map", 0);
    const char *missing = args_get(args, "missing", 0);
    out->options.missing_is_error = missing && !strcmp(missing, "error");
    if (missing && !out->options.missing_is_error && strcmp(missing, "fill") != 0)
        return usage_error(args, "--missing is error or fill, not '%s'", missing);
    int status = check_axes(args, "axes");
    if (!status)
        status = check_axes(args, "labels-axes");
    if (!status)
        status = check_axes(args, "mask-axes");
    if (!status)
        status = check_depth_axis(args);
    if (status)
        return status;
    if (!raw)
        return EXIT_OK;
    if (!parse_raw(raw, out))
        return usage_error(args, "--raw: \"%s\" is not TYPE:SHAPE[:OFFSET][:big], such as uint16:100x512x512:128", raw);
    out->options.format = "raw";
    out->options.raw_shape = out->shape;
    return EXIT_OK;
}

int context_open(mt_context **out, const struct args *args)
{
    int64_t cache = -1;
    int status = args_size(args, "cache", &cache);
    return status ? status : context_open_sized(out, args, cache < 0 ? 0 : cache ? cache : MT_NO_CACHE);
}

int context_open_sized(mt_context **out, const struct args *args, int64_t bytes)
{
    mt_error err = MT_ERROR_INIT;
    int64_t threads = 0;
    int status = args_integer(args, "threads", 1, 1024, &threads);
    if (status)
        return status;
    mt_context_options options = { .struct_size = sizeof options, .threads = (unsigned)threads, .cache_bytes = bytes };
    return mt_context_new(&options, out, &err) ? report(&err) : EXIT_OK;
}

int image_open(struct image *image, const struct args *args)
{
    mt_error err = MT_ERROR_INIT;
    struct open_options open;
    struct stat found;
    const char *path = args->paths[0];
    *image = (struct image) { 0 };
    int status = open_options_get(&open, args);
    if (status || (status = context_open(&image->context, args)))
        return status;
    mt_status st = mt_stack_open(image->context, path, &open.options, &image->stack, &err);
    if (!st) {
        image->info = mt_stack_get_info(image->stack);
        note_opened(image->info);
        return EXIT_OK;
    }
    image_close(image);
    if (st == MT_E_NOT_AN_IMAGE && !stat(path, &found) && S_ISDIR(found.st_mode))
        return failed("%s; 'microtome info %s' lists the images in this folder", err.message, path);
    return report(&err);
}

int check_level(const mt_stack_info *info, int64_t level)
{
    return level < info->n_levels ? EXIT_OK
                                  : failed("%s: there is no level %" PRId64 "; the image has %d, counted from 0",
                                           info->source, level, info->n_levels);
}

void note_opened(const mt_stack_info *info)
{
    for (size_t i = 0; i < info->n_warnings; i++)
        fprintf(stderr, "microtome: %s: %s\n", info->source, info->warnings[i]);
    if (info->n_missing)
        fprintf(stderr, "microtome: %s: %" PRIu64 " %s as the fill value, the first: %s\n", info->source,
                info->n_missing,
                info->n_missing == 1 ? "file or frame is missing and reads" : "files or frames are missing and read",
                info->missing[0]);
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

int image_index(const mt_stack_info *info, const struct args *args, const char *name, int64_t count, int64_t *out)
{
    int64_t given = *out;
    int status = args_integer(args, name, 0, INT64_MAX, &given);
    if (!status && given >= count)
        status = failed("%s: there is no %s %" PRId64 "; the image has %" PRId64 ", counted from 0", info->source, name,
                        given, count);
    if (!status)
        *out = given;
    return status;
}

static bool is_negative(const char *text) { return text[0] == '-' && strspn(text + 1, "0123456789") > 0; }

/* The channel of a number or name, of n bytes. A number that is too large may be a name, such as 488. */
static int find_channel(const mt_stack_info *info, const char *text, size_t n, int64_t *out)
{
    char name[256];
    mt_error err = MT_ERROR_INIT;
    bool is_number = n < 19 && strspn(text, "0123456789") == n;
    if (is_number) {
        *out = strtoll(text, NULL, 10);
        if (*out < info->data_shape[1])
            return EXIT_OK;
    }
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    if (!mt_channel_find(info, name, out, &err))
        return EXIT_OK;
    if (is_number)
        return failed("%s: there is no channel %s; the image has %" PRId64 ", counted from 0", info->source, name,
                      info->data_shape[1]);
    return failed("%s: %s", info->source, err.message);
}

static int find_channels(const mt_stack_info *info, const struct args *args, int64_t *channels, size_t n)
{
    const char *text = args_get(args, "channels", 0);
    for (size_t i = 0; i < n; i++) {
        size_t length = strcspn(text, ",");
        if (length == 0 || is_negative(text))
            return usage_error(args, "--channels takes numbers from 0 on or names, separated by commas");
        if (find_channel(info, text, length, &channels[i]))
            return EXIT_FAILED;
        text += length + (i + 1 < n);
    }
    return EXIT_OK;
}

int image_channels(const mt_stack_info *info, const struct args *args, int64_t **channels, size_t *n)
{
    const char *text = args_get(args, "channels", 0);
    *n = text ? 1 : (size_t)info->data_shape[1];
    for (const char *c = text; c && *c; c++)
        *n += *c == ',';
    *channels = need(*n, sizeof **channels);
    for (size_t i = 0; i < *n; i++)
        (*channels)[i] = (int64_t)i;
    int status = text ? find_channels(info, args, *channels, *n) : EXIT_OK;
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
