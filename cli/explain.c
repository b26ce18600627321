/* SPDX-License-Identifier: BSD-3-Clause */
/* --explain: what the patches cost, and which chunks would suit them. */
#include "patches.h"

#include <inttypes.h>
#include <string.h>

static void print_bytes(const char *what, uint64_t bytes)
{
    char text[32];
    printf("  %-18s%s\n", what, bytes_text((double)bytes, text, sizeof text));
}

/* The chunk that holds a few patches along each axis, and one channel and sample: few bytes are decoded in vain, and
 * few chunks touched. */
static void suggest(const patch_job *job)
{
    int64_t chunk[3];
    char text[96];
    for (size_t d = 0; d < job->n_spatial; d++) {
        int64_t size = 16;
        while (size < job->size[d] && size < INT64_C(1) << 30)
            size *= 2;
        chunk[d] = size < spatial_size(job->image.info, d) ? size : spatial_size(job->image.info, d);
    }
    printf("  Chunks of %s pixels, one channel each, would suit patches of this size: a chunk larger than the\n"
           "  patch is decoded for a few of its pixels, a much smaller one costs a read for little.\n",
           shape_text(chunk, (int)job->n_spatial, text, sizeof text));
}

void explain(const patch_job *job)
{
    mt_counters c;
    mt_context_get_counters(job->image.context, &c);
    double amplification = c.bytes_delivered ? (double)c.bytes_decoded / (double)c.bytes_delivered : 0;
    printf("explained:\n");
    printf("  %-18s%" PRIu64 "\n", "requests", c.patches);
    print_bytes("delivered", c.bytes_delivered);
    printf("  %-18s%" PRIu64 "\n", "ranges fetched", c.ranges);
    print_bytes("bytes fetched", c.bytes_fetched);
    printf("  %-18s%" PRIu64 "\n", "chunks decoded", c.chunks_decoded);
    print_bytes("bytes decoded", c.bytes_decoded);
    printf("  %-18s%" PRIu64 "\n", "chunks not stored", c.chunks_missing);
    printf("  %-18s%" PRIu64 "\n", "cache hits", c.cache_hits);
    print_bytes("peak memory", c.memory_peak);
    printf("  %-18s%.2f (bytes decoded / bytes delivered)\n", "amplification", amplification);
    if (!c.bytes_decoded)
        printf("  Nothing had to be decoded: rows were read straight into the patches.\n");
    else if (amplification <= 2)
        printf("  The chunks suit these patches.\n");
    else
        suggest(job);
}
