/* SPDX-License-Identifier: BSD-3-Clause */
/* TIFF 6.0 and BigTIFF: what the files of this folder share. */
#ifndef MT_FORMAT_TIFF_TIFF_H
#define MT_FORMAT_TIFF_TIFF_H

#include "codec/params.h"
#include "format/format.h"

enum {
    TAG_SUBFILE_TYPE = 254,
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_BITS = 258,
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_FILL_ORDER = 266,
    TAG_DESCRIPTION = 270,
    TAG_STRIP_OFFSETS = 273,
    TAG_SAMPLES = 277,
    TAG_ROWS_PER_STRIP = 278,
    TAG_STRIP_COUNTS = 279,
    TAG_X_RESOLUTION = 282,
    TAG_Y_RESOLUTION = 283,
    TAG_PLANAR = 284,
    TAG_RESOLUTION_UNIT = 296,
    TAG_SOFTWARE = 305,
    TAG_PREDICTOR = 317,
    TAG_TILE_WIDTH = 322,
    TAG_TILE_HEIGHT = 323,
    TAG_TILE_OFFSETS = 324,
    TAG_TILE_COUNTS = 325,
    TAG_SUB_IFDS = 330,
    TAG_SAMPLE_FORMAT = 339,
    TAG_JPEG_TABLES = 347,
    TAG_SUBSAMPLING = 530,
    TAG_IMAGE_DEPTH = 32997,
    TAG_UIC1 = 33628,
    TAG_UIC2 = 33629,
    TAG_UIC4 = 33631,
    TAG_LSM_INFO = 34412,
    TAG_LERC_PARAMETERS = 50674,
    TAG_IMAGEJ_COUNTS = 50838,
    TAG_IMAGEJ_DATA = 50839
};

typedef struct tiff_file {
    mt_env *env;     /* memory, limits and caches */
    mt_store *store; /* that holds the file */
    const char *key; /* of the file in the store; borrowed */
    uint64_t size;   /* bytes of the file */
    bool big_endian; /* of the file's numbers */
    bool big;        /* BigTIFF: offsets of eight bytes */
    uint64_t first;  /* offset of the first directory */
} tiff_file;

/* One entry of a directory: count values of a type, at a place of the file. */
typedef struct tiff_entry {
    uint16_t tag, type; /* as in the file */
    uint64_t count;     /* of values */
    uint64_t offset;    /* of the values, where they do not stand in the entry itself: */
    bool inside;        /* value holds the values */
    uint8_t value[8];   /* raw bytes, in the file's order */
} tiff_entry;

#define TIFF_MAX_ENTRIES 512

typedef struct tiff_ifd {
    int n;                                /* entries in use */
    tiff_entry entries[TIFF_MAX_ENTRIES]; /* in the order of the file */
} tiff_ifd;

/* Whether bytes start as a TIFF does. */
bool tiff_is_magic(const uint8_t *head, size_t size);
/* Reads the header. key is borrowed. */
MT_MUST_CHECK mt_status tiff_open_file(mt_env *env, mt_store *store, const char *key, tiff_file *out, mt_error *err);
MT_MUST_CHECK mt_status tiff_read_ifd(const tiff_file *file, uint64_t offset, tiff_ifd *out, mt_error *err);
/* Only where the next directory lies; 0 for the last. cut may be NULL; else a directory that the file does not hold to
 * its end sets it, and is no error. */
MT_MUST_CHECK mt_status tiff_read_next(const tiff_file *file, uint64_t offset, uint64_t *next, bool *cut,
                                       mt_error *err);
/* For messages; "private" for tags that are not known here. */
const char *tiff_tag_name(uint16_t tag);
const tiff_entry *tiff_find(const tiff_ifd *ifd, uint16_t tag);

/* Values [first, first + n) of an entry of unsigned integers. */
MT_MUST_CHECK mt_status tiff_get_numbers(const tiff_file *file, const tiff_entry *entry, uint64_t first, size_t n,
                                         uint64_t *out, mt_error *err);
/* The first value of a tag, or the default where there is no such tag. */
MT_MUST_CHECK mt_status tiff_get_number(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, uint64_t missing,
                                        uint64_t *out, mt_error *err);
/* The bytes of a tag with a NUL behind them; "" where there is none. */
MT_MUST_CHECK mt_status tiff_get_text(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, mt_arena *arena,
                                      char **out, size_t *size, mt_error *err);
/* The first bytes of a tag, room - 1 at most, with a NUL behind them; "" where there is none, or it
 * lies beyond the end of the file. */
MT_MUST_CHECK mt_status tiff_get_start(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, char *out, size_t room,
                                       mt_error *err);
/* A fraction; 0 where there is none. */
MT_MUST_CHECK mt_status tiff_get_fraction(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, double *out,
                                          mt_error *err);

#define TIFF_LZW 5 /* of Compression */

/* What a directory says of its image, validated. Two pages with equal descriptions can be planes of one image. */
typedef struct tiff_page {
    int64_t width, height, samples;                      /* pixels; samples per pixel */
    int64_t chunk_width, chunk_height;                   /* of tiles, or strips of whole rows */
    int bits;                                            /* per sample */
    int compression, photometric, predictor, fill_order; /* codes of TIFF 6.0 */
    bool planar, tiled, reduced; /* one plane per sample; tiles, not strips; marked as a smaller version */
    bool subsampled;             /* as YCbCr is, where it is not said that it is not */
    bool is_signed, big_endian;  /* sample format; order of stored samples */
    mt_dtype dtype;              /* of a decoded sample */
    uint64_t tables_hash;        /* of the JPEG tables; 0: none */
} tiff_page;

MT_MUST_CHECK mt_status tiff_read_page(const tiff_file *file, const tiff_ifd *ifd, tiff_page *out, mt_error *err);
/* How many values that reads of tags that have many, or more. */
uint64_t tiff_count_values(const tiff_ifd *ifd);
bool tiff_same_page(const tiff_page *a, const tiff_page *b);
/* Whether two pages have pixels of one shape and type, however they are cut and compressed. */
bool tiff_alike(const tiff_page *a, const tiff_page *b);
/* Whether its compression is supported. */
bool tiff_can_decode(const tiff_page *page);
bool tiff_is_raw(const tiff_page *page);

/* Chunks of a page along samples (planar), rows and columns; INT64_MAX for more. */
int64_t tiff_page_chunks(const tiff_page *page);

/* Fills the chain, the byte order and the parameters for chunks like those of a page. */
MT_MUST_CHECK mt_status tiff_set_chain(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd,
                                       const tiff_page *page, mt_error *err);

/* A file whose directories are found one after the other, when they are asked for. Thread-safe. */
typedef struct tiff_chain tiff_chain;

/* In the arena, but for what tiff_chain_free frees. The file is opened when it is first needed. */
MT_MUST_CHECK mt_status tiff_chain_new(mt_env *env, mt_store *store, const char *key, mt_arena *arena, tiff_chain **out,
                                       mt_error *err);
void tiff_chain_free(tiff_chain *chain);
const char *tiff_chain_key(const tiff_chain *chain);
/* *out is NULL where the store has no such file. */
MT_MUST_CHECK mt_status tiff_chain_open(tiff_chain *chain, const tiff_file **out, mt_error *err);
/* Both before the chain is used. For a file that is known to be missing: its key is then a name for users. why is
 * borrowed, or NULL. */
void tiff_chain_set_missing(tiff_chain *chain, const char *why);
/* For a file that was there when it was looked for. */
void tiff_chain_set_expected(tiff_chain *chain);
/* Whether a file was looked for and is not there. why may be NULL. */
bool tiff_chain_is_missing(tiff_chain *chain, const char **why);
/* Whether the last page was found; *n pages were. *cut: another should follow, but the file ends before. */
bool tiff_chain_is_known(tiff_chain *chain, uint64_t *n, bool *cut);
/* The offset of a directory; 0 if the chain or the file ends before. Loops and more pages than max_pages
 * are errors. */
MT_MUST_CHECK mt_status tiff_chain_find(tiff_chain *chain, uint64_t page, uint64_t *offset, mt_error *err);
/* As tiff_chain_open, but *out is NULL if the file has no such page, too. */
MT_MUST_CHECK mt_status tiff_chain_open_page(tiff_chain *chain, uint64_t page, const tiff_file **out, mt_error *err);
/* Reads a directory that is there (else MT_E_CORRUPT). */
MT_MUST_CHECK mt_status tiff_chain_read(tiff_chain *chain, uint64_t page, tiff_ifd *out, mt_error *err);

/* Where a plane lies. */
typedef struct tiff_plane {
    uint32_t file; /* TIFF_NO_FILE: not stored */
    uint32_t page; /* number of the directory in the file */
} tiff_plane;
#define TIFF_NO_FILE UINT32_MAX

/* How planes of one image are cut and compressed, where they are not all alike. */
typedef struct tiff_kinds {
    tiff_page *pages;                /* one of each kind, and */
    uint64_t *first;                 /* the plane that it is */
    size_t n, page_room, first_room; /* kinds; allocated entries of pages and first */
    uint8_t *of;                     /* the kind of each plane */
    size_t of_room;                  /* allocated entries of of */
} tiff_kinds;

#define TIFF_MAX_LEVELS 31

/* An image: dimensions before those of the page, and its planes in C order of them. */
typedef struct tiff_series {
    char axes[MT_MAX_DIMS + 1]; /* of the leading dimensions */
    int64_t shape[MT_MAX_DIMS]; /* of the leading dimensions */
    int ndim;                   /* leading dimensions */
    tiff_page page;             /* what every page is like */
    bool rows_are_z;            /* an x-z scan */
    tiff_kinds *kinds;          /* NULL: all planes are like page */
    uint64_t n_planes;          /* product of shape */
    uint64_t first_page;      /* of the first file: planes are the pages from there on, unless planes says otherwise */
    uint64_t end_page;        /* behind its pages and those of its levels, where they follow each other */
    const tiff_plane *planes; /* NULL, or n_planes of them */
    uint64_t reference;       /* the plane that page was read from */
    bool contiguous;          /* the planes follow on the first one as raw pixels: */
    uint64_t data_offset;     /* of the first, */
    bool one_directory;       /* and the first directory stands for all */
    bool may_end_early;       /* along the first dimension, where acquisition was stopped */
    bool loose_counts;        /* byte counts may reach beyond the file (LSM) */
    int sub_levels;           /* SubIFDs that are levels 1, 2, ...: */
    uint8_t sub_ifds[TIFF_MAX_LEVELS];                 /* index of the SubIFD for each */
    const struct tiff_series *levels[TIFF_MAX_LEVELS]; /* pages of their own for levels 1, 2, ... */
    int n_page_levels;                                 /* entries of levels in use */
    double pixel_size[4];                              /* T, Z, Y, X; 0: not known */
    const char *unit[4];  /* UDUNITS-2 names, in the order of pixel_size; NULL: not known */
    mt_channel *channels; /* NULL, or n_channels */
    size_t n_channels;    /* entries of channels */
    const char *name;     /* that the file gives it, or NULL */
    mt_texts warnings;    /* about this series, for users */
} tiff_series;

#define TIFF_MAX_FILES 65536

/* The images of a file. Immutable once they have been found. */
typedef struct tiff_images {
    mt_arena *arena;      /* of all this */
    tiff_chain **files;   /* the first is the one that was opened, and the container's */
    uint32_t n_files;     /* entries of files in use */
    tiff_series **series; /* in the order of the file */
    size_t n, room;       /* entries in use and allocated */
    size_t preferred;     /* the series that is opened where none is named */
    bool complete;        /* not only the first was looked for */
    const char *document; /* key of the file whose OME-XML describes this one, or NULL */
    uint64_t values;      /* that were read of pages in excess of what these have */
    const char *lost;     /* the file with the OME-XML of this one, which is missing, or NULL */
    mt_texts warnings;    /* about the file and its metadata, for users */
} tiff_images;

/* A file in which images are looked for. */
typedef struct tiff_scan {
    const mt_source *source; /* that was opened */
    tiff_chain *chain;       /* directories of the file */
    const tiff_file *file;   /* that chain has opened */
    mt_arena *scratch;       /* of what is not kept */
    tiff_images *images;     /* the result */
    uint64_t first;          /* the page where the next series starts */
    uint64_t strips;         /* looked at so far for planes in a row */
    uint64_t unfit;          /* planes of a description that does not fit the next pages; 0: none */
} tiff_scan;

/* Finds the images of a file, in its order. Only the first series is looked for where all is false, which can save a
 * walk through all pages. chain is that of the file, and must live as long as the images. */
MT_MUST_CHECK mt_status tiff_find_images(const mt_source *source, tiff_chain *chain, bool all, tiff_images **out,
                                         mt_error *err);
void tiff_images_free(tiff_images *images);

/* tiff_read_page while images are looked for: pages with more values than a page has are read up to a limit. */
MT_MUST_CHECK mt_status tiff_examine_page(tiff_images *images, const tiff_file *file, const tiff_ifd *ifd,
                                          tiff_page *out, mt_error *err);
MT_MUST_CHECK mt_status tiff_add_series(tiff_images *images, tiff_series *series, mt_error *err);

/* Keeps a sentence for users about a series. */
MT_MUST_CHECK mt_status tiff_warn(tiff_images *images, tiff_series *series, mt_error *err, const char *format, ...)
    MT_PRINTF(4, 5);

uint64_t tiff_count_sub_ifds(const tiff_ifd *ifd);
/* Finds the levels of a series among the SubIFDs of a page, the largest first. */
MT_MUST_CHECK mt_status tiff_find_sub_levels(tiff_images *images, const tiff_file *file, const tiff_ifd *ifd,
                                             tiff_series *series, mt_error *err);
/* Leaves out levels of SubIFDs from number count on. */
MT_MUST_CHECK mt_status tiff_limit_sub_levels(tiff_images *images, tiff_series *series, uint64_t count, mt_error *err);
/* The same by what the pages of a series with planes have. */
MT_MUST_CHECK mt_status tiff_compare_sub_levels(tiff_images *images, tiff_series *series, mt_error *err);
/* The series of which pages from first_page on are the next level, or NULL. */
tiff_series *tiff_find_above(const tiff_images *images, const tiff_page *page, uint64_t first_page, uint64_t n_planes);

/* Takes a page as the next plane of a series, all planes before which were taken; *fits is false where it is of another
 * shape or type. */
MT_MUST_CHECK mt_status tiff_take_plane(tiff_images *images, tiff_series *series, uint64_t plane, const tiff_page *page,
                                        bool *fits, mt_error *err);

/* Appends a leading dimension; tiff_add_axis leaves out those of length 1. */
void tiff_keep_axis(tiff_series *series, char axis, int64_t size);
void tiff_add_axis(tiff_series *series, char axis, int64_t size);

/* Shortens the first dimension of a series, and tells of it. */
MT_MUST_CHECK mt_status tiff_cut_frames(tiff_images *images, tiff_series *series, uint64_t frames, mt_error *err);

/* A page of more strips is not looked at for strips that follow each other. */
#define TIFF_MAX_ROW_STRIPS 65536

/* The planes of raw pages that lie one behind the other from the first on, as ImageJ and MetaMorph write them with
 * one directory: *offset is where the first begins, 0 where not even that is in one piece; *planes is how many of them
 * the file has whole. */
MT_MUST_CHECK mt_status tiff_count_row(const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                                       uint64_t *offset, uint64_t *planes, mt_error *err);

/* ImageJ hyperstacks, and what tifffile calls shaped: sets the leading dimensions, n_planes, pixel sizes and channels
 * from the description of the first page; *found tells whether it has one. */
MT_MUST_CHECK mt_status tiff_describe_planes(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series,
                                             bool *found, mt_error *err);

/* Whether tifffile has described a page ("shaped"), and whether a page is then the first of several that are described. */
MT_MUST_CHECK mt_status tiff_has_shape(const tiff_scan *scan, const tiff_ifd *ifd, bool *out, mt_error *err);
MT_MUST_CHECK mt_status tiff_starts_image(const tiff_scan *scan, const tiff_ifd *ifd, const tiff_page *page, bool *out,
                                          mt_error *err);

/* Set the dimensions of all pages of a file, which are alike, where ScanImage or NDTiff has written them down. */
MT_MUST_CHECK mt_status tiff_describe_scanimage(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series,
                                                mt_error *err);
MT_MUST_CHECK mt_status tiff_describe_ndtiff(const tiff_scan *scan, tiff_series *series, mt_error *err);

/* Sets pixel sizes in X and Y that are not known from the resolution of a page, if it is one per cm or inch. */
MT_MUST_CHECK mt_status tiff_find_resolution(const tiff_file *file, const tiff_ifd *ifd, tiff_series *series,
                                             mt_error *err);

/* The images of OME-XML. text is the description of the first page, or a companion file. *found is false where it
 * does not describe the file, which is then read without it. */
MT_MUST_CHECK mt_status tiff_describe_ome(const tiff_scan *scan, const char *text, size_t size, bool *found,
                                          mt_error *err);
bool tiff_is_ome(const char *text);

/* Zeiss LSM and MetaMorph STK, by their tags. */
MT_MUST_CHECK mt_status tiff_describe_lsm(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, bool *found,
                                          mt_error *err);
MT_MUST_CHECK mt_status tiff_describe_stk(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, bool *found,
                                          mt_error *err);

/* Byte counts that cannot be right: 0, or where loose, as much as the pixels and more. */
typedef struct tiff_counts {
    uint64_t file_size, directory; /* which ends what lies before it */
    uint64_t decoded, most;        /* bytes of a whole chunk; encoded at most */
    bool loose;                    /* counts may also be too large (LSM) */
} tiff_counts;
MT_MUST_CHECK mt_status tiff_mend_counts(mt_env *env, const tiff_counts *c, const uint64_t *offsets, uint64_t *sizes,
                                         size_t n, mt_error *err);

/* Keeps a sentence for users of all images of a file. */
MT_MUST_CHECK mt_status tiff_images_warn(tiff_images *images, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);
/* Looks whether files have the pages that planes lie on, if that costs little. */
MT_MUST_CHECK mt_status tiff_count_pages(const tiff_images *images, mt_error *err);
/* Tells in a map what was repaired, and which files and pages of the series are missing. */
MT_MUST_CHECK mt_status tiff_tell(const tiff_images *images, const tiff_series *series, mt_chunk_map *map,
                                  mt_error *err);

/* Fills the map of a level of a series. images must live as long as the map. */
MT_MUST_CHECK mt_status tiff_make_map(const tiff_images *images, const tiff_series *series, int64_t level,
                                      mt_chunk_map *map, mt_error *err);

#endif
