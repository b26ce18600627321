/* SPDX-License-Identifier: BSD-3-Clause */
/* The directories of an OME-TIFF, as they stand in the file: BigTIFF, TIFF 6.0 and the pyramids of OME-TIFF 6.0. */
#include "base/reader.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT = 3, LONG = 4, RATIONAL = 5, ASCII = 2, LONG8 = 16, IFD8 = 18, NONE = 0 };

/* An output, and what the tags say of its data. */
typedef struct tiff_case {
    output o;
    unsigned bits, compression, predictor, sample_format;
    double size; /* micrometers; 0: not known */
} tiff_case;

static const tiff_case cases[] = {
    { { "YX", { 16, 16 }, { 16, 16 }, MT_UINT8, "none", 1 }, 8, 1, 1, 1, 0.25 },
    { { "YX", { 17, 16 }, { 16, 16 }, MT_INT8, "zstd", 1 }, 8, 50000, 2, 2, 0 },
    { { "YX", { 70, 33 }, { 16, 32 }, MT_UINT16, "gzip", 2 }, 16, 8, 2, 1, 1e-5 * 1.01 },
    { { "CYX", { 3, 40, 30 }, { 1, 16, 16 }, MT_INT16, "zstd", 3 }, 16, 50000, 2, 2, 999e6 },
    { { "CZYX", { 2, 2, 32, 32 }, { 1, 1, 16, 16 }, MT_INT32, "none", 2 }, 32, 1, 1, 2, 1 },
    { { "TYX", { 2, 90, 20 }, { 1, 16, 16 }, MT_UINT32, "gzip", 4 }, 32, 8, 2, 1, 2.5 },
    { { "YX", { 32, 32 }, { 16, 16 }, MT_FLOAT32, "zstd", 2 }, 32, 50000, 1, 3, 1e4 },
    { { "YX", { 20, 20 }, { 32, 32 }, MT_FLOAT64, "none", 3 }, 64, 1, 1, 3, 0.1 },
    { { "TYX", { 20, 20, 20 }, { 1, 16, 16 }, MT_UINT8, "none", 2 }, 8, 1, 1, 1, 0.1 },
    { { "TYX", { 20, 20, 20 }, { 1, 16, 16 }, MT_UINT8, "none", 3 }, 8, 1, 1, 1, 0.1 },
};

typedef struct file {
    uint8_t *bytes;
    size_t size, used; /* used: bytes that something points to */
} file;

typedef struct entry {
    unsigned type;
    uint64_t count, value;
} entry;

/* The n entries of a directory, in ascending order of their tags, and the place of the next one. */
static uint64_t check_order(file *f, uint64_t at, uint64_t n)
{
    f->used += 8 + 20 * n + 8;
    unsigned last = 0;
    assert_int_equal(at % 4, 0);
    assert_true(at + 8 + 20 * n + 8 <= f->size);
    assert_int_equal(mt_load_u64le(f->bytes + at), n);
    for (uint64_t i = 0; i < n; i++) {
        unsigned tag = mt_load_u16le(f->bytes + at + 8 + 20 * i);
        assert_true(tag > last);
        last = tag;
    }
    return mt_load_u64le(f->bytes + at + 8 + 20 * n);
}

static entry find_entry(const file *f, uint64_t at, unsigned tag)
{
    uint64_t n = mt_load_u64le(f->bytes + at);
    for (const uint8_t *e = f->bytes + at + 8; n > 0; n--, e += 20)
        if (mt_load_u16le(e) == tag)
            return (entry) { mt_load_u16le(e + 2), mt_load_u64le(e + 4), mt_load_u64le(e + 12) };
    return (entry) { NONE, 0, 0 };
}

static void check_number(const file *f, uint64_t at, unsigned tag, unsigned type, uint64_t value)
{
    const entry e = find_entry(f, at, tag);
    if (e.type != type || e.count != (type != NONE) || e.value != value)
        fail_msg("tag %u has type %u, %d values, the first of them %d, not %d", tag, e.type, (int)e.count, (int)e.value,
                 (int)value);
}

/* Number i of an entry of 8 bytes each, which stand in the entry if there is one. */
static uint64_t number_of(file *f, entry e, uint64_t i)
{
    f->used += e.count > 1 ? 8 : 0;
    assert_true(i < e.count && (e.count == 1 || e.value + 8 * e.count <= f->size));
    return e.count == 1 ? e.value : mt_load_u64le(f->bytes + e.value + 8 * i);
}

/* Each byte of a tile is one of a tile of this number, and lies behind the directories. */
static void check_tiles(file *f, uint64_t at, uint64_t n, uint64_t *behind)
{
    const entry offsets = find_entry(f, at, 324), sizes = find_entry(f, at, 325);
    assert_true(offsets.type == LONG8 && sizes.type == LONG8);
    assert_true(offsets.count == n && sizes.count == n);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t offset = number_of(f, offsets, i), size = number_of(f, sizes, i);
        assert_true(size > 0 && offset >= *behind && offset + size <= f->size);
        if (find_entry(f, at, 259).value == 50000) { /* a frame of Zstandard, with a checksum */
            assert_memory_equal(f->bytes + offset, "\x28\xb5\x2f\xfd", 4);
            assert_true(f->bytes[offset + 4] & 4);
        }
        *behind = offset + size;
        f->used += size;
    }
}

/* Pixels per centimeter, in numbers of 32 bits. */
static void check_resolution(const file *f, uint64_t at, const tiff_case *c)
{
    for (unsigned tag = 282; tag <= 283; tag++) {
        const entry e = find_entry(f, at, tag);
        double is = (double)(e.value & UINT32_MAX) / (double)(e.value >> 32), wanted = c->size ? 1e4 / c->size : 1;
        assert_true(e.type == RATIONAL && e.count == 1);
        if (!(is > wanted * 0.9999 && is < wanted * 1.0001))
            fail_msg("%g pixels per centimeter, not %g", is, wanted);
    }
    check_number(f, at, 296, SHORT, c->size ? 3 : 1);
}

/* What all levels have. */
static void check_image(file *f, uint64_t at, const tiff_case *c, int level, uint64_t *behind)
{
    int y = output_ndim(&c->o) - 2, x = y + 1;
    int64_t height = c->o.shape[y], width = c->o.shape[x];
    for (int i = 0; i < level; i++) {
        height = (height + 1) / 2;
        width = (width + 1) / 2;
    }
    uint64_t down = (uint64_t)((height + c->o.chunk[y] - 1) / c->o.chunk[y]);
    uint64_t across = (uint64_t)((width + c->o.chunk[x] - 1) / c->o.chunk[x]);
    check_number(f, at, 254, LONG, level > 0);
    check_number(f, at, 256, LONG, (uint64_t)width);
    check_number(f, at, 257, LONG, (uint64_t)height);
    check_number(f, at, 258, SHORT, c->bits);
    check_number(f, at, 259, SHORT, c->compression);
    check_number(f, at, 262, SHORT, 1);
    check_number(f, at, 277, SHORT, 1);
    check_number(f, at, 317, SHORT, c->predictor);
    check_number(f, at, 322, LONG, (uint64_t)c->o.chunk[x]);
    check_number(f, at, 323, LONG, (uint64_t)c->o.chunk[y]);
    check_number(f, at, 339, SHORT, c->sample_format);
    check_tiles(f, at, down * across, behind);
}

static void check_description(file *f, uint64_t at)
{
    const entry e = find_entry(f, at, 270);
    assert_true(e.type == ASCII && e.count > 6 && e.value + e.count <= f->size);
    const char *text = (const char *)f->bytes + e.value;
    assert_int_equal(strncmp(text, "<?xml", 5), 0);
    assert_int_equal(strlen(text), e.count - 1);
    assert_string_equal(text + e.count - 7, "</OME>");
    assert_non_null(strstr(text, "<TiffData IFD=\"0\" PlaneCount=\""));
    assert_null(strstr(text, "<MetadataOnly/>"));
    f->used += e.count;
}

static void check_directories(file *f, const tiff_case *c)
{
    uint64_t n_pages = 1, at = mt_load_u64le(f->bytes + 8), behind[4];
    assert_memory_equal(f->bytes, "II\x2b\0\x8\0\0\0", 8);
    for (int d = 0; d < output_ndim(&c->o) - 2; d++)
        n_pages *= (uint64_t)c->o.shape[d];
    for (int i = 0; i < 4; i++)
        behind[i] = 16;
    for (uint64_t page = 0; page < n_pages; page++) {
        const entry subs = find_entry(f, at, 330);
        uint64_t next = check_order(f, at, 16 + (page == 0) + (c->o.n_levels > 1));
        check_image(f, at, c, 0, &behind[0]);
        check_resolution(f, at, c);
        if (page == 0)
            check_description(f, at);
        assert_int_equal(subs.count, c->o.n_levels - 1);
        for (int level = 1; level < c->o.n_levels; level++) {
            uint64_t sub = number_of(f, subs, (uint64_t)level - 1);
            assert_int_equal(check_order(f, sub, 13), 0);
            check_image(f, sub, c, level, &behind[level]);
        }
        assert_int_equal(next != 0, page + 1 < n_pages);
        at = next;
    }
    assert_int_equal(behind[c->o.n_levels - 1], f->size);      /* the last tile ends the file */
    assert_true(f->used <= f->size && f->size - f->used < 64); /* for alignment */
}

/* Without rows of zeros, so that each tile has bytes of its own. */
static void write_case(const char *path, const tiff_case *c)
{
    const double sizes[5] = { c->size, c->size, c->size, c->size, c->size };
    mt_writer_options options = output_options(&c->o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    int first = 5 - output_ndim(&c->o);
    const char *units[5] = { "", "", "", "", "" };
    units[output_ndim(&c->o) - 1] = units[output_ndim(&c->o) - 2] = c->size ? "micrometer" : "";
    uint8_t *pixels = make_output_pixels(&c->o, 3);
    for (size_t i = 0; i < output_elements(&c->o) * mt_dtype_size(c->o.dtype); i++)
        pixels[i] |= 1;
    options.pixel_size = sizes + first;
    options.unit = units;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    put_boxes(w, &c->o, pixels, 2, 1, 1);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    free(pixels);
}

static void directories_describe_the_image(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = output_path(i, "tags");
        file f;
        write_case(path, &cases[i]);
        f.bytes = read_file(path, &f.size);
        f.used = 16; /* the header */
        check_directories(&f, &cases[i]);
        free(f.bytes);
        remove_tree(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(directories_describe_the_image) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
