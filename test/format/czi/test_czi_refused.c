/* SPDX-License-Identifier: BSD-3-Clause */
/* What a CZI document may not say: one document for each refusal, made here, and the message. */
#include "support/contract.h"
#include "support/czi_writer.h"

#include <stdbool.h>
#include <string.h>

enum { SIDE = 4, SEGMENT = 32 };

/* Segments that a patch is relative to. */
typedef enum place { NOWHERE, FILE_HEAD, SUBBLOCK, DIRECTORY, METADATA, ATTACHMENTS, ATTACHMENT } place;

typedef struct patch {
    place in;
    size_t at; /* from the start of the segment */
    uint64_t value;
    int bytes;
} patch;

typedef struct made {
    czi_writer w;
    size_t at[ATTACHMENT + 1];
} made;

static const uint8_t pixels[SIDE * SIDE] = { 9, 8, 7, 6 };

static uint64_t load(const uint8_t *p)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

static void apply(made *m, const patch *p)
{
    if (p->in == NOWHERE)
        return;
    for (int i = 0; i < p->bytes; i++)
        m->w.data[m->at[p->in] + p->at + (size_t)i] = (uint8_t)(p->value >> 8 * i);
}

/* A mask of 4 x 4 pixels of which the left half is valid, as the only part of the attachment of a subblock. */
enum { MASK = 20 + 16 + SIDE };
static const uint8_t mask[MASK] = { 0x67, 0xea, 0xe3, 0xcb, 0xfc, 0x5b, 0x2b, 0x49, 0xa1, 0x6a, 0xec, 0xe3, 0x78, 0x03,
                                    0x14, 0x48, 20,   0,    0,    0,    4,    0,    0,    0,    4,    0,    0,    0,
                                    0,    0,    0,    0,    1,    0,    0,    0,    0xc0, 0xc0, 0xc0, 0xc0 };
#define CONTAINER "<DataFormat>CHUNKCONTAINER</DataFormat>"
enum { MASK_AT = SEGMENT + 256 + sizeof CONTAINER - 1 + SIDE * SIDE };

static void make(made *m)
{
    czi_tile tile = czi_gray_tile(0, 0, SIDE, SIDE, pixels);
    tile.metadata = CONTAINER;
    tile.attachment = mask;
    tile.attachment_size = sizeof mask;
    czi_begin(&m->w);
    m->at[FILE_HEAD] = 0;
    m->at[SUBBLOCK] = m->w.size;
    czi_add_tile(&m->w, &tile);
    m->at[ATTACHMENT] = m->w.size;
    czi_add_attachment(&m->w, "Thing", "JPG", "\xff\xd8\xff\xc0\0\10\10\0\5\0\6\1", 12);
    czi_finish(&m->w, "<M><Scaling><Items><Distance Id=\"X\"><Value>2e-6</Value></Distance></Items></Scaling></M>");
    m->at[DIRECTORY] = load(m->w.data + SEGMENT + 52);
    m->at[METADATA] = load(m->w.data + SEGMENT + 60);
    m->at[ATTACHMENTS] = load(m->w.data + SEGMENT + 72);
}

/* Opens what was written, or a part of it, and reads it all. */
static mt_status read_bytes(const czi_writer *w, const char *part, bool use_masks, mt_error *err)
{
    mt_stack *stack = NULL;
    whole_image image = { 0 };
    const mt_open_options options = { .struct_size = sizeof options, .part = part, .use_masks = use_masks };
    mt_status st = mt_stack_open_memory(NULL, "made.czi", w->data, w->size, &options, &stack, err);
    if (!st && !(st = read_whole(stack, &image, err)))
        free_whole(&image);
    mt_stack_close(stack);
    return st;
}

static void check_result(mt_status st, const mt_error *err, mt_status expected, const char *says)
{
    if (st != expected || (says && !strstr(err->message, says)))
        print_error("%d instead of %d, \"%s\" without \"%s\"\n", st, expected, err->message, says ? says : "");
    assert_int_equal(st, expected);
    assert_true(!says || strstr(err->message, says));
}

typedef struct refusal {
    patch patches[2];
    mt_status status;
    const char *says;
} refusal;

static void check_refusals(const refusal *r, size_t n, const char *part, bool use_masks)
{
    for (size_t i = 0; i < n; i++) {
        made m;
        mt_error err = MT_ERROR_INIT;
        make(&m);
        apply(&m, &r[i].patches[0]);
        apply(&m, &r[i].patches[1]);
        check_result(read_bytes(&m.w, part, use_masks, &err), &err, r[i].status, r[i].says);
        czi_free(&m.w);
    }
}
#define CHECK_REFUSALS(r, part, use_masks) check_refusals((r), sizeof(r) / sizeof *(r), (part), (use_masks))

/* Offsets in the first entry of the directory, and in the copy that its subblock has. */
enum {
    ENTRY = SEGMENT + 128,
    COPY = SEGMENT + 16,
    TYPE = 2,
    POSITION = 6,
    COMPRESSION = 18,
    COUNT = 28,
    X = 32,
    Y = 52
};
enum { START = 4, SIZE = 8, STORED = 16 };

static void segments_and_directories(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { { { FILE_HEAD, 10, 'X', 1 } }, MT_E_CORRUPT, "the segment at 0 is not a ZISRAWFILE" },
        { { { FILE_HEAD, 16, 79, 8 } }, MT_E_CORRUPT, "the ZISRAWFILE at 0 has 79 bytes in a file of" },
        { { { FILE_HEAD, 16, 80, 8 } }, MT_OK, NULL },
        { { { FILE_HEAD, 16, 1 << 20, 8 } }, MT_E_CORRUPT, "the ZISRAWFILE at 0 has 1048576 bytes" },
        { { { FILE_HEAD, SEGMENT, 2, 4 } }, MT_E_UNSUPPORTED, "version 2 of the format" },
        { { { FILE_HEAD, SEGMENT + 52, 1 << 20, 8 } }, MT_E_CORRUPT, "a segment at 1048576 lies outside the file" },
        { { { FILE_HEAD, SEGMENT + 52, 32, 8 } }, MT_E_CORRUPT, "the segment at 32 is not a ZISRAWDIRECTORY" },
        { { { DIRECTORY, 16, 127, 8 } }, MT_E_CORRUPT, "the directory has 127 bytes" },
        { { { DIRECTORY, 16, 3, 8 } }, MT_E_CORRUPT, "the ZISRAWDIRECTORY at" },
        { { { DIRECTORY, SEGMENT, 8, 4 } }, MT_E_CORRUPT, "8 entries in a directory of 224 bytes" },
        { { { DIRECTORY, SEGMENT, 7, 4 } }, MT_E_CORRUPT, "a directory entry of an unknown schema" },
        { { { DIRECTORY, SEGMENT, 0, 4 } }, MT_E_NOT_AN_IMAGE, "the document holds no pixels" },
        { { { DIRECTORY, ENTRY, 'X', 1 } }, MT_E_CORRUPT, "a directory entry of an unknown schema" },
        { { { DIRECTORY, ENTRY + 1, 'X', 1 } }, MT_E_CORRUPT, "a directory entry of an unknown schema" },
        { { { DIRECTORY, ENTRY + 1, 'E', 1 } }, MT_E_UNSUPPORTED, "directory entries of the schema DE" },
        { { { DIRECTORY, ENTRY + COUNT, 41, 4 } }, MT_E_CORRUPT, "a directory entry of 41 dimensions" },
        { { { DIRECTORY, ENTRY + COUNT, 5, 4 } }, MT_E_CORRUPT, "a directory entry of 5 dimensions" },
        { { { DIRECTORY, ENTRY + COUNT, 1, 4 } }, MT_E_CORRUPT, "a directory entry without X and Y" },
        { { { DIRECTORY, ENTRY + X, 'Z', 1 } }, MT_E_CORRUPT, "a directory entry without X and Y" },
        { { { DIRECTORY, ENTRY + Y, 'Q', 1 } }, MT_E_UNSUPPORTED, "dimension 81" },
        { { { DIRECTORY, ENTRY + Y, 0, 1 } }, MT_E_UNSUPPORTED, "dimension 0" },
        { { { DIRECTORY, ENTRY + Y, 'y', 1 } }, MT_OK, NULL },
        { { { DIRECTORY, ENTRY + Y, 'X', 1 } }, MT_E_CORRUPT, "dimension X from 0 on has 4 elements, 4 stored" },
        { { { DIRECTORY, ENTRY + X + SIZE, 0, 4 } }, MT_E_CORRUPT, "dimension X from 0 on has 0 elements, 4 stored" },
        { { { DIRECTORY, ENTRY + X + STORED, UINT32_MAX, 4 } }, MT_E_CORRUPT, "has 4 elements, -1 stored" },
        { { { DIRECTORY, ENTRY + X + STORED, 0, 4 } }, MT_OK, NULL },
        { { { DIRECTORY, ENTRY + X + START, INT32_MAX - 4, 4 } }, MT_OK, NULL },
        { { { DIRECTORY, ENTRY + X + START, INT32_MAX - 3, 4 } },
          MT_E_CORRUPT,
          "dimension X from 2147483644 on has 4 elements" },
        { { { DIRECTORY, ENTRY + TYPE, 5, 4 } }, MT_E_UNSUPPORTED, "pixel type 5 is not supported" },
        { { { DIRECTORY, ENTRY + TYPE, 10, 4 } }, MT_E_UNSUPPORTED, "pixel type gray64complexfloat is not supported" },
        { { { DIRECTORY, ENTRY + X + STORED, 2, 4 }, { DIRECTORY, ENTRY + Y + STORED, 2, 4 } },
          MT_E_CORRUPT,
          "the image has no tiles of full size" },
    };
    CHECK_REFUSALS(cases, NULL, false);
}

static void compressions_that_are_not_supported(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { { { DIRECTORY, ENTRY + COMPRESSION, 2, 4 } }, MT_E_UNSUPPORTED, "compression 2 (LZW) is not supported" },
        { { { DIRECTORY, ENTRY + COMPRESSION, 99, 4 } }, MT_E_UNSUPPORTED, "compression 99 (not known)" },
        { { { DIRECTORY, ENTRY + COMPRESSION, 100, 4 } }, MT_E_UNSUPPORTED, "compression 100 (raw data of a camera)" },
        { { { DIRECTORY, ENTRY + COMPRESSION, 999, 4 } }, MT_E_UNSUPPORTED, "compression 999 (raw data of a camera)" },
        { { { DIRECTORY, ENTRY + COMPRESSION, 1000, 4 } },
          MT_E_UNSUPPORTED,
          "compression 1000 (raw data of a system) is not supported: open the file in ZEN and save it again" },
    };
    CHECK_REFUSALS(cases, NULL, false);
}

/* Without a directory the segments are walked over, by the sizes that they tell. */
static void documents_without_a_directory(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { { { FILE_HEAD, SEGMENT + 52, 0, 8 } }, MT_OK, NULL },
        { { { FILE_HEAD, SEGMENT + 68, 1, 4 }, { DIRECTORY, SEGMENT, 0, 4 } }, MT_OK, NULL },
        { { { FILE_HEAD, SEGMENT + 52, 0, 8 }, { SUBBLOCK, 16, 1 << 20, 8 } },
          MT_E_CORRUPT,
          "the segment at 544 has 1048576 bytes in a file of" },
        { { { FILE_HEAD, SEGMENT + 52, 0, 8 }, { ATTACHMENTS, 16, 385, 8 } },
          MT_E_CORRUPT,
          "has 385 bytes in a file of" },
        { { { FILE_HEAD, SEGMENT + 52, 0, 8 }, { SUBBLOCK, COPY, 'X', 1 } },
          MT_E_CORRUPT,
          "a directory entry of an unknown schema" },
        { { { FILE_HEAD, SEGMENT + 52, 0, 8 }, { SUBBLOCK, COPY + TYPE, 7, 4 } },
          MT_E_UNSUPPORTED,
          "pixel type 7 is not supported" },
        { { { FILE_HEAD, SEGMENT + 52, 0, 8 }, { SUBBLOCK, 0, 'X', 1 } },
          MT_E_NOT_AN_IMAGE,
          "the document holds no pixels" },
    };
    CHECK_REFUSALS(cases, NULL, false);
}

static void subblocks(void **state)
{
    (void)state;
    enum { PIXELS = SEGMENT + 8 };
    static const refusal cases[] = {
        { { { SUBBLOCK, 3, 'X', 1 } }, MT_E_CORRUPT, "the segment at 544 is not a ZISRAWSUBBLOCK" },
        { { { DIRECTORY, ENTRY + POSITION, 1 << 20, 8 } }, MT_E_CORRUPT, "a segment at 1048576 lies outside the file" },
        { { { SUBBLOCK, 16, 47, 8 } }, MT_E_CORRUPT, "the ZISRAWSUBBLOCK at 544 has 47 bytes" },
        { { { SUBBLOCK, SEGMENT, 1000, 4 } },
          MT_E_CORRUPT,
          "the subblock at 544 has 1000 bytes of metadata and 16 of pixels in 352" },
        { { { SUBBLOCK, PIXELS, 1000, 8 } }, MT_E_CORRUPT, "bytes of metadata and 1000 of pixels in 352" },
        { { { SUBBLOCK, 16, 256 + sizeof CONTAINER - 1 + SIDE * SIDE, 8 } }, MT_OK, NULL },
        { { { SUBBLOCK, 16, 256 + sizeof CONTAINER - 2 + SIDE * SIDE, 8 } }, MT_E_CORRUPT, "of pixels in 310" },
        { { { SUBBLOCK, COPY + COUNT, UINT32_MAX, 4 } }, MT_E_CORRUPT, "the subblock at 544 has" },
    };
    CHECK_REFUSALS(cases, NULL, false);
}

static void masks(void **state)
{
    (void)state;
    enum { PART = MASK_AT + 16, HEAD = MASK_AT + 20 };
    static const refusal cases[] = {
        { { { NOWHERE, 0, 0, 0 } }, MT_OK, NULL },
        { { { SUBBLOCK, PART, 21, 4 } },
          MT_E_CORRUPT,
          "tile 0: a part of 21 bytes in the attachment of a subblock, with 20 left" },
        { { { SUBBLOCK, PART, 15, 4 } }, MT_E_CORRUPT, "a mask of 15 bytes" },
        { { { SUBBLOCK, HEAD + 8, 1, 4 } }, MT_E_UNSUPPORTED, "masks of type 1" },
        { { { SUBBLOCK, HEAD, 5, 4 } }, MT_E_UNSUPPORTED, "a mask of 4 x 5 on a tile of 4 x 4" },
        { { { SUBBLOCK, HEAD + 4, 3, 4 } }, MT_E_UNSUPPORTED, "a mask of 3 x 4 on a tile of 4 x 4" },
        { { { SUBBLOCK, HEAD + 12, 0, 4 } }, MT_E_CORRUPT, "a mask of 4 rows of 0 bytes in 20" },
        { { { SUBBLOCK, HEAD + 12, 2, 4 } }, MT_E_CORRUPT, "a mask of 4 rows of 2 bytes in 20" },
        { { { SUBBLOCK, MASK_AT, 0, 1 }, { SUBBLOCK, SEGMENT + 4, MASK, 4 } }, MT_OK, NULL },
    };
    CHECK_REFUSALS(cases, NULL, true);
}

static void attachments(void **state)
{
    (void)state;
    enum { FIRST = SEGMENT + 256, JPEG = SEGMENT + 256 };
    static const refusal cases[] = {
        { { { ATTACHMENTS, 3, 'X', 1 } }, MT_E_CORRUPT, "is not a ZISRAWATTDIR" },
        { { { ATTACHMENTS, 16, 385, 8 } }, MT_E_CORRUPT, "has 385 bytes in a file of" }, /* one more than there are */
        { { { ATTACHMENTS, 16, 255, 8 } }, MT_E_CORRUPT, "1 attachments in a directory of 255 bytes" },
        { { { ATTACHMENTS, SEGMENT, 2, 4 } }, MT_E_CORRUPT, "2 attachments in a directory of 384 bytes" },
        { { { ATTACHMENTS, FIRST, 'X', 1 } }, MT_E_CORRUPT, "attachment 0 has an unknown schema" },
        { { { ATTACHMENTS, FIRST + 1, '2', 1 } }, MT_E_CORRUPT, "attachment 0 has an unknown schema" },
        { { { ATTACHMENTS, FIRST + 12, 0, 8 } }, MT_E_CORRUPT, "the segment at 0 is not a ZISRAWATTACH" },
        { { { ATTACHMENT, SEGMENT, 33, 4 } }, MT_E_CORRUPT, "attachment Thing of 33 bytes in a segment of 288" },
        { { { ATTACHMENT, 16, 255, 8 } }, MT_E_CORRUPT, "attachment Thing of 12 bytes in a segment of 255" },
        { { { ATTACHMENTS, 16, 256, 8 }, { ATTACHMENTS, SEGMENT, 0, 4 } },
          MT_E_NOT_FOUND,
          "the document has no attachment \"Thing\"" },
        { { { ATTACHMENTS, SEGMENT, 0, 4 } }, MT_E_NOT_FOUND, "the document has no attachment \"Thing\"" },
        { { { FILE_HEAD, SEGMENT + 72, 0, 8 } }, MT_E_NOT_FOUND, "the document has no attachment \"Thing\"" },
        { { { ATTACHMENT, SEGMENT, 1, 4 } }, MT_E_UNSUPPORTED, "attachment Thing is empty" },
        { { { ATTACHMENT, JPEG, 'P', 1 } },
          MT_E_UNSUPPORTED,
          "attachment Thing of type JPG is not a supported picture" },
        { { { ATTACHMENT, JPEG + 2, 0, 1 } }, MT_E_CORRUPT, "attachment Thing: the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 3, 0xc4, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 3, 0xc8, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 3, 0xcc, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 5, 1, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 5, 9, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 8, 0, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 10, 0, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
        { { { ATTACHMENT, JPEG + 11, 0, 1 } }, MT_E_CORRUPT, "the JPEG has no frame" },
    };
    CHECK_REFUSALS(cases, "attachment=Thing", false);
}

static void metadata(void **state)
{
    (void)state;
    static const struct {
        patch p;
        mt_status status;
        const char *says;
    } cases[] = {
        { { NOWHERE, 0, 0, 0 }, MT_OK, NULL },
        { { FILE_HEAD, SEGMENT + 60, 1 << 20, 8 }, MT_E_CORRUPT, "the metadata at 1048576 lies outside the file" },
        { { METADATA, 4, 'X', 1 }, MT_E_CORRUPT, "is not a ZISRAWMETADATA" },
        { { METADATA, SEGMENT, 1 << 20, 4 }, MT_E_CORRUPT, "1048576 bytes of metadata at" },
        { { METADATA, SEGMENT, 101, 4 }, MT_E_LIMIT, "metadata of 101 bytes, more than max_xml_bytes (100)" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made m;
        mt_stack *stack = NULL;
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        const mt_context_options few = { .struct_size = sizeof few, .limits = { .max_xml_bytes = 100 } };
        make(&m);
        apply(&m, &cases[i].p);
        check_ok(mt_context_new(&few, &context, &err), &err);
        mt_status st = mt_stack_open_memory(context, "made.czi", m.w.data, m.w.size, NULL, &stack, &err);
        check_result(st, &err, cases[i].status, cases[i].says);
        mt_stack_close(stack);
        mt_context_free(context);
        czi_free(&m.w);
    }
}

/* Metadata of a subblock is read only if a mask may follow, and is limited like all XML. */
static void metadata_of_a_subblock_is_limited(void **state)
{
    (void)state;
    for (size_t limit = 38; limit <= 39; limit++) {
        czi_writer w;
        mt_stack *stack;
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        whole_image image = { 0 };
        const mt_context_options few = { .struct_size = sizeof few, .limits = { .max_xml_bytes = limit } };
        const mt_open_options options = { .struct_size = sizeof options, .use_masks = 1 };
        czi_tile tile = czi_gray_tile(0, 0, SIDE, SIDE, pixels);
        tile.metadata = CONTAINER;
        tile.attachment = mask;
        tile.attachment_size = sizeof mask;
        czi_begin(&w);
        czi_add_tile(&w, &tile);
        czi_finish(&w, NULL);
        check_ok(mt_context_new(&few, &context, &err), &err);
        check_ok(mt_stack_open_memory(context, "made.czi", w.data, w.size, &options, &stack, &err), &err);
        mt_status st = read_whole(stack, &image, &err);
        check_result(st, &err, limit < 39 ? MT_E_LIMIT : MT_OK,
                     limit < 39 ? "metadata of 39 bytes, more than max_xml_bytes (38)" : NULL);
        if (!st) {
            assert_true(image.pixels[0] == 9 && image.pixels[1] == 8 && image.pixels[2] == 0);
            free_whole(&image);
        }
        mt_stack_close(stack);
        mt_context_free(context);
        czi_free(&w);
    }
}

/* Tiles with one more dimension each, as many as there are. */
typedef struct dimension {
    char letter;
    int32_t start, size;
} dimension;

static void dimensions(void **state)
{
    (void)state;
    static const struct {
        dimension tiles[2][2];
        int32_t compression;
        mt_status status;
        const char *says;
    } cases[] = {
        { { { { 'Z', -1, 1 } }, { { 'Z', INT32_MAX - 1, 1 } } }, 0, MT_E_CORRUPT, "dimension Z reaches from -1 to" },
        { { { { 'Z', 0, 1 } }, { { 'Z', INT32_MAX - 1, 1 } } }, 0, MT_OK, NULL },
        { { { { 'T', 0, 1 }, { 'Z', 0, 1 } }, { { 'T', INT32_MAX - 1, 1 }, { 'Z', 2, 1 } } },
          0,
          MT_E_CORRUPT,
          "more than 2^32 planes" },
        { { { { 'T', 0, (1 << 20) + 1 } } }, 0, MT_E_LIMIT, "a subblock of more than 2^20 planes" },
        { { { { 'T', 0, 1 << 16 }, { 'Z', 0, 1 << 15 } } }, 0, MT_E_LIMIT, "a subblock of more than 2^20 planes" },
        { { { { 'T', 0, 2 } } }, 5, MT_E_UNSUPPORTED, "several compressed planes in one subblock" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        czi_writer w;
        mt_stack *stack = NULL;
        mt_error err = MT_ERROR_INIT;
        czi_begin(&w);
        for (int k = 0; k < 2 && cases[i].tiles[k][0].letter; k++) {
            czi_tile tile = czi_gray_tile(0, 0, SIDE, SIDE, pixels);
            tile.compression = cases[i].compression;
            for (int d = 0; d < 2 && cases[i].tiles[k][d].letter; d++)
                czi_add_dimension(&tile, cases[i].tiles[k][d].letter, cases[i].tiles[k][d].start,
                                  cases[i].tiles[k][d].size);
            czi_add_tile(&w, &tile);
        }
        czi_finish(&w, NULL);
        mt_status st = mt_stack_open_memory(NULL, "made.czi", w.data, w.size, NULL, &stack, &err);
        check_result(st, &err, cases[i].status, cases[i].says);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

/* A subblock that ends within its second plane: what follows it is not read as pixels. */
static void planes_that_are_cut_off(void **state)
{
    (void)state;
    static const int64_t origin[2] = { 0, 0 }, size[2] = { SIDE, SIDE };
    enum { N = SIDE * SIDE };
    uint8_t bytes[2 * N];
    memset(bytes, 5, sizeof bytes);
    czi_tile tile = czi_gray_tile(0, 0, SIDE, SIDE, bytes);
    czi_writer w;
    mt_stack *stack;
    float out[N];
    mt_error err = MT_ERROR_INIT;
    tile.size = sizeof bytes - 4;
    tile.attachment = bytes;
    tile.attachment_size = N;
    czi_add_dimension(&tile, 'T', 0, 2);
    czi_begin(&w);
    czi_add_tile(&w, &tile);
    czi_finish(&w, "<ImageDocument/>");
    check_ok(mt_stack_open_memory(NULL, "made.czi", w.data, w.size, NULL, &stack, &err), &err);
    for (int plane = 0; plane < 2; plane++) {
        check_ok(mt_stack_extract_patch(stack, plane, NULL, 0, origin, size, 2, out, &err), &err);
        for (int i = 0; i < N; i++)
            assert_true(out[i] == (plane == 0 || i < N - 4 ? 5 : 0));
    }
    mt_stack_close(stack);
    czi_free(&w);
}

/* Documents of n and n + 1 tiles that differ in one thing: n are allowed. */
static void check_most(int32_t n, void (*vary)(czi_tile *tile, int32_t i), const char *says)
{
    static const uint8_t bytes[64 * 64] = { 1 };
    for (int32_t more = 0; more < 2; more++) {
        czi_writer w;
        mt_stack *stack = NULL;
        mt_error err = MT_ERROR_INIT;
        czi_begin(&w);
        for (int32_t i = 0; i < n + more; i++) {
            czi_tile tile = czi_gray_tile(0, 0, 1, 1, bytes);
            vary(&tile, i);
            czi_add_tile(&w, &tile);
        }
        czi_finish(&w, NULL);
        mt_status st = mt_stack_open_memory(NULL, "made.czi", w.data, w.size, NULL, &stack, &err);
        if (!more)
            check_ok(st, &err);
        else
            assert_true(st == MT_E_LIMIT || st == MT_E_UNSUPPORTED);
        assert_true(!more || strstr(err.message, says));
        mt_stack_close(stack);
        czi_free(&w);
    }
}

static void vary_type(czi_tile *tile, int32_t i)
{
    static const int32_t types[9] = { 0, 1, 2, 3, 4, 8, 9, 12, 13 };
    tile->pixel_type = types[i];
}

static void vary_level(czi_tile *tile, int32_t i)
{
    tile->dims[0].size = tile->dims[1].size = 2000 * i + 1;
    tile->dims[0].stored = tile->dims[1].stored = 1;
}

static void vary_scene(czi_tile *tile, int32_t i) { czi_add_dimension(tile, 'S', i, 1); }

static void documents_are_limited(void **state)
{
    (void)state;
    check_most(8, vary_type, "more than 8 pixel types");
    check_most(24, vary_level, "more than 24 levels");
    check_most(100000, vary_scene, "more than 100000 scenes");
}

static void parts_that_are_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        mt_status status;
        const char *says;
    } cases[] = {
        { "whole", MT_OK, NULL },
        { "gray8", MT_OK, NULL },
        { "whole/gray8", MT_OK, NULL },
        { "scene=0", MT_OK, NULL },
        { "scene=1", MT_E_NOT_FOUND, "there is no scene=1; the document has 1, counted from 0" },
        { "gray16", MT_E_NOT_FOUND, "the document has no part \"gray16\": parts are scenes, \"whole\"" },
        { "wholesale", MT_E_NOT_FOUND, "the document has no part \"wholesale\"" },
        { "whole/bgr24", MT_E_NOT_FOUND, "the document has no part \"bgr24\"" },
        { "attachment=Thing&scene=1", MT_E_NOT_FOUND, "attachment Thing is one picture, without scenes and levels" },
    };
    made m;
    make(&m);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        check_result(read_bytes(&m.w, cases[i].part, false, &err), &err, cases[i].status, cases[i].says);
    }
    czi_free(&m.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_and_directories),
        cmocka_unit_test(compressions_that_are_not_supported),
        cmocka_unit_test(documents_without_a_directory),
        cmocka_unit_test(subblocks),
        cmocka_unit_test(masks),
        cmocka_unit_test(attachments),
        cmocka_unit_test(metadata),
        cmocka_unit_test(metadata_of_a_subblock_is_limited),
        cmocka_unit_test(dimensions),
        cmocka_unit_test(planes_that_are_cut_off),
        cmocka_unit_test(documents_are_limited),
        cmocka_unit_test(parts_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
