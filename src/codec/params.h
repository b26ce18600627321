/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of codecs. Codecs not listed here take NULL. */
#ifndef MT_CODEC_PARAMS_H
#define MT_CODEC_PARAMS_H

#include <microtome/dtype.h>
#include <microtome/stack.h>

#include <stdbool.h>
#include <stdint.h>

/* "shuffle", "byteswap" */
typedef struct mt_element_params {
    size_t element_size; /* bytes */
} mt_element_params;

/* "zstd". NULL is zero. Decoding needs none. */
typedef struct mt_zstd_params {
    int level;     /* -131072 to 22; 0: 3 */
    bool checksum; /* of the content, at the end of the frame */
} mt_zstd_params;

/* "zlib", "gzip". NULL is zero. Decoding needs none. */
typedef struct mt_level_params {
    int level; /* 1 to 12; 0: 6. zlib itself has no more than 9, and the metadata of some formats allow no more. */
} mt_level_params;

/* "blosc". NULL is zero. Decoding needs none. */
typedef struct mt_blosc_params {
    const char *compressor; /* "lz4", "lz4hc", "blosclz", "zlib", "zstd" or "snappy"; NULL: "lz4" */
    int level;              /* 1 to 9; 0: 5 */
    enum {
        MT_BLOSC_NOSHUFFLE = 0,
        MT_BLOSC_SHUFFLE = 1,
        MT_BLOSC_BITSHUFFLE = 2
    } shuffle;           /* of the bytes or bits of elements; values as in the metadata of Zarr version 2 */
    size_t element_size; /* bytes, up to 255; 0: 1 */
    size_t block;        /* bytes, which the library may enlarge; 0: its choice */
} mt_blosc_params;

/* A type as stored, such as NumPy's "<i2". */
typedef struct mt_stored_type {
    mt_dtype dtype;  /* element type */
    bool big_endian; /* byte order */
} mt_stored_type;

/* "delta" (differences of type astype), "astype" and "quantize" (encoded as astype), "fixedscaleoffset", "scaled":
 * decoded = encoded / scale + offset. */
typedef struct mt_filter_params {
    mt_stored_type dtype;  /* decoded type */
    mt_stored_type astype; /* encoded type */
    double offset, scale;  /* fixedscaleoffset: decoded = encoded / scale + offset; scaled: encoded * scale + offset */
} mt_filter_params;

/* "crc32c", "crc32", "adler32", "fletcher32" */
typedef struct mt_checksum_params {
    bool at_start; /* the checksum precedes the data */
} mt_checksum_params;

/* "lzma" */
#define MT_MAX_LZMA_FILTERS 4
typedef struct mt_lzma_params {
    int format;    /* as in Python's lzma module: 0 auto, 1 xz, 2 alone, 3 raw */
    int n_filters; /* number of filters; for raw only */
    struct {
        uint64_t id;         /* of liblzma: LZMA_FILTER_* */
        uint32_t dict_size;  /* of LZMA1 and LZMA2; 0: that of preset 6 */
        uint32_t lc, lp, pb; /* of LZMA1 */
        uint32_t distance;   /* of delta */
    } filters[MT_MAX_LZMA_FILTERS];
} mt_lzma_params;

/* TIFF, MRC: rows of width * samples elements. */
typedef struct mt_row_params {
    int64_t width;   /* in pixels */
    int64_t samples; /* interleaved elements per pixel */
    int bits;        /* of a stored element */
    bool is_signed;  /* "unpack_bits": extend the sign */
    bool big_endian; /* byte order of stored elements, not for "unpack_bits"; decoded elements are in native order */
    bool low_first;  /* "unpack_bits" of 1, 2 or 4 bits: the first element of a byte has its lowest bits */
} mt_row_params;

/* "jpeg", "jpeg2000", "jpegxr", "webp", "lerc": one image per chunk. */
typedef struct mt_picture_params {
    int64_t width, height, samples; /* in pixels; samples per pixel */
    mt_dtype dtype;                 /* of a sample */
    bool ycbcr;                     /* "jpeg": convert YCbCr to RGB; "jpeg2000": components are YCbCr */
    const uint8_t *tables;          /* "jpeg": an abbreviated stream with tables, or NULL */
    size_t tables_size;             /* bytes of tables */
    bool fits;     /* "jpegxr": an image of another size is cropped, or padded with zeros, at the right and bottom */
    bool headless; /* "jpeg": a chunk is a restart interval of a stream, and tables are the head of a stream with it */
} mt_picture_params;

/* "szip": the filter parameters of HDF5. */
typedef struct mt_szip_params {
    uint32_t options, block_pixels; /* SZIP_* flags; pixels per block */
    uint32_t bits, line_pixels;     /* bits per pixel; pixels per line */
} mt_szip_params;

/* "nbit": elements of which only the low bits are stored. */
typedef struct mt_packed_params {
    bool raw;                   /* not packed */
    bool is_signed;             /* extend the sign */
    size_t count, element_size; /* number of elements; bytes of a decoded element */
    uint32_t bits;              /* stored bits per element */
    bool big_endian;            /* byte order of decoded elements */
} mt_packed_params;

/* "scaleoffset" */
typedef struct mt_scaleoffset_params {
    bool is_float;              /* floats, else integers */
    int32_t decimals;           /* floats: number of decimal places kept */
    size_t count, element_size; /* number of elements; bytes of a decoded element */
    bool big_endian;            /* byte order of decoded elements */
    bool has_fill;              /* the largest number stands for fill */
    uint64_t fill;              /* bits of the fill value */
} mt_scaleoffset_params;

/* "bgr" */
typedef struct mt_samples_params {
    size_t element_size, samples; /* bytes of a sample; samples per pixel, at least 3 */
} mt_samples_params;

/* "constant" */
typedef struct mt_constant_params {
    size_t element_size; /* bytes, 1 to 8 */
    uint8_t element[8];  /* the element, in native byte order */
} mt_constant_params;

/* "bitshuffle" */
typedef struct mt_bitshuffle_params {
    size_t element_size; /* bytes */
    size_t block;        /* elements; 0: the default */
    enum {
        MT_BLOCKS_RAW = 0,
        MT_BLOCKS_LZ4 = 2,
        MT_BLOCKS_ZSTD = 3
    } compressor; /* of blocks; values as in the filter */
} mt_bitshuffle_params;

/* "n5_block" */
typedef struct mt_block_params {
    int ndim;                     /* at least 1 */
    size_t element_size;          /* bytes */
    int64_t extent[MT_MAX_DIMS];  /* of a whole block, the fastest dimension first */
    int64_t least[MT_MAX_DIMS];   /* of this one, at least 1: the part that lies in the array */
    const struct mt_codec *codec; /* of the elements: gzip, zlib, bz2, lzma (xz), n5_lz4, blosc, zstd or jpeg, with no
                                   * parameters of its own; NULL: raw */
} mt_block_params;

#endif
