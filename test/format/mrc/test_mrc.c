/* SPDX-License-Identifier: BSD-3-Clause */
/* MRC files made here: byte orders, old headers, IMOD's bytes, stacks, mode 101. test_values.py has those of the test
 * data. */
#include "support/contract.h"

#include "support/broken.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 1024, MOST = 1 << 17 };

/* A file of up to MOST bytes. Fields are written in its byte order. */
typedef struct mrc_file {
    uint8_t bytes[MOST];
    size_t size;     /* bytes in use */
    bool big_endian; /* of numbers written from now on */
} mrc_file;

static void put_u32(mrc_file *f, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        f->bytes[at + i] = (uint8_t)(value >> 8 * (f->big_endian ? 3 - i : i));
}

static void put_f32(mrc_file *f, size_t at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u32(f, at, bits);
}

/* A volume of nx x ny x nz int16 pixels 0, 1, 2, ... */
static void make(mrc_file *f, bool big_endian, int nx, int ny, int nz)
{
    memset(f, 0, sizeof *f);
    f->big_endian = big_endian;
    const int fields[][2] = { { 0, nx },  { 4, ny }, { 8, nz }, { 12, 1 }, { 28, nx }, { 32, ny },
                              { 36, nz }, { 64, 1 }, { 68, 2 }, { 72, 3 }, { 88, 1 } };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        put_u32(f, (size_t)fields[i][0], (uint32_t)fields[i][1]);
    memcpy(f->bytes + 208, big_endian ? "MAP \x11\x11" : "MAP DA", 6);
    for (int i = 0; i < nx * ny * nz; i++) {
        f->bytes[HEADER + 2 * i] = (uint8_t)(big_endian ? i >> 8 : i);
        f->bytes[HEADER + 2 * i + 1] = (uint8_t)(big_endian ? i : i >> 8);
    }
    f->size = (size_t)(HEADER + 2 * nx * ny * nz);
}

static mt_status open_file(const mrc_file *f, const char *name, mt_stack **out, mt_error *err)
{
    return mt_stack_open_memory(NULL, name, f->bytes, f->size, NULL, out, err);
}

static mt_stack *open_good(const mrc_file *f)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_file(f, "a.mrc", &stack, &err), &err);
    return stack;
}

static void check_refused(const mrc_file *f, const char *name, mt_status status, const char *words)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_failed(open_file(f, name, &stack, &err), status, &err, words);
}

static void check_seen(const mt_stack_info *info, const char *axes, mt_axes_source source, size_t n_warnings)
{
    assert_string_equal(info->original_axes, axes);
    assert_int_equal(info->axes_source, source);
    assert_int_equal(info->n_warnings, n_warnings);
}

/* By the stamp; and without one, or against it, by the numbers. */
static void either_byte_order(void **state)
{
    (void)state;
    static const char *const stamps[] = { NULL, "\0\0", "\x17\x17" }; /* NULL: the right one */
    mrc_file f;
    for (int big = 0; big < 2; big++) {
        for (size_t i = 0; i < sizeof stamps / sizeof *stamps; i++) {
            make(&f, big, 5, 4, 3);
            if (stamps[i])
                memcpy(f.bytes + 212, stamps[i], 2);
            mt_stack *stack = open_good(&f);
            check_seen(mt_stack_get_info(stack), "ZYX", MT_AXES_FROM_FILE, 0);
            check_counting(stack, 60);
            mt_stack_close(stack);
        }
        make(&f, big, 5, 4, 3);
        memcpy(f.bytes + 212, big ? "DD" : "\x11\x11", 2);
        mt_stack *stack = open_good(&f);
        check_seen(mt_stack_get_info(stack), "ZYX", MT_AXES_FROM_FILE, 1);
        assert_non_null(strstr(mt_stack_get_info(stack)->warnings[0],
                               big ? "are read as big-endian" : "are read as little-endian"));
        check_counting(stack, 60);
        mt_stack_close(stack);
    }
}

/* Without a stamp, and with numbers that make sense in either byte order. */
static void byte_order_is_a_guess(void **state)
{
    (void)state;
    static mrc_file f;
    make(&f, false, 1, 1, 1);
    put_u32(&f, 0, 0x10000); /* 256 in the other order */
    put_u32(&f, 12, 0);
    put_u32(&f, 108, 20140);
    for (size_t at = 64; at <= 72; at += 4)
        put_u32(&f, at, 0);
    memset(f.bytes + 212, 0, 2);
    f.size = HEADER + 0x10000;
    mt_stack *stack = open_good(&f);
    assert_int_equal(mt_stack_get_info(stack)->n_warnings, 1);
    assert_non_null(strstr(mt_stack_get_info(stack)->warnings[0], "no machine stamp: bytes are read as little-endian"));
    mt_stack_close(stack);
}

/* Old files lack the word MAP: their names count if the header makes sense and the pixels are there. */
static void files_without_the_word(void **state)
{
    (void)state;
    static const char *const names[] = { "a.mrc", "a.MRCS", "a.st", "a.ali", "a.preali", "a.rec", "a.map", "a.ccp4" };
    static const struct {
        size_t at;
        uint32_t value;
    } wrong[] = { { 12, 5 }, { 0, 0 }, { 8, 4 }, { 64, 4 }, { 72, UINT32_MAX }, { 92, 1 }, { 92, UINT32_MAX } };
    mrc_file f;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    make(&f, false, 5, 4, 3);
    memset(f.bytes + 208, 0, 8);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_ok(open_file(&f, names[i], &stack, &err), &err);
        check_seen(mt_stack_get_info(stack), "ZYX", MT_AXES_FROM_FILE, 1);
        check_counting(stack, 60);
        mt_stack_close(stack);
    }
    check_refused(&f, "a.raw", MT_E_NOT_AN_IMAGE, "neither content nor name");
    check_refused(&f, ".mrc", MT_E_NOT_AN_IMAGE, "neither content nor name");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        make(&f, false, 5, 4, 3);
        memset(f.bytes + 208, 0, 8);
        put_u32(&f, wrong[i].at, wrong[i].value);
        check_refused(&f, "a.mrc", MT_E_NOT_AN_IMAGE, "but the content is not");
    }
    make(&f, false, 5, 4, 3); /* sizes such as those of the wrong byte order */
    for (size_t at = 0; at < 12; at += 4)
        put_u32(&f, at, 70000);
    memset(f.bytes + 208, 0, 8);
    check_refused(&f, "a.mrc", MT_E_NOT_AN_IMAGE, "but the content is not");
}

/* The sizes of this map are the marks of a LIF file: NX = 0x70, and the low byte of NZ = 0x2a. */
static void sizes_like_marks_of_lif(void **state)
{
    (void)state;
    static mrc_file f;
    make(&f, false, 112, 1, 42);
    mt_stack *stack = open_good(&f);
    assert_string_equal(mt_stack_get_info(stack)->format, "mrc");
    mt_stack_close(stack);
}

static void the_word_in_other_files(void **state)
{
    (void)state;
    static mrc_file f;
    memcpy(f.bytes, "\x89HDF\r\n\x1a\n", 8);
    memcpy(f.bytes + 208, "MAP", 3);
    f.size = 4000;
    check_refused(&f, "a", MT_E_UNSUPPORTED, "hdf5: ");
}

/* Of mode 0 by IMOD's flags, or by the range in the header. */
static void signed_and_unsigned_bytes(void **state)
{
    (void)state;
    static const struct {
        uint32_t stamp, flags;
        float low, high;
        mt_dtype dtype;
        size_t n_warnings;
    } cases[] = {
        { 0, 0, 0, 0, MT_INT8, 1 },
        { 0, 0, -3, 100, MT_INT8, 0 },
        { 0, 0, 0, 127, MT_INT8, 0 },
        { 0, 0, 0, 255, MT_UINT8, 1 },
        { 0, 0, 3, 128, MT_UINT8, 1 },
        { 0, 0, 200, 200, MT_UINT8, 1 },
        { 0, 0, 0, 256, MT_INT8, 1 },
        { 0, 0, NAN, 255, MT_INT8, 1 },
        { 0, 0, 0, NAN, MT_INT8, 1 },
        { 1146047817, 0, -3, 100, MT_UINT8, 0 },
        { 1146047817, 4, 0, 0, MT_UINT8, 0 },
        { 1146047817, 1, 0, 255, MT_INT8, 0 },
        { 1146047817, 13, 0, 255, MT_INT8, 0 },
    };
    for (int big = 0; big < 2; big++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            mrc_file f;
            make(&f, big, 5, 4, 3);
            put_u32(&f, 12, 0);
            put_f32(&f, 76, cases[i].low);
            put_f32(&f, 80, cases[i].high);
            put_u32(&f, 152, cases[i].stamp);
            put_u32(&f, 156, cases[i].flags);
            mt_stack *stack = open_good(&f);
            assert_int_equal(mt_stack_get_info(stack)->dtype, cases[i].dtype);
            assert_int_equal(mt_stack_get_info(stack)->n_warnings, cases[i].n_warnings);
            mt_stack_close(stack);
        }
    mrc_file f;
    make(&f, true, 5, 4, 3);
    put_u32(&f, 12, 0);
    put_u32(&f, 108, 20140);
    mt_stack *stack = open_good(&f);
    check_seen(mt_stack_get_info(stack), "ZYX", MT_AXES_FROM_FILE, 0);
    mt_stack_close(stack);
}

/* ISPG: 0 for images, 401 and more for a stack of volumes of MZ sections. MAPC, MAPR, MAPS name the axes. */
static void stacks_and_volumes(void **state)
{
    (void)state;
    static const struct {
        int nz, group, mz, map[3];
        const char *axes;
        mt_axes_source source;
        int64_t samples, planes;
    } cases[] = {
        { 6, 1, 6, { 1, 2, 3 }, "ZYX", MT_AXES_FROM_FILE, 1, 6 },
        { 1, 1, 1, { 1, 2, 3 }, "ZYX", MT_AXES_FROM_FILE, 1, 1 },
        { 6, 0, 1, { 1, 2, 3 }, "SYX", MT_AXES_FROM_FILE, 6, 0 },
        { 6, 0, 6, { 1, 2, 3 }, "SYX", MT_AXES_ASSUMED, 6, 0 },
        { 1, 0, 1, { 1, 2, 3 }, "YX", MT_AXES_FROM_FILE, 1, 0 },
        { 6, 0, 1, { 2, 1, 3 }, "SXY", MT_AXES_FROM_FILE, 6, 0 },
        { 6, 0, 6, { 3, 1, 2 }, "YXZ", MT_AXES_FROM_FILE, 1, 5 },
        { 6, 4, 6, { 2, 1, 3 }, "ZXY", MT_AXES_FROM_FILE, 1, 6 },
        { 6, 401, 3, { 1, 2, 3 }, "SZYX", MT_AXES_FROM_FILE, 2, 3 },
        { 6, 630, 6, { 1, 2, 3 }, "SZYX", MT_AXES_FROM_FILE, 1, 6 },
        { 6, 631, 3, { 1, 2, 3 }, "ZYX", MT_AXES_FROM_FILE, 1, 6 },
        { 6, 1, 6, { 0, 0, 0 }, "ZYX", MT_AXES_ASSUMED, 1, 6 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mrc_file f;
        make(&f, false, 5, 4, cases[i].nz);
        put_u32(&f, 36, (uint32_t)cases[i].mz);
        put_u32(&f, 88, (uint32_t)cases[i].group);
        for (size_t k = 0; k < 3; k++)
            put_u32(&f, 64 + 4 * k, (uint32_t)cases[i].map[k]);
        mt_stack *stack = open_good(&f);
        const mt_stack_info *info = mt_stack_get_info(stack);
        check_seen(info, cases[i].axes, cases[i].source, 0);
        assert_int_equal(info->data_shape[0], cases[i].samples);
        assert_int_equal(info->data_ndim, cases[i].planes ? 5 : 4);
        if (cases[i].planes)
            assert_int_equal(info->data_shape[2], cases[i].planes);
        if (strstr(info->original_axes, "YX") && !strchr(info->original_axes + 2, 'Z'))
            check_counting(stack, 20 * cases[i].nz);
        mt_stack_close(stack);
    }
}

/* Cell over grid, along each axis; nothing if the numbers are of no use. */
static void pixel_sizes(void **state)
{
    (void)state;
    mrc_file f;
    make(&f, false, 5, 4, 3);
    put_f32(&f, 40, 20);
    put_f32(&f, 44, 6);
    put_f32(&f, 48, 12);
    put_u32(&f, 64, 2);
    put_u32(&f, 68, 1);
    mt_stack *stack = open_good(&f);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "ZXY");
    assert_true(info->pixel_size[0] == 4 && info->pixel_size[1] == 4 && info->pixel_size[2] == 1.5);
    assert_string_equal(info->unit[0], "angstrom");
    mt_stack_close(stack);
    static const float useless[] = { 0, -1, NAN, INFINITY };
    for (size_t i = 0; i < 4; i++) {
        put_f32(&f, 48, useless[i]);
        stack = open_good(&f);
        assert_true(mt_stack_get_info(stack)->pixel_size[0] == 0);
        mt_stack_close(stack);
    }
    put_f32(&f, 48, 12);
    put_u32(&f, 36, 0);
    stack = open_good(&f);
    assert_true(mt_stack_get_info(stack)->pixel_size[0] == 0 && mt_stack_get_info(stack)->pixel_size[1] == 4);
    mt_stack_close(stack);
}

/* The extended header is skipped. */
static void extended_headers(void **state)
{
    (void)state;
    mrc_file f;
    make(&f, false, 5, 4, 3);
    memmove(f.bytes + HEADER + 77, f.bytes + HEADER, 120);
    memset(f.bytes + HEADER, 0xee, 77);
    put_u32(&f, 92, 77);
    f.size += 77;
    mt_stack *stack = open_good(&f);
    check_counting(stack, 60);
    mt_stack_close(stack);
    f.size--;
    check_refused(&f, "a.mrc", MT_E_CORRUPT, "too few for 120 bytes of pixels from byte 1101 on");
}

/* Pixels of four bits, two in a byte, the first in the lower half; rows of whole bytes. Long rows make several chunks of
 * a plane. */
static void check_packed(int nx, int ny, int nz, uint32_t group, uint32_t mz)
{
    static mrc_file f;
    size_t row = (size_t)(nx + 1) / 2, rows = (size_t)ny * (size_t)nz;
    make(&f, false, nx, ny, 0);
    put_u32(&f, 8, (uint32_t)nz);
    put_u32(&f, 12, 101);
    put_u32(&f, 36, mz);
    put_u32(&f, 88, group);
    f.size = HEADER + row * rows;
    assert_true(f.size <= MOST);
    uint64_t random = 1;
    for (size_t i = HEADER; i < f.size; i++)
        f.bytes[i] = (uint8_t)next_random(&random);
    mt_stack *stack = open_good(&f);
    assert_int_equal(mt_stack_get_info(stack)->dtype, MT_UINT8);
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, rows * (size_t)nx);
    for (size_t i = 0; i < image.bytes; i++) {
        uint8_t byte = f.bytes[HEADER + i / (size_t)nx * row + i % (size_t)nx / 2];
        assert_int_equal(image.pixels[i], i % (size_t)nx % 2 ? byte >> 4 : byte & 15);
    }
    check_boxes(stack, &image, 1, 64);
    free_whole(&image);
    mt_stack_close(stack);
    f.size--;
    check_refused(&f, "a.mrc", MT_E_CORRUPT, "bytes, too few for");
}

static void four_bits(void **state)
{
    (void)state;
    check_packed(5, 4, 6, 1, 6);
    check_packed(6, 4, 6, 401, 3);
    check_packed(7, 3, 1, 0, 1);
    check_packed(50001, 2, 1, 1, 1);
    check_packed(17, 4000, 1, 0, 1);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
        mt_status status;
        const char *words;
    } cases[] = {
        { 0, 0, MT_E_CORRUPT, "NX is 0" },
        { 4, UINT32_MAX, MT_E_CORRUPT, "NY is -1" },
        { 8, 0, MT_E_CORRUPT, "NZ is 0" },
        { 8, 4, MT_E_CORRUPT, "the file has 1144 bytes, too few for 160 bytes of pixels from byte 1024 on" },
        { 12, 3, MT_E_UNSUPPORTED, "mode 3 (complex)" },
        { 12, 4, MT_E_UNSUPPORTED, "mode 4 (complex)" },
        { 12, 16, MT_E_UNSUPPORTED, "mode 16 (RGB)" },
        { 12, 5, MT_E_UNSUPPORTED, "mode 5 is not" },
        { 12, UINT32_MAX, MT_E_UNSUPPORTED, "mode -1 is not" },
        { 64, 2, MT_E_CORRUPT, "MAPC, MAPR and MAPS are 2, 2, 3" },
        { 68, 0, MT_E_CORRUPT, "are 1, 0, 3" },
        { 72, 4, MT_E_CORRUPT, "are 1, 2, 4" },
        { 92, UINT32_MAX, MT_E_CORRUPT, "-1 bytes (NSYMBT)" },
        { 92, 1, MT_E_CORRUPT, "from byte 1025 on" },
        { 92, INT32_MAX, MT_E_CORRUPT, "from byte 2147484671 on" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mrc_file f;
        make(&f, false, 5, 4, 3);
        put_u32(&f, cases[i].at, cases[i].value);
        check_refused(&f, "a.bin", cases[i].status, cases[i].words);
    }
}

/* Refusals that need several fields. */
static void what_is_refused_together(void **state)
{
    (void)state;
    mrc_file f;
    make(&f, false, 5, 4, 3);
    for (size_t at = 0; at < 12; at += 4)
        put_u32(&f, at, INT32_MAX);
    check_refused(&f, "a.mrc", MT_E_CORRUPT, "more than 2^63 bytes");
    put_u32(&f, 12, 101);
    check_refused(&f, "a.mrc", MT_E_CORRUPT, "more than 2^63 bytes");
    make(&f, false, 5, 4, 3);
    put_u32(&f, 88, 401);
    put_u32(&f, 36, 2);
    check_refused(&f, "a.mrc", MT_E_CORRUPT, "NZ = 3 sections are not a multiple of the MZ = 2 of a volume");
    put_u32(&f, 36, 0);
    check_refused(&f, "a.mrc", MT_E_CORRUPT, "NZ = 3 sections are not a multiple of the MZ = 0 of a volume");
    put_u32(&f, 64, 3);
    put_u32(&f, 72, 1);
    check_refused(&f, "a.mrc", MT_E_UNSUPPORTED, "sections lie along X");
    make(&f, false, 5, 4, 3);
    put_u32(&f, 12, 0);
    put_u32(&f, 152, 1146047817);
    put_u32(&f, 156, 16);
    check_refused(&f, "a.mrc", MT_E_UNSUPPORTED, "two pixels in a byte");
    f.size = HEADER - 1;
    check_refused(&f, "a.bin", MT_E_CORRUPT, "inside its header of 1024 bytes");
    f.size = 210;
    check_refused(&f, "a.mrc", MT_E_NOT_AN_IMAGE, "but the content is not");
}

static void broken_files(void **state)
{
    (void)state;
    static const char *const names[] = { "mrc/perm_312.mrc", "mrc/m0_i8.mrc", "mrc/be_i16.mrc", "mrc/stack_i16.mrcs",
                                         "mrc/ext_header.mrc" };
    mutate_files("mrc", names, sizeof names / sizeof *names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_byte_order),
        cmocka_unit_test(byte_order_is_a_guess),
        cmocka_unit_test(files_without_the_word),
        cmocka_unit_test(sizes_like_marks_of_lif),
        cmocka_unit_test(the_word_in_other_files),
        cmocka_unit_test(signed_and_unsigned_bytes),
        cmocka_unit_test(stacks_and_volumes),
        cmocka_unit_test(pixel_sizes),
        cmocka_unit_test(extended_headers),
        cmocka_unit_test(four_bits),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_is_refused_together),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
