/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of outputs, and the texts that belong to them. */
#include "writing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool is_source_dtype(const struct args *args)
{
    const char *name = args_get(args, "dtype", 0);
    return name && !strcmp(name, "source");
}

static int read_dtype(writing *w)
{
    const char *name = args_get(w->args, "dtype", 0);
    if (!name || is_source_dtype(w->args))
        return EXIT_OK;
    w->options.dtype = mt_dtype_from_name(name);
    return w->options.dtype ? EXIT_OK
                            : usage_error(w->args, "--dtype takes a type, such as uint16, or source, not '%s'", name);
}

static int read_durability(writing *w)
{
    static const char *const names[] = {
        [MT_DURABLE_UNITS] = "units", [MT_DURABLE_END] = "end", [MT_DURABLE_NEVER] = "never", NULL
    };
    const char *name = args_get(w->args, "durability", 0);
    int found = name ? word_index(w->args, "durability", name, strlen(name), names) : 0;
    w->options.durability = found;
    return found < 0 ? EXIT_USAGE : EXIT_OK;
}

static int read_levels(writing *w)
{
    const char *text = args_get(w->args, "pyramid", 0);
    int64_t levels = 1;
    int status = text && !strcmp(text, "auto") ? EXIT_OK : args_integer(w->args, "pyramid", 1, 32, &levels);
    w->options.n_levels = text && !strcmp(text, "auto") ? -1 : (int)levels;
    return status;
}

static int read_codec_level(writing *w)
{
    int64_t value = 0;
    int status = args_integer(w->args, "codec-level", 1, 100, &value);
    w->options.codec_level = (int)value;
    return status;
}

/* "2/4", counted from 1. */
static int read_part(writing *w)
{
    const char *text = args_get(w->args, "part", 0);
    char *end, *last;
    if (!text)
        return EXIT_OK;
    bool is_number = *text >= '1' && *text <= '9';
    unsigned long long k = is_number ? strtoull(text, &end, 10) : 0;
    is_number = is_number && *end == '/' && end[1] >= '1' && end[1] <= '9';
    unsigned long long n = is_number ? strtoull(end + 1, &last, 10) : 0;
    if (!is_number || *last || k > n || n > UINT32_MAX)
        return usage_error(w->args, "--part takes K/N, part K of N, such as 1/4 to 4/4; not '%s'", text);
    w->part = k - 1;
    w->n_parts = n;
    return EXIT_OK;
}

static int read_claim(writing *w)
{
    int64_t lease = 60;
    int status = args_integer(w->args, "lease", 1, 1000000, &lease);
    if (status || !args_count(w->args, "claim"))
        return status || !args_count(w->args, "lease") ? status : usage_error(w->args, "--lease needs --claim");
    if (w->n_parts)
        return usage_error(w->args, "--part and --claim exclude each other");
    if (!writing_is_zarr(w))
        return usage_error(w->args, "--claim shares an OME-Zarr image: OUT ends with .zarr");
    w->lease = lease;
    return EXIT_OK;
}

/* An option named like the member of mt_writer_options whose words it takes. */
static int read_word(writing *w, const char *option, const char *kind, const char **out)
{
    const char *names[16];
    size_t n = 0;
    while (n + 1 < sizeof names / sizeof *names && (names[n] = mt_writer_word(option, n)))
        n++;
    names[n] = NULL;
    *out = args_get(w->args, option, 0);
    return *out && word_index(w->args, kind, *out, strlen(*out), names) < 0 ? EXIT_USAGE : EXIT_OK;
}

static int read_words(writing *w)
{
    mt_writer_options *o = &w->options;
    if (read_word(w, "format", "format", &o->format) || read_word(w, "codec", "codec", &o->codec) ||
        read_word(w, "shuffle", "shuffle", &o->shuffle) || read_word(w, "downsample", "downsampling", &o->downsample) ||
        read_word(w, "ome", "version of OME-Zarr", &o->ome))
        return EXIT_USAGE;
    o->is_labels = args_count(w->args, "labels") > 0;
    o->no_shards = args_count(w->args, "no-shards") > 0;
    if (o->no_shards && args_count(w->args, "shards"))
        return usage_error(w->args, "--shards and --no-shards exclude each other");
    return EXIT_OK;
}

/* Sizes of the last axes; 0 stands for the whole axis. */
static int read_sizes(writing *w, const char *name, int64_t *sizes, const int64_t **out)
{
    size_t n, ndim = strlen(w->axes);
    int64_t given[MT_MAX_DIMS];
    int status = args_list(w->args, name, 0, 0, INT64_MAX, MT_MAX_DIMS, given, &n);
    if (status || n == 0)
        return status;
    if (n < 2 || n > ndim)
        return usage_error(w->args, "--%s takes 2 to %zu sizes, of the last axes of %s, such as 256x256", name, ndim,
                           w->axes);
    for (size_t i = 0; i < n; i++)
        sizes[ndim - n + i] = given[i] == 0 ? MT_WHOLE_AXIS : given[i];
    *out = sizes;
    return EXIT_OK;
}

int writing_read(writing *w, const struct args *args)
{
    *w = (writing) { .args = args, .options = { .struct_size = sizeof w->options } };
    w->path = args->paths[args->n_paths - 1];
    int (*const readers[])(writing *) = { read_words,  read_codec_level, read_dtype, read_durability,
                                          read_levels, read_part,        read_claim };
    int status = EXIT_OK;
    for (size_t i = 0; i < sizeof readers / sizeof *readers && !status; i++)
        status = readers[i](w);
    return status;
}

bool writing_is_shared(const writing *w) { return w->n_parts || w->lease; }

bool writing_is_zarr(const writing *w)
{
    static const char suffix[] = ".zarr";
    size_t n = strlen(w->path), end = n && w->path[n - 1] == '/' ? n - 1 : n, of = strlen(suffix);
    if (w->options.format)
        return strcmp(w->options.format, "zarr") == 0;
    return end >= of && strncasecmp(w->path + end - of, suffix, of) == 0;
}

static void take_sizes(const writing *w, const int64_t *of_image, int64_t *sizes, const int64_t **out)
{
    for (int d = 0; w->axes[d] && of_image; d++) {
        const char *axis = strchr(w->image->axes, w->axes[d]);
        sizes[d] = axis ? of_image[axis - w->image->axes] : 0;
    }
    *out = of_image ? sizes : NULL;
}

static int plan_chunks(writing *w)
{
    int status = EXIT_OK;
    if (w->image) {
        take_sizes(w, w->image->options.chunk_shape, w->chunk, &w->options.chunk_shape);
        take_sizes(w, w->image->options.shard_shape, w->shard, &w->options.shard_shape);
        return status;
    }
    status = read_sizes(w, "chunks", w->chunk, &w->options.chunk_shape);
    return status ? status : read_sizes(w, "shards", w->shard, &w->options.shard_shape);
}

int writing_plan(writing *w)
{
    int status = plan_chunks(w);
    w->options.axes = w->axes;
    w->options.shape = w->shape;
    w->options.note = w->note;
    return status;
}

void writing_free_plan(writing *w)
{
    free(w->identity);
    free(w->note);
}

/* --- Texts. --- */

int identify_input(FILE *out, const mt_stack *stack)
{
    char text[16384];
    mt_error err = MT_ERROR_INIT;
    const mt_stack_info *info = mt_stack_get_info(stack);
    if (mt_stack_identify(stack, text, sizeof text, &err))
        return report(&err);
    fputs(text, out);
    if (info->n_missing)
        fprintf(out, ", %" PRIu64 " missing files or frames filled", info->n_missing);
    return EXIT_OK;
}

void identify_options(FILE *out, const struct args *args, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (args_count(args, names[i])) {
            const char *value = args_get(args, names[i], 0);
            fprintf(out, ", --%s%s%s", names[i], *value ? " " : "", value);
        }
}

void writing_note_missing(writing *w, mt_stack *const *inputs, size_t n, const char *done)
{
    uint64_t missing = 0;
    const mt_stack_info *first = NULL;
    for (size_t i = 0; i < n; i++) {
        const mt_stack_info *info = mt_stack_get_info(inputs[i]);
        missing += info->n_missing;
        first = first || !info->n_missing ? first : info;
    }
    if (!first)
        return;
    size_t room = strlen(first->missing[0]) + 200;
    w->note = need(room, 1);
    snprintf(w->note, room, "%" PRIu64 " %s missing when the image was %s and %s the fill value, the first: %s",
             missing, missing == 1 ? "file or frame was" : "files or frames were", done, missing == 1 ? "has" : "have",
             first->missing[0]);
}
