/* SPDX-License-Identifier: BSD-3-Clause */
/* Small ND2 files for tests. */
#ifndef MT_TEST_ND2_WRITER_H
#define MT_TEST_ND2_WRITER_H

#include "support/support.h"

#include <stdbool.h>

/* A loop of the acquisition. Its type is that of the format: 1 time, 2 positions, 4 Z, 6 spectral, 7 custom, 8 time in
 * phases, each of one time point. */
typedef struct nd2_writer_loop {
    int type;
    uint32_t count;    /* points along it; of a loop with flags, those that are not valid included */
    const char *valid; /* NULL, or '1' or '0' for each position or phase */
    double step;       /* micrometres; of time, milliseconds */
    double range;      /* micrometres from the first plane to the last; of Z only */
} nd2_writer_loop;

typedef struct nd2_writer_spec {
    bool is_old;                  /* version 2: metadata is XML */
    const char *version;          /* NULL: "Ver3.0", or "Ver2.1" if is_old */
    uint32_t width, height;       /* pixels */
    uint32_t components, planes;  /* 0: 1 */
    uint32_t row_bytes;           /* 0: without padding */
    uint32_t bits;                /* of a component; 0: 16 */
    int pixel_type;               /* of the format, plus 1; 0: not stored */
    int compression;              /* of the format, plus 1; 0: not stored */
    uint32_t frames;              /* frames in the file */
    uint32_t counted;             /* frames by the attributes; 0: frames */
    const nd2_writer_loop *loops; /* the slowest first */
    int n_loops;
    bool is_nested_in_phases; /* the second loop lies inside the first phase of the first */
    const uint32_t *skipped;  /* frames that are not stored */
    int n_skipped;
    uint32_t name_bytes; /* of the name of a frame with its padding; 0: 4072 */
    bool is_map_lost, is_metadata_packed, has_times, are_attributes_first;
    bool is_sparse;        /* all frames but the first and the last are holes of the file */
    double counted_planes; /* uiCount of the picture; 0: planes, negative: not stored */
    uint32_t cut;          /* bytes of padding missing at the end of each frame */
    /* positions along X and Y are relative to 1000 and 2000, and Z is 42 in the first frame only */
    bool are_positions_relative;
    bool are_positions_listed; /* by coordinate, without names, as in old files */
} nd2_writer_spec;

/* Writes a file. Pixels are nd2_writer_value. */
void write_nd2(const char *path, const nd2_writer_spec *spec);

/* The value of a component as stored. */
uint32_t nd2_writer_value(uint32_t frame, uint32_t component, uint32_t y, uint32_t x);

#endif
