/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/sink.h"

#include "base/suffix.h"

static const mt_sink_ops *const sinks[] = { &mt_sink_zarr, &mt_sink_tiff, &mt_sink_npy };
enum { N_SINKS = sizeof sinks / sizeof *sinks };

const mt_sink_ops *mt_sink_find(const char *name)
{
    for (int i = 0; i < N_SINKS; i++)
        if (strcmp(sinks[i]->name, name) == 0)
            return sinks[i];
    return NULL;
}

const mt_sink_ops *mt_sink_of_path(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (int i = 0; i < N_SINKS; i++)
        if (mt_has_suffix(path, n, sinks[i]->suffixes))
            return sinks[i];
    return NULL;
}

mt_status mt_sink_add_codec(mt_sink *sink, const char *name, const void *params, mt_error *err)
{
    return mt_chain_add(&sink->chain, mt_codec_find(name), params, err);
}
