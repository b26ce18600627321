/* SPDX-License-Identifier: BSD-3-Clause */
/* NIfTI files made here: versions, byte orders, pairs, dimensions, types, units. test_values.py has the files of the test
 * data. */
#include "support/contract.h"

#include "support/broken.h"
#include "support/folder.h"

#include <microtome/map.h>
#include <microtome/microtome.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4096 };

/* A file of up to MOST bytes, whose fields are named by their place in version 1. */
typedef struct nifti_made {
    uint8_t bytes[MOST];
    size_t size, pixels_at; /* bytes in use; of the pixels */
    bool big_endian;
    int version;
} nifti_made;

static void put(nifti_made *f, size_t at, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        f->bytes[at + i] = (uint8_t)(value >> 8 * (f->big_endian ? n - 1 - i : i));
}

static void put_real(nifti_made *f, size_t at_1, size_t at_2, double value)
{
    uint64_t bits;
    uint32_t low;
    float single = (float)value;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&low, &single, sizeof low);
    if (f->version == 1)
        put(f, at_1, low, 4);
    else
        put(f, at_2, bits, 8);
}

static void put_dim(nifti_made *f, size_t i, int64_t value)
{
    put(f, f->version == 1 ? 40 + 2 * i : 16 + 8 * i, (uint64_t)value, f->version == 1 ? 2 : 8);
}

static void put_type(nifti_made *f, int datatype, int bits)
{
    put(f, f->version == 1 ? 70 : 12, (uint64_t)datatype, 2);
    put(f, f->version == 1 ? 72 : 14, (uint64_t)bits, 2);
}

static void put_pixel_size(nifti_made *f, size_t i, double value) { put_real(f, 76 + 4 * i, 104 + 8 * i, value); }

static void put_units(nifti_made *f, int units)
{
    put(f, f->version == 1 ? 123 : 500, (uint64_t)units, f->version == 1 ? 1 : 4);
}

static void put_offset(nifti_made *f, double value)
{
    if (f->version == 1)
        put_real(f, 108, 0, value);
    else
        put(f, 168, (uint64_t)(int64_t)value, 8);
}

/* A volume of 5 x 4 x 3 int16 pixels 0, 1, 2, ... */
static void make(nifti_made *f, int version, bool big_endian)
{
    memset(f, 0, sizeof *f);
    f->version = version;
    f->big_endian = big_endian;
    f->pixels_at = version == 1 ? 352 : 544;
    put(f, 0, version == 1 ? 348 : 540, 4);
    if (version == 1)
        memcpy(f->bytes + 344, "n+1", 4);
    else
        memcpy(f->bytes + 4, "n+2\0\r\n\032\n", 8);
    for (size_t i = 0; i < 8; i++)
        put_dim(f, i, i == 0 ? 3 : i < 4 ? 6 - (int)i : 1);
    put_type(f, 4, 16);
    put_offset(f, (double)f->pixels_at);
    for (size_t i = 0; i < 60; i++)
        put(f, f->pixels_at + 2 * i, i, 2);
    f->size = f->pixels_at + 120;
}

static mt_status open_made(const nifti_made *f, mt_stack **out, mt_error *err)
{
    return mt_stack_open_memory(NULL, "a.nii", f->bytes, f->size, NULL, out, err);
}

static mt_stack *open_good(const nifti_made *f, const char *axes, size_t n_warnings)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_made(f, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, axes);
    assert_int_equal(mt_stack_get_info(stack)->n_warnings, n_warnings);
    return stack;
}

static void check_refused(const nifti_made *f, mt_status status, const char *words)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_failed(open_made(f, &stack, &err), status, &err, words);
}

/* Checks the pixels, and closes the stack. */
static void check_and_close(mt_stack *stack, int64_t n)
{
    check_counting(stack, n);
    mt_stack_close(stack);
}

static void versions_and_byte_orders(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++)
        for (int big = 0; big < 2; big++) {
            nifti_made f;
            make(&f, version, big);
            check_and_close(open_good(&f, "ZYX", 0), 60);
            memmove(f.bytes + f.pixels_at + 32, f.bytes + f.pixels_at, 120); /* an extension before them */
            put_offset(&f, (double)f.pixels_at + 32);
            f.size += 32;
            check_and_close(open_good(&f, "ZYX", 0), 60);
            make(&f, version, big);
            put_offset(&f, 0);
            check_and_close(open_good(&f, "ZYX", 1), 60);
            put(&f, 0, 0, 4);
            check_refused(&f, MT_E_CORRUPT, version == 1 ? "sizeof_hdr is not 348" : "sizeof_hdr is not 540");
        }
}

static void dimensions(void **state)
{
    (void)state;
    static const struct {
        int dim[8];
        const char *axes;
        int64_t shape[5]; /* as seen, SC(Z)YX */
    } cases[] = {
        { { 1, 60 }, "YX", { 1, 1, 1, 60 } },
        { { 2, 10, 6 }, "YX", { 1, 1, 6, 10 } },
        { { 3, 5, 4, 3, 9, 9, 9, 9 }, "ZYX", { 1, 1, 3, 4, 5 } },
        { { 4, 5, 3, 2, 2 }, "TZYX", { 2, 1, 2, 3, 5 } },
        { { 5, 5, 3, 2, 1, 2 }, "CTZYX", { 1, 2, 2, 3, 5 } },
        { { 7, 5, 3, 2, 2, 1, 1, 1 }, "CTZYX", { 2, 1, 2, 3, 5 } },
    };
    for (int version = 1; version <= 2; version++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            nifti_made f;
            make(&f, version, k % 2);
            for (size_t i = 0; i < 8; i++)
                put_dim(&f, i, cases[k].dim[i]);
            mt_stack *stack = open_good(&f, cases[k].axes, 0);
            const mt_stack_info *info = mt_stack_get_info(stack);
            assert_memory_equal(info->data_shape, cases[k].shape, (size_t)info->data_ndim * sizeof(int64_t));
            check_and_close(stack, 60);
        }
}

static void types(void **state)
{
    (void)state;
    static const struct {
        int datatype, bits;
        mt_dtype dtype;
        const char *axes;
    } cases[] = {
        { 2, 8, MT_UINT8, "ZYX" },      { 4, 16, MT_INT16, "ZYX" },    { 8, 32, MT_INT32, "ZYX" },
        { 16, 32, MT_FLOAT32, "ZYX" },  { 64, 64, MT_FLOAT64, "ZYX" }, { 256, 8, MT_INT8, "ZYX" },
        { 512, 16, MT_UINT16, "ZYX" },  { 768, 32, MT_UINT32, "ZYX" }, { 1024, 64, MT_INT64, "ZYX" },
        { 1280, 64, MT_UINT64, "ZYX" }, { 128, 24, MT_UINT8, "ZYXC" }, { 2304, 32, MT_UINT8, "ZYXC" },
    };
    static const struct {
        int datatype;
        const char *words;
    } refused[] = { { 1, "datatype 1 (single bits)" },
                    { 32, "(complex numbers)" },
                    { 1536, "(floats of 128 bits)" },
                    { 1792, "complex" },
                    { 2048, "complex" },
                    { 0, "datatype 0 is not" },
                    { 3, "datatype 3 is not" } };
    nifti_made f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(&f, 1 + i % 2, false);
        put_type(&f, cases[i].datatype, cases[i].bits);
        f.size = f.pixels_at + 60 * (size_t)cases[i].bits / 8;
        mt_stack *stack = open_good(&f, cases[i].axes, 0);
        assert_int_equal(mt_stack_get_info(stack)->dtype, cases[i].dtype);
        assert_int_equal(mt_stack_get_info(stack)->data_shape[1], cases[i].datatype == 128    ? 3
                                                                  : cases[i].datatype == 2304 ? 4
                                                                                              : 1);
        mt_stack_close(stack);
        f.size--;
        check_refused(&f, MT_E_CORRUPT, "bytes, too few for");
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make(&f, 1, true);
        put_type(&f, refused[i].datatype, 16);
        check_refused(&f, MT_E_UNSUPPORTED, refused[i].words);
    }
    make(&f, 1, false);
    put_type(&f, 4, 8);
    check_and_close(open_good(&f, "ZYX", 1), 60);
}

/* The samples of a pixel are interleaved; they and dimension 5 are channels together. */
static void colours(void **state)
{
    (void)state;
    nifti_made f;
    make(&f, 1, false);
    const int dim[8] = { 5, 5, 4, 1, 1, 2, 1, 1 };
    for (size_t i = 0; i < 8; i++)
        put_dim(&f, i, dim[i]);
    put_type(&f, 128, 24);
    for (size_t i = 0; i < 120; i++)
        f.bytes[f.pixels_at + i] = (uint8_t)i;
    mt_stack *stack = open_good(&f, "CTZYXC", 0);
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.shape[1], 6);
    for (size_t c = 0; c < 6; c++)
        for (size_t i = 0; i < 20; i++)
            assert_int_equal(image.pixels[c * 20 + i], c / 3 * 60 + i * 3 + c % 3);
    free_whole(&image);
    mt_stack_close(stack);
}

static void units(void **state)
{
    (void)state;
    static const struct {
        int units;
        const char *space, *time;
        double interval;
    } cases[] = { { 0, "", "", 7 },
                  { 1 | 8, "meter", "second", 7 },
                  { 2 | 16, "millimeter", "millisecond", 7 },
                  { 3 | 24, "micrometer", "microsecond", 7 },
                  { 2 | 32, "millimeter", "", 0 },
                  { 4 | 40, "", "", 0 } };
    for (int version = 1; version <= 2; version++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            nifti_made f;
            make(&f, version, i % 2);
            put_dim(&f, 0, 4);
            put_units(&f, cases[i].units);
            for (size_t k = 0; k < 5; k++)
                put_pixel_size(&f, k, k == 4 ? 7 : k == 1 ? -0.5 : (double)k);
            mt_stack *stack = open_good(&f, "TZYX", 0);
            const mt_stack_info *info = mt_stack_get_info(stack);
            assert_true(info->pixel_size[0] == cases[i].interval && info->pixel_size[1] == 3);
            assert_true(info->pixel_size[2] == 2 && info->pixel_size[3] == 0.5);
            assert_string_equal(info->unit[0], cases[i].time);
            assert_string_equal(info->unit[3], cases[i].space);
            mt_stack_close(stack);
        }
    static const double useless[] = { 0, NAN, INFINITY };
    for (size_t i = 0; i < 3; i++) {
        nifti_made f;
        make(&f, 1, false);
        put_pixel_size(&f, 1, useless[i]);
        mt_stack *stack = open_good(&f, "ZYX", 0);
        assert_true(mt_stack_get_info(stack)->pixel_size[2] == 0);
        mt_stack_close(stack);
    }
}

static void write_part(const char *name, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(temporary_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void put_scaling(nifti_made *f, double slope, double inter)
{
    put_real(f, 112, 176, slope);
    put_real(f, 116, 184, inter);
}

/* Declared unless the slope is 0 or changes nothing, or a number is none. */
static void scaling_is_told(void **state)
{
    (void)state;
    static const struct {
        double slope, inter, told[2];
    } cases[] = { { 0, 5, { 0, 0 } },   { 1, 0, { 0, 0 } },   { NAN, 1, { 0, 0 } },    { INFINITY, 1, { 0, 0 } },
                  { 2, NAN, { 0, 0 } }, { 1, -7, { 1, -7 } }, { -0.5, 0, { -0.5, 0 } } };
    for (int version = 1; version <= 2; version++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            nifti_made f;
            make(&f, version, i % 2);
            put_scaling(&f, cases[i].slope, cases[i].inter);
            bool is_told = isinf(cases[i].slope) || isnan(cases[i].inter);
            mt_stack *stack = open_good(&f, "ZYX", is_told);
            const mt_stack_info *info = mt_stack_get_info(stack);
            assert_true(info->value_scale == cases[i].told[0] && info->value_offset == cases[i].told[1]);
            check_and_close(stack, 60); /* as stored */
        }
    nifti_made f;
    make(&f, 1, false);
    put_scaling(&f, 2, 1);
    put_type(&f, 128, 24);
    put_dim(&f, 3, 2);
    mt_stack *stack = open_good(&f, "ZYXC", 0);
    assert_true(mt_stack_get_info(stack)->value_scale == 0);
    mt_stack_close(stack);
}

static void check_scaled(const whole_image *image, double slope, double inter)
{
    for (int i = 0; i < 60; i++) {
        float single;
        double value = i * slope + inter, found;
        if (image->dtype == MT_FLOAT32) {
            memcpy(&single, image->pixels + 4 * i, 4);
            assert_true(single == (float)value);
        } else {
            memcpy(&found, image->pixels + 8 * i, 8);
            assert_true(found == value);
        }
    }
}

static int append(void *user, const void *bytes, size_t size) { return fwrite(bytes, 1, size, user) != size; }

/* The values of a scaled image are those of its saved map, too, which another way of opening refuses. */
static void check_saved(mt_stack *stack, const char *path, const whole_image *image)
{
    mt_stack *again;
    mt_error err = MT_ERROR_INIT;
    mt_open_options options = { .struct_size = sizeof options, .map = temporary_path("a.map"), .scaled = 1 };
    FILE *file = fopen(options.map, "wb");
    assert_non_null(file);
    check_ok(mt_stack_save_map(stack, append, file, &err), &err);
    fclose(file);
    check_ok(mt_stack_open(NULL, path, &options, &again, &err), &err);
    whole_image found;
    check_ok(read_whole(again, &found, &err), &err);
    assert_memory_equal(found.pixels, image->pixels, image->bytes);
    free_whole(&found);
    mt_stack_close(again);
    options.scaled = 0;
    assert_int_equal(mt_stack_open(NULL, path, &options, &again, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, " with scaled"));
}

static void scaled_values(void **state)
{
    (void)state;
    static const struct {
        int datatype, bits;
        mt_dtype dtype;
    } cases[] = { { 2, 8, MT_FLOAT32 },  { 256, 8, MT_FLOAT32 },  { 4, 16, MT_FLOAT32 },    { 512, 16, MT_FLOAT32 },
                  { 8, 32, MT_FLOAT64 }, { 768, 32, MT_FLOAT64 }, { 1024, 64, MT_FLOAT64 }, { 1280, 64, MT_FLOAT64 } };
    const mt_open_options options = { .struct_size = sizeof options, .scaled = 1 };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        nifti_made f;
        size_t k = i / 2, bytes = (size_t)cases[k].bits / 8;
        make(&f, 2, i % 2);
        put_type(&f, cases[k].datatype, cases[k].bits);
        put_scaling(&f, 0.1, -1000.25);
        for (size_t p = 0; p < 60; p++)
            put(&f, f.pixels_at + p * bytes, p, bytes);
        f.size = f.pixels_at + 60 * bytes;
        write_part("scaled.nii", f.bytes, f.size);
        const char *path = temporary_path("scaled.nii");
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        whole_image image;
        check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
        assert_int_equal(mt_stack_get_info(stack)->dtype, cases[k].dtype);
        assert_true(mt_stack_get_info(stack)->value_scale == 0);
        check_ok(read_whole(stack, &image, &err), &err);
        check_scaled(&image, 0.1, -1000.25);
        check_boxes(stack, &image, 1, 32);
        check_saved(stack, path, &image);
        free_whole(&image);
        mt_stack_close(stack);
        if (i < 2)
            check_contract(path, &options);
    }
    unlink(temporary_path("scaled.nii"));
    unlink(temporary_path("a.map"));
}

/* Floats too; a file that declares nothing is not changed. */
static void scaled_floats_and_others(void **state)
{
    (void)state;
    const mt_open_options options = { .struct_size = sizeof options, .scaled = 1 };
    for (int big = 0; big < 2; big++) {
        nifti_made f;
        mt_stack *stack;
        whole_image image;
        mt_error err = MT_ERROR_INIT;
        make(&f, 1, big);
        check_ok(mt_stack_open_memory(NULL, "a.nii", f.bytes, f.size, &options, &stack, &err), &err);
        assert_int_equal(mt_stack_get_info(stack)->dtype, MT_INT16);
        check_and_close(stack, 60);
        put_type(&f, 16, 32);
        put_scaling(&f, 3, 0.5);
        for (size_t p = 0; p < 60; p++)
            put_real(&f, f.pixels_at + 4 * p, 0, (double)p);
        f.size = f.pixels_at + 240;
        check_ok(mt_stack_open_memory(NULL, "a.nii", f.bytes, f.size, &options, &stack, &err), &err);
        check_ok(read_whole(stack, &image, &err), &err);
        assert_int_equal(image.dtype, MT_FLOAT32);
        check_scaled(&image, 3, 0.5);
        free_whole(&image);
        mt_stack_close(stack);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    nifti_made f;
    for (int version = 1; version <= 2; version++) {
        static const int64_t counts[] = { 0, 8, -1, 0x300 };
        for (size_t i = 0; i < 4; i++) {
            make(&f, version, false);
            put_dim(&f, 0, counts[i]);
            check_refused(&f, MT_E_CORRUPT, "not 1 to 7");
        }
        make(&f, version, true);
        put_dim(&f, 2, 0);
        check_refused(&f, MT_E_CORRUPT, "dim[2] is 0");
        put_dim(&f, 2, -4);
        check_refused(&f, MT_E_CORRUPT, "dim[2] is -4");
        put_dim(&f, 2, 5);
        check_refused(&f, MT_E_CORRUPT, "bytes, too few for 150");
        make(&f, version, false);
        put_dim(&f, 0, 7);
        put_dim(&f, 7, 2);
        check_refused(&f, MT_E_UNSUPPORTED, "dim[7] is 2");
        make(&f, version, false);
        put_offset(&f, -1);
        check_refused(&f, MT_E_CORRUPT, "vox_offset is -1");
        f.size = version == 1 ? 348 : 539;
        check_refused(&f, MT_E_CORRUPT, version == 1 ? "vox_offset" : "inside its header of 540");
    }
    static const double offsets[] = { NAN, INFINITY, 352.5, 1e30 };
    for (size_t i = 0; i < 4; i++) {
        make(&f, 1, false);
        put_offset(&f, offsets[i]);
        check_refused(&f, MT_E_CORRUPT, "vox_offset is ");
    }
    make(&f, 2, false);
    put(&f, 504, 3001, 4);
    check_refused(&f, MT_E_UNSUPPORTED, "CIFTI (intent code 3001)");
    for (size_t i = 1; i < 4; i++)
        put_dim(&f, i, INT64_MAX);
    put(&f, 504, 0, 4);
    check_refused(&f, MT_E_CORRUPT, "2^63");
    make(&f, 1, false);
    memcpy(f.bytes + 344, "ni1", 4);
    check_refused(&f, MT_E_UNSUPPORTED, "must be called .hdr");
    memcpy(f.bytes + 344, "xx1", 4);
    check_refused(&f, MT_E_NOT_AN_IMAGE, "but the content is not");
}

static void check_opens(const char *name)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, temporary_path(name), NULL, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->format, "nifti");
    check_and_close(stack, 60);
}

static void check_pair_refused(const char *name, mt_status status, const char *words)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .format = "nifti" };
    check_failed(mt_stack_open(NULL, temporary_path(name), &options, &stack, &err), status, &err, words);
}

/* Other pixels are called by the name of their format. */
static void other_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t header[4];
        mt_status status;
        const char *words;
    } cases[] = { { "b.HDR",
                    { 'E', 'N', 'V', 'I' },
                    MT_E_UNSUPPORTED,
                    "ENVI is not supported (the header is b.HDR): open the pixels" },
                  { "b.hdr", { 0x5c, 1 }, MT_E_UNSUPPORTED, "Analyze 7.5 is not supported" },
                  { "b.hdr", { 'x' }, MT_E_NOT_AN_IMAGE, "no NIfTI header (.hdr) is beside it" },
                  { "c", { 0 }, MT_E_NOT_AN_IMAGE, "an .img has pixels only" } };
    write_part("b.img", (const uint8_t *)"pixels", 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        write_part(cases[i].name, cases[i].header, sizeof cases[i].header);
        check_failed(mt_stack_open(NULL, temporary_path("b.img"), NULL, &stack, &err), cases[i].status, &err,
                     cases[i].words);
        unlink(temporary_path(cases[i].name));
    }
}

/* Either file of a pair opens it; a search of the folder finds it once. */
static void pairs(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        nifti_made f;
        make(&f, version, version == 2);
        f.bytes[version == 1 ? 345 : 5] = 'i';
        put_offset(&f, 16);
        write_part("pair.hdr", f.bytes, f.pixels_at - 4);
        write_part("pair.img", f.bytes + f.pixels_at - 16, 16 + 120);
        check_opens("pair.hdr");
        check_opens("pair.img");
        mt_stacks *stacks;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stacks_open(NULL, (const char *const[]) { temporary_folder() }, 1, NULL, &stacks, &err), &err);
        assert_int_equal(mt_stacks_count(stacks), 1);
        mt_stacks_close(stacks);
        assert_int_equal(rename(temporary_path("pair.hdr"), temporary_path("PAIR.HDR")), 0);
        assert_int_equal(rename(temporary_path("pair.img"), temporary_path("PAIR.IMG")), 0);
        check_opens("PAIR.HDR");
        check_opens("PAIR.IMG");
        assert_int_equal(rename(temporary_path("PAIR.IMG"), temporary_path("PAIR.img")), 0);
        check_opens("PAIR.HDR");
        check_opens("PAIR.img");
        assert_int_equal(rename(temporary_path("PAIR.HDR"), temporary_path("PAIR.hdr")), 0);
        assert_int_equal(rename(temporary_path("PAIR.img"), temporary_path("PAIR.IMG")), 0);
        check_opens("PAIR.hdr");
        check_opens("PAIR.IMG");
        assert_int_equal(rename(temporary_path("PAIR.hdr"), temporary_path("PAIR.HDR")), 0);
        unlink(temporary_path("PAIR.IMG"));
        check_pair_refused("PAIR.HDR", MT_E_CORRUPT, "PAIR.IMG, which holds the pixels, does not exist");
        unlink(temporary_path("PAIR.HDR"));
    }
    nifti_made f;
    make(&f, 1, false);
    write_part("a.img", f.bytes + 352, 120);
    check_pair_refused("a.img", MT_E_CORRUPT, "no NIfTI header");
    write_part("a.hdr", f.bytes, 348); /* of a single file */
    check_pair_refused("a.img", MT_E_CORRUPT, "no NIfTI header");
    check_pair_refused("a.hdr", MT_E_CORRUPT, "too few for 120 bytes of pixels from byte 352");
    check_pair_refused(".", MT_E_CORRUPT, "no NIfTI header");
}

static void broken_files(void **state)
{
    (void)state;
    static const char *const names[] = { "nifti/syn_u8_3d.nii", "nifti/syn_u16_n2.nii", "nifti/syn_rgb24.nii",
                                         "nifti/syn_i16_scl.nii", "nifti/syn_2d.nii" };
    mutate_files("nifti", names, sizeof names / sizeof *names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_byte_orders),
        cmocka_unit_test(dimensions),
        cmocka_unit_test(types),
        cmocka_unit_test(colours),
        cmocka_unit_test(units),
        cmocka_unit_test(scaling_is_told),
        cmocka_unit_test(scaled_values),
        cmocka_unit_test(scaled_floats_and_others),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(pairs),
        cmocka_unit_test(other_pairs),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
