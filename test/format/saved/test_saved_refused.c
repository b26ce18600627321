/* SPDX-License-Identifier: BSD-3-Clause */
/* What a saved map may not say: one map for each refusal, written here field by field, and the message. */
#include "base/buffer.h"
#include "codec/codec.h"
#include "format/saved/saved.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char image_path[] = "/tmp/microtome-saved-XXXXXX", map_path[64];

/* Numbers of the map of an image of 4 x 5 pixels of uint8 in one chunk. */
typedef enum field {
    NONE,
    VERSION,
    FLAGS,
    MEMBERS, /* characters in the identity of the other files; 0: none */
    MEMBER,  /* what they are */
    OBJECTS, /* that are counted; one is written */
    DOCUMENTS,
    ETAG, /* its length */
    CHAINS,
    NDIM,
    HEIGHT,
    WIDTH,
    AXES, /* the second letter */
    DTYPE,
    VALUE_SCALE, /* bits of a double; 0: none */
    CHUNK_HEIGHT,
    CHUNK_WIDTH,
    STRIDE, /* of the rows of a chunk */
    FIRST,  /* element of a chunk */
    BYTES,  /* of a chunk */
    SHARD,
    EDGES, /* of the columns */
    EDGE,  /* the first of them */
    CHANNELS,
    SAMPLES,
    WARNINGS,
    NAMES, /* of missing files */
    MISSING,
    LEVEL,
    LEVELS,
    LAYOUT,
    OBJECT, /* of the only piece */
    OFFSET,
    FIELDS
} field;

static const uint64_t good[FIELDS] = { [VERSION] = MT_SAVED_VERSION,
                                       [MEMBER] = 'm',
                                       [OBJECTS] = 1,
                                       [CHAINS] = 1,
                                       [NDIM] = 2,
                                       [HEIGHT] = 4,
                                       [WIDTH] = 5,
                                       [AXES] = 'X',
                                       [DTYPE] = MT_UINT8,
                                       [CHUNK_HEIGHT] = 4,
                                       [CHUNK_WIDTH] = 5,
                                       [STRIDE] = 5,
                                       [LEVELS] = 1,
                                       [LAYOUT] = MT_SAVED_PIECE };

/* Chunks after the layout, if it is not a piece. */
typedef struct layout {
    const char *bytes;
    size_t size;
} layout;

static void put_fields(mt_buffer *b, const uint64_t *f)
{
    mt_put_u8(b, (uint8_t)f[NDIM]);
    mt_put_varint(b, f[HEIGHT]);
    mt_put_varint(b, f[WIDTH]);
    mt_put_u8(b, 'Y');
    mt_put_u8(b, (uint8_t)f[AXES]);
    mt_put_u8(b, (uint8_t)f[DTYPE]);
    mt_put_u8(b, f[VALUE_SCALE] ? 32 : 0);
    mt_put_u64(b, 0); /* the fill value */
    if (f[VALUE_SCALE]) {
        mt_put_u64(b, f[VALUE_SCALE]);
        mt_put_f64(b, 0);
    }
    mt_put_varint(b, f[CHUNK_HEIGHT]);
    mt_put_varint(b, f[CHUNK_WIDTH]);
    mt_put_signed(b, (int64_t)f[STRIDE]);
    mt_put_signed(b, 1);
    mt_put_varint(b, f[FIRST]);
    mt_put_varint(b, f[BYTES]);
    mt_put_varint(b, f[SHARD]);
    mt_put_varint(b, f[SHARD]);
    mt_put_varint(b, 0);
    mt_put_varint(b, f[EDGES]);
    for (uint64_t i = 0; i < f[EDGES] && i < 4; i++)
        mt_put_varint(b, i ? 2 : f[EDGE]);
    for (int i = 0; i < 2; i++) { /* sizes of pixels */
        mt_put_f64(b, 0);
        mt_put_u8(b, 0);
    }
    for (int i = 0; i < 3; i++)
        mt_put_f64(b, 0);
    mt_put_u8(b, 0); /* no unit */
    mt_put_varint(b, f[CHANNELS]);
    mt_put_varint(b, f[SAMPLES]);
    mt_put_u8(b, 0); /* no part */
    mt_put_varint(b, f[WARNINGS]);
    mt_put_varint(b, f[NAMES]);
    for (uint64_t i = 0; i < f[NAMES] && i < 4; i++)
        mt_put_text(b, "b");
    mt_put_varint(b, f[MISSING]);
    mt_put_varint(b, f[LEVEL]);
    mt_put_varint(b, f[LEVELS]);
}

static void put_map(mt_buffer *b, const uint64_t *f, const char *format, const char *key, const layout *chunks)
{
    char etag[200] = "", members[MT_SAVED_MEMBERS + 2] = "";
    memset(etag, 'e', f[ETAG]);
    memset(members, (int)f[MEMBER], f[MEMBERS]);
    mt_put_u8(b, (uint8_t)f[FLAGS]);
    mt_put_text(b, "a");
    mt_put_text(b, "");
    mt_put_text(b, format);
    mt_put_u8(b, 0); /* no document of an array */
    mt_put_u8(b, f[MEMBERS] > 0);
    if (f[MEMBERS] > 0)
        mt_put_text(b, members);
    mt_put_varint(b, f[OBJECTS]);
    mt_put_varint(b, f[DOCUMENTS]);
    mt_put_text(b, key);
    mt_put_varint(b, 20);
    mt_put_signed(b, -5);
    mt_put_text(b, etag);
    mt_put_varint(b, f[CHAINS]);
    mt_put_u8(b, 0); /* steps */
    put_fields(b, f);
    mt_put_u8(b, (uint8_t)f[LAYOUT]);
    if (chunks) {
        mt_put_bytes(b, chunks->bytes, chunks->size);
    } else {
        mt_put_varint(b, f[OBJECT]);
        mt_put_varint(b, f[OFFSET]);
        mt_put_u8(b, 0);
    }
}

/* Writes the map into a file, but for the last bytes of it. */
static void save_map(const uint64_t *f, const char *format, const char *key, const layout *chunks, size_t cut)
{
    mt_env env;
    mt_env_init(&env, NULL, NULL);
    mt_buffer body = mt_buffer_on(&env), head = mt_buffer_on(&env);
    put_map(&body, f, format, key, chunks);
    assert_true(cut < body.size);
    body.size -= cut;
    mt_put_bytes(&head, MT_SAVED_MAGIC, 8);
    mt_put_u32(&head, (uint32_t)f[VERSION]);
    mt_put_u32(&head, mt_crc32c(body.data, body.size));
    mt_put_u64(&head, body.size);
    FILE *file = fopen(map_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(head.data, 1, head.size, file), head.size);
    assert_int_equal(fwrite(body.data, 1, body.size, file), body.size);
    fclose(file);
    mt_buffer_free(&body);
    mt_buffer_free(&head);
}

static void check_open(mt_status status, const char *says)
{
    mt_stack *stack = NULL;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .map = map_path };
    mt_status st = mt_stack_open(NULL, image_path, &options, &stack, &err);
    if (st != status || (says && !strstr(err.message, says)))
        print_error("%d instead of %d, \"%s\" without \"%s\"\n", st, status, err.message, says ? says : "");
    assert_int_equal(st, status);
    assert_true(!says || strstr(err.message, says));
    mt_stack_close(stack);
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(image_path);
    if (fd < 0 || write(fd, "01234567890123456789", 20) != 20)
        return -1;
    close(fd);
    snprintf(map_path, sizeof map_path, "%s.map", image_path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(map_path);
    return unlink(image_path);
}

static void fields_that_are_broken(void **state)
{
    (void)state;
    static const struct {
        field field;
        uint64_t value;
        field other;
        uint64_t other_value;
        mt_status status;
        const char *says;
    } cases[] = {
        { NONE, 0, NONE, 0, MT_OK, NULL },
        { VERSION, 1, NONE, 0, MT_E_UNSUPPORTED, "the saved map is of version 1, not 6: save it anew" },
        { FLAGS, MT_SAVED_BIG_ENDIAN, NONE, 0, MT_E_UNSUPPORTED, "a machine of the other byte order" },
        { FLAGS, MT_SAVED_DEPTH_VIEW, NONE, 0, MT_E_ARGUMENT, "with depth_axis, without use_masks, without scaled" },
        { FLAGS, MT_SAVED_MASKS, NONE, 0, MT_E_ARGUMENT, "without depth_axis, with use_masks, without scaled" },
        { FLAGS, MT_SAVED_SCALED, NONE, 0, MT_E_ARGUMENT, "without use_masks, with scaled and without merge_tiles" },
        { FLAGS, MT_SAVED_MERGED, NONE, 0, MT_E_ARGUMENT, "without scaled and with merge_tiles" },
        { VALUE_SCALE, UINT64_C(0x3ff0000000000000), NONE, 0, MT_OK, NULL },
        { VALUE_SCALE, UINT64_C(0x8000000000000000), NONE, 0, MT_E_CORRUPT, "sizes of the saved map" }, /* -0 */
        { VALUE_SCALE, UINT64_C(0x7ff8000000000000), NONE, 0, MT_E_CORRUPT, "sizes of the saved map" }, /* NaN */
        { VALUE_SCALE, UINT64_C(0x7ff0000000000000), NONE, 0, MT_E_CORRUPT, "sizes of the saved map" },
        { MEMBERS, MT_SAVED_MEMBERS, NONE, 0, MT_OK, NULL },
        { MEMBERS, MT_SAVED_MEMBERS + 1, NONE, 0, MT_E_CORRUPT, "identities of the saved map are broken" },
        { MEMBERS, 1, MEMBER, '~', MT_OK, NULL },
        { MEMBERS, 1, MEMBER, 0x7f, MT_E_CORRUPT, "identities of the saved map are broken" },
        { MEMBERS, 1, MEMBER, 0xe9, MT_E_CORRUPT, "identities of the saved map are broken" },
        { MEMBERS, 1, MEMBER, '\n', MT_E_CORRUPT, "identities of the saved map are broken" },
        { OBJECTS, 10000, NONE, 0, MT_E_CORRUPT, "counts of the saved map are broken" },
        { DOCUMENTS, 1, NONE, 0, MT_OK, NULL },
        { DOCUMENTS, 2, NONE, 0, MT_E_CORRUPT, "objects of the saved map are broken" },
        { ETAG, 150, NONE, 0, MT_E_CORRUPT, "identities of the saved map are broken" },
        { CHAINS, 0, NONE, 0, MT_E_CORRUPT, "chains of the saved map are broken" },
        { CHAINS, 10000, NONE, 0, MT_E_CORRUPT, "counts of the saved map are broken" },
        { NDIM, 200, NONE, 0, MT_E_LIMIT, "200 dimensions are more than max_dimensions" },
        { HEIGHT, INT64_MAX, NONE, 0, MT_E_CORRUPT, "sizes of the saved map are broken" },
        { HEIGHT, INT64_MAX / 4 + 1, NONE, 0, MT_E_CORRUPT, "sizes of the saved map are broken" },
        { CHUNK_WIDTH, INT64_MAX / 4 + 1, NONE, 0, MT_E_CORRUPT, "sizes of the saved map are broken" },
        { STRIDE, INT64_MAX / 4 + 1, NONE, 0, MT_E_CORRUPT, "sizes of the saved map are broken" },
        { FIRST, INT64_MAX / 4 + 1, NONE, 0, MT_E_CORRUPT, "sizes of the saved map are broken" },
        { BYTES, INT64_MAX / 4 + 1, NONE, 0, MT_E_CORRUPT, "sizes of the saved map are broken" },
        { SHARD, INT64_MAX / 4 + 1, NONE, 0, MT_E_CORRUPT, "sizes of the saved map are broken" },
        { EDGES, 10000, NONE, 0, MT_E_CORRUPT, "counts of the saved map are broken" },
        { EDGES, 2, EDGE, 0, MT_E_CORRUPT, "chunk sizes of the saved map are broken" },
        { EDGES, 2, EDGE, INT64_MAX / 4 + 1, MT_E_CORRUPT, "chunk sizes of the saved map are broken" },
        { EDGES, 2, EDGE, 2, MT_E_CORRUPT, "chunk sizes of the saved map are broken" }, /* 2 + 2 of 5 */
        { CHANNELS, 10000, NONE, 0, MT_E_CORRUPT, "counts of the saved map are broken" },
        { SAMPLES, 10000, NONE, 0, MT_E_CORRUPT, "counts of the saved map are broken" },
        { WARNINGS, 10000, NONE, 0, MT_E_CORRUPT, "counts of the saved map are broken" },
        { NAMES, 1, MISSING, 1, MT_OK, NULL },
        { NAMES, 1, MISSING, 2, MT_E_CORRUPT, "missing files of the saved map are broken" },
        { NAMES, 1, MISSING, 0, MT_E_CORRUPT, "missing files of the saved map are broken" },
        { LEVEL, 1, NONE, 0, MT_E_CORRUPT, "levels of the saved map are broken" },
        { LEVEL, 1, LEVELS, 2, MT_OK, NULL },
        { LEVEL, 0, LEVELS, 0, MT_OK, NULL },
        { LEVELS, 1000, NONE, 0, MT_OK, NULL },
        { LEVELS, 1001, NONE, 0, MT_E_CORRUPT, "levels of the saved map are broken" },
        { LAYOUT, 9, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { LAYOUT, 0, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { OBJECT, 1, NONE, 0, MT_E_CORRUPT, "places of the saved map are broken" },
        { OFFSET, INT64_MAX / 4 + 1, NONE, 0, MT_E_CORRUPT, "places of the saved map are broken" },
        { DTYPE, 0, NONE, 0, MT_E_CORRUPT, "places of the saved map are broken" },
        /* What holds for the map of any format. */
        { AXES, 'Q', NONE, 0, MT_E_CORRUPT, "axis 'Q' is not one of STCZYX" },
        { AXES, 'Y', NONE, 0, MT_E_CORRUPT, "axis Y is given twice" },
        { AXES, 0, NONE, 0, MT_E_CORRUPT, "1 axes for 2 dimensions" },
        { HEIGHT, INT64_MAX / 4, WIDTH, 40, MT_E_CORRUPT, "the image has more than 2^63 bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t f[FIELDS];
        memcpy(f, good, sizeof f);
        f[cases[i].field] = cases[i].value;
        f[cases[i].other] = cases[i].other_value;
        save_map(f, "npy", "a", NULL, 0);
        check_open(cases[i].status, cases[i].says);
    }
}

/* One chunk in a table: what begins it, object, chain, place and size (twice the number if it is not below zero). */
static void tables_that_are_broken(void **state)
{
    (void)state;
    static const struct {
        layout chunks;
        field field;
        uint64_t value;
        mt_status status;
        const char *says;
    } cases[] = {
        { { "\0\0\x28", 3 }, NONE, 0, MT_OK, NULL },
        { { "\2\0\0\x28", 4 }, NONE, 0, MT_OK, NULL },
        { { "\4\0\0\x28", 4 }, NONE, 0, MT_OK, NULL },
        { { "\10\0", 2 }, NONE, 0, MT_OK, NULL },
        { { "\1\1", 2 }, NONE, 0, MT_OK, NULL },
        { { "\2\1\0\x28", 4 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\4\1\0\x28", 4 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\0\1\x28", 3 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\0\0\1", 3 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\1\0", 2 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\1\2", 2 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\0\0\x28\0", 4 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\0\0", 2 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "", 0 }, NONE, 0, MT_E_CORRUPT, "chunks of the saved map are broken" },
        { { "\1\1", 2 }, DTYPE, 0, MT_E_CORRUPT, "the image has no element type" },
        { { "\1\1", 2 }, CHUNK_WIDTH, 0, MT_E_CORRUPT, "dimension 1 has chunks of size 0" },
        { { "\1\1", 2 }, STRIDE, 6, MT_E_CORRUPT, "the strides leave the chunk" },
        { { "\1\1", 2 }, STRIDE, INT64_MAX / 4, MT_E_CORRUPT, "the strides leave the chunk" },
        { { "\1\1", 2 }, STRIDE, (uint64_t)-5, MT_E_CORRUPT, "the strides leave the chunk" },
        { { "\1\1", 2 }, FIRST, 1, MT_E_CORRUPT, "the strides leave the chunk" },
        { { "\1\1", 2 }, BYTES, 19, MT_E_CORRUPT, "the strides leave the chunk" },
        { { "\1\1", 2 }, BYTES, 21, MT_OK, NULL },
        { { "\1\1", 2 }, BYTES, INT64_MAX / 4, MT_E_LIMIT, "a chunk has more bytes than max_chunk_bytes" },
        { { "\1\1", 2 }, CHUNK_WIDTH, INT64_MAX / 4, MT_E_LIMIT, "a chunk has more bytes than max_chunk_bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t f[FIELDS];
        memcpy(f, good, sizeof f);
        f[LAYOUT] = MT_SAVED_TABLE;
        f[cases[i].field] = cases[i].field ? cases[i].value : 0;
        save_map(f, "npy", "a", &cases[i].chunks, 0);
        check_open(cases[i].status, cases[i].says);
    }
}

/* Chunk sizes along the columns, 3 and 2 of at most 5, and what they may not be. */
static void grids_that_are_broken(void **state)
{
    (void)state;
    static const layout missing = { "\1\2", 2 };
    static const struct {
        uint64_t edge, chunk, bytes;
        mt_status status;
        const char *says;
    } cases[] = { { 3, 5, 0, MT_OK, NULL },
                  { 3, 3, 0, MT_OK, NULL },
                  { 3, 5, 21, MT_E_CORRUPT, "that differ in size are stored backwards or with gaps" },
                  { 3, 2, 0, MT_E_CORRUPT, "chunk 0 along dimension 1 has a wrong size" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t f[FIELDS];
        memcpy(f, good, sizeof f);
        f[LAYOUT] = MT_SAVED_TABLE;
        f[EDGES] = 2;
        f[EDGE] = cases[i].edge;
        f[BYTES] = cases[i].bytes;
        f[CHUNK_WIDTH] = f[STRIDE] = cases[i].chunk;
        save_map(f, "npy", "a", &missing, 0);
        check_open(cases[i].status, cases[i].says);
    }
}

/* A chunk of 4 x 5, and a box of it: its number (0: none), then start, extent and first pixel along each dimension. */
static void boxes_that_are_broken(void **state)
{
    (void)state;
/* 2^62, -2^62, and 2^62 without a sign */
#define FAR "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
#define FAR_BEFORE "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
#define FAR_UNSIGNED "\x80\x80\x80\x80\x80\x80\x80\x80\x40"
#define CHUNK "\1\x08\x0a\0\0\x28"
    static const struct {
        layout chunks;
        const char *says;
    } cases[] = {
        { { CHUNK "\1\2\0\x08\0\0\x0a\0", 14 }, NULL },
        { { CHUNK "\1\0\0\x08\0\0\x0a\0", 14 }, NULL },
        { { CHUNK "\1\2\1\x08\0\1\x0a\0", 14 }, NULL }, /* before the start of the image */
        { { CHUNK "\1\2\0\x06\1\0\x0a\0", 14 }, NULL }, /* without the first row of the chunk */
        { { CHUNK "\0", 7 }, NULL },
        { { CHUNK "\1\4\0\x08\0\0\x0a\0", 14 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\1\0\x08\0\0\x0a\0", 14 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\2\0\0\0\0\x0a\0", 14 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\2\0\x08\1\0\x0a\0", 14 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\2\0\x08\0\0\x0a\1", 14 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\2\0\x08\0\0\x0a", 13 }, "boxes of the saved map are broken" },
        { { CHUNK "\2\2\0\x08\0\0\x0a\0", 14 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\0" FAR "\x08\0\0\x0a\0", 23 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\0\0\x08\0" FAR_BEFORE "\x0a\0", 22 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\0\0" FAR "\0\0\x0a\0", 23 }, "boxes of the saved map are broken" },
        { { CHUNK "\1\0\0\x08" FAR_UNSIGNED "\0\x0a\0", 22 }, "boxes of the saved map are broken" },
        { { CHUNK "\x40", 7 }, "counts of the saved map are broken" },
        { { "\1\x08\0\0\0\x28\0", 7 }, "extents of the saved map are broken" },
        { { "\1\x0a\x0a\0\0\x28\0", 7 }, "extents of the saved map are broken" },
        { { "\1\x08\x0c\0\0\x28\0", 7 }, "extents of the saved map are broken" },
        { { "\x40", 1 }, "counts of the saved map are broken" },
        { { "\1\x08\x0a\2\1\0\x28\0", 8 }, "chunks of the saved map are broken" },
        { { CHUNK "\0\0", 8 }, "chunks of the saved map are broken" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t f[FIELDS];
        memcpy(f, good, sizeof f);
        f[LAYOUT] = MT_SAVED_BOXES;
        save_map(f, "czi", "a", &cases[i].chunks, 0);
        check_open(cases[i].says ? MT_E_CORRUPT : MT_OK, cases[i].says);
    }
}

static void keys_and_formats(void **state)
{
    (void)state;
    uint64_t f[FIELDS];
    memcpy(f, good, sizeof f);
    save_map(f, "npy", "../b", NULL, 0);
    check_open(MT_E_ARGUMENT, "../b");
    f[LAYOUT] = MT_SAVED_OWN;
    save_map(f, "npy", "a", NULL, 0);
    check_open(MT_E_UNSUPPORTED, "the saved map is of format \"npy\", which this version does not restore");
    save_map(f, "bmp", "a", NULL, 0);
    check_open(MT_E_UNSUPPORTED, "the saved map is of format \"bmp\", which this version does not restore");
}

/* Cut anywhere, with a checksum that fits. */
static void maps_that_are_cut(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < 90; cut++) {
        save_map(good, "npy", "a", NULL, cut);
        check_open(MT_E_CORRUPT, "the saved map are broken");
    }
    FILE *file = fopen(map_path, "wb");
    assert_non_null(file);
    fputs("\x89mtmap", file);
    fclose(file);
    check_open(MT_E_CORRUPT, "this is not a saved map");
}

/* What is read later: the object is not what it was. */
static void images_that_have_changed(void **state)
{
    (void)state;
    static const layout elsewhere = { "\0\0\x28", 3 };
    for (int i = 0; i < 3; i++) {
        uint64_t f[FIELDS];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options, .map = map_path };
        const int64_t origin[2] = { 0, 0 }, one[2] = { 1, 1 };
        float out;
        memcpy(f, good, sizeof f);
        f[LAYOUT] = i < 2 ? MT_SAVED_PIECE : MT_SAVED_TABLE;
        f[DOCUMENTS] = i == 1;
        save_map(f, "npy", i == 2 ? "microtome-absent" : "a", i == 2 ? &elsewhere : NULL, 0);
        check_ok(mt_stack_open(NULL, image_path, &options, &stack, &err), &err);
        assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 2, &out, &err), MT_E_CHANGED);
        assert_non_null(strstr(err.message, i == 2 ? "microtome-absent is gone since its map was saved"
                                                   : " has changed since its map was saved ("));
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_are_broken),   cmocka_unit_test(tables_that_are_broken),
        cmocka_unit_test(grids_that_are_broken),    cmocka_unit_test(boxes_that_are_broken),
        cmocka_unit_test(keys_and_formats),         cmocka_unit_test(maps_that_are_cut),
        cmocka_unit_test(images_that_have_changed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
