/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of microtome convert that need no image. */
#include "convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int read_dtype(conversion *c)
{
    const char *name = args_get(c->args, "dtype", 0);
    c->options.dtype = name ? mt_dtype_from_name(name) : 0;
    return !name || c->options.dtype ? EXIT_OK : usage_error(c->args, "--dtype: '%s' is not an element type", name);
}

static int read_durability(conversion *c)
{
    static const char *const names[] = {
        [MT_DURABLE_UNITS] = "units", [MT_DURABLE_END] = "end", [MT_DURABLE_NEVER] = "never", NULL
    };
    const char *name = args_get(c->args, "durability", 0);
    int found = name ? word_index(c->args, "durability", name, strlen(name), names) : 0;
    c->options.durability = found;
    return found < 0 ? EXIT_USAGE : EXIT_OK;
}

static int read_levels(conversion *c)
{
    const char *text = args_get(c->args, "pyramid", 0);
    int64_t levels = 1;
    int status = text && !strcmp(text, "auto") ? EXIT_OK : args_integer(c->args, "pyramid", 1, 32, &levels);
    c->options.n_levels = text && !strcmp(text, "auto") ? -1 : (int)levels;
    return status;
}

static int read_number(conversion *c, const char *name, int *out)
{
    int64_t value = 0;
    int status = args_integer(c->args, name, 1, 100, &value);
    *out = (int)value;
    return status;
}

/* "2/4", counted from 1. */
static int read_part(conversion *c)
{
    const char *text = args_get(c->args, "part", 0);
    char *end, *last;
    if (!text)
        return EXIT_OK;
    bool is_number = *text >= '1' && *text <= '9';
    unsigned long long k = is_number ? strtoull(text, &end, 10) : 0;
    is_number = is_number && *end == '/' && end[1] >= '1' && end[1] <= '9';
    unsigned long long n = is_number ? strtoull(end + 1, &last, 10) : 0;
    if (!is_number || *last || k > n || n > UINT32_MAX)
        return usage_error(c->args, "--part takes a part and their number, such as 1/4 to 4/4; not '%s'", text);
    c->part = k - 1;
    c->n_parts = n;
    return EXIT_OK;
}

/* --- Regions. --- */

/* Reads digits; false if there are none or too many. */
static bool read_digits(const char **text, int64_t *out)
{
    size_t n = strspn(*text, "0123456789");
    if (n == 0 || n > 18)
        return false;
    *out = strtoll(*text, NULL, 10);
    *text += n;
    return true;
}

/* "Z=10:20": from 10 on, 20 of them; "Z=10:": to the end; "Z=10": one. */
static bool read_span(conversion *c, const char **text)
{
    const char *axis = **text ? strchr(REGION_AXES, **text) : NULL;
    span *s = axis ? &c->region[axis - REGION_AXES] : NULL;
    if (!s || s->is_given || (*text)[1] != '=')
        return false;
    *text += 2;
    *s = (span) { .is_given = true, .size = 1 };
    if (!read_digits(text, &s->start))
        return false;
    if (**text != ':')
        return true;
    ++*text;
    s->size = 0;
    return **text == ',' || !**text || (read_digits(text, &s->size) && s->size > 0);
}

static int read_region(conversion *c)
{
    const char *given = args_get(c->args, "region", 0), *text = given;
    bool good = true;
    for (bool more = text; more && good; text++) {
        good = read_span(c, &text) && (!*text || *text == ',');
        more = *text == ',';
    }
    if (!good)
        return usage_error(c->args,
                           "--region takes the first pixel and the number of pixels along axes of STZYX, such as "
                           "Z=10:20,Y=0:512,X=0:512; not '%s'",
                           given);
    return EXIT_OK;
}

static int read_join(conversion *c)
{
    const char *text = args_get(c->args, "join", 0);
    if (!text)
        return EXIT_OK;
    if (!*text || !strchr("TCZS", *text) || text[1])
        return usage_error(c->args, "--join takes an axis, T, C, Z or S, not '%s'", text);
    c->join = *text;
    size_t n = strlen(c->path), suffix = n && c->path[n - 1] == '/' ? 6 : 5;
    const char *format = c->options.format;
    if (c->join == 'S' &&
        (format ? strcmp(format, "zarr") != 0 : n < suffix || strncmp(c->path + n - suffix, ".zarr", 5) != 0))
        return usage_error(c->args, "--join S makes an OME-Zarr collection: OUT ends with .zarr");
    if (c->join == 'C' && args_get(c->args, "channels", 0))
        return usage_error(c->args, "--channels and --join C exclude each other");
    const char *axis = strchr(REGION_AXES, c->join);
    return axis && c->region[axis - REGION_AXES].is_given
               ? usage_error(c->args, "--region cannot cut the axis of --join")
               : EXIT_OK;
}

/* Whole images have checksums. */
static int check_verify(const conversion *c)
{
    static const char *const others[] = { "region", "channels", "join", "dtype", "part" };
    for (size_t i = 0; i < sizeof others / sizeof *others && args_count(c->args, "verify"); i++)
        if (args_count(c->args, others[i]))
            return usage_error(c->args, "--verify compares a whole image with its copy: not with --%s", others[i]);
    return EXIT_OK;
}

static int read_words(conversion *c)
{
    mt_writer_options *o = &c->options;
    o->format = args_get(c->args, "format", 0);
    o->codec = args_get(c->args, "codec", 0);
    o->shuffle = args_get(c->args, "shuffle", 0);
    o->downsample = args_get(c->args, "downsample", 0);
    o->ome = args_get(c->args, "ome", 0);
    o->is_labels = args_count(c->args, "labels") > 0;
    o->no_shards = args_count(c->args, "no-shards") > 0;
    if (o->no_shards && args_count(c->args, "shards"))
        return usage_error(c->args, "--shards and --no-shards exclude each other");
    return EXIT_OK;
}

int conversion_read(conversion *c, const struct args *args)
{
    *c = (conversion) { .args = args, .options = { .struct_size = sizeof c->options } };
    c->path = args->paths[args->n_paths - 1];
    int (*const readers[])(conversion *) = { read_words, read_dtype,  read_durability, read_levels,
                                             read_part,  read_region, read_join };
    int status = read_number(c, "codec-level", &c->options.codec_level);
    for (size_t i = 0; i < sizeof readers / sizeof *readers && !status; i++)
        status = readers[i](c);
    return status ? status : check_verify(c);
}

void conversion_free_plan(conversion *c)
{
    free(c->channels);
    free(c->identity);
    free(c->note);
    free(c->sources);
    free(c->boxes);
}

void conversion_free(conversion *c)
{
    conversion_free_plan(c);
    images_free(&c->images);
    mt_context_free(c->context);
}
