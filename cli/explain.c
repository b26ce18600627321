/* SPDX-License-Identifier: BSD-3-Clause */
/* --explain: the cost of the patches, and a better chunk shape. */
#include "patches.h"

#include <inttypes.h>
#include <string.h>

static void print_bytes(FILE *to, const char *what, uint64_t bytes)
{
    char text[32];
    fprintf(to, "  %-18s%s\n", what, bytes_text((double)bytes, text, sizeof text));
}

void suggest_chunk(const mt_stack_info *info, const int64_t *size, size_t n_spatial, int64_t *chunk)
{
    for (size_t d = 0; d < n_spatial; d++) {
        chunk[d] = 1;
        while (chunk[d] < size[d])
            chunk[d] *= 2;
        if (chunk[d] > spatial_size(info, d))
            chunk[d] = spatial_size(info, d);
    }
}

static void suggest(const patch_job *job, FILE *to)
{
    int64_t chunk[3];
    char text[96], stored[MT_MAX_DIMS * 24];
    const mt_stack_info *info = job->info;
    suggest_chunk(info, job->size, job->n_spatial, chunk);
    if (info->chunk_shape[0])
        fprintf(to, "  The chunks are %s (%s), and each is decoded whole.\n",
                shape_text(info->chunk_shape, info->original_ndim, stored, sizeof stored), info->original_axes);
    fprintf(to,
            "  Chunks of %s pixels of one channel would suit these patches better;\n"
            "  or cut more patches at once: they share decoded chunks.\n",
            shape_text(chunk, (int)job->n_spatial, text, sizeof text));
}

void explain(const patch_job *job, FILE *to)
{
    mt_counters c;
    mt_context_get_counters(job->context, &c);
    double amplification = c.bytes_delivered ? (double)c.bytes_decoded / (double)c.bytes_delivered : 0;
    fprintf(to, "explained:\n");
    fprintf(to, "  %-18s%" PRIu64 "\n", "requests", c.patches);
    print_bytes(to, "delivered", c.bytes_delivered);
    fprintf(to, "  %-18s%" PRIu64 "\n", "ranges fetched", c.ranges);
    print_bytes(to, "bytes fetched", c.bytes_fetched);
    fprintf(to, "  %-18s%" PRIu64 "\n", "chunks decoded", c.chunks_decoded);
    print_bytes(to, "bytes decoded", c.bytes_decoded);
    fprintf(to, "  %-18s%" PRIu64 "\n", "chunks not stored", c.chunks_missing);
    fprintf(to, "  %-18s%" PRIu64 "\n", "cache hits", c.cache_hits);
    print_bytes(to, "peak memory", c.memory_peak);
    fprintf(to, "  %-18s%.2f (bytes decoded / bytes delivered)\n", "amplification", amplification);
    if (!c.bytes_decoded)
        fprintf(to, "  Nothing had to be decoded: rows were read directly into the patches.\n");
    else if (!*job->info->codecs)
        fprintf(to, "  The image is not compressed: whole blocks were read and cached for further patches.\n");
    else if (amplification <= 2)
        fprintf(to, "  The chunks suit these patches.\n");
    else
        suggest(job, to);
}
