/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/codec.h"

#include <microtome/build.h>

#include <string.h>

#define MT_CODEC(name) extern const mt_codec mt_codec_##name;
#include "codec/list.h"
#undef MT_CODEC

static const mt_codec *const codecs[] = {
#define MT_CODEC(name) &mt_codec_##name,
#include "codec/list.h"
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

const char *mt_codec_name(size_t i, const char **build_switch)
{
    const mt_codec *codec = mt_codec_at(i);
    if (codec && build_switch)
        *build_switch = codec->decode ? NULL : codec->build_switch;
    return codec ? codec->name : NULL;
}
