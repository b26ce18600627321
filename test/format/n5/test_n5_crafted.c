/* SPDX-License-Identifier: BSD-3-Clause */
/* Datasets that the data folder lacks: every type, cut and padded blocks, blocks that are missing, and attributes that
 * are wrong. */
#include "n5_support.h"
#include "support/map.h"

#include "jpeg.inc"

/* A dataset of 7 x 5 x 4 bytes (X, Y, Z) in blocks of 3 x 2 x 3. */
enum { X = 7, Y = 5, Z = 4 };
static const int64_t size[] = { X, Y, Z }, block_size[] = { 3, 2, 3 };

static uint8_t value(int64_t x, int64_t y, int64_t z) { return (uint8_t)(1 + x + 10 * y + 50 * z); }

/* Whether a block is stored. */
typedef bool (*choose)(int64_t x, int64_t y, int64_t z);
static bool all(int64_t x, int64_t y, int64_t z) { return x + y + z >= 0; }
static bool odd(int64_t x, int64_t y, int64_t z) { return (x + y + z) % 2; }

/* Writes the dataset d. padded: border blocks have the whole size, with other values beyond the array. */
static void write_dataset(bool padded, choose is_stored)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s/d'", temporary_folder());
    assert_int_equal(system(command), 0);
    write_temporary_text("d/attributes.json", DATASET("[7,5,4]", "[3,2,3]", "uint8", ""));
    for (int64_t bz = 0; bz * 3 < Z; bz++)
        for (int64_t by = 0; by * 2 < Y; by++)
            for (int64_t bx = 0; bx * 3 < X; bx++) {
                uint8_t elements[18];
                char name[64];
                int64_t start[] = { bx * 3, by * 2, bz * 3 }, extent[3];
                size_t n = 0;
                for (int d = 0; d < 3; d++)
                    extent[d] = padded || size[d] - start[d] > block_size[d] ? block_size[d] : size[d] - start[d];
                for (int64_t z = 0; z < extent[2]; z++)
                    for (int64_t y = 0; y < extent[1]; y++)
                        for (int64_t x = 0; x < extent[0]; x++)
                            elements[n++] = value(start[0] + x, start[1] + y, start[2] + z);
                snprintf(name, sizeof name, "d/%d/%d/%d", (int)bx, (int)by, (int)bz);
                if (is_stored(bx, by, bz))
                    write_block(name, extent, 3, elements, n);
            }
}

/* Whether each pixel of d is that of its block, or 0. */
static void check_dataset(choose is_stored)
{
    mt_stack *stack;
    whole_image image;
    mt_error err;
    check_ok(open_named("d", "ZYX", &stack, &err), &err);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, X * Y * Z);
    for (int i = 0; i < X * Y * Z; i++) {
        int64_t x = i % X, y = i / X % Y, z = i / X / Y;
        assert_int_equal(image.pixels[i], is_stored(x / 3, y / 2, z / 3) ? value(x, y, z) : 0);
    }
    check_boxes(stack, &image, 5, 64);
    free_whole(&image);
    mt_stack_close(stack);
}

static void borders_are_cut_or_padded(void **state)
{
    (void)state;
    for (int padded = 0; padded < 2; padded++) {
        write_dataset(padded, all);
        check_dataset(all);
        write_dataset(padded, odd);
        check_dataset(odd);
        check_contract(temporary_path("d"), NULL);
    }
}

/* A block that lacks elements of the array is an error, which spoils only what touches it. */
static void blocks_that_are_too_small(void **state)
{
    (void)state;
    static const struct {
        const char *name, *message;
        int64_t extent[3];
    } cases[] = { { "d/0/0/0", "chunk 0/0/0: n5_block: the block has 2 elements along dimension 0", { 2, 2, 3 } },
                  { "d/2/0/0", "chunk 0/0/2: n5_block: the block has 1 elements along dimension 1", { 1, 1, 3 } },
                  { "d/0/0/1", "chunk 1/0/0: n5_block: the block has 2 elements along dimension 0", { 2, 2, 1 } } };
    write_dataset(false, all);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        mt_error err;
        float out[X * Y * Z];
        const int64_t *e = cases[i].extent, origin[3] = { 0 }, whole[] = { Z, Y, X }, middle[] = { 1, 3, 3 },
                      one[] = { 1, 1, 1 };
        write_dataset(false, all);
        write_block(cases[i].name, e, 3, "abcdefghijklmnopqr", (size_t)(e[0] * e[1] * e[2]));
        check_ok(open_named("d", "ZYX", &stack, &err), &err);
        assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, origin, whole, 3, out, &err), MT_E_CORRUPT);
        if (!strstr(err.message, cases[i].message))
            fail_msg("%s: %s", cases[i].name, err.message);
        err = (mt_error)MT_ERROR_INIT;
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, middle, one, 3, out, &err), &err);
        mt_stack_close(stack);
    }
}

/* Elements are big-endian, whatever their type. */
static void every_type(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t n;
        float first;
    } types[] = { { "uint8", "\xfe", 1, 254 },
                  { "int8", "\xfe", 1, -2 },
                  { "uint16", "\x01\x02", 2, 258 },
                  { "int16", "\xff\xfe", 2, -2 },
                  { "uint32", "\0\x01\0\x02", 4, 65538 },
                  { "int32", "\xff\xff\xff\xfe", 4, -2 },
                  { "uint64", "\0\0\0\x01\0\0\0\0", 8, 4294967296.0F },
                  { "int64", "\xff\xff\xff\xff\xff\xff\xff\xfe", 8, -2 },
                  { "float32", "\x3f\xc0\0\0", 4, 1.5F },
                  { "float64", "\xbf\xf8\0\0\0\0\0\0", 8, -1.5F } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char text[200];
        mt_stack *stack;
        mt_error err;
        float out;
        static const int64_t origin[2] = { 0 }, one[] = { 1, 1 };
        snprintf(text, sizeof text,
                 "{\"dimensions\":[1,1],\"blockSize\":[1,1],\"dataType\":\"%s\",\"compressionType\":\"raw\"}",
                 types[i].name);
        write_temporary_text("t/attributes.json", text);
        write_block("t/0/0", one, 2, types[i].bytes, types[i].n);
        check_ok(open_named("t", NULL, &stack, &err), &err);
        assert_string_equal(mt_dtype_name(mt_stack_get_info(stack)->dtype), types[i].name);
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 2, &out, &err), &err);
        assert_true(out == types[i].first);
        mt_stack_close(stack);
    }
}

static void attributes_that_are_refused(void **state)
{
    (void)state;
#define ATTRIBUTES(dimensions, block, type, more)                                                                      \
    "{\"dimensions\":" dimensions ",\"blockSize\":" block ",\"dataType\":" type "," more "}"
#define RAW "\"compression\":{\"type\":\"raw\"}"
    static const struct {
        const char *attributes;
        mt_status status;
        const char *message;
    } cases[] = {
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", RAW), MT_OK, "" },
        { ATTRIBUTES("[0,4]", "[4,4]", "\"uint8\"", RAW), MT_OK, "" },
        { "[]", MT_E_CORRUPT, "attributes.json is not an object" },
        { "{", MT_E_CORRUPT, "attributes.json: line 1" },
        { ATTRIBUTES("[]", "[]", "\"uint8\"", RAW), MT_E_CORRUPT, "attributes.json: dimensions is empty" },
        { ATTRIBUTES("4", "[4,4]", "\"uint8\"", RAW), MT_E_CORRUPT, "dimensions is not a list" },
        { ATTRIBUTES("[4,-1]", "[4,4]", "\"uint8\"", RAW), MT_E_CORRUPT, "entry 1 of dimensions" },
        { ATTRIBUTES("[4,4]", "[4,0]", "\"uint8\"", RAW), MT_E_CORRUPT, "entry 1 of blockSize" },
        { ATTRIBUTES("[4,4]", "[4]", "\"uint8\"", RAW), MT_E_CORRUPT, "blockSize has 1 entries" },
        { ATTRIBUTES("[4,4]", "[4,4]", "8", RAW), MT_E_CORRUPT, "dataType is not a string" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"object\"", RAW), MT_E_UNSUPPORTED, "'object' is not supported" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"bool\"", RAW), MT_E_UNSUPPORTED, "'bool' is not supported" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"float16\"", RAW), MT_E_UNSUPPORTED, "'float16' is not supported" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", RAW ",\"isLabelMultiset\":true"), MT_E_UNSUPPORTED, "multisets" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", "\"compression\":{}"), MT_E_CORRUPT, "compression has no type" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", "\"x\":0"), MT_E_CORRUPT, "compression has no type" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", "\"compression\":{\"type\":\"lzo\"}"), MT_E_UNSUPPORTED,
          "'lzo' is not supported" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", RAW ",\"codecs\":[]"), MT_E_UNSUPPORTED, "shards" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", RAW ",\"shardSize\":[4,4]"), MT_E_UNSUPPORTED, "shards" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint16\"", "\"compression\":{\"type\":\"jpeg\"}"), MT_E_UNSUPPORTED,
          "'jpeg' with a range" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", "\"compression\":{\"type\":\"jpeg\",\"max\":100}"),
          MT_E_UNSUPPORTED, "'jpeg' with a range" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", "\"compression\":{\"type\":\"jpeg\",\"gamma\":2}"),
          MT_E_UNSUPPORTED, "'jpeg' with a range" },
        { ATTRIBUTES("[4,4]", "[4,4]", "\"uint8\"", "\"compression\":{\"type\":\"jpeg\",\"dataType\":\"int8\"}"),
          MT_E_UNSUPPORTED, "'jpeg' with a range" },
        { ATTRIBUTES("[4,4]", "[65536,65536]", "\"uint8\"", RAW), MT_E_LIMIT, "max_chunk_bytes" },
        { ATTRIBUTES("[4,4]", "[9223372036854775807,9223372036854775807]", "\"uint8\"", RAW), MT_E_LIMIT,
          "max_chunk_bytes" },
        { ATTRIBUTES("[9223372036854775807,9223372036854775807]", "[4,4]", "\"uint8\"", RAW), MT_E_CORRUPT, "" },
        { ATTRIBUTES("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "\"uint8\"", RAW),
          MT_E_LIMIT, "17 dimensions" },
        { ATTRIBUTES("[3,3,3,3,3,3,3,3,3,3,3]", "[2,2,2,2,2,2,2,2,2,2,2]", "\"uint8\"", RAW), MT_E_UNSUPPORTED,
          "more than 10 dimensions" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        mt_error err;
        write_temporary_text("r.n5/attributes.json", cases[i].attributes);
        mt_status st = open_named("r.n5", NULL, &stack, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("%s: %s: %s", cases[i].attributes, mt_status_name(st), err.message);
        if (!st)
            mt_stack_close(stack);
    }
}

/* Names of folders may be long, as long as the keys of all blocks fit. */
static void keys_have_a_maximum(void **state)
{
    (void)state;
    enum { FITS = 512 - 3 * 20 - 2 - 1 };
    for (int length = FITS; length <= FITS + 1; length++) {
        char name[600], document[640];
        mt_stack *stack;
        mt_error err;
        memset(name, 'n', sizeof name);
        memcpy(name, "c#", 2);
        name[200] = name[400] = '/';
        name[2 + length] = 0;
        snprintf(document, sizeof document, "c/%s/attributes.json", name + 2);
        write_temporary_text("c/attributes.json", "{\"n5\":\"2.0.0\"}");
        write_temporary_text(document, DATASET("[7,5,4]", "[3,2,3]", "uint8", ""));
        mt_status st = open_named(name, "ZYX", &stack, &err);
        if (length > FITS) {
            check_failed(st, MT_E_UNSUPPORTED, &err, "keys of more than 512 bytes");
            continue;
        }
        check_ok(st, &err);
        mt_stack_close(stack);
    }
}

static void jpeg_has_planes_below_one_another(void **state)
{
    (void)state;
    static const int64_t extent[] = { 8, 4, 2 };
    mt_stack *stack;
    whole_image image;
    mt_error err;
    write_temporary_text("j/attributes.json",
                         "{\"dimensions\":[8,4,2],\"blockSize\":[8,4,2],\"dataType\":\"uint8\",\"compression\":{"
                         "\"type\":\"jpeg\",\"quality\":90,\"dataType\":\"uint8\",\"min\":0,\"max\":255,\"gamma\":1}}");
    write_block("j/0/0/0", extent, 3, jpeg, sizeof jpeg);
    mt_status st = open_named("j", "ZYX", &stack, &err);
    if (st == MT_E_UNSUPPORTED)
        skip(); /* this build lacks JPEG */
    check_ok(st, &err);
    check_ok(read_whole(stack, &image, &err), &err);
    for (int i = 0; i < 64; i++)
        assert_in_range(image.pixels[i], 30 + i / 8 * 20 + i % 8 - 3, 30 + i / 8 * 20 + i % 8 + 3);
    free_whole(&image);
    mt_stack_close(stack);
}

/* A search in C order stops at each block that is stored, and at no other. */
static void check_search(const uint8_t *pixels, int grid)
{
    opened_map o;
    mt_error err = MT_ERROR_INIT;
    mt_scan scan = { .wanted = (uint64_t)grid * (uint64_t)grid * (uint64_t)grid };
    int64_t position[3] = { 0 }, next[3];
    int n = 0;
    check_ok(open_map("n5", temporary_path("s"), "", "", &o, &err), &err);
    for (int i = 0; i < grid * grid * grid; i++) {
        const int64_t here[3] = { i / grid / grid, i / grid % grid, i % grid };
        memcpy(position, here, sizeof position);
        o.map->find_stored(o.map, &scan, position, next);
        assert_int_equal(memcmp(next, position, sizeof next) == 0, pixels[i] != 0);
        n += pixels[i] != 0;
        if (next[0] == MT_NOWHERE)
            break;
    }
    int stored = 0;
    for (int i = 0; i < grid * grid * grid; i++)
        stored += pixels[i] != 0;
    assert_int_equal(n, stored);
    assert_int_equal(next[0] == MT_NOWHERE, 1);
    scan.free_memo(&o.context->env, scan.memo);
    close_map(&o);
}

/* Large gaps are found by listing folders: what is stored is the same as when each block is tried. */
static void sparse_datasets(void **state)
{
    (void)state;
    enum { GRID = 40, STORED = 30 };
    static const int64_t one[] = { 1, 1, 1 };
    static uint8_t pixels[GRID][GRID][GRID];
    uint64_t random = 3;
    mt_stack *stack;
    whole_image image;
    mt_error err;
    write_temporary_text("s/attributes.json", DATASET("[40,40,40]", "[1,1,1]", "uint8", ""));
    for (int i = 0; i < STORED; i++) {
        char name[64];
        int x = (int)random_between(&random, 0, GRID - 1), y = (int)random_between(&random, 0, GRID - 1),
            z = (int)random_between(&random, 0, GRID - 1);
        pixels[z][y][x] = (uint8_t)(i + 1);
        snprintf(name, sizeof name, "s/%d/%d/%d", x, y, z);
        write_block(name, one, 3, &pixels[z][y][x], 1);
    }
    write_temporary_text("s/40/0/0", "beyond the array");
    write_temporary_text("s/07/0/0", "no number of a block");
    write_temporary_text("s/notes.txt", "nor this");
    check_ok(open_named("s", "ZYX", &stack, &err), &err);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_memory_equal(image.pixels, pixels, sizeof pixels);
    check_search(image.pixels, GRID);
    check_boxes(stack, &image, 2, 64);
    free_whole(&image);
    mt_stack_close(stack);
}

/* Reads a corner of a damaged image: an error with a message, or pixels. */
static mt_status read_corner(const char *name)
{
    const mt_context_options tight = { .struct_size = sizeof tight,
                                       .threads = 1,
                                       .cache_bytes = 1 << 20,
                                       .limits = { .max_metadata_bytes = 8 << 20, .max_chunk_bytes = 8 << 20 } };
    const mt_open_options options = { .struct_size = sizeof options, .axes = "ZYX" };
    static const int64_t origin[3] = { -1, -1, -1 }, extent[] = { 6, 7, 9 };
    static float out[6 * 7 * 9];
    mt_context *context;
    mt_stack *stack;
    mt_counters counters;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&tight, &context, &err), &err);
    mt_status st = mt_stack_open(context, temporary_path(name), &options, &stack, &err);
    if (!st) {
        st = mt_stack_extract_patch(stack, 0, NULL, 0, origin, extent, 3, out, &err);
        mt_stack_close(stack);
    }
    assert_int_equal(st == MT_OK, err.message[0] == 0);
    mt_context_get_counters(context, &counters);
    assert_true(counters.memory_peak < (uint64_t)64 << 20);
    mt_context_free(context);
    return st;
}

/* One to four random bytes of the attributes or of a block are changed. */
static void mutations(void **state)
{
    (void)state;
    static const char *const files[] = { "d/attributes.json", "d/0/0/0", "d/2/2/1" };
    const char *wanted = getenv("MICROTOME_MUTATIONS");
    int n = wanted ? (int)strtol(wanted, NULL, 10) : 300, n_read = 0;
    uint64_t random = 1;
    write_dataset(false, all);
    for (int i = 0; i < n; i++) {
        size_t bytes;
        const char *name = files[i % 3];
        uint8_t *whole = read_file(temporary_path(name), &bytes), *changed = malloc(bytes);
        memcpy(changed, whole, bytes);
        for (int64_t k = random_between(&random, 1, 4); k > 0; k--)
            changed[random_between(&random, 0, (int64_t)bytes - 1)] ^= (uint8_t)random_between(&random, 1, 255);
        write_temporary(name, changed, bytes);
        n_read += read_corner("d") == MT_OK;
        write_temporary(name, whole, bytes);
        free(whole), free(changed);
    }
    print_message("%d of %d read\n", n_read, n);
    assert_in_range(n_read, n / 50, n * 9 / 10);
    assert_int_equal(read_corner("d"), MT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borders_are_cut_or_padded),
        cmocka_unit_test(blocks_that_are_too_small),
        cmocka_unit_test(every_type),
        cmocka_unit_test(attributes_that_are_refused),
        cmocka_unit_test(keys_have_a_maximum),
        cmocka_unit_test(jpeg_has_planes_below_one_another),
        cmocka_unit_test(sparse_datasets),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
