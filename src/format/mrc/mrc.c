/* SPDX-License-Identifier: BSD-3-Clause */
/* MRC and CCP4 maps: a header of 1,024 bytes, an extended header, and the pixels.
 *
 * Sources: MRC2014 (Cheng et al., J. Struct. Biol. 192, 2015; ccpem.ac.uk/mrc_format/mrc2014.php); IMOD,
 * doc/mrc_format.txt, for unsigned bytes and mode 101. Names in capitals are those of MRC2014. */
#include "base/checked.h"
#include "base/reader.h"
#include "base/suffix.h"
#include "codec/params.h"
#include "format/format.h"

#include <math.h>
#include <string.h>

extern const mt_format mt_format_mrc;

enum { HEADER_BYTES = 1024, MAP_AT = 208, STAMP_AT = 212 };

#define IMOD_STAMP 1146047817 /* "IMOD" */
enum { IMOD_SIGNED_BYTES = 1, IMOD_TWO_IN_A_BYTE = 16 };

typedef struct mrc_header {
    int32_t size[3];        /* NX, NY, NZ: columns, rows, sections */
    int32_t mode;           /* MODE */
    int32_t grid[3];        /* MX, MY, MZ: intervals of the cell along X, Y, Z */
    float cell[3];          /* CELLA: lengths of the cell along X, Y, Z, in angstrom */
    int32_t axis[3];        /* MAPC, MAPR, MAPS: 1 X, 2 Y, 3 Z for columns, rows, sections */
    float low, high;        /* DMIN, DMAX */
    int32_t group;          /* ISPG: 0 image stack, 401 to 630 volume stack */
    int32_t extended;       /* NSYMBT: bytes of the extended header */
    int32_t version;        /* NVERSION: 20140 and up since MRC2014 */
    int32_t stamp, flags;   /* of IMOD, in EXTRA */
    bool big_endian;        /* byte order that was taken */
    bool contradicts_stamp; /* MACHST is of the other byte order */
    bool is_order_guessed;  /* MACHST is not set, and the numbers make sense in either byte order */
    bool has_word;          /* MAP */
} mrc_header;

typedef struct mrc_mode {
    int32_t number;
    mt_dtype dtype;   /* 0: not supported */
    int bits;         /* of a stored element */
    const char *name; /* if it is not supported */
} mrc_mode;

static const mrc_mode *find_mode(int32_t number)
{
    static const mrc_mode modes[] = {
        { 0, MT_INT8, 8, NULL },    { 1, MT_INT16, 16, NULL },    { 2, MT_FLOAT32, 32, NULL },
        { 6, MT_UINT16, 16, NULL }, { 12, MT_FLOAT16, 16, NULL }, { 101, MT_UINT8, 4, NULL },
        { 3, 0, 0, "complex" },     { 4, 0, 0, "complex" },       { 16, 0, 0, "RGB" },
    };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (modes[i].number == number)
            return &modes[i];
    return NULL;
}

static void read_integers(mt_reader *r, size_t at, int32_t *out)
{
    mt_read_seek(r, at);
    for (int i = 0; i < 3; i++)
        out[i] = mt_read_i32(r);
}

static mrc_header parse(const uint8_t *head, bool big_endian)
{
    mt_reader r = mt_reader_over(head, HEADER_BYTES, big_endian);
    mrc_header h = { .big_endian = big_endian, .has_word = memcmp(head + MAP_AT, "MAP", 3) == 0 };
    read_integers(&r, 0, h.size);
    h.mode = mt_read_i32(&r);
    read_integers(&r, 28, h.grid);
    for (int i = 0; i < 3; i++)
        h.cell[i] = mt_read_f32(&r);
    read_integers(&r, 64, h.axis);
    h.low = mt_read_f32(&r);
    h.high = mt_read_f32(&r);
    mt_read_seek(&r, 88);
    h.group = mt_read_i32(&r);
    h.extended = mt_read_i32(&r);
    mt_read_seek(&r, 108);
    h.version = mt_read_i32(&r);
    mt_read_seek(&r, 152);
    h.stamp = mt_read_i32(&r);
    h.flags = mt_read_i32(&r);
    return h;
}

/* Whether the numbers make sense in this byte order. In the wrong one sizes below 65,536 exceed it; IMOD asks for one
 * that does not. */
static bool is_plausible(const mrc_header *h)
{
    bool small = false;
    for (int i = 0; i < 3; i++) {
        if (h->size[i] < 1 || h->axis[i] < 0 || h->axis[i] > 3)
            return false;
        small |= h->size[i] < 65536;
    }
    return small && find_mode(h->mode);
}

/* The machine stamp tells the byte order, unless it is not set, or the numbers make sense in the other order only. */
static mrc_header read_header(const uint8_t *head)
{
    uint8_t stamp = head[STAMP_AT];
    bool is_stamped = stamp == 0x11 || stamp == 0x44;
    mrc_header told = parse(head, stamp == 0x11), other = parse(head, stamp != 0x11);
    told.is_order_guessed = !is_stamped && is_plausible(&told) && is_plausible(&other);
    if (is_plausible(&told) || !is_plausible(&other))
        return told;
    other.contradicts_stamp = is_stamped;
    return other;
}

/* Where the pixels begin, and the bytes of a row and of all of them. True if they end past 2^63. */
static bool measure(const mrc_header *h, uint64_t *offset, int64_t *row, int64_t *pixels)
{
    *offset = HEADER_BYTES + (uint64_t)h->extended;
    *row = ((int64_t)h->size[0] * find_mode(h->mode)->bits + 7) / 8;
    const int64_t sizes[3] = { h->size[2], h->size[1], *row };
    return mt_product_i64(sizes, 3, pixels) || *pixels > INT64_MAX - (int64_t)*offset;
}

/* Whether a file without the word MAP has a header that makes sense and room for its pixels. */
static mt_status probe_old(const mt_source *source, int *score, mt_error *err)
{
    const mrc_header h = read_header(source->head);
    int64_t row, pixels;
    uint64_t offset, size;
    if (!is_plausible(&h) || h.extended < 0 || measure(&h, &offset, &row, &pixels))
        return MT_OK;
    mt_status st = mt_store_size(source->store, source->key, &size, err);
    *score = !st && size >= offset + (uint64_t)pixels;
    return st;
}

/* Texts and comments of other formats, too, can have the word there. */
static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    if (source->head_size >= MAP_AT + 3 && memcmp(source->head + MAP_AT, "MAP", 3) == 0) {
        mrc_header h = { .mode = -1 };
        if (source->head_size >= HEADER_BYTES)
            h = read_header(source->head);
        *score = is_plausible(&h) ? 2 : 1;
    } else if (source->head_size >= HEADER_BYTES &&
               mt_has_suffix(source->name, strlen(source->name), mt_format_mrc.suffixes))
        return probe_old(source, score, err);
    return MT_OK;
}

/* MAPC, MAPR, MAPS of old files may be zero. */
static mt_status check_axes(mrc_header *h, mt_chunk_map *map, mt_error *err)
{
    int32_t *a = h->axis;
    unsigned seen = 0;
    if (a[0] == 0 && a[1] == 0 && a[2] == 0) {
        map->axes_assumed = true;
        for (int i = 0; i < 3; i++)
            a[i] = i + 1;
    }
    for (int i = 0; i < 3; i++)
        seen |= a[i] >= 1 && a[i] <= 3 ? 1u << a[i] : 0;
    return seen == 14 ? MT_OK
                      : mt_fail(err, MT_E_CORRUPT, "MAPC, MAPR and MAPS are %d, %d, %d, not an order of 1, 2, 3", a[0],
                                a[1], a[2]);
}

static mt_status tell_guesses(const mrc_header *h, mt_chunk_map *map, mt_error *err)
{
    const char *order = h->big_endian ? "big" : "little";
    mt_status st = MT_OK;
    if (!h->has_word)
        st = mt_chunk_map_warn(map, err, "the header lacks the word MAP: the file was taken for MRC by its name");
    if (!st && h->is_order_guessed)
        st = mt_chunk_map_warn(map, err, "there is no machine stamp: bytes are read as %s-endian", order);
    if (!st && h->contradicts_stamp)
        st = mt_chunk_map_warn(map, err, "the machine stamp is of the other byte order: bytes are read as %s-endian",
                               order);
    return st;
}

static mt_status check_header(mrc_header *h, mt_chunk_map *map, mt_error *err)
{
    const mrc_mode *mode = find_mode(h->mode);
    for (int i = 0; i < 3; i++)
        if (h->size[i] < 1)
            return mt_fail(err, MT_E_CORRUPT, "N%c is %d", "XYZ"[i], h -> size[i]);
    if (!mode)
        return mt_fail(err, MT_E_UNSUPPORTED, "mode %d is not supported", h->mode);
    if (!mode->dtype)
        return mt_fail(err, MT_E_UNSUPPORTED, "mode %d (%s) is not supported", h->mode, mode->name);
    if (h->mode == 0 && h->stamp == IMOD_STAMP && (h->flags & IMOD_TWO_IN_A_BYTE))
        return mt_fail(err, MT_E_UNSUPPORTED, "mode 0 with two pixels in a byte is not supported; mode 101 is");
    if (h->extended < 0)
        return mt_fail(err, MT_E_CORRUPT, "the extended header has %d bytes (NSYMBT)", h->extended);
    mt_status st = tell_guesses(h, map, err);
    return st ? st : check_axes(h, map, err);
}

/* Bytes are signed since MRC2014, and were unsigned in IMOD, which marks them since, or else goes by the range. */
static mt_status choose_type(const mrc_header *h, mt_chunk_map *map, mt_error *err)
{
    map->dtype = find_mode(h->mode)->dtype;
    map->swap = mt_dtype_size(map->dtype) > 1 && h->big_endian != mt_host_big_endian();
    if (h->mode != 0)
        return MT_OK;
    if (h->stamp == IMOD_STAMP) {
        map->dtype = h->flags & IMOD_SIGNED_BYTES ? MT_INT8 : MT_UINT8;
        return MT_OK;
    }
    bool is_range = h->low <= h->high && (h->low < 0 || h->high > 0), fits = h->low >= 0 && h->high <= UINT8_MAX;
    if (is_range && (h->low < 0 || h->high <= INT8_MAX))
        return MT_OK;
    if (!is_range || !fits)
        return h->version >= 20140 ? MT_OK
                                   : mt_chunk_map_warn(map, err, "bytes read as signed: the header has no valid range");
    map->dtype = MT_UINT8;
    return mt_chunk_map_warn(map, err, "bytes read as unsigned: the header gives their range as %g to %g", h->low,
                             h->high);
}

static void add_axis(mt_chunk_map *map, const mrc_header *h, char letter, int64_t size)
{
    static const char letters[] = "XYZ";
    const char *at = strchr(letters, letter);
    int d = map->ndim++;
    map->shape[d] = size;
    map->axes[d] = letter;
    if (!at)
        return;
    float cell = h->cell[at - letters];
    int32_t grid = h->grid[at - letters];
    if (cell > 0 && isfinite(cell) && grid > 0) {
        map->pixel_size[d] = (double)cell / grid;
        map->unit[d] = "angstrom";
    }
}

/* Sections are those of a volume, images of a stack (ISPG 0), or those of a stack of volumes (401 to 630). */
static mt_status set_shape(const mrc_header *h, mt_chunk_map *map, mt_error *err)
{
    const char *letters = " XYZ";
    int64_t n = h->size[2], each = h->grid[2];
    char section = letters[h->axis[2]];
    bool stack = h->group == 0 && section == 'Z', volumes = h->group >= 401 && h->group <= 630;
    if (volumes && section != 'Z')
        return mt_fail(err, MT_E_UNSUPPORTED, "a stack of volumes whose sections lie along %c is not supported",
                       section);
    if (volumes && (each < 1 || n % each != 0))
        return mt_fail(err, MT_E_CORRUPT, "NZ = %d sections are not a multiple of the MZ = %d of a volume", h->size[2],
                       h->grid[2]);
    if (volumes) {
        add_axis(map, h, 'S', n / each);
        n = each;
    }
    if (stack && n > 1) {
        map->axes_assumed |= h->grid[2] != 1; /* in old files, volumes too have ISPG 0 */
        section = 'S';
    }
    if (!stack || n > 1)
        add_axis(map, h, section, n);
    add_axis(map, h, letters[h->axis[1]], h->size[1]);
    add_axis(map, h, letters[h->axis[0]], h->size[0]);
    return MT_OK;
}

/* Mode 101: rows of whole bytes. */
typedef struct packed_rows {
    const char *key;
    uint64_t offset, row_bytes;
} packed_rows;

static mt_status locate_rows(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)err;
    const packed_rows *p = map->state;
    int y = map->ndim - 2;
    int64_t row = 0, start = position[y] * map->chunk_shape[y];
    for (int d = 0; d < y; d++)
        row = row * map->shape[d] + position[d];
    row = row * map->shape[y] + start;
    out->key = p->key;
    out->offset = p->offset + (uint64_t)row * p->row_bytes;
    out->size = (uint64_t)mt_min_i64(map->chunk_shape[y], map->shape[y] - start) * p->row_bytes;
    return MT_OK;
}

static mt_status map_packed(mt_chunk_map *map, const char *key, uint64_t offset, int64_t row_bytes, mt_error *err)
{
    enum { CHUNK_BYTES = 128 << 10 };
    packed_rows *p = mt_arena_alloc(map->arena, 1, sizeof *p, err);
    mt_row_params *rows = mt_arena_alloc(map->arena, 1, sizeof *rows, err);
    char *copy = mt_arena_strndup(map->arena, key, strlen(key), err);
    int y = map->ndim - 2;
    if (!p || !rows || !copy)
        return MT_E_MEMORY;
    *p = (packed_rows) { copy, offset, (uint64_t)row_bytes };
    *rows = (mt_row_params) { .width = map->shape[y + 1], .samples = 1, .bits = 4, .low_first = true };
    for (int d = 0; d < y; d++)
        map->chunk_shape[d] = 1;
    map->chunk_shape[y] = mt_max_i64(1, mt_min_i64(map->shape[y], CHUNK_BYTES / map->shape[y + 1]));
    map->chunk_shape[y + 1] = map->shape[y + 1];
    mt_chunk_map_c_order(map);
    map->cut_at_edge = true;
    map->state = p;
    map->locate = locate_rows;
    return mt_chain_add(&map->chain, mt_codec_find("unpack_bits"), rows, err);
}

static mt_status check_size(const mt_source *source, uint64_t offset, uint64_t pixels, mt_error *err)
{
    uint64_t size;
    mt_status st = mt_store_size(source->store, source->key, &size, err);
    if (!st && (size < offset || size - offset < pixels))
        return mt_fail(err, MT_E_CORRUPT, "the file has %llu bytes, too few for %llu bytes of pixels from byte %llu on",
                       (unsigned long long)size, (unsigned long long)pixels, (unsigned long long)offset);
    return st;
}

static mt_status map_pixels(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    (void)part;
    const mt_source *source = &container->source;
    int64_t row, pixels;
    uint64_t offset;
    if (source->folder || source->head_size < HEADER_BYTES)
        return mt_fail(err, MT_E_CORRUPT, "the file ends inside its header of %d bytes", HEADER_BYTES);
    mrc_header h = read_header(source->head);
    mt_status st = check_header(&h, map, err);
    if (st || (st = choose_type(&h, map, err)) || (st = set_shape(&h, map, err)))
        return st;
    if (measure(&h, &offset, &row, &pixels))
        return mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 bytes");
    if ((st = check_size(source, offset, (uint64_t)pixels, err)))
        return st;
    return h.mode == 101 ? map_packed(map, source->key, offset, row, err)
                         : mt_chunk_map_contiguous(map, source->key, offset, false, err);
}

const mt_format mt_format_mrc = { .name = "mrc",
                                  .title = "MRC, CCP4 map",
                                  .suffixes = "mrc,mrcs,st,ali,preali,rec,map,ccp4",
                                  .probe = probe,
                                  .map = map_pixels };
