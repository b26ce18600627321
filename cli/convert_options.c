/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of microtome convert that need no image. */
#include "convert.h"

#include <stdlib.h>
#include <string.h>

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
    if (args_count(c->args, "plate") && (!text || strcmp(text, "S") != 0))
        return usage_error(c->args, "--plate is a kind of collection: it needs --join S");
    if (!text)
        return EXIT_OK;
    if (!*text || !strchr("TCZS", *text) || text[1])
        return usage_error(c->args, "--join takes an axis, T, C, Z or S, not '%s'", text);
    c->join = *text;
    if (c->join == 'S' && !writing_is_zarr(&c->out))
        return usage_error(c->args, "--join S makes an OME-Zarr collection: OUT ends with .zarr");
    if (c->join == 'S' && c->out.lease)
        return usage_error(c->args, "--claim shares one image: share a collection by --part");
    if (c->join == 'C' && args_get(c->args, "channels", 0))
        return usage_error(c->args, "--channels and --join C exclude each other");
    const char *axis = strchr(REGION_AXES, c->join);
    return axis && c->region[axis - REGION_AXES].is_given
               ? usage_error(c->args, "--region cannot cut the axis of --join")
               : EXIT_OK;
}

int conversion_read(conversion *c, const struct args *args)
{
    static const char *const others[] = { "region", "channels", "join", "dtype", "part", "claim" };
    *c = (conversion) { .args = args };
    int status = writing_read(&c->out, args);
    if (!status)
        status = read_region(c);
    if (!status)
        status = read_join(c);
    return status ? status : check_verify(args, others, sizeof others / sizeof *others);
}

void conversion_free_plan(conversion *c)
{
    writing_free_plan(&c->out);
    labels_free(c);
    free(c->channels);
    free(c->sources);
    free(c->boxes);
}

void conversion_free(conversion *c)
{
    conversion_free_plan(c);
    images_free(&c->images);
    mt_context_free(c->context);
}
