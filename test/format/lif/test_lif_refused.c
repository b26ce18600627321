/* SPDX-License-Identifier: BSD-3-Clause */
/* LIF files that are refused, each for the right reason, and broken ones. */
#include "support/broken.h"
#include "support/contract.h"
#include "support/folder.h"
#include "support/lif_writer.h"
#include "support/remarks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t pixels[64];

static int fill_pixels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(3 * i + 1);
    return 0;
}

static void check_refused(const lif_writer *w, mt_status status, const char *words)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open_memory(NULL, "a.lif", w->data, w->size, NULL, &stack, &err);
    if (st != status || !strstr(err.message, words))
        fail_msg("%s: \"%s\", not %s with \"%s\"", mt_status_name(st), err.message, mt_status_name(status), words);
}

typedef struct bad_image {
    lif_written image;
    mt_status status;
    const char *words;
} bad_image;

#define PLANE                                                                                                          \
    { 1, 4, 1 }, { 2, 4, 4 }

static const bad_image bad_images[] = {
    { { .dimensions = { PLANE }, .channels = { { 8 }, { 16, 16 } } },
      MT_E_UNSUPPORTED,
      "channels of different types (uint8, uint16)" },
    { { .dimensions = { PLANE }, .channels = { { 8 }, { 8, 16 }, { 8, 40 } } },
      MT_E_UNSUPPORTED,
      "channels at uneven distances (BytesInc)" },
    { { .dimensions = { PLANE }, .channels = { { 8 }, { 8 } } }, MT_E_CORRUPT, "axis C steps by 0 bytes" },
    { { .dimensions = { PLANE }, .channels = { { 8, -1 } } }, MT_E_CORRUPT, "a channel has no place" },
    { { .dimensions = { PLANE }, .channels = { { 65 } } }, MT_E_UNSUPPORTED, "type 0 with 65 bits" },
    { { .dimensions = { PLANE }, .channels = { { 8, 0, 0, 1 } } }, MT_E_UNSUPPORTED, "type 1 with 8 bits" },
    { { .dimensions = { PLANE }, .channels = { { 8, 0, 0, 7 } } }, MT_E_UNSUPPORTED, "type 7 with 8 bits" },
    { { .dimensions = { PLANE } }, MT_E_CORRUPT, "the image has no channels" },
    { { .channels = { { 8 } } }, MT_E_CORRUPT, "the image has 0 dimensions" },
    { { .dimensions = { { 1, 4, 1 }, { 2, 4, 3 } }, .channels = { { 8 } } },
      MT_E_CORRUPT,
      "axis Y steps by 3 bytes (BytesInc), less than the 4 of the axes below it" },
    { { .dimensions = { { 1, 4, 1 }, { 2, 4, 4 } }, .channels = { { 16 } } }, MT_E_CORRUPT, "axis X steps by 1" },
    { { .dimensions = { { 1, 4, 1 }, { 2, 4, 0 } }, .channels = { { 8 } } },
      MT_E_CORRUPT,
      "dimension 2 has no distance between its elements" },
    { { .dimensions = { { 1, 4, 1 }, { 2, 4, -4 } }, .channels = { { 8 } } },
      MT_E_CORRUPT,
      "dimension 2 has no distance between its elements" },
    { { .dimensions = { { 1, -4, 1 }, { 2, 4, 4 } }, .channels = { { 8 } } }, MT_E_CORRUPT, "NumberOfElements" },
    { { .dimensions = { PLANE, { 12, 2, 16 } }, .channels = { { 8 } } }, MT_E_UNSUPPORTED, "unknown kind 12" },
    { { .dimensions = { PLANE, { -1, 2, 16 } }, .channels = { { 8 } } }, MT_E_UNSUPPORTED, "unknown kind -1" },
    { { .dimensions = { PLANE, { 2, 2, 16 } }, .channels = { { 8 } } },
      MT_E_CORRUPT,
      "dimension 2 is described twice" },
    { { .dimensions = { { 1, INT64_MAX, 1 }, { 2, 3, INT64_MAX } }, .channels = { { 8 } } },
      MT_E_CORRUPT,
      "more than 2^63 bytes" },
    { { .dimensions = { { 1, 4, 1 }, { 2, INT64_MAX, 4 } }, .channels = { { 8 } } },
      MT_E_CORRUPT,
      "more than 2^63 bytes" },
    { { .dimensions = { PLANE }, .channels = { { 8, INT64_MAX - 3 } } }, MT_E_CORRUPT, "more than 2^63 bytes" },
};

static void layouts_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_images / sizeof *bad_images; i++) {
        lif_written image = bad_images[i].image;
        lif_writer w;
        image.name = "a";
        image.pixels = pixels;
        image.size = sizeof pixels;
        lif_begin(&w, 2);
        lif_add_image(&w, &image);
        lif_finish(&w);
        check_refused(&w, bad_images[i].status, bad_images[i].words);
        lif_free(&w);
    }
}

/* What is wrong with one image does not concern another. The default is one with pixels. */
static void one_bad_image_spoils_no_other(void **state)
{
    (void)state;
    lif_writer w;
    mt_stack *stack;
    mt_names *parts;
    mt_error err = MT_ERROR_INIT;
    lif_written image = bad_images[0].image;
    image.name = "bad";
    image.pixels = pixels;
    image.size = sizeof pixels;
    lif_begin(&w, 2);
    lif_add_image(&w, &image);
    image = (lif_written) { .name = "empty", .dimensions = { PLANE }, .channels = { { 16 } } };
    lif_add_image(&w, &image);
    image =
        (lif_written) { .name = "good", .dimensions = { PLANE }, .channels = { { 8 } }, .pixels = pixels, .size = 16 };
    lif_add_image(&w, &image);
    lif_finish(&w);
    check_ok(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, NULL, &stack, &err), &err);
    check_ok(mt_stack_list_parts(stack, &parts, &err), &err);
    assert_int_equal(mt_names_count(parts), 3);
    assert_int_equal(mt_stack_get_info(stack)->dtype, MT_UINT8);
    mt_names_free(parts);
    mt_stack_close(stack);
    const mt_open_options bad = { .struct_size = sizeof bad, .part = "bad" };
    assert_int_equal(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, &bad, &stack, &err), MT_E_UNSUPPORTED);
    lif_free(&w);
}

/* A document in place of that of an image. */
static void write_document(lif_writer *w, const char *xml)
{
    *w = (lif_writer) { .version = 2 };
    lif_add_xml(w, "%s", xml);
    lif_finish(w);
}

static void documents_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *xml; /* lif_finish ends it */
        mt_status status;
        const char *words;
    } cases[] = {
        { "LMS_Object_File", MT_E_UNSUPPORTED, "Leica LOF" },
        { "<LMSDataContainerHeader Version=\"3\"><Element><Children>", MT_E_UNSUPPORTED, "version 3 of the format" },
        { "<LMSDataContainerHeader><Element><Children>", MT_E_UNSUPPORTED, "version \"\" of the format" },
        { "<LMSDataContainerHeader Version=\"2\"><Element><Children>", MT_E_NOT_FOUND, "no images" },
        { "<LMSDataContainerHeader Version=\"2\"><Element><Children><Element><Data>"
          "<SingleMoleculeDetection IsImage=\"true\"/></Data></Element>",
          MT_E_UNSUPPORTED, "photon counting data" },
        { "<LMSDataContainerHeader Version=\"2\"><Element><Children><Element><Data><Image/></Data></Element>",
          MT_E_CORRUPT, "no ImageDescription" },
        { "<LMSDataContainerHeader "
          "Version=\"2\"><Element><Children><Element><Data><Image><ImageDescription><Dimensions>"
          "<DimensionDescription DimID=\"1\" NumberOfElements=\"4\" BytesInc=\"1\" BitInc=\"1\"/>"
          "</Dimensions></ImageDescription></Image></Data></Element>",
          MT_E_UNSUPPORTED, "BitInc" },
        { "<LMSDataContainerHeader "
          "Version=\"2\"><Element><Children><Element><Data><Image><ImageDescription><Channels>"
          "<ChannelDescription DataType=\"0\" Resolution=\"8\" BytesInc=\"0\" "
          "BitInc=\"0\"/></Channels><Dimensions><DimensionDescription DimID=\"1\" "
          "NumberOfElements=\"4\" BytesInc=\"1\" BitInc=\"0\"/></Dimensions></ImageDescription></Image></Data>"
          "<Memory MemoryBlockID=\"b\" Size=\"4 \"/></Element>",
          MT_E_CORRUPT, "its memory block has \"4 \" bytes (Size)" },
        { "<!DOCTYPE a><LMSDataContainerHeader Version=\"2\"><Element><Children>", MT_E_UNSUPPORTED, "document type" },
        { "<LMSDataContainerHeader Version=\"2\"><Element><Wrong>", MT_E_CORRUPT, "mismatched tag" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lif_writer w;
        write_document(&w, cases[i].xml);
        check_refused(&w, cases[i].status, cases[i].words);
        lif_free(&w);
    }
}

static void repairs_of_the_document_are_told(void **state)
{
    (void)state;
    const lif_written image = {
        .name = "a", .dimensions = { PLANE }, .channels = { { 8 } }, .pixels = pixels, .size = 16
    };
    lif_writer w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    lif_begin(&w, 2);
    lif_add_image(&w, &image);
    lif_end_folder(&w);
    lif_add_xml(&w, "</LMSDataContainerHeader>"); /* lif_finish ends it once more */
    lif_finish(&w);
    check_ok(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, NULL, &stack, &err), &err);
    check_remarks(stack, 0, "", "the document: text behind its end is ignored");
    mt_stack_close(stack);
    lif_free(&w);
}

static void other_documents_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *words;
        mt_status status;
    } cases[] = { { "<LMSDataContainerEnhancedHeader/>", "Leica LIFEXT", MT_E_UNSUPPORTED },
                  { "<Other/>", "the document is a Other", MT_E_CORRUPT } };
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[200] = { 0x70, 0, 0, 0, 0, 0, 0, 0, 0x2a, (uint8_t)strlen(cases[i].xml) };
        for (size_t k = 0; cases[i].xml[k]; k++)
            bytes[13 + 2 * k] = (uint8_t)cases[i].xml[k];
        lif_writer w = { .data = bytes, .size = 13 + 2 * strlen(cases[i].xml) };
        check_refused(&w, cases[i].status, cases[i].words);
    }
}

static void headers_are_checked(void **state)
{
    (void)state;
    lif_writer w;
    mt_context *context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_context_options few = { .struct_size = sizeof few, .limits = { .max_xml_bytes = 100 } };
    write_document(&w, "<LMSDataContainerHeader Version=\"2\"><Element><Children>");
    check_ok(mt_context_new(&few, &context, &err), &err);
    assert_int_equal(mt_stack_open_memory(context, "a.lif", w.data, w.size, NULL, &stack, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "max_xml_bytes (100)"));
    mt_context_free(context);
    w.data[12] = 0x40; /* the number of units */
    check_refused(&w, MT_E_CORRUPT, "bytes in a file of");
    w.size = 12;
    check_refused(&w, MT_E_CORRUPT, "ends in its header");
    lif_free(&w);
}

static void check_unreadable(const lif_writer *w, const char *message)
{
    static const int64_t origin[2] = { 0 }, size[2] = { 1, 1 };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    float pixel;
    check_ok(mt_stack_open_memory(NULL, "a.lif", w->data, w->size, NULL, &stack, &err), &err);
    assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, &pixel, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, message));
    mt_stack_close(stack);
}

/* The size in the header of a block counts, not that of the document. */
static void blocks_are_checked(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        lif_writer w;
        lif_written image = {
            .name = "a", .dimensions = { PLANE }, .channels = { { 8 } }, .pixels = pixels, .size = 16
        };
        lif_begin(&w, version);
        lif_add_image(&w, &image);
        lif_finish(&w);
        uint8_t *size_byte = w.data + w.data_offset - 2 * strlen("MemBlock_1") - (version == 1 ? 9 : 13);
        assert_int_equal(*size_byte, 16);
        *size_byte = 15;
        check_unreadable(&w, "MemBlock_1 has 15 bytes, but 16 according to the document");
        lif_free(&w);
    }
}

/* A file may be cut right after the header of a block whose name is empty: the header is read. */
static void headers_at_the_end_are_read(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        lif_writer w;
        const lif_written image = { .name = "a", .dimensions = { PLANE }, .channels = { { 8 } }, .size = 16, .id = "" };
        lif_begin(&w, version);
        lif_add_image(&w, &image);
        lif_finish(&w);
        check_unreadable(&w, "1 were expected at byte");
        lif_free(&w);
    }
}

/* A chain that leads nowhere, or in a circle, ends. */
static void broken_chains_end(void **state)
{
    (void)state;
    static const int64_t origin[2] = { 0 }, size[2] = { 1, 1 };
    static const uint64_t sizes[] = { UINT64_MAX, UINT64_MAX - 60, INT64_MAX, 1, 1000000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        lif_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        float pixel;
        lif_written image = {
            .name = "a", .dimensions = { PLANE }, .channels = { { 8 } }, .pixels = pixels, .size = 16, .is_hidden = true
        };
        lif_begin(&w, 2);
        lif_add_image(&w, &image);
        lif_finish(&w);
        for (int k = 0; k < 8; k++) /* of the first block */
            w.data[13 + 2 * w.n_xml + 9 + (size_t)k] = (uint8_t)(sizes[i] >> 8 * k);
        check_ok(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, NULL, &stack, &err), &err);
        assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, &pixel, &err), MT_E_CORRUPT);
        assert_non_null(strstr(err.message, "is not in the file"));
        mt_stack_close(stack);
        lif_free(&w);
    }
}

static void files_keep_the_contract(void **state)
{
    (void)state;
    static const lif_written images[] = {
        { .name = "rgb",
          .dimensions = { { 1, 5, 3 }, { 2, 4, 16 } },
          .channels = { { 8, 0, 1 }, { 8, 1, 2 }, { 8, 2, 3 } },
          .pixels = pixels,
          .size = 64 },
        { .name = "bgr",
          .dimensions = { { 1, 5, 3 }, { 2, 4, 15 } },
          .channels = { { 8, 0, 3 }, { 8, 1, 2 }, { 8, 2, 1 } },
          .pixels = pixels,
          .size = 60 },
        { .name = "cut",
          .dimensions = { { 1, 4, 2 }, { 3, 3, 8 }, { 4, 4, 24 } },
          .channels = { { 16 } },
          .pixels = pixels,
          .size = 64 },
    };
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        lif_writer w;
        const char *path = temporary_path("a.lif");
        lif_begin(&w, 1 + (int)i % 2);
        lif_add_image(&w, &images[i]);
        lif_finish(&w);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(w.data, 1, w.size, file), w.size);
        fclose(file);
        check_contract(path, NULL);
        lif_free(&w);
    }
    check_contract(data_path("lif/syn_v1.lif"), NULL);
    const mt_open_options second = { .struct_size = sizeof second, .part = "tzc_u16" };
    check_contract(data_path("lif/syn_v2_multi.lif"), &second);
}

static void mutations_do_no_harm(void **state)
{
    (void)state;
    static const char *const names[] = { "lif/syn_v1.lif", "lif/syn_v2_multi.lif", "test/samples/lif/colours.lif" };
    mutate_files("lif", names, sizeof names / sizeof *names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_refused_by_name),
        cmocka_unit_test(one_bad_image_spoils_no_other),
        cmocka_unit_test(documents_are_refused_by_name),
        cmocka_unit_test(repairs_of_the_document_are_told),
        cmocka_unit_test(other_documents_are_refused),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(blocks_are_checked),
        cmocka_unit_test(broken_chains_end),
        cmocka_unit_test(headers_at_the_end_are_read),
        cmocka_unit_test(files_keep_the_contract),
        cmocka_unit_test(mutations_do_no_harm),
    };
    return cmocka_run_group_tests(tests, fill_pixels, remove_temporary_folder);
}
