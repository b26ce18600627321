/* SPDX-License-Identifier: BSD-3-Clause */
/* Every TIFF of the test data: shape, type and pixels as other programs see them, or a refusal that names the feature. */
#include "support/contract.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The whole image in the order in which it is stored. */
static uint8_t *read_original(mt_stack *stack, size_t *bytes, mt_error *err)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    int64_t stride[MT_MAX_DIMS], step = (int64_t)mt_dtype_size(info->dtype), origin[3] = { 0 };
    for (int d = info->original_ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= info->original_shape[d];
    }
    *bytes = (size_t)step;
    uint8_t *out = malloc(*bytes ? *bytes : 1);
    assert_non_null(out);
    for (int64_t s = 0; s < info->data_shape[0]; s++)
        for (int64_t c = 0; c < info->data_shape[1]; c++) {
            int64_t left[2] = { s, c }, at = 0, strides[4] = { 0 };
            const char *letters[2] = { "TS", "C" };
            for (int role = 0; role < 2; role++)
                for (const char *letter = letters[role]; *letter; letter++)
                    for (int d = info->original_ndim - 1; d >= 0; d--)
                        if (info->original_axes[d] == *letter) {
                            at += left[role] % info->original_shape[d] * stride[d];
                            left[role] /= info->original_shape[d];
                        }
            for (int i = 0; i < info->data_ndim - 2; i++) {
                const char *axis = strchr(info->original_axes, "ZYX"[i + 5 - info->data_ndim]);
                strides[1 + i] = axis ? stride[axis - info->original_axes] : 0;
            }
            mt_patch_request r = { .stack = stack,
                                   .sample = s,
                                   .channels = &c,
                                   .n_channels = 1,
                                   .n_spatial = (size_t)info->data_ndim - 2,
                                   .coords = origin,
                                   .patch_size = info->data_shape + 2,
                                   .view = { .data = out + at, .dtype = info->dtype, .strides = strides } };
            if (mt_extract_patches(&r, 1, NULL, err)) {
                free(out);
                return NULL;
            }
        }
    return out;
}

/* Unsupported files, and the word in the error that names the feature. */
static const struct {
    const char *file, *word;
} refused[] = {
#include "refused.inc"
};

static const char *refusal_of(const char *file)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(refused[i].file, file) == 0)
            return refused[i].word;
    return NULL;
}

/* Series of tifffile that hold pages from several places of the chain, where ours hold only pages that follow each
 * other; and files of an image whose metadata is in a companion file, which tifffile does not follow. */
static bool is_grouped_otherwise(const char *file)
{
    return strncmp(file, "ome/multifile-", 14) == 0 || strcmp(file, "compression/gray.series.u1.tif") == 0 ||
           strcmp(file, "misc/subsubifds.tif") == 0;
}

static bool same_shape(const mt_stack_info *info, const json_t *shape)
{
    int64_t expected = 1, got = 1;
    for (size_t i = 0; i < json_array_size(shape); i++)
        expected *= json_integer_value(json_array_get(shape, i));
    for (int d = 0; d < info->original_ndim; d++)
        got *= info->original_shape[d];
    return expected == got;
}

/* The MD5 of the series, else of its pages one behind the other where there is one page. */
static const char *expected_md5(const json_t *file)
{
    const json_t *series = json_array_get(json_object_get(file, "series"), 0);
    const char *md5 = json_string_value(json_object_get(series, "md5_C_LE"));
    const json_t *pages = json_object_get(file, "libtiff_pages");
    if (!md5 && json_array_size(pages) == 1)
        md5 = json_string_value(json_object_get(json_array_get(pages, 0), "md5_C_LE"));
    return md5;
}

/* The pages of the image, which are those of the file that have the shape of the first, each with its own MD5. */
static bool check_pages(const uint8_t *pixels, size_t bytes, const json_t *pages)
{
    const json_t *shape = json_object_get(json_array_get(pages, 0), "shape"), *page;
    size_t i, n = 0, at = 0;
    json_array_foreach(pages, i, page) n += json_equal(json_object_get(page, "shape"), shape);
    if (n == 0)
        return true; /* no other reader opens it: only success is checked */
    json_array_foreach(pages, i, page)
    {
        if (!json_equal(json_object_get(page, "shape"), shape))
            continue;
        const char *md5 = json_string_value(json_object_get(page, "md5_C_LE"));
        if (md5 && strcmp(md5_hex(pixels + at, bytes / n), md5) != 0)
            return false;
        at += bytes / n;
    }
    return true;
}

static bool check_file(const char *name, const json_t *file)
{
    char path[512];
    snprintf(path, sizeof path, "tiff/%s", name);
    const json_t *series = json_array_get(json_object_get(file, "series"), 0);
    const char *word = refusal_of(name), *md5 = expected_md5(file);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open(NULL, data_path(path), NULL, &stack, &err);
    if (st) {
        bool as_stated = word && strstr(err.message, word);
        if (!as_stated)
            print_error("%s: %s\n", name, err.message);
        return as_stated;
    }
    bool otherwise = is_grouped_otherwise(name);
    bool good = !word && same_shape(mt_stack_get_info(stack), json_object_get(series, "shape")) != otherwise;
    if (!good && !word)
        print_error("%s: %s\n", name, "has another shape");
    size_t bytes;
    err = (mt_error)MT_ERROR_INIT;
    uint8_t *pixels = good || word ? read_original(stack, &bytes, &err) : NULL;
    if (word && !pixels && strstr(err.message, word)) {
        mt_stack_close(stack);
        return true;
    }
    if (word)
        print_error("%s: is to be refused\n", name);
    bool same = pixels && (otherwise ? true
                           : md5     ? strcmp(md5_hex(pixels, bytes), md5) == 0
                                     : check_pages(pixels, bytes, json_object_get(file, "libtiff_pages")));
    if (good && !same)
        print_error("%s: other pixels (%s) %s\n", name, mt_stack_get_info(stack)->original_axes, err.message);
    free(pixels);
    mt_stack_close(stack);
    return same;
}

static void all_files_read_as_expected(void **state)
{
    (void)state;
    json_t *files = read_json("tiff/expected_tiff.json");
    const char *name;
    json_t *file;
    int bad = 0, n = 0;
    json_object_foreach(files, name, file)
    {
        n++;
        bad += !check_file(name, file);
    }
    json_decref(files);
    print_message("%d of %d files as expected\n", n - bad, n);
    assert_int_equal(bad, 0);
}

/* Broken files: an error with a message, or pixels, within tight limits. */
static int check_broken(const char *path)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 16 << 20 };
    options.limits.max_chunk_bytes = (size_t)64 << 20;
    options.limits.max_metadata_bytes = (size_t)32 << 20;
    mt_context *context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    mt_status st = mt_stack_open(context, path, NULL, &stack, &err);
    if (!st) {
        const mt_stack_info *info = mt_stack_get_info(stack);
        static float patch[64 * 64];
        static const int64_t channel = 0, origin[3] = { 0 }, size[3] = { 1, 64, 64 };
        if (info->data_shape[0] > 0 && info->data_shape[1] > 0)
            st = mt_stack_extract_patch(stack, 0, &channel, 1, origin, size + 5 - info->data_ndim,
                                        (size_t)info->data_ndim - 2, patch, &err);
        mt_stack_close(stack);
    }
    if (st)
        assert_true(strlen(err.message) > 8);
    mt_counters counters;
    mt_context_get_counters(context, &counters);
    assert_true(counters.memory_peak < (uint64_t)256 << 20);
    mt_context_free(context);
    return st != MT_OK;
}

/* Files that are damaged where no pixel depends on it: others read the same pixels out of them. */
static const char *const readable[] = {
#include "readable.inc"
};

static bool is_readable(const char *path)
{
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++)
        if (strstr(path, readable[i]))
            return true;
    return false;
}

static int n_broken, n_wrong;

static int visit_broken(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)at;
    if (type != FTW_F)
        return 0;
    n_broken++;
    if (!check_broken(path) != is_readable(path)) {
        print_error("%s: %s\n", path, is_readable(path) ? "is refused" : "gives pixels");
        n_wrong++;
    }
    return 0;
}

static void broken_files_fail_cleanly(void **state)
{
    (void)state;
    assert_int_equal(nftw(data_path("tiff/malformed"), visit_broken, 16, FTW_PHYS), 0);
    print_message("%d broken files, %d not as expected\n", n_broken, n_wrong);
    assert_int_equal(n_wrong, 0);
    assert_true(n_broken > 170);
}

static void files_keep_the_contract(void **state)
{
    (void)state;
    static const char *const names[] = { "tiff/compression/gray.tiled.u1.tif",
                                         "tiff/compression/gray.bigendian.u2.tif",
                                         "tiff/compression/rgb.tiled.lzw.u1.tif",
                                         "tiff/compression/gray.zstd.u2.tif",
                                         "tiff/imagej/3d_c.tif",
                                         "tiff/seq_image_tiff/seq-1c-12b-47c39b31.tiff",
                                         "tiff/floats_depths/predictor-3-gray-f32.tif",
                                         "tiff/bigtiff/BigTIFFMotorola.tif" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_contract(data_path(names[i]), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_files_read_as_expected),
        cmocka_unit_test(broken_files_fail_cleanly),
        cmocka_unit_test(files_keep_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
