/* SPDX-License-Identifier: BSD-3-Clause */
#include "drawing.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int show_progress(void *user, double share)
{
    progress_show(user, share, 1);
    return interrupted();
}

/* Parses two numbers separated by a comma. */
static bool read_pair(const char *text, double *pair)
{
    char *end;
    pair[0] = strtod(text, &end);
    if (end == text || *end != ',')
        return false;
    text = end + 1;
    pair[1] = strtod(text, &end);
    return end != text && *end == 0 && isfinite(pair[0]) && isfinite(pair[1]) && pair[0] < pair[1];
}

static int read_contrast(struct drawing *d, const struct args *args)
{
    size_t n = args_count(args, "contrast");
    if (n == 0)
        return EXIT_OK;
    if (n == 1 && !strcmp(args_get(args, "contrast", 0), "auto")) {
        d->options.ignore_windows = 1;
        return EXIT_OK;
    }
    d->contrast = need(n, 2 * sizeof *d->contrast);
    for (size_t i = 0; i < n; i++)
        if (!read_pair(args_get(args, "contrast", i), d->contrast + 2 * i))
            return usage_error(
                args, "--contrast takes two numbers, the smaller one first, such as 100,4000, or auto; not '%s'",
                args_get(args, "contrast", i));
    d->options.contrast = d->contrast;
    d->options.n_contrast = n;
    return EXIT_OK;
}

/* Sets *out to the index of the option's value among n names. */
static int read_choice(const struct args *args, const char *option, const char *const *names, int n, int *out)
{
    const char *text = args_get(args, option, 0);
    char known[64] = "";
    if (!text)
        return EXIT_OK;
    for (int i = 0; i < n; i++) {
        if (*names[i] && !strcmp(text, names[i])) {
            *out = i;
            return EXIT_OK;
        }
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", length ? i == n - 1 ? " or " : ", " : "", names[i]);
    }
    return usage_error(args, "--%s is %s, not '%s'", option, known, text);
}

int drawing_read(struct drawing *d, const struct args *args)
{
    static const char *const projections[] = { "", "max", "mean", "sum" };
    static const char *const palettes[] = { "auto", "channels", "labels" };
    int project = 0, palette = 0;
    *d = (struct drawing) { .drawn = { .struct_size = sizeof d->drawn } };
    d->options = (mt_draw_options) { .struct_size = sizeof d->options,
                                     .progress = show_progress,
                                     .user = &d->progress,
                                     .scale_bar = args_count(args, "scale-bar") > 0,
                                     .legend = args_count(args, "legend") > 0 };
    int status = read_contrast(d, args);
    if (!status)
        status = read_choice(args, "project", projections, 4, &project);
    if (!status)
        status = read_choice(args, "colors", palettes, 3, &palette);
    d->options.project = (mt_projection)project;
    d->options.palette = (mt_palette)palette;
    return status;
}

void drawing_free(struct drawing *d) { free(d->contrast); }

const char *drawing_option(const struct args *args)
{
    static const char *const names[] = { "contrast", "project", "colors", "scale-bar", "legend" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (args_count(args, names[i]))
            return names[i];
    return NULL;
}

static void print_channel(const mt_stack_info *info, int64_t channel, FILE *to)
{
    const char *name = info->channels ? info->channels[channel].name : "";
    if (!*name) {
        fprintf(to, "channel %" PRId64, channel);
        return;
    }
    for (; *name; name++) /* names from files may contain any character */
        fputc((unsigned char)*name < ' ' || *name == 127 ? '?' : *name, to);
}

static void print_contrast(const mt_picture_info *drawn, const mt_stack_info *info, FILE *to)
{
    static const char *const how[] = { " (percentiles 0.1 and 99.9)", " (of the file)", "" };
    if (drawn->contrast_kind == MT_CONTRAST_AS_STORED || drawn->contrast_kind == MT_CONTRAST_LABELS) {
        fprintf(to, "  contrast: %s\n",
                drawn->contrast_kind == MT_CONTRAST_LABELS ? "none, a label image" : "as stored");
        return;
    }
    fprintf(to, "  contrast: ");
    for (int64_t c = 0; c < drawn->channels && c < MT_MOST_COLORS; c++) {
        fprintf(to, c ? "; " : "");
        if (info->data_shape[1] > 1)
            print_channel(info, drawn->channel[c], to);
        fprintf(to, "%s%.6g to %.6g", info->data_shape[1] > 1 ? " " : "", drawn->contrast[c][0], drawn->contrast[c][1]);
    }
    fprintf(to, "%s%s\n", drawn->channels > MT_MOST_COLORS ? "; ..." : "", how[drawn->contrast_kind]);
}

void drawing_print(const struct drawing *d, const mt_stack_info *info, const char *path, FILE *to)
{
    const mt_picture_info *drawn = &d->drawn;
    fprintf(to, "%s: %" PRId64 " x %" PRId64 " pixels (width x height)", !strcmp(path, "-") ? "standard output" : path,
            drawn->width, drawn->height);
    if (drawn->scale < 1)
        fprintf(to, ", shrunk to %.3g %%", 100 * drawn->scale);
    else if (drawn->scale > 1)
        fprintf(to, ", enlarged %.0f times", drawn->scale);
    fputc('\n', to);
    print_contrast(drawn, info, to);
    if (*drawn->scale_bar)
        fprintf(to, "  scale bar: %s%s\n", drawn->scale_bar,
                strstr(drawn->scale_bar, " px") ? " (the pixel size is not known)" : "");
}
