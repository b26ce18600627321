/* SPDX-License-Identifier: BSD-3-Clause */
/* A decoder of JPEG XR. Source: ITU-T T.832 | ISO/IEC 29199-2.
 *
 * A picture is decoded in rows of macroblocks, of which two are held. The coefficients of a macroblock are read (context,
 * lowpass, highpass), predicted (predict), and stored so that the i-th coefficients of all blocks of a row of blocks lie
 * side by side: there the transform works on as many blocks at a time as the machine can (transform, overlap). Finished
 * rows leave as samples (output).
 *
 * Coefficients are numbers modulo 2^32, so that none overflows, and stand for signed ones. */
#ifndef MT_CODEC_JPEGXR_JPEGXR_H
#define MT_CODEC_JPEGXR_JPEGXR_H

#include "base/env.h"
#include "base/reader.h"
#include "codec/jpegxr/vlc.h"

#define JXR_CHANNELS 16
#define JXR_QUANTISERS 16
#define JXR_LANES 8 /* blocks that are transformed at a time; a row of them has room for as many more */

/* How colors are coded, and what they are when decoded. */
typedef enum jxr_color { JXR_GRAY, JXR_420, JXR_422, JXR_444, JXR_CMYK, JXR_SEPARATE = 6, JXR_RGB, JXR_RGBE } jxr_color;

typedef enum jxr_depth {
    JXR_WHITE_1,
    JXR_8,
    JXR_16,
    JXR_16_SIGNED,
    JXR_16_FLOAT,
    JXR_32,
    JXR_32_SIGNED,
    JXR_32_FLOAT,
    JXR_BLACK_1 = 15
} jxr_depth;

/* What is in the file: everything, or without the last one, two or three of flexbits, highpass and lowpass. */
typedef enum jxr_bands { JXR_ALL, JXR_NO_FLEXBITS, JXR_NO_HIGHPASS, JXR_DC_ONLY } jxr_bands;
enum { JXR_DC, JXR_LP, JXR_HP, JXR_FL, JXR_BANDS };

/* Quantisers of a band: a row of channels for each index. */
typedef struct jxr_quantisers {
    uint32_t step[JXR_QUANTISERS][JXR_CHANNELS];
    uint8_t n, bits; /* of the index in a macroblock; 0: it has none */
} jxr_quantisers;

/* The header of an image plane. */
typedef struct jxr_plane_header {
    jxr_color color;
    jxr_bands bands;
    int channels;
    bool scaled; /* three fractional bits were added */
    uint8_t shift;
    int8_t exponent_bias;
    bool in_tiles[3]; /* quantisers of DC, LP, HP are those of the tile, not those here: */
    jxr_quantisers quantisers[3];
} jxr_plane_header;

typedef struct jxr_header {
    uint32_t width, height;
    jxr_color color;
    jxr_depth depth;
    int overlap;
    bool hd_photo; /* the predecessor, whose overlap is another */
    bool by_frequency, hard_tiles, has_index, trims_flexbits, has_alpha;
    uint32_t tile_columns, tile_rows;
    mt_reader tile_sizes; /* all but the last: of columns, then of rows */
    size_t tile_size_bytes;
    jxr_plane_header planes[2]; /* the second is alpha */
    mt_reader index;            /* of the tiles; offsets count from tiles */
    size_t tiles;
} jxr_header;

/* The packets of a tile: one, or one a band. */
static inline int jxr_packets(const jxr_header *h) { return h->by_frequency ? JXR_BANDS - (int)h->planes[0].bands : 1; }

mt_status jxr_header_read(const uint8_t *stream, size_t size, jxr_header *h, mt_error *err);

/* Quantisers of all channels, index i, in the header of a plane (byte aligned there) or of a tile. halves: chroma steps
 * are half as large. */
void jxr_quantisers_read(jxr_bits *b, const jxr_plane_header *p, bool halves, jxr_quantisers *q, int i);

/* The next offset of the index. False for a tile that is left out. */
bool jxr_index_next(mt_reader *index, uint64_t *offset);

typedef struct jxr_scan {
    uint16_t at[16], total[16];
} jxr_scan;

/* The coefficient at a place of the scan, which moves forward when it is more frequent than the one before. */
static inline unsigned jxr_scan_visit(jxr_scan *scan, unsigned i)
{
    unsigned at = scan->at[i];
    if (++scan->total[i] > scan->total[i - 1]) {
        uint16_t total = scan->total[i];
        scan->total[i] = scan->total[i - 1];
        scan->total[i - 1] = total;
        scan->at[i] = scan->at[i - 1];
        scan->at[i - 1] = (uint16_t)at;
    }
    return at;
}

/* How many low bits of the coefficients of a band are not in the variable-length codes: of luma and of chroma. */
typedef struct jxr_model {
    int32_t state[2];
    uint8_t bits[2];
} jxr_model;

typedef struct jxr_band_codes {
    jxr_vlc first[2], next[2][2], level[2];
} jxr_band_codes;

/* What is learned while a tile is read, of one plane. */
typedef struct jxr_context {
    jxr_vlc count, pattern, dc_level[2];
    jxr_band_codes lp, hp;
    jxr_scan scan_lp, scan_across, scan_down;
    jxr_model models[3];
    int32_t lp_full, lp_empty;
    struct {
        int32_t few, many; /* how many coded blocks there were */
        int state;
    } cbp[2];
    jxr_quantisers quantisers[3];
} jxr_context;

void jxr_context_reset(jxr_context *c, const jxr_plane_header *p, const jxr_codes *codes);
void jxr_context_reset_scans(jxr_scan *scan);
void jxr_context_adapt_lp(jxr_context *c, const jxr_codes *codes);
void jxr_context_adapt_dc(jxr_context *c, const jxr_codes *codes);
void jxr_context_adapt_hp(jxr_context *c, const jxr_codes *codes);
void jxr_model_update(jxr_model *m, int band, const jxr_plane_header *p, const uint32_t counts[2]);

/* The column of tiles that is being read. */
typedef struct jxr_tile {
    uint32_t left, right; /* macroblocks */
    jxr_bits bits[JXR_BANDS];
    unsigned trimmed; /* flexbits */
    jxr_context contexts[2];
} jxr_tile;

/* What macroblocks to the right and below are predicted from, of each channel. */
typedef struct jxr_neighbour {
    uint32_t dc, lp[16];
    uint32_t cbp;
} jxr_neighbour;

typedef struct jxr_grid {
    uint32_t *blocks;
    size_t stride;     /* blocks, with padding */
    int columns, rows; /* blocks of a macroblock: 4 or 2 each */
    size_t across;     /* blocks of a row */
} jxr_grid;

typedef struct jxr_plane {
    const jxr_plane_header *header;
    jxr_grid grids[JXR_CHANNELS];
    jxr_neighbour *above, *here; /* rows, channels of a macroblock side by side */
    uint8_t *above_index, *here_index;
} jxr_plane;

/* A macroblock while it is read. */
typedef struct jxr_block {
    uint32_t x;
    bool first_column, first_row; /* of the tile: nothing to predict from there */
    bool starts_sixteen, ends_sixteen;
    int direction; /* from where highpass is predicted */
    uint8_t lp_index, hp_index;
    uint32_t lp[JXR_CHANNELS][16]; /* of the second transform: DC and LP */
    uint32_t cbp[JXR_CHANNELS];
} jxr_block;

enum { JXR_FROM_LEFT, JXR_FROM_ABOVE, JXR_FROM_NOWHERE };

typedef struct jxr_decoder {
    const jxr_header *header;
    jxr_codes *codes;
    jxr_tile *tiles;
    uint32_t columns, rows; /* macroblocks */
    bool starts_tiles;      /* the row of macroblocks that is being read */
    int n_planes;
    jxr_plane planes[2];
    uint32_t *lines[JXR_CHANNELS + 1]; /* of output: a row of pixels of each channel */
    size_t line_pixels;
    jxr_block block;
} jxr_decoder;

/* Whether channels are luma and two of chroma, rather than alike. */
static inline bool jxr_has_chroma(const jxr_plane_header *p) { return p->color >= JXR_420 && p->color <= JXR_444; }
static inline bool jxr_is_subsampled(const jxr_plane_header *p) { return p->color == JXR_420 || p->color == JXR_422; }

/* The i-th coefficients of a row of blocks of the two rows of macroblocks: the i-th row of 16 behind this. */
static inline uint32_t *jxr_block_row(const jxr_grid *g, uint64_t row)
{
    return g->blocks + (size_t)(row % (2 * (unsigned)g->rows)) * 16 * g->stride;
}

/* Reading of a macroblock. False where it cannot be. */
bool jxr_read_dc(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c);
bool jxr_read_lp(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c);
bool jxr_read_hp(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c, uint32_t row,
                 uint32_t dc[JXR_CHANNELS][16]);

/* Where the coefficients of a block go: each, times a step, to its place in the scan, or without one as they come. */
typedef struct jxr_places {
    jxr_scan *scan;
    uint32_t *to;
    size_t stride;
    uint32_t step;
} jxr_places;

/* Reads a block, of which the coefficients before start are known. Returns how many of the others are not 0: 1 to 15, or
 * 0 where the data is broken. */
unsigned jxr_read_block(jxr_bits *bits, jxr_band_codes *codes, const jxr_codes *all, bool chroma, unsigned start,
                        const jxr_places *places);
unsigned jxr_read_index(jxr_bits *b, unsigned bits);

void jxr_predict_lp(const jxr_plane *p, jxr_block *m);
void jxr_predict_cbp(const jxr_plane *p, jxr_context *c, jxr_block *m);
void jxr_predict_hp(const jxr_grid *g, int direction, uint32_t blocks[16][16]);
void jxr_remember(const jxr_plane *p, const jxr_block *m);

/* From DC and LP to the DC of each block, in place; scaled and of chroma: twice as large. */
void jxr_transform_lp(const jxr_plane_header *p, int channel, uint32_t lp[16]);
/* Coefficients of a macroblock: blocks[k][i] is the k-th one of the i-th block, in rows; their DC are apart. */
void jxr_store_blocks(const jxr_grid *g, uint32_t column, uint32_t row, uint32_t blocks[16][16], const uint32_t dc[16]);

/* All that can be finished once the row of macroblocks was read; row == rows of the picture: the rest. */
void jxr_finish_row(jxr_decoder *d, uint32_t row);

typedef struct jxr_target {
    uint8_t *pixels;
    uint32_t width, height; /* of a window at the top left of the picture */
    size_t row_bytes;
    int samples; /* of a pixel, which is at least as many as there are channels */
} jxr_target;

/* A finished row of macroblocks becomes pixels. */
void jxr_write_row(jxr_decoder *d, uint32_t row, const jxr_target *target);

#define JXR_ALIGNMENT 64

/* How many bytes of memory a decoder needs, aligned as above and zero; MT_E_LIMIT if that is more than the limit. */
mt_status jxr_decoder_size(const jxr_header *h, size_t limit, size_t *out, mt_error *err);
mt_status jxr_decode(const jxr_header *h, void *memory, const jxr_target *target, mt_error *err);

#endif
