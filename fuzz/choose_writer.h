/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of a writer that an input chooses: mostly of an image that can be written. */
#ifndef MT_FUZZ_CHOOSE_WRITER_H
#define MT_FUZZ_CHOOSE_WRITER_H

#include "choose.h"

#include <string.h>

enum { WRITER_DIMS = 5, WRITER_CHANNELS = 8 };

typedef struct writer_choice {
    mt_writer_options options;
    char axes[WRITER_DIMS + 2];
    int ndim;
    int64_t shape[WRITER_DIMS], chunk[WRITER_DIMS], shard[WRITER_DIMS];
    double pixel_size[WRITER_DIMS];
    const char *unit[WRITER_DIMS];
    mt_channel channels[WRITER_CHANNELS];
    const char *name; /* of the file or folder */
} writer_choice;

static inline const char *take_word(choice *c, const char *const *words, int n) { return words[take_below(c, n)]; }

/* Letters, mostly valid. */
static inline void take_axes(choice *c, writer_choice *w)
{
    static const char *const wrong[] = { "XY", "YXT", "", "TTYX", "SYX", "TY", "yx", "ZCYX" };
    int has = take_below(c, 8), n = 0;
    for (int i = 0; i < 3; i++)
        if (has >> i & 1)
            w->axes[n++] = "TCZ"[i];
    memcpy(w->axes + n, "YX", 3);
    w->ndim = n + 2;
    w->options.axes = one_in(c, 64) ? take_word(c, wrong, 8) : one_in(c, 128) ? NULL : w->axes;
}

/* A chunk that the format can have, more often than not. */
static inline int64_t take_chunk(choice *c, const writer_choice *w, int d)
{
    bool is_in_plane = d >= w->ndim - 2;
    const char *format = w->options.format;
    int64_t size = take_size(c, is_in_plane ? 24 : 4);
    if (one_in(c, 6))
        return 0;
    if (one_in(c, 12))
        return MT_WHOLE_AXIS;
    if (strcmp(format, "tiff") == 0)
        return one_in(c, 64) ? size : is_in_plane ? 16 * (1 + size / 12) : 1;
    if (strcmp(format, "npy") == 0)
        return one_in(c, 64) ? size : d == w->ndim - 2 ? size : 0;
    return is_in_plane && one_in(c, 2) ? (size + 1) / 2 * 2 : size;
}

static inline void take_sizes(choice *c, writer_choice *w)
{
    bool is_zarr = strcmp(w->options.format, "zarr") == 0;
    for (int d = 0; d < w->ndim; d++) {
        w->shape[d] = take_wild(c, 256, take_size(c, d >= w->ndim - 2 ? 40 : 4));
        w->chunk[d] = take_wild(c, 256, take_chunk(c, w, d));
        int64_t chunk = w->chunk[d] > 0 && w->chunk[d] < 100 ? w->chunk[d] : 1;
        w->shard[d] = take_wild(c, 64, one_in(c, 8) ? MT_WHOLE_AXIS : one_in(c, 8) ? 0 : chunk * take_size(c, 4));
    }
    w->options.shape = one_in(c, 128) ? NULL : w->shape;
    w->options.chunk_shape = one_in(c, 4) ? NULL : w->chunk;
    w->options.shard_shape = one_in(c, is_zarr ? 2 : 64) ? w->shard : NULL;
    w->options.no_shards = one_in(c, w->options.shard_shape ? 64 : 4);
    w->options.n_levels = one_in(c, 3) ? take_below(c, 6) - 2 : 0;
    if (!is_zarr && w->options.n_levels && strcmp(w->options.format, "npy") == 0)
        w->options.n_levels = one_in(c, 4);
}

static inline void take_words(choice *c, writer_choice *w)
{
    static const char *const codecs[] = { "zstd", "gzip", "blosc-zstd", "blosc-lz4", "lz4", "lzma" };
    static const char *const shuffles[] = { "none", "byte", "bit", "bits" };
    static const char *const methods[] = { "mean", "nearest", "mode", "mean", "mode", "median" };
    static const char *const versions[] = { "0.5", "0.4", "0.4", "0.4", "0.3" };
    bool is_zarr = strcmp(w->options.format, "zarr") == 0;
    const char *codec = w->options.codec = !one_in(c, 4)  ? "none"
                                           : one_in(c, 8) ? NULL
                                                          : take_word(c, codecs, is_zarr ? 6 : 3);
    w->options.codec_level = one_in(c, 4) ? take_below(c, 30) - 8 : 0;
    if (one_in(c, codec && strncmp(codec, "blosc", 5) == 0 ? 2 : 128))
        w->options.shuffle = take_word(c, shuffles, one_in(c, 8) ? 4 : 3);
    if (one_in(c, 2))
        w->options.downsample = take_word(c, methods, one_in(c, 8) ? 6 : 5);
    if (one_in(c, 2))
        w->options.ome = take_word(c, versions, one_in(c, 16) ? 5 : w->options.shard_shape && !one_in(c, 32) ? 1 : 4);
}

static inline void take_metadata(choice *c, writer_choice *w)
{
    static const double sizes[] = { 0, 1, 0.1, 0.25, 2, 5e-3, 1e300, 3, 2e300, -1, (double)NAN, (double)INFINITY };
    static const char *const units[] = {
        "micrometer", "second", "nanometer", "", "furlong", "meter", NULL, "\302\265m"
    };
    static const char *const texts[] = { NULL, "", "a note", "<&\">\n\t'\\", "\302\265 \342\202\254" };
    static const double windows[][2] = { { 0, 100 }, { 0, 65535 }, { -128, 127 }, { 5, 5.5 }, { -1e6, 1e9 } };
    for (int d = 0; d < w->ndim; d++) {
        w->pixel_size[d] = sizes[take_below(c, one_in(c, 48) ? 12 : 8)];
        w->unit[d] = take_word(c, units, 8);
    }
    for (int i = 0; i < WRITER_CHANNELS; i++) {
        w->channels[i] = (mt_channel) { .name = take_word(c, texts, 5) };
        w->channels[i].has_color = one_in(c, 2);
        w->channels[i].rgb[i % 3] = (uint8_t)take_byte(c);
        if ((w->channels[i].has_window = one_in(c, 3)))
            memcpy(w->channels[i].window, windows[take_below(c, 5)], sizeof *windows);
    }
    w->options.pixel_size = one_in(c, 2) ? w->pixel_size : NULL;
    w->options.unit = one_in(c, 2) ? w->unit : NULL;
    w->options.channels = one_in(c, 3) ? w->channels : NULL;
    w->options.note = take_word(c, texts, 5);
    w->options.identity = take_word(c, texts, 3);
    w->options.is_labels = one_in(c, 6);
}

/* An image whose channels are described has no more than described ones. */
static inline void limit_channels(writer_choice *w)
{
    const char *at = w->options.axes ? strchr(w->options.axes, 'C') : NULL;
    if (!w->options.axes || !w->options.shape || (at && w->shape[at - w->options.axes] > WRITER_CHANNELS))
        w->options.channels = NULL;
}

static inline void take_writer(choice *c, writer_choice *w)
{
    static const char *const formats[] = { "zarr", "zarr", "tiff", "npy" };
    static const char *const names[] = {
        "a.zarr", "a.zarr", "a.ome.tif", "a.npy", "a.zarr/", "b.tiff", "c.tif", "d.txt"
    };
    int format = take_below(c, 4);
    *w = (writer_choice) { .name = names[format] };
    w->options.format = formats[format];
    take_axes(c, w);
    take_sizes(c, w);
    w->options.dtype = (mt_dtype)take_wild(c, 256, one_in(c, 3) ? take_dtype(c) : MT_UINT8 + (int)(format == 2) * 2);
    take_words(c, w);
    take_metadata(c, w);
    w->options.durability = one_in(c, 16) ? take_below(c, one_in(c, 8) ? 4 : 3) : MT_DURABLE_NEVER;
    w->options.memory = one_in(c, 12) ? (size_t)take_size(c, 4000) : 0;
    w->options.struct_size = take_struct_size(c, sizeof w->options);
    if (one_in(c, 8)) /* the suffix decides, or nothing does */
        w->options.format = one_in(c, 16) ? "nrrd" : NULL;
    if (one_in(c, 16))
        w->name = take_word(c, names, 8);
    limit_channels(w);
}

#endif
