/* SPDX-License-Identifier: BSD-3-Clause */
/* How an image is read in one call: chosen once, by cost, here and nowhere else. */
#ifndef MT_ENGINE_STRATEGY_H
#define MT_ENGINE_STRATEGY_H

#include "engine/image.h"

typedef enum mt_strategy {
    MT_NOT_CHOSEN,
    MT_BY_ROWS,   /* of raw data, just the rows that are wanted, straight into the patches */
    MT_BY_CHUNKS, /* whole chunks, each once a call; of data in one piece: blocks of rows */
    MT_BY_PARTS   /* if at most half of a chunk is wanted, only that part is decoded */
} mt_strategy;

typedef struct mt_use {
    mt_image *image; /* changed only in what is counted */
    mt_strategy strategy;
    bool keep; /* whole chunks go into the cache */
    bool peek; /* those that are there are taken, though none is kept */
} mt_use;

/* row_cost is the sum of mt_rows_cost over what the call wants of the image, which is added to what calls before have
 * cost. Raw data is kept once reading its rows again and again has cost as much as reading all of it, or at once if the
 * store is slow; until then the system's page cache is enough. */
void mt_strategy_choose(mt_use *use, mt_image *image, uint64_t row_cost);

/* An image that is visited is gone through once: what is read for it would only drive out what will be asked for again. */
void mt_strategy_visit(mt_use *use, mt_image *image);

/* Chunks that are read ahead of time: use->keep is false if the cache would not keep them, and then nothing is read. */
void mt_strategy_ahead(mt_use *use, mt_image *image);

/* Whether mt_strategy_choose needs row_cost. */
bool mt_strategy_needs_cost(const mt_image *image);

#endif
