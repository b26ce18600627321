/* SPDX-License-Identifier: BSD-3-Clause */
/* A decoder of JPEG XR. Source: ITU-T T.832 | ISO/IEC 29199-2.
 *
 * A picture is decoded by rows of macroblocks; two rows are in memory. The coefficients of a macroblock are read
 * (context, lowpass, highpass), predicted (predict), and stored with the i-th coefficients of all blocks of a row of
 * blocks side by side, so that transform and overlap are vectorized across blocks. Finished rows are converted to
 * samples (output).
 *
 * Coefficients are signed, but stored as uint32_t, so that arithmetic wraps modulo 2^32 without undefined behaviour. */
#ifndef MT_CODEC_JPEGXR_JPEGXR_H
#define MT_CODEC_JPEGXR_JPEGXR_H

#include "base/env.h"
#include "base/reader.h"
#include "codec/jpegxr/vlc.h"

#define JXR_CHANNELS 16
#define JXR_QUANTISERS 16
#define JXR_LANES 8 /* blocks transformed at a time; also the padding of a row of blocks */

/* Internal and output color formats. */
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

/* The bands in the file: all, or without flexbits, also without highpass, or DC only. */
typedef enum jxr_bands { JXR_ALL, JXR_NO_FLEXBITS, JXR_NO_HIGHPASS, JXR_DC_ONLY } jxr_bands;
enum { JXR_DC, JXR_LP, JXR_HP, JXR_FL, JXR_BANDS };

/* Quantisers of a band. */
typedef struct jxr_quantisers {
    uint32_t step[JXR_QUANTISERS][JXR_CHANNELS]; /* step sizes by index and channel */
    uint8_t n, bits; /* number of quantisers; bits of the index in a macroblock, 0: no index */
} jxr_quantisers;

/* The header of an image plane. */
typedef struct jxr_plane_header {
    jxr_color color;              /* internal color format */
    jxr_bands bands;              /* bands present */
    int channels;                 /* at most JXR_CHANNELS */
    bool scaled;                  /* values have three fractional bits */
    uint8_t shift;                /* left shift of integer samples, in bits */
    int8_t exponent_bias;         /* of float samples */
    bool in_tiles[3];             /* quantisers of DC, LP, HP are in the tiles, not in quantisers */
    jxr_quantisers quantisers[3]; /* of DC, LP, HP */
} jxr_plane_header;

/* The header of a codestream. */
typedef struct jxr_header {
    uint32_t width, height; /* in pixels */
    jxr_color color;        /* output color format */
    jxr_depth depth;        /* output sample type */
    int overlap;            /* number of transforms with overlap: 0 to 2 */
    bool hd_photo;          /* HD Photo, the predecessor of JPEG XR, with a different overlap */
    /* Flags: a packet per band; no overlap between tiles; index of tiles; flexbits trimmed; alpha plane. */
    bool by_frequency, hard_tiles, has_index, trims_flexbits, has_alpha;
    uint32_t tile_columns, tile_rows; /* number of columns and rows of tiles */
    mt_reader tile_sizes;       /* sizes in macroblocks of all columns but the last, then of all rows but the last */
    size_t tile_size_bytes;     /* bytes per size */
    jxr_plane_header planes[2]; /* image; alpha */
    mt_reader index;            /* index of tiles: the stream, positioned; offsets are relative to tiles */
    size_t tiles;               /* offset of the first tile in the stream, in bytes */
} jxr_header;

/* The number of packets of a tile: one, or one per band. */
static inline int jxr_packets(const jxr_header *h) { return h->by_frequency ? JXR_BANDS - (int)h->planes[0].bands : 1; }

mt_status jxr_header_read(const uint8_t *stream, size_t size, jxr_header *h, mt_error *err);

/* Reads the quantisers of all channels at index i, in the header of a plane (byte-aligned) or of a tile. halves: the
 * steps of chroma are half as large. */
void jxr_quantisers_read(jxr_bits *b, const jxr_plane_header *p, bool halves, jxr_quantisers *q, int i);

/* Reads the next offset of the index. False for a missing tile. */
bool jxr_index_next(mt_reader *index, uint64_t *offset);

/* An adaptive scan order. */
typedef struct jxr_scan {
    uint16_t at[16], total[16]; /* coefficient at each place; how often it was not 0 */
} jxr_scan;

/* Returns the coefficient at place i of the scan; moves it forward if it is more frequent than the one before. */
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

/* The number of low bits of coefficients that are not in the variable-length codes, for luma and chroma of a band. */
typedef struct jxr_model {
    int32_t state[2]; /* adaptation state */
    uint8_t bits[2];  /* number of low bits */
} jxr_model;

/* The adaptive codes of a band. */
typedef struct jxr_band_codes {
    jxr_vlc first[2], next[2][2], level[2]; /* the first index is 0 for luma, 1 for chroma */
} jxr_band_codes;

/* The adaptive state of one plane of a tile. */
typedef struct jxr_context {
    jxr_vlc count, pattern, dc_level[2];      /* codes of block counts, of block patterns, of DC (luma, chroma) */
    jxr_band_codes lp, hp;                    /* codes of lowpass and highpass */
    jxr_scan scan_lp, scan_across, scan_down; /* scans of lowpass, and of highpass by direction of prediction */
    jxr_model models[3];                      /* of DC, LP, HP */
    int32_t lp_full, lp_empty; /* adaptive counters of macroblocks with all, and without any, channels coded */
    /* Prediction of coded block patterns, for luma and chroma. */
    struct {
        int32_t few, many; /* adaptive counters of patterns with few, and with many, coded blocks */
        int state;         /* prediction mode */
    } cbp[2];
    jxr_quantisers quantisers[3]; /* of DC, LP, HP */
} jxr_context;

void jxr_context_reset(jxr_context *c, const jxr_plane_header *p, const jxr_codes *codes);
void jxr_context_reset_scans(jxr_scan *scan);
void jxr_context_adapt_lp(jxr_context *c, const jxr_codes *codes);
void jxr_context_adapt_dc(jxr_context *c, const jxr_codes *codes);
void jxr_context_adapt_hp(jxr_context *c, const jxr_codes *codes);
void jxr_model_update(jxr_model *m, int band, const jxr_plane_header *p, const uint32_t counts[2]);

/* The current tile of a column of tiles. */
typedef struct jxr_tile {
    uint32_t left, right;     /* the macroblock columns [left, right) */
    jxr_bits bits[JXR_BANDS]; /* the packet of each band; without by_frequency, all bands are in the first */
    unsigned trimmed;         /* number of flexbits trimmed */
    jxr_context contexts[2];  /* image; alpha */
} jxr_tile;

/* The values of one channel of a macroblock that predict the macroblocks to the right and below. */
typedef struct jxr_neighbour {
    uint32_t dc, lp[16]; /* DC and lowpass coefficients */
    uint32_t cbp;        /* coded block pattern */
} jxr_neighbour;

/* The coefficients, later values, of one channel in two rows of macroblocks. */
typedef struct jxr_grid {
    uint32_t *blocks;  /* see jxr_block_row */
    size_t stride;     /* distance between the rows of coefficients, in values: blocks and padding */
    int columns, rows; /* blocks of a macroblock across and down: 4 or 2 each */
    size_t across;     /* blocks of a row */
} jxr_grid;

typedef struct jxr_plane {
    const jxr_plane_header *header;    /* borrowed */
    jxr_grid grids[JXR_CHANNELS];      /* of each channel */
    jxr_neighbour *above, *here;       /* previous and current row of macroblocks, channels interleaved */
    uint8_t *above_index, *here_index; /* their quantiser indices of lowpass */
} jxr_plane;

/* The current macroblock. */
typedef struct jxr_block {
    uint32_t x;                        /* column, in macroblocks */
    bool first_column, first_row;      /* at the left, or top, edge of the tile: no prediction from there */
    bool starts_sixteen, ends_sixteen; /* first, or last, of 16 macroblocks: reset scans, or adapt codes */
    int direction;                     /* of the prediction of highpass: JXR_FROM_* */
    uint8_t lp_index, hp_index;        /* quantiser indices */
    uint32_t lp[JXR_CHANNELS][16];     /* DC and LP: coefficients of the second transform */
    uint32_t cbp[JXR_CHANNELS];        /* coded block patterns */
} jxr_block;

enum { JXR_FROM_LEFT, JXR_FROM_ABOVE, JXR_FROM_NOWHERE };

typedef struct jxr_decoder {
    const jxr_header *header;          /* borrowed */
    jxr_codes *codes;                  /* tables of the variable-length codes */
    jxr_tile *tiles;                   /* one for each column of tiles */
    uint32_t columns, rows;            /* size in macroblocks */
    bool starts_tiles;                 /* the current row of macroblocks is the first of its tiles */
    int n_planes;                      /* 1, or 2 with alpha */
    jxr_plane planes[2];               /* image; alpha */
    uint32_t *lines[JXR_CHANNELS + 1]; /* output: a row of pixels of each channel, and a spare row */
    size_t line_pixels;                /* capacity of a line, in pixels */
    jxr_block block;                   /* the current macroblock */
} jxr_decoder;

/* Whether the channels are luma and two of chroma. */
static inline bool jxr_has_chroma(const jxr_plane_header *p) { return p->color >= JXR_420 && p->color <= JXR_444; }
static inline bool jxr_is_subsampled(const jxr_plane_header *p) { return p->color == JXR_420 || p->color == JXR_422; }

/* The coefficients of a row of blocks: 16 rows of stride values, the i-th with the i-th coefficients of all blocks. */
static inline uint32_t *jxr_block_row(const jxr_grid *g, uint64_t row)
{
    return g->blocks + (size_t)(row % (2 * (unsigned)g->rows)) * 16 * g->stride;
}

/* Read the bands of a macroblock. False if the data is corrupt. */
bool jxr_read_dc(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c);
bool jxr_read_lp(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c);
bool jxr_read_hp(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c, uint32_t row,
                 uint32_t dc[JXR_CHANNELS][16]);

/* The destination of the coefficients of a block. */
typedef struct jxr_places {
    jxr_scan *scan; /* order of coefficients; NULL: as they come */
    uint32_t *to;   /* the first coefficient */
    size_t stride;  /* between coefficients, in values */
    uint32_t step;  /* quantiser step: coefficients are multiplied by it */
} jxr_places;

/* Reads a block whose coefficients before start are known. Returns the number of other coefficients that are not 0, 1
 * to 15, or 0 if the data is corrupt. */
unsigned jxr_read_block(jxr_bits *bits, jxr_band_codes *codes, const jxr_codes *all, bool chroma, unsigned start,
                        const jxr_places *places);
unsigned jxr_read_index(jxr_bits *b, unsigned bits);

void jxr_predict_lp(const jxr_plane *p, jxr_block *m);
void jxr_predict_cbp(const jxr_plane *p, jxr_context *c, jxr_block *m);
void jxr_predict_hp(const jxr_grid *g, int direction, uint32_t blocks[16][16]);
void jxr_remember(const jxr_plane *p, const jxr_block *m);

/* Transforms DC and LP to the DC of each block, in place. If scaled, chroma is twice as large. */
void jxr_transform_lp(const jxr_plane_header *p, int channel, uint32_t lp[16]);
/* Stores the coefficients of a macroblock: blocks[k][i] is coefficient k of block i, in row order; dc holds their
 * DC. */
void jxr_store_blocks(const jxr_grid *g, uint32_t column, uint32_t row, uint32_t blocks[16][16], const uint32_t dc[16]);

/* Transforms and smooths all that is complete once a row of macroblocks has been read; row == d->rows: the rest. */
void jxr_finish_row(jxr_decoder *d, uint32_t row);

/* The output: a window at the top left of the picture. */
typedef struct jxr_target {
    uint8_t *pixels;        /* the first pixel */
    uint32_t width, height; /* of the window, in pixels */
    size_t row_bytes;       /* bytes between rows */
    int samples;            /* per pixel, at least the number of channels */
} jxr_target;

/* Converts a finished row of macroblocks to pixels. */
void jxr_write_row(jxr_decoder *d, uint32_t row, const jxr_target *target);

#define JXR_ALIGNMENT 64

/* The bytes of zeroed memory, aligned to JXR_ALIGNMENT, that a decoder needs; MT_E_LIMIT if they exceed limit. */
mt_status jxr_decoder_size(const jxr_header *h, size_t limit, size_t *out, mt_error *err);
mt_status jxr_decode(const jxr_header *h, void *memory, const jxr_target *target, mt_error *err);

#endif
