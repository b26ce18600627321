/* SPDX-License-Identifier: BSD-3-Clause */
/* --normalize: by the statistics of the images, or of a file. */
#include "normalize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The order of mt_normalization_kind. */
static const char *const names[] = { "none", "mean-std", "min-max", "quantile", NULL };

/* The largest JSON document that the library reads (mt_limits.max_json_bytes), by default. */
static const size_t most_json = (size_t)64 << 20;

/* LOW,HIGH up to the end or '@'; advances *text. */
static int read_quantiles(struct normalize *out, const char **text, const struct args *args)
{
    char *end;
    bool good = false;
    out->low = strtod(*text, &end);
    if (end != *text && *end == ',') {
        *text = end + 1;
        out->high = strtod(*text, &end);
        good = end != *text && out->low >= 0 && out->low < out->high && out->high <= 1;
    }
    *text = end;
    if (good && (!**text || **text == '@'))
        return EXIT_OK;
    return usage_error(args,
                       "--normalize takes quantile:LOW,HIGH with numbers from 0 to 1, such as "
                       "quantile:0.01,0.99; not '%s'",
                       args_get(args, "normalize", 0));
}

static bool ends_with_json(const char *text)
{
    size_t n = strlen(text);
    return n > 5 && !strcasecmp(text + n - 5, ".json");
}

static int read_kind(struct normalize *out, const char *text, const struct args *args)
{
    size_t length = strcspn(text, ":@");
    int found = word_index(args, "normalization", text, length, names);
    if (found < 0)
        return EXIT_USAGE;
    out->kind = (mt_normalization_kind)found;
    text += length;
    if (*text == ':' && out->kind != MT_NORMALIZE_QUANTILE)
        return usage_error(args, "--normalize %s takes no numbers", names[found]);
    if (*text == ':') {
        text++;
        int status = read_quantiles(out, &text, args);
        if (status)
            return status;
    }
    out->file = *text == '@' ? text + 1 : NULL;
    return EXIT_OK;
}

int normalize_read(struct normalize *out, const struct args *args)
{
    const char *text = args_get(args, "normalize", 0);
    int status = EXIT_OK;
    *out = (struct normalize) { .low = 0.01, .high = 0.99 };
    if (text && ends_with_json(text) && !strchr(text, '@'))
        *out = (struct normalize) { .kind = MT_NORMALIZE_MEAN_STD, .file = text };
    else if (text)
        status = read_kind(out, text, args);
    return status;
}

/* Reads a file to its end; it may be a pipe. The caller frees *text. */
static int read_file(const char *path, char **text, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return failed("%s: %s", path, strerror(errno));
    size_t n, room = 1 << 16;
    *text = need(room, 1);
    *size = 0;
    while (*size <= most_json && (n = fread(*text + *size, 1, room - *size, file)) > 0) {
        *size += n;
        if (*size == room) {
            char *more = need(room *= 2, 1);
            memcpy(more, *text, *size);
            free(*text);
            *text = more;
        }
    }
    bool is_broken = ferror(file);
    fclose(file);
    if (is_broken)
        return failed("%s: it could not be read", path);
    return *size > most_json ? failed("%s: too large for a file of 'microtome stats --json'", path) : EXIT_OK;
}

int statistics_read(mt_context *context, const char *path, mt_statistics **out)
{
    char *text = NULL;
    size_t size = 0;
    mt_error err = MT_ERROR_INIT;
    int status = read_file(path, &text, &size);
    if (!status && mt_statistics_parse(context, text, size, path, out, &err))
        status = report(&err);
    free(text);
    return status;
}

/* The statistics must have as many channels as the images. */
static int check_channels(const mt_statistics *statistics, const char *path, const mt_stack_info *image)
{
    mt_error err = MT_ERROR_INIT;
    mt_statistics_info info = { .struct_size = sizeof info };
    if (mt_statistics_get_info(statistics, &info, &err))
        return report(&err);
    if (info.n_channels == image->data_shape[1])
        return EXIT_OK;
    return failed("%s has the statistics of %" PRId64 " channel%s, and %s has %" PRId64, path, info.n_channels,
                  info.n_channels == 1 ? "" : "s", image->source, image->data_shape[1]);
}

static void show(void *user, uint64_t done, uint64_t total) { progress_show(user, (double)done, (double)total); }

static int measure(const struct normalize *how, const struct images *images, mt_statistics **out)
{
    struct progress progress;
    mt_error err = MT_ERROR_INIT;
    const double quantiles[] = { how->low, how->high };
    const mt_statistics_options options = { .struct_size = sizeof options,
                                            .quantiles = quantiles,
                                            .n_quantiles = how->kind == MT_NORMALIZE_QUANTILE ? 2 : 0,
                                            .allow_missing = 1,
                                            .cancelled = until_interrupted.cancelled,
                                            .progress = show,
                                            .user = &progress };
    progress_start(&progress);
    mt_status st = mt_statistics_new(images->stacks, images->n, &options, out, &err);
    progress_end(&progress);
    return st ? report(&err) : EXIT_OK;
}

int normalize_take(struct normalize *out, const mt_statistics *statistics, const int64_t *channels, size_t n)
{
    out->subtract = need(n, sizeof *out->subtract);
    out->divide = need(n, sizeof *out->divide);
    for (size_t c = 0; c < n; c++) {
        mt_normalization one;
        mt_error err = MT_ERROR_INIT;
        if (mt_statistics_normalization(statistics, out->kind, channels[c], out->low, out->high, &one, &err))
            return report(&err);
        out->subtract[c] = one.subtract;
        out->divide[c] = one.divide;
    }
    return EXIT_OK;
}

int normalize_prepare(struct normalize *out, mt_context *context, const struct images *images, const int64_t *channels,
                      size_t n)
{
    mt_statistics *statistics = NULL;
    int status = out->file ? statistics_read(context, out->file, &statistics) : measure(out, images, &statistics);
    if (!status && out->file)
        status = check_channels(statistics, out->file, mt_stack_get_info(images->stacks[0]));
    if (!status)
        status = normalize_take(out, statistics, channels, n);
    mt_statistics_free(statistics);
    return status;
}

void normalize_free(struct normalize *out)
{
    free(out->subtract);
    free(out->divide);
}
