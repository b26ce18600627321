/* SPDX-License-Identifier: BSD-3-Clause */
/* TIFF 6.0 and BigTIFF: declarations shared by this folder. */
#ifndef MT_FORMAT_TIFF_TIFF_H
#define MT_FORMAT_TIFF_TIFF_H

#include "codec/params.h"
#include "format/format.h"
#include "store/blocks.h"

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
    TAG_IMAGEJ_DATA = 50839,
    TAG_NDPI = 65420,
    TAG_NDPI_STARTS = 65426 /* offset of each restart interval in the stream: behind the head, or behind a marker */
};

typedef struct tiff_file {
    mt_env *env;     /* memory, limits and caches */
    mt_store *store; /* that holds the file */
    const char *key; /* of the file in the store; borrowed */
    uint64_t size;   /* bytes of the file */
    bool big_endian; /* of the file's numbers */
    bool big;        /* BigTIFF: offsets of eight bytes */
    bool ndpi;       /* Hamamatsu NDPI: links of eight bytes, and high words behind them (ifd.c) */
    uint64_t first;  /* offset of the first directory */
} tiff_file;

/* A directory entry. */
typedef struct tiff_entry {
    uint16_t tag, type; /* as in the file */
    uint64_t count;     /* of values */
    uint64_t offset;    /* offset of the values in the file, unless inside */
    bool inside;        /* value holds the values */
    uint8_t value[8];   /* raw bytes, in the file's order */
} tiff_entry;

#define TIFF_MAX_ENTRIES 512

typedef struct tiff_ifd {
    int n;                                /* entries in use */
    tiff_entry entries[TIFF_MAX_ENTRIES]; /* in the order of the file */
} tiff_ifd;

/* Whether bytes start with a TIFF header. */
bool tiff_is_magic(const uint8_t *head, size_t size);
/* Reads the header. key is borrowed. */
MT_MUST_CHECK mt_status tiff_open_file(mt_env *env, mt_store *store, const char *key, tiff_file *out, mt_error *err);
MT_MUST_CHECK mt_status tiff_read_ifd(const tiff_file *file, uint64_t offset, tiff_ifd *out, mt_error *err);
/* Reads only the offset of the next directory; 0 after the last. If cut is not NULL, a truncated directory sets *cut
 * and is not an error. */
MT_MUST_CHECK mt_status tiff_read_next(const tiff_file *file, uint64_t offset, uint64_t *next, bool *cut,
                                       mt_error *err);
/* The name of a tag for messages; "private" if unknown. */
const char *tiff_tag_name(uint16_t tag);
const tiff_entry *tiff_find(const tiff_ifd *ifd, uint16_t tag);

/* Reads the values [first, first + n) of an entry of unsigned integers. */
MT_MUST_CHECK mt_status tiff_get_numbers(const tiff_file *file, const tiff_entry *entry, uint64_t first, size_t n,
                                         uint64_t *out, mt_error *err);
/* The first value of a tag, or missing if there is no such tag. */
MT_MUST_CHECK mt_status tiff_get_number(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, uint64_t missing,
                                        uint64_t *out, mt_error *err);
/* The bytes of a tag, NUL-terminated; "" if there is no such tag. */
MT_MUST_CHECK mt_status tiff_get_text(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, mt_arena *arena,
                                      char **out, size_t *size, mt_error *err);
/* The first bytes of a tag, at most room - 1, NUL-terminated; "" if there is no such tag or it is beyond the end of the
 * file. */
MT_MUST_CHECK mt_status tiff_get_start(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, char *out, size_t room,
                                       mt_error *err);
/* A fraction; 0 if there is no such tag. */
MT_MUST_CHECK mt_status tiff_get_fraction(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, double *out,
                                          mt_error *err);

#define TIFF_LZW 5 /* values of Compression */
#define TIFF_JPEG 7

/* The validated description of the image of a directory. Pages with equal descriptions can be planes of one image. */
typedef struct tiff_page {
    int64_t width, height, samples;                      /* pixels; samples per pixel */
    int64_t chunk_width, chunk_height;                   /* pixels of a tile, or of a strip of whole rows */
    int bits;                                            /* per sample */
    int compression, photometric, predictor, fill_order; /* codes of TIFF 6.0 */
    bool planar, tiled, reduced; /* one plane per sample; tiles, not strips; marked as a smaller version */
    bool subsampled;             /* YCbCr with subsampled chroma */
    bool restarts;               /* the tiles are the restart intervals of the only strip, a JPEG stream (restarts.c) */
    bool is_signed, big_endian;  /* sample format; order of stored samples */
    mt_dtype dtype;              /* of a decoded sample */
    uint64_t tables_hash;        /* FNV-1a of the JPEG tables; 0: none */
} tiff_page;

MT_MUST_CHECK mt_status tiff_read_page(const tiff_file *file, const tiff_ifd *ifd, tiff_page *out, mt_error *err);
/* Upper bound on the values of long tags that tiff_read_page reads. */
uint64_t tiff_count_values(const tiff_ifd *ifd);
bool tiff_same_page(const tiff_page *a, const tiff_page *b);
/* Whether two pages have pixels of equal shape and type, whatever their tiling and compression. */
bool tiff_alike(const tiff_page *a, const tiff_page *b);
/* Whether the compression of a page is supported. */
bool tiff_can_decode(const tiff_page *page);
bool tiff_is_raw(const tiff_page *page);

/* The number of chunks of a page; INT64_MAX on overflow. */
int64_t tiff_page_chunks(const tiff_page *page);

/* Sets the chain and byte order of a map for chunks like those of a page. */
MT_MUST_CHECK mt_status tiff_set_chain(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd,
                                       const tiff_page *page, mt_error *err);

/* NDPI: makes the restart intervals of a page that is one JPEG stream its tiles, if the file locates them. */
MT_MUST_CHECK mt_status tiff_find_restarts(const tiff_file *file, const tiff_ifd *ifd, tiff_page *page, mt_error *err);
/* The head of the stream, changed to that of one tile. */
MT_MUST_CHECK mt_status tiff_read_restart_head(const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                                               mt_arena *arena, const uint8_t **out, size_t *size, mt_error *err);
/* The offsets of n tiles, followed by their sizes. */
MT_MUST_CHECK mt_status tiff_read_restarts(const tiff_file *file, const tiff_ifd *ifd, uint64_t *table, size_t n,
                                           mt_error *err);

/* Refuses a page of an NDPI that is one JPEG stream without usable restart intervals, if that is too large. */
MT_MUST_CHECK mt_status tiff_check_stream(const tiff_file *file, const tiff_page *page, uint64_t decoded,
                                          mt_error *err);

#define TIFF_MOST_FORESEEN 32 /* directories that are prefetched together */

/* A file whose directories are found one after the other, on demand. Thread-safe. */
typedef struct tiff_chain tiff_chain;

/* Allocated in the arena, except what tiff_chain_free frees. The file is opened when it is first needed. */
MT_MUST_CHECK mt_status tiff_chain_new(mt_env *env, mt_store *store, const char *key, mt_arena *arena, tiff_chain **out,
                                       mt_error *err);
void tiff_chain_free(tiff_chain *chain);
const char *tiff_chain_key(const tiff_chain *chain);
/* **out is NULL if the store has no such file. */
MT_MUST_CHECK mt_status tiff_chain_open(tiff_chain *chain, const tiff_file **out, mt_error *err);
/* Marks the file as missing before the chain is used; its key is then a name for users. why is borrowed, or NULL. */
void tiff_chain_set_missing(tiff_chain *chain, const char *why);
/* Marks the file as existing before the chain is used: its absence is then an error. doubt: the failure of the request
 * that looked it up, reported in place of the absence; borrowed, or NULL. */
void tiff_chain_set_expected(tiff_chain *chain, const mt_error *doubt);
/* Whether it was so marked, without a doubt. */
bool tiff_chain_is_expected(const tiff_chain *chain);
/* Whether the file was found to be missing. why may be NULL. */
bool tiff_chain_is_missing(tiff_chain *chain, const char **why);
/* Whether the last page was found; *n is the number of pages found. *cut: another page should follow, but the file is
 * truncated. */
bool tiff_chain_is_known(tiff_chain *chain, uint64_t *n, bool *cut);
/* The offset of a directory; 0 if there are fewer directories or the file is truncated. Loops and more pages than
 * max_pages are errors. */
MT_MUST_CHECK mt_status tiff_chain_find(tiff_chain *chain, uint64_t page, uint64_t *offset, mt_error *err);
/* Chooses at most TIFF_MOST_FORESEEN directories to prefetch on the way to a page, and returns their number. Their
 * offsets are guessed: uncompressed planes lie at equal distances. The caller passes them to mt_blocks_touch. */
size_t tiff_chain_foresee(tiff_chain *chain, uint64_t page, mt_touch *out);
/* As tiff_chain_open, but *out is also NULL if the file has no such page. */
MT_MUST_CHECK mt_status tiff_chain_open_page(tiff_chain *chain, uint64_t page, const tiff_file **out, mt_error *err);
/* Reads a directory. MT_E_CORRUPT if it does not exist. */
MT_MUST_CHECK mt_status tiff_chain_read(tiff_chain *chain, uint64_t page, tiff_ifd *out, mt_error *err);

/* The location of a plane. */
typedef struct tiff_plane {
    uint32_t file; /* TIFF_NO_FILE: not stored */
    uint32_t page; /* number of the directory in the file */
} tiff_plane;
#define TIFF_NO_FILE UINT32_MAX

/* The kinds of planes of an image that differ in tiling or compression. */
typedef struct tiff_kinds {
    tiff_page *pages;                /* description of each kind */
    uint64_t *first;                 /* first plane of each kind */
    size_t n, page_room, first_room; /* kinds; allocated entries of pages and first */
    uint8_t *of;                     /* kind of each plane */
    size_t of_room;                  /* allocated entries of of */
} tiff_kinds;

#define TIFF_MAX_LEVELS 31

/* An image: leading dimensions before those of the page, and its planes in C order of these. */
typedef struct tiff_series {
    char axes[MT_MAX_DIMS + 1]; /* of the leading dimensions */
    int64_t shape[MT_MAX_DIMS]; /* planes along each leading dimension */
    int ndim;                   /* leading dimensions */
    tiff_page page;             /* what every page is like */
    bool rows_are_z;            /* an x-z scan */
    tiff_kinds *kinds;          /* NULL: all planes are like page */
    uint64_t n_planes;          /* product of shape */
    /* page of the first plane in the first file; if planes is NULL, planes are the pages from there on */
    uint64_t first_page;
    uint64_t end_page;                 /* page after those of the series and its levels, if they are consecutive */
    const tiff_plane *planes;          /* location of each plane, or NULL: consecutive pages */
    uint64_t reference;                /* plane from which page was read */
    bool contiguous;                   /* the planes are contiguous raw pixels */
    uint64_t data_offset;              /* offset of the first plane, if contiguous */
    bool one_directory;                /* the first directory describes all planes */
    bool may_end_early;                /* acquisition may have been stopped: the first dimension may be shorter */
    bool loose_counts;                 /* byte counts may reach beyond the file (LSM) */
    int sub_levels;                    /* number of levels in SubIFDs */
    uint8_t sub_ifds[TIFF_MAX_LEVELS]; /* index of the SubIFD for each */
    const struct tiff_series *levels[TIFF_MAX_LEVELS]; /* levels 1, 2, ... that are separate pages */
    int n_page_levels;                                 /* entries of levels in use */
    double pixel_size[4];                              /* T, Z, Y, X; 0: not known */
    const char *unit[4];  /* UDUNITS-2 names, in the order of pixel_size; NULL: not known */
    mt_channel *channels; /* n_channels entries, or NULL */
    size_t n_channels;    /* entries of channels */
    const char *name;     /* name of the image in the file, or NULL */
    mt_texts warnings;    /* about this series, for users */
} tiff_series;

#define TIFF_MAX_FILES 65536

/* The images of a file. Immutable once found. */
typedef struct tiff_images {
    mt_arena *arena;      /* owns everything here */
    tiff_chain **files;   /* the first is the file that was opened, owned by the container */
    uint32_t n_files;     /* entries of files in use */
    tiff_series **series; /* in the order of the file */
    size_t n, room;       /* entries in use and allocated */
    size_t preferred;     /* index of the default series */
    bool complete;        /* all series were searched, not only the first */
    const char *document; /* key of the file that describes this one by OME-XML or as NDTiff.index, or NULL */
    uint64_t values;      /* tag values read beyond the limit per page */
    const char *lost;     /* name of the missing file with the OME-XML of this one, or NULL */
    mt_texts warnings;    /* about the file and its metadata, for users */
} tiff_images;

/* A search for the images of a file. */
typedef struct tiff_scan {
    const mt_source *source; /* that was opened */
    tiff_chain *chain;       /* directories of the file */
    const tiff_file *file;   /* that chain has opened */
    mt_arena *scratch;       /* temporary memory */
    tiff_images *images;     /* the result */
    uint64_t first;          /* page at which the next series starts */
    uint64_t strips;         /* strips examined so far for contiguous planes */
    uint64_t unfit;          /* planes of a description that the next pages do not match; 0: none */
} tiff_scan;

/* Finds the images of a file, in file order. If all is false, stops after the first series, which can save a walk
 * through all pages. chain must live as long as the images. */
MT_MUST_CHECK mt_status tiff_find_images(const mt_source *source, tiff_chain *chain, bool all, tiff_images **out,
                                         mt_error *err);
void tiff_images_free(tiff_images *images);

/* tiff_read_page for the search of images: bounds the total of tag values beyond the usual number per page. */
MT_MUST_CHECK mt_status tiff_examine_page(tiff_images *images, const tiff_file *file, const tiff_ifd *ifd,
                                          tiff_page *out, mt_error *err);
MT_MUST_CHECK mt_status tiff_add_series(tiff_images *images, tiff_series *series, mt_error *err);

/* Adds a warning for users about a series. */
MT_MUST_CHECK mt_status tiff_warn(tiff_images *images, tiff_series *series, mt_error *err, const char *format, ...)
    MT_PRINTF(4, 5);

/* Whether an error of a page or SubIFD is damage in the file, which does not make its other images unreadable. */
bool tiff_is_damage(mt_status st);
/* Whether two pages have the same ratio of sides, up to a pixel. */
bool tiff_has_aspect_of(const tiff_page *page, const tiff_page *of);
uint64_t tiff_count_sub_ifds(const tiff_ifd *ifd);
/* Prefetches, over a slow store, what the first page of an OME-TIFF pyramid leads to: its description, its SubIFDs and
 * the next pages. */
void tiff_announce_page(tiff_chain *chain, const tiff_file *file, const tiff_ifd *ifd);
/* Finds the levels of a series among the SubIFDs of a page, the largest first. The series may have planes. */
MT_MUST_CHECK mt_status tiff_find_sub_levels(tiff_images *images, const tiff_file *file, const tiff_ifd *ifd,
                                             tiff_series *series, mt_error *err);
/* Drops the levels in SubIFDs from number count on. */
MT_MUST_CHECK mt_status tiff_limit_sub_levels(tiff_images *images, tiff_series *series, uint64_t count, mt_error *err);
/* The same, for levels that some pages of a series with planes lack. */
MT_MUST_CHECK mt_status tiff_compare_sub_levels(tiff_images *images, tiff_series *series, mt_error *err);
/* The series whose next level starts at first_page, or NULL. */
tiff_series *tiff_find_above(const tiff_images *images, const tiff_page *page, uint64_t first_page, uint64_t n_planes);

/* Takes a page as the next plane of a series. *fits is false if it differs in shape or type. */
MT_MUST_CHECK mt_status tiff_take_plane(tiff_images *images, tiff_series *series, uint64_t plane, const tiff_page *page,
                                        bool *fits, mt_error *err);

/* Appends a leading dimension; tiff_add_axis skips those of length 1. */
void tiff_keep_axis(tiff_series *series, char axis, int64_t size);
void tiff_add_axis(tiff_series *series, char axis, int64_t size);

/* Shortens the first dimension of a series and warns. */
MT_MUST_CHECK mt_status tiff_cut_frames(tiff_images *images, tiff_series *series, uint64_t frames, mt_error *err);

/* Pages of more strips are not tested for consecutive strips. */
#define TIFF_MAX_ROW_STRIPS 65536

/* Finds contiguous raw planes, as written by ImageJ and MetaMorph with one directory. *offset is that of the first
 * plane, 0 if even that is not contiguous; *planes is the number of complete planes in the file. */
MT_MUST_CHECK mt_status tiff_count_row(const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                                       uint64_t *offset, uint64_t *planes, mt_error *err);

/* ImageJ hyperstacks and tifffile's "shaped" files: sets the leading dimensions, n_planes, pixel sizes and channels
 * from the description of the first page; *found tells whether it has one. */
MT_MUST_CHECK mt_status tiff_describe_planes(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series,
                                             bool *found, mt_error *err);

/* Whether tifffile described a page ("shaped"), and whether as the first of several. */
MT_MUST_CHECK mt_status tiff_has_shape(const tiff_scan *scan, const tiff_ifd *ifd, bool *out, mt_error *err);
MT_MUST_CHECK mt_status tiff_starts_image(const tiff_scan *scan, const tiff_ifd *ifd, const tiff_page *page, bool *out,
                                          mt_error *err);

/* Set the dimensions of a file of uniform pages from the metadata of ScanImage or NDTiff. */
MT_MUST_CHECK mt_status tiff_describe_scanimage(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series,
                                                mt_error *err);
MT_MUST_CHECK mt_status tiff_describe_ndtiff(const tiff_scan *scan, tiff_series *series, mt_error *err);

/* Sets unknown pixel sizes in X and Y from the resolution of a page, if it is per cm or inch. */
MT_MUST_CHECK mt_status tiff_find_resolution(const tiff_file *file, const tiff_ifd *ifd, tiff_series *series,
                                             mt_error *err);

/* Finds the images of OME-XML. text is the description of the first page, or a companion file. *found is false if it
 * does not describe the file, which is then read without it. */
MT_MUST_CHECK mt_status tiff_describe_ome(const tiff_scan *scan, const char *text, size_t size, bool *found,
                                          mt_error *err);
bool tiff_is_ome(const char *text);

/* Describe Zeiss LSM and MetaMorph STK files from their tags. */
MT_MUST_CHECK mt_status tiff_describe_lsm(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, bool *found,
                                          mt_error *err);
MT_MUST_CHECK mt_status tiff_describe_stk(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, bool *found,
                                          mt_error *err);

/* Finds the pyramid and the other images of a file of a slide scanner, from its first directory. */
MT_MUST_CHECK mt_status tiff_describe_slide(const tiff_scan *scan, const tiff_ifd *ifd, bool *found, mt_error *err);

/* Parameters for the repair of byte counts: those that are 0 or, if loose, at least the size of the decoded pixels. */
typedef struct tiff_counts {
    uint64_t file_size, directory; /* bytes; offset of the directory, which bounds the strips before it */
    uint64_t decoded, most;        /* bytes of a decoded chunk; upper bound on encoded bytes */
    bool loose;                    /* counts may also be too large (LSM) */
} tiff_counts;
MT_MUST_CHECK mt_status tiff_mend_counts(mt_env *env, const tiff_counts *c, const uint64_t *offsets, uint64_t *sizes,
                                         size_t n, mt_error *err);

/* Adds a warning for users about all images of a file. */
MT_MUST_CHECK mt_status tiff_images_warn(tiff_images *images, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);
/* Checks that files have the pages of all planes, if that is cheap. */
MT_MUST_CHECK mt_status tiff_count_pages(const tiff_images *images, mt_error *err);
/* Adds to a map the repairs and the missing files and pages of a series. */
MT_MUST_CHECK mt_status tiff_tell(const tiff_images *images, const tiff_series *series, mt_chunk_map *map,
                                  mt_error *err);

/* Fills the map of a level of a series. images must live as long as the map. */
MT_MUST_CHECK mt_status tiff_make_map(const tiff_images *images, const tiff_series *series, int64_t level,
                                      mt_chunk_map *map, mt_error *err);

#endif
