/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/format.h"

#include "base/suffix.h"

#include <microtome/build.h>

#include <stdio.h>
#include <string.h>

#define MT_FORMAT(name) extern const mt_format mt_format_##name;
#include "format/formats.h"
#undef MT_FORMAT

static const mt_format *const formats[] = {
#define MT_FORMAT(name) &mt_format_##name,
#include "format/formats.h"
#undef MT_FORMAT
};

const char *mt_version(void) { return MT_VERSION; }

/* The i-th format, in probing order. */
static const mt_format *format_at(size_t i) { return i < sizeof formats / sizeof *formats ? formats[i] : NULL; }

const mt_format *mt_format_find(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

int mt_format_folder_kind(size_t i, mt_folder_kind *out)
{
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++)
        if (formats[k]->folder_documents && i-- == 0) {
            *out = (mt_folder_kind) { formats[k]->suffixes, formats[k]->folder_documents };
            return 1;
        }
    return 0;
}

const char *mt_format_name(size_t i, const char **title, const char **suffixes)
{
    const mt_format *format = format_at(i);
    if (format && title)
        *title = format->title;
    if (format && suffixes)
        *suffixes = format->suffixes;
    return format ? format->name : NULL;
}

static mt_status unknown_format(const char *asked, mt_error *err)
{
    char names[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", formats[i]->name);
    return mt_fail(err, MT_E_ARGUMENT, "no format is called \"%s\"; there are %s", asked, names);
}

static mt_status refuse_content(const mt_source *source, mt_error *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (mt_has_suffix(source->name, strlen(source->name), formats[i]->suffixes))
            return mt_fail(err, MT_E_NOT_AN_IMAGE, "the name is of a known format, but the content is not");
    return mt_fail(err, MT_E_NOT_AN_IMAGE, "neither content nor name is of a known format");
}

mt_status mt_format_probe(const mt_source *source, const mt_format **out, mt_error *err)
{
    const char *asked = source->options->format;
    *out = NULL;
    if (asked) {
        *out = mt_format_find(asked);
        return *out ? MT_OK : unknown_format(asked, err);
    }
    int best = 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats && best < 2; i++) {
        int score = 0;
        mt_status st = formats[i]->probe(source, &score, err);
        if (st)
            return st;
        if (score > best) {
            best = score;
            *out = formats[i];
        }
    }
    if (*out)
        return MT_OK;
    mt_status st = mt_format_refuse_known(source, err);
    if (st)
        return st;
    if (!source->folder)
        return refuse_content(source, err);
    return mt_fail(err, MT_E_NOT_AN_IMAGE, "the %s",
                   source->store->is_archive ? "archive holds no image there: name a member, as in a.zip/image.tif"
                                             : "folder is not an image of a known format");
}
