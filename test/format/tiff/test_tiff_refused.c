/* SPDX-License-Identifier: BSD-3-Clause */
/* What a TIFF may not say: one file for each refusal, made here, and the message. */
#include "support/contract.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A page of 6 x 4 pixels of uint16 in one strip, little-endian: the directory at byte 8, what tags point to from VALUES
 * on, the strip behind. */
enum { WIDTH = 6, HEIGHT = 4, BYTES = 2 * WIDTH * HEIGHT, VALUES = 512, STRIP = 1024, SIZE = STRIP + BYTES, MOST = 16 };

typedef struct tag {
    uint16_t id, type; /* type 0: the page lacks it */
    uint32_t count, value;
} tag;

typedef struct file {
    tag tags[MOST];
    int n;
    uint32_t next; /* of the directory */
    uint8_t bytes[SIZE];
} file;

static const file plain = { .n = 8,
                            .tags = { { 256, 3, 1, WIDTH },
                                      { 257, 3, 1, HEIGHT },
                                      { 258, 3, 1, 16 },
                                      { 259, 3, 1, 1 },
                                      { 262, 3, 1, 1 },
                                      { 273, 4, 1, STRIP },
                                      { 277, 3, 1, 1 },
                                      { 279, 4, 1, BYTES } } };

static void set(file *f, tag t)
{
    int i = 0;
    while (i < f->n && f->tags[i].id != t.id)
        i++;
    assert_true(i < MOST);
    f->tags[i] = t;
    f->n = i < f->n ? f->n : i + 1;
}

static void put(uint8_t *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void write_all(file *f)
{
    int n = 0;
    memcpy(f->bytes, "II*\0\10\0\0", 8);
    for (int i = 0; i < f->n; i++) {
        if (f->tags[i].type == 0)
            continue;
        uint8_t *at = f->bytes + 10 + 12 * n++;
        put(at, f->tags[i].id, 2);
        put(at + 2, f->tags[i].type, 2);
        put(at + 4, f->tags[i].count, 4);
        put(at + 8, f->tags[i].value, 4);
    }
    put(f->bytes + 8, (uint32_t)n, 2);
    put(f->bytes + 10 + 12 * n, f->next, 4);
    for (int i = 0; i < BYTES; i++)
        f->bytes[STRIP + i] = (uint8_t)i;
}

static void check_bytes(const void *bytes, size_t size, const char *part, mt_status status, const char *says)
{
    mt_stack *stack = NULL;
    whole_image image = { 0 };
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .part = part };
    mt_status st = mt_stack_open_memory(NULL, "made.tif", bytes, size, &options, &stack, &err);
    if (!st && !(st = read_whole(stack, &image, &err)))
        free_whole(&image);
    mt_stack_close(stack);
    if (st != status || (says && !strstr(err.message, says)))
        print_error("%d instead of %d, \"%s\" without \"%s\"\n", st, status, err.message, says ? says : "");
    assert_int_equal(st, status);
    assert_true(!says || strstr(err.message, says));
}

typedef struct refusal {
    tag tags[4]; /* instead of those of the plain page, or more */
    mt_status status;
    const char *says;
} refusal;

static void check_refusals(const refusal *r, size_t n, const void *values, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        file f = plain;
        for (int k = 0; k < 4 && r[i].tags[k].id; k++)
            set(&f, r[i].tags[k]);
        write_all(&f);
        if (size)
            memcpy(f.bytes + VALUES, values, size);
        check_bytes(f.bytes, sizeof f.bytes, NULL, r[i].status, r[i].says);
    }
}
#define CHECK_REFUSALS(r, values, size) check_refusals((r), sizeof(r) / sizeof *(r), (values), (size))

static void sizes_and_types(void **state)
{
    (void)state;
    static const uint8_t bits[] = { 16, 0, 16, 0, 8, 0 };
    static const refusal cases[] = {
        { { { 254, 4, 1, 0 } }, MT_OK, NULL },
        { { { 256, 0, 0, 0 } }, MT_E_CORRUPT, "tag 256 (ImageWidth) is 0" },
        { { { 256, 4, 1, 0 } }, MT_E_CORRUPT, "tag 256 (ImageWidth) is 0" },
        { { { 256, 4, 1, 0x80000000 } }, MT_E_CORRUPT, "tag 256 (ImageWidth) is 2147483648" },
        { { { 257, 4, 1, 0 } }, MT_E_CORRUPT, "tag 257 (ImageLength) is 0" },
        { { { 277, 4, 1, 65536 } }, MT_E_CORRUPT, "65536 samples per pixel" },
        { { { 256, 3, 0, 6 } }, MT_E_CORRUPT, "tag 256 (ImageWidth) has 0 values of type 3" },
        { { { 256, 5, 1, VALUES } }, MT_E_CORRUPT, "tag 256 (ImageWidth) has 1 values of type 5" },
        { { { 256, 12, 1, VALUES } }, MT_E_CORRUPT, "tag 256 (ImageWidth) has 1 values of type 12" },
        { { { 322, 3, 1, 16 } }, MT_E_CORRUPT, "tag 323 (TileLength) is 0" },
        { { { 322, 3, 1, 0 }, { 323, 3, 1, 16 } }, MT_E_CORRUPT, "tag 322 (TileWidth) is 0" },
        { { { 258, 3, 1, 0 } }, MT_E_UNSUPPORTED, "samples of 0 bits" },
        { { { 258, 3, 1, 65 } }, MT_E_UNSUPPORTED, "samples of 65 bits" },
        { { { 258, 3, 1, 9000 } }, MT_E_UNSUPPORTED, "samples of 1024 bits" },
        { { { 258, 3, 1, 8 }, { 339, 3, 1, 3 } }, MT_E_UNSUPPORTED, "floats of 8 bits" },
        { { { 258, 3, 1, 48 }, { 339, 3, 1, 3 } }, MT_E_UNSUPPORTED, "floats of 48 bits" },
        { { { 339, 3, 1, 5 } }, MT_E_UNSUPPORTED, "complex numbers" },
        { { { 339, 3, 1, 6 } }, MT_E_UNSUPPORTED, "complex numbers" },
        { { { 277, 3, 1, 3 }, { 258, 3, 3, VALUES } }, MT_E_UNSUPPORTED, "samples that differ in BitsPerSample" },
        { { { 277, 3, 1, 2 }, { 339, 3, 2, 1 | 2 << 16 } }, MT_E_UNSUPPORTED, "samples that differ in SampleFormat" },
        { { { 277, 3, 1, 3 }, { 258, 3, 3, SIZE } }, MT_E_CORRUPT, "tag 258 (BitsPerSample)" },
        { { { 32997, 3, 1, 1 } }, MT_OK, NULL },
        { { { 32997, 3, 1, 2 } }, MT_E_UNSUPPORTED, "ImageDepth of 2" },
        { { { 270, 2, SIZE + 1, 0 } }, MT_E_CORRUPT, "tag 270 (ImageDescription) has 1073 bytes, the file 1072" },
    };
    CHECK_REFUSALS(cases, bits, sizeof bits);
}

static void compressions_and_predictors(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *name;
    } codes[] = { { 2, "CCITT" },
                  { 3, "CCITT T.4" },
                  { 4, "CCITT T.6" },
                  { 6, "old-style JPEG" },
                  { 34676, "SGILog" },
                  { 34677, "SGILog24" },
                  { 34892, "lossy JPEG of DNG" },
                  { 34933, "PNG" },
                  { 50002, "JPEG XL" },
                  { 52546, "JPEG XL" } };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char says[64];
        snprintf(says, sizeof says, "compression %u (%s) is not", codes[i].code, codes[i].name);
        check_refusals(&(refusal) { { { 259, 3, 1, codes[i].code } }, MT_E_UNSUPPORTED, says }, 1, NULL, 0);
    }
    static const refusal cases[] = {
        { { { 259, 3, 1, 77 } }, MT_E_UNSUPPORTED, "compression 77 is not" },
        { { { 259, 3, 1, 0 } }, MT_E_UNSUPPORTED, "compression 0 is not" },
        { { { 317, 3, 1, 1 } }, MT_OK, NULL },
        { { { 317, 3, 1, 4 } }, MT_E_UNSUPPORTED, "predictor 4 is not" },
        { { { 317, 3, 1, 3 } }, MT_E_CORRUPT, "the floating-point predictor for uint16" },
        { { { 317, 3, 1, 2 }, { 258, 3, 1, 24 }, { 339, 3, 1, 3 } },
          MT_E_UNSUPPORTED,
          "predictor 2 for 24-bit floats" },
        { { { 259, 3, 1, 34887 }, { 50674, 4, 2, VALUES } },
          MT_E_UNSUPPORTED,
          "LERC with additional compression 3 is not" },
        { { { 259, 3, 1, 34887 }, { 50674, 4, 1, 4 } }, MT_E_CORRUPT, "tag 50674 (private) has 1 values of type 4" },
        { { { 262, 3, 1, 6 }, { 277, 3, 1, 3 }, { 258, 3, 1, 8 } }, MT_E_UNSUPPORTED, "subsampled YCbCr (tag 530)" },
        { { { 262, 3, 1, 6 }, { 277, 3, 1, 3 }, { 258, 3, 1, 8 }, { 530, 3, 2, 2 | 1 << 16 } },
          MT_E_UNSUPPORTED,
          "subsampled YCbCr (tag 530)" },
        { { { 262, 3, 1, 6 }, { 277, 3, 1, 3 }, { 258, 3, 1, 8 }, { 530, 3, 1, 1 } },
          MT_E_CORRUPT,
          "tag 530 (YCbCrSubSampling) has 1 values of type 3" },
    };
    static const uint8_t lerc[] = { 4, 0, 0, 0, 3, 0, 0, 0 };
    CHECK_REFUSALS(cases, lerc, sizeof lerc);
}

static void strips_and_tiles(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { { { 273, 0, 0, 0 } }, MT_E_CORRUPT, "plane 0: the page has no offsets of strips or tiles" },
        { { { 273, 0, 0, 0 }, { 324, 4, 1, STRIP } }, MT_OK, NULL },
        { { { 279, 0, 0, 0 }, { 325, 4, 1, BYTES } }, MT_OK, NULL },
        { { { 279, 0, 0, 0 } }, MT_OK, NULL },
        { { { 279, 0, 0, 0 }, { 259, 3, 1, 5 } }, MT_E_CORRUPT, "the page has no sizes of strips or tiles" },
        { { { 279, 0, 0, 0 }, { 278, 3, 1, 2 }, { 273, 4, 2, VALUES } },
          MT_E_CORRUPT,
          "the page has no sizes of strips or tiles" },
        { { { 278, 3, 1, 2 } }, MT_E_CORRUPT, "tag 273 (StripOffsets) has 1 values of type 4" },
        { { { 278, 3, 1, 2 }, { 273, 4, 2, VALUES } }, MT_E_CORRUPT, "tag 279 (StripByteCounts) has 1 values" },
        { { { 278, 3, 1, 2 }, { 273, 4, 2, SIZE }, { 279, 4, 2, VALUES } }, MT_E_CORRUPT, "tag 273 (StripOffsets)" },
        { { { 257, 4, 1, 1073 }, { 278, 3, 1, 1 } }, MT_E_CORRUPT, "1073 chunks in a file of 1072 bytes" },
        { { { 257, 4, 1, 1072 }, { 278, 3, 1, 1 } }, MT_E_CORRUPT, "tag 273 (StripOffsets) has 1 values" },
        { { { 273, 4, 1, STRIP + 1 } }, MT_E_CORRUPT, "chunk 0 has 48 bytes at 1025 in a file of 1072" },
        { { { 273, 4, 1, SIZE + 1 } }, MT_E_CORRUPT, "chunk 0 has 48 bytes at 1073 in a file of 1072" },
        { { { 279, 4, 1, BYTES - 1 } }, MT_E_CORRUPT, "has 47 bytes for a raw chunk of 48" },
        { { { 257, 3, 1, HEIGHT + 1 } }, MT_E_CORRUPT, "has 48 bytes for a raw chunk of 60" },
    };
    static const uint8_t offsets[] = { 0, 4, 0, 0, 24, 4, 0, 0 };
    CHECK_REFUSALS(cases, offsets, sizeof offsets);
}

static void stacks_of_microscopes(void **state)
{
    (void)state;
    static uint8_t values[400] = { 0x4c, 0x49, 0, 4 }; /* of LSM: 2^20 planes in z, at 2^20 times, of one channel */
    values[16 + 2] = values[24 + 2] = 16;
    values[20] = 1;
    static const refusal cases[] = {
        { { { 34412, 1, 400, VALUES } }, MT_E_LIMIT, "more pages than max_pages" },
        { { { 34412, 1, 90, VALUES } }, MT_E_LIMIT, "more pages than max_pages" },
        { { { 34412, 1, 89, VALUES } }, MT_OK, NULL },
        { { { 33629, 5, 1, VALUES } }, MT_OK, NULL },
        { { { 33629, 5, 2, VALUES } }, MT_E_CORRUPT, "2 planes, but room for 1" },
        { { { 33629, 5, 2, VALUES }, { 259, 3, 1, 8 } }, MT_E_UNSUPPORTED, "STK files with compressed planes" },
        { { { 33629, 5, 1, SIZE - 23 } }, MT_E_CORRUPT, "tag 33629 (UIC2)" },
        { { { 33629, 4, 2, VALUES } }, MT_OK, NULL },
    };
    CHECK_REFUSALS(cases, values, sizeof values);
}

static void headers_and_directories(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[20];
        size_t size;
        const char *says;
    } heads[] = {
        { { 'I', 'I', 43, 0, 4, 0, 0, 0, 16 }, 20, "offsets of another size than 8 bytes" },
        { { 'I', 'I', 43, 0, 8, 0, 1, 0, 16 }, 20, "offsets of another size than 8 bytes" },
        { { 'M', 'M', 0, 43, 0, 8, 0, 0, 16 }, 15, "the file ends inside its header" },
        { { 'I', 'I', 42, 0, 8 }, 8, "a directory should be at byte 8, but the file has only 8 bytes" },
        { { 'I', 'I', 42, 0, 20 }, 20, "a directory should be at byte 20, but the file has only 20 bytes" },
        { { 'I', 'I', 42, 0, 19 }, 20, "the directory at byte 19 has 0 entries" },
        { { 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 2 }, 20, "the directory at byte 8 has 513 entries" },
        { { 'I', 'I', 42, 0, 8, 0, 0, 0, 1 }, 20, "the file ends inside the directory at byte 8" },
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        check_bytes(heads[i].bytes, heads[i].size, NULL, MT_E_CORRUPT, heads[i].says);
    file f = plain;
    f.next = 8;
    write_all(&f);
    check_bytes(f.bytes, sizeof f.bytes, NULL, MT_E_CORRUPT, "the pages form a loop");
}

static void parts_that_are_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        mt_status status;
        const char *says;
    } cases[] = {
        { "series=0", MT_OK, NULL },
        { "series=0&level=0", MT_OK, NULL },
        { "series=1", MT_E_NOT_FOUND, "there is no series=1; the file has 1, counted from 0" },
        { "level=1", MT_E_NOT_FOUND, "there is no level=1; the image has 1, counted from 0" },
        { "Image", MT_E_NOT_FOUND, "a TIFF has no part \"Image\": its images are series=0, series=1" },
        { "series=-1", MT_E_ARGUMENT, "levels, series and scenes count from 0" },
    };
    file f = plain;
    write_all(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_bytes(f.bytes, sizeof f.bytes, cases[i].part, cases[i].status, cases[i].says);
}

/* Directories at VALUES: of a page as large as the first, which is SubIFD 0, and of one that is smaller. */
static void levels_in_sub_ifds(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, type, bits;
        int n_levels;
        const char *warning;
    } cases[] = { { 3, 3, 16, 2, NULL },
                  { WIDTH, 3, 16, 1, NULL },
                  { WIDTH + 1, 3, 16, 1, NULL },
                  { 3, 3, 8, 1, NULL },
                  { 0, 3, 16, 1, "SubIFD 0 is not a level and is ignored: tag 256 (ImageWidth) is 0" },
                  { 3, 5, 16, 1, "SubIFD 0 is not a level and is ignored: tag 256" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        file sub = plain, f = plain;
        set(&sub, (tag) { 256, (uint16_t)cases[i].type, 1, cases[i].width });
        set(&sub, (tag) { 258, 3, 1, cases[i].bits });
        write_all(&sub);
        set(&f, (tag) { 330, 4, 1, VALUES });
        write_all(&f);
        memcpy(f.bytes + VALUES, sub.bytes + 8, 200);
        check_ok(mt_stack_open_memory(NULL, "made.tif", f.bytes, sizeof f.bytes, NULL, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_int_equal(info->n_levels, cases[i].n_levels);
        assert_int_equal(info->n_warnings, cases[i].warning != NULL);
        if (cases[i].warning)
            assert_non_null(strstr(info->warnings[0], cases[i].warning));
        mt_stack_close(stack);
    }
}

/* Byte counts of 0 are told, and those that are not there. */
static void counts_of_zero_are_told(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 2; count++) {
        mt_stack *stack;
        whole_image image;
        mt_error err = MT_ERROR_INIT;
        file f = plain;
        set(&f, (tag) { 279, 4, 1, count * BYTES });
        write_all(&f);
        check_ok(mt_stack_open_memory(NULL, "made.tif", f.bytes, sizeof f.bytes, NULL, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_int_equal(info->n_warnings, count == 0);
        if (count == 0)
            assert_non_null(strstr(info->warnings[0], "byte counts of strips are 0"));
        check_ok(read_whole(stack, &image, &err), &err);
        assert_memory_equal(image.pixels, f.bytes + STRIP, BYTES);
        free_whole(&image);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_types),         cmocka_unit_test(compressions_and_predictors),
        cmocka_unit_test(strips_and_tiles),        cmocka_unit_test(stacks_of_microscopes),
        cmocka_unit_test(headers_and_directories), cmocka_unit_test(parts_that_are_not_there),
        cmocka_unit_test(levels_in_sub_ifds),      cmocka_unit_test(counts_of_zero_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
