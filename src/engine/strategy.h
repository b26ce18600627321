/* SPDX-License-Identifier: BSD-3-Clause */
/* The strategy for reading an image in one call, chosen once per call, by cost. */
#ifndef MT_ENGINE_STRATEGY_H
#define MT_ENGINE_STRATEGY_H

#include "engine/image.h"

typedef enum mt_strategy {
    MT_NOT_CHOSEN,
    MT_BY_ROWS,   /* raw data: read only the rows needed, directly into the patches */
    MT_BY_CHUNKS, /* whole chunks, each once per call; data in one piece: blocks of rows */
    MT_BY_PARTS   /* if at most half of a chunk is needed, decode only that part */
} mt_strategy;

typedef struct mt_use {
    mt_image *image;      /* only its counters change */
    mt_strategy strategy; /* for this call */
    bool keep;            /* add whole chunks to the cache */
    bool peek;            /* use chunks in the cache, even if keep is false */
} mt_use;

/* row_cost is the sum of mt_rows_cost over the reads of the call, and is added to the cost of earlier calls. Raw data
 * is cached once its reads by rows have cost as much as reading all of it, or at once if the store is slow; until then
 * the page cache suffices. Raw data that is not cached is read by whole chunks if the rows of a call cost more than the
 * image.
 * keep: encoded chunks will be needed again soon (mt_extract_options.keep_chunks). */
void mt_strategy_choose(mt_use *use, mt_image *image, uint64_t row_cost, bool keep);

/* For visits, which read an image once: their chunks are not cached, as they would evict useful ones. */
void mt_strategy_visit(mt_use *use, mt_image *image);

/* For prefetches: use->keep is false if the cache would not keep the chunks; then nothing is read. */
void mt_strategy_ahead(mt_use *use, mt_image *image);

/* Whether mt_strategy_choose needs row_cost. */
bool mt_strategy_needs_cost(const mt_image *image);

#endif
