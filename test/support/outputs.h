/* SPDX-License-Identifier: BSD-3-Clause */
/* Images that tests write: random pixels, put in random boxes by several threads. */
#ifndef MT_TEST_OUTPUTS_H
#define MT_TEST_OUTPUTS_H

#include "support/contract.h"

#include <stdbool.h>

/* An output. */
typedef struct output {
    const char *axes;
    int64_t shape[5], chunk[5]; /* 0: the defaults */
    mt_dtype dtype;
    const char *codec;
    int n_levels;
    int64_t shard[5]; /* 0: none are asked for */
    const char *ome;
} output;

int output_ndim(const output *o);
size_t output_elements(const output *o);

/* Pixels without NaN (malloc); about a third of the rows are zeros. */
uint8_t *make_output_pixels(const output *o, uint64_t seed);

mt_writer_options output_options(const output *o);

typedef struct output_box {
    int64_t start[5], extent[5];
} output_box;

/* The image cut into boxes of a random size, in random order (malloc). */
output_box *cut_output(const output *o, uint64_t seed, size_t *n);

mt_status put_box(mt_writer *w, const output *o, const uint8_t *pixels, const output_box *box, mt_error *err);

/* Puts the first part of the boxes (1: all), by several threads at once. */
void put_boxes(mt_writer *w, const output *o, const uint8_t *pixels, uint64_t seed, size_t n_threads, double part);

/* A path in the temporary folder, valid until the next call but three. */
const char *output_path(size_t i, const char *what); /* "whatI.ome.tif" */

/* Writes and finishes an image, by several threads. */
void write_output(mt_context *context, const char *path, const output *o, const uint8_t *pixels, uint64_t seed,
                  size_t n_threads);

/* Checks that an image has these pixels, and no warnings. */
void check_output(const char *path, const output *o, const uint8_t *pixels);

/* The checksum of a level. */
void sum_level(const char *path, int level, mt_checksum *out);

void check_same_files(const char *a, const char *b);
bool path_exists(const char *path, const char *suffix);
void remove_tree(const char *path);

#endif
