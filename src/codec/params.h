/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of the codecs that have any; the others take NULL. */
#ifndef MT_CODEC_PARAMS_H
#define MT_CODEC_PARAMS_H

#include <microtome/dtype.h>

#include <stdbool.h>
#include <stdint.h>

/* "shuffle", "byteswap" */
typedef struct mt_element_params {
    size_t element_size;
} mt_element_params;

/* A type as stored: what NumPy writes as "<i2". */
typedef struct mt_stored_type {
    mt_dtype dtype;
    bool big_endian;
} mt_stored_type;

/* "delta" (differences of type astype), "astype" and "quantize" (encoded as astype), "fixedscaleoffset":
 * decoded = encoded / scale + offset. */
typedef struct mt_filter_params {
    mt_stored_type dtype;  /* decoded */
    mt_stored_type astype; /* encoded */
    double offset, scale;  /* fixedscaleoffset only */
} mt_filter_params;

/* "crc32c", "crc32", "adler32", "fletcher32": where the checksum of four bytes stands. */
typedef struct mt_checksum_params {
    bool at_start;
} mt_checksum_params;

/* "lzma": the format as Python's lzma module numbers it: 0 found out, 1 xz, 2 alone, 3 raw. The filters of raw: */
#define MT_MAX_LZMA_FILTERS 4
typedef struct mt_lzma_params {
    int format;
    int n_filters;
    struct {
        uint64_t id;         /* of liblzma: LZMA_FILTER_* */
        uint32_t dict_size;  /* of LZMA1 and LZMA2; 0: that of preset 6 */
        uint32_t lc, lp, pb; /* of LZMA1 */
        uint32_t distance;   /* of delta */
    } filters[MT_MAX_LZMA_FILTERS];
} mt_lzma_params;

/* TIFF: rows of width * samples elements. */
typedef struct mt_row_params {
    int64_t width;   /* pixels */
    int64_t samples; /* elements a pixel that lie side by side */
    int bits;        /* of an element as stored */
    bool is_signed;  /* "unpack_bits": extend the sign */
    bool big_endian; /* elements as stored, but for "unpack_bits"; they leave in the machine's order */
} mt_row_params;

/* "jpeg", "jpeg2000", "jpegxr", "webp", "lerc": one image a chunk. */
typedef struct mt_picture_params {
    int64_t width, height, samples;
    mt_dtype dtype;
    bool ycbcr;            /* "jpeg": turn YCbCr into RGB; "jpeg2000": components are YCbCr */
    const uint8_t *tables; /* "jpeg": an abbreviated stream with tables, or NULL */
    size_t tables_size;
    bool fits; /* "jpegxr": a picture of another size is cut at the right and bottom, or filled with zeros there */
} mt_picture_params;

/* "szip": as HDF5 hands them to the library. */
typedef struct mt_szip_params {
    uint32_t options, block_pixels, bits, line_pixels;
} mt_szip_params;

/* "nbit": count elements, of each only its low bits. */
typedef struct mt_packed_params {
    bool raw; /* nothing was packed */
    bool is_signed;
    size_t count, element_size;
    uint32_t bits;
    bool big_endian; /* elements when decoded */
} mt_packed_params;

/* "scaleoffset" */
typedef struct mt_scaleoffset_params {
    bool is_float;
    int32_t decimals; /* floats: that many digits behind the point were kept */
    size_t count, element_size;
    bool big_endian; /* elements when decoded */
    bool has_fill;
    uint64_t fill; /* its bits */
} mt_scaleoffset_params;

/* "bgr": at least three samples a pixel */
typedef struct mt_samples_params {
    size_t element_size, samples;
} mt_samples_params;

/* "constant" */
typedef struct mt_constant_params {
    size_t element_size; /* 1 to 8 */
    uint8_t element[8];
} mt_constant_params;

/* "bitshuffle" */
typedef struct mt_bitshuffle_params {
    size_t element_size;
    size_t block;                                                                 /* elements; 0: the default */
    enum { MT_BLOCKS_RAW = 0, MT_BLOCKS_LZ4 = 2, MT_BLOCKS_ZSTD = 3 } compressor; /* of blocks; numbers of the filter */
} mt_bitshuffle_params;

#endif
