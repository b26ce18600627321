/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/codec.h"

#include <microtome/build.h>

#include <string.h>

#define MT_STEP(name, known_as) extern const mt_codec mt_codec_##name;
#define MT_CODEC(name, title) MT_STEP(name, #name)
#include "codec/list.h"
#undef MT_STEP

static const mt_codec *const codecs[] = {
#define MT_STEP(name, known_as) &mt_codec_##name,
#include "codec/list.h"
#undef MT_STEP
};

static const char *const known[] = {
#define MT_STEP(name, known_as) known_as,
#include "codec/list.h"
#undef MT_STEP
#undef MT_CODEC
};

/* Titles of the listed codecs. The internal steps after them have none. */
static const char *const titles[] = {
#define MT_STEP(name, known_as)
#define MT_CODEC(name, title) title,
#include "codec/list.h"
#undef MT_STEP
#undef MT_CODEC
};

const mt_codec *mt_codec_at(size_t i) { return i < sizeof codecs / sizeof *codecs ? codecs[i] : NULL; }

const mt_codec *mt_codec_find(const char *name)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (strcmp(codecs[i]->name, name) == 0)
            return codecs[i];
    return NULL;
}

const char *mt_codec_known_as(const mt_codec *codec)
{
    size_t i = 0;
    while (codecs[i] != codec)
        i++;
    return known[i];
}

const char *mt_step_known_as(const mt_step *step)
{
    const mt_codec *inner = step->codec->inner ? step->codec->inner(step->params) : NULL;
    return mt_codec_known_as(inner ? inner : step->codec);
}

const char *mt_codec_name(size_t i, const char **build_switch)
{
    const mt_codec *codec = i < sizeof titles / sizeof *titles ? codecs[i] : NULL;
    if (codec && build_switch)
        *build_switch = codec->decode ? NULL : codec->build_switch;
    return codec ? codec->name : NULL;
}

const char *mt_codec_title(size_t i) { return i < sizeof titles / sizeof *titles ? titles[i] : NULL; }
