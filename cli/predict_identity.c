/* SPDX-License-Identifier: BSD-3-Clause */
/* What the pixels of a prediction depend on: an unfinished output is only continued if all this is the same. */
#include "predict.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void write_sizes(FILE *out, const char *what, const int64_t *sizes, size_t n)
{
    fprintf(out, ", %s", what);
    for (size_t d = 0; d < n; d++)
        fprintf(out, "%c%" PRId64, d ? 'x' : ' ', sizes[d]);
}

static void write_tiling(FILE *out, const prediction *p)
{
    static const char *const blends[] = { [MT_BLEND_CROP] = "crop",
                                          [MT_BLEND_LINEAR] = "linear",
                                          [MT_BLEND_HANN] = "hann",
                                          [MT_BLEND_GAUSSIAN] = "gaussian" };
    static const char *const pads[] = { [PAD_ZERO] = "zero", [PAD_MEAN] = "mean", [PAD_REFLECT] = "reflect" };
    const mt_tiling_info *t = mt_tiling_get_info(p->tiling);
    write_sizes(out, "tiles", t->tile, t->n_spatial);
    write_sizes(out, "overlap", t->overlap, t->n_spatial);
    fprintf(out, ", align %" PRId64 ", blend %s, padding %s, batches of %" PRId64 ", scale %d/%d", t->align,
            blends[p->blend], pads[p->pad], p->batch_size, p->up, p->down);
}

static void write_normalize(FILE *out, const char *what, const struct normalize *n, size_t channels)
{
    for (size_t c = 0; c < channels && n->divide; c++)
        fprintf(out, "%s (x - %.9g) / %.9g", c ? "," : what, (double)n->subtract[c], (double)n->divide[c]);
}

/* The size and the hash FNV-1a (64 bits) of a file of the network. */
static int write_file(FILE *out, const char *path)
{
    unsigned char bytes[1 << 14];
    uint64_t hash = 0xcbf29ce484222325u, size = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return failed("--network: %s: %s", path, strerror(errno));
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0; size += n)
        for (size_t i = 0; i < n; i++)
            hash = (hash ^ bytes[i]) * 0x100000001b3u;
    bool is_broken = ferror(file);
    fclose(file);
    if (is_broken)
        return failed("--network: %s could not be read", path);
    const char *slash = strrchr(path, '/');
    fprintf(out, ", file %s of %" PRIu64 " bytes with hash %016" PRIx64, slash ? slash + 1 : path, size, hash);
    return EXIT_OK;
}

static int write_network(FILE *out, const prediction *p)
{
    int status = EXIT_OK;
    const char *command = args_get(p->args, "pipe", 0);
    for (size_t i = 0; i < args_count(p->args, "network") && !status; i++)
        status = write_file(out, args_get(p->args, "network", i));
    if (command)
        fprintf(out, ", command %s", command);
    else
        fputs(", identity", out);
    return status;
}

int prediction_identify(prediction *p)
{
    static const char *const names[] = { "sample",          "channels", "axes",   "raw",
                                         "external-folder", "masks",    "scaled", "merge-tiles" };
    size_t size;
    FILE *out = open_memstream(&p->out.identity, &size);
    if (!out)
        return failed("out of memory");
    int status = identify_input(out, p->images.stacks[0]);
    if (!status) {
        identify_options(out, p->args, names, sizeof names / sizeof *names);
        write_tiling(out, p);
        write_normalize(out, ", normalized", &p->normalize, p->n_channels);
        write_normalize(out, ", inverse of", &p->inverse, (size_t)p->n_outputs);
        status = write_network(out, p);
    }
    if (fclose(out) && !status)
        status = failed("out of memory");
    p->out.options.identity = p->out.identity;
    return status;
}
