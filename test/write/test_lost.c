/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata that a format cannot keep: one warning names all of an image, and no others. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <string.h>

static const int64_t shape[5] = { 2, 2, 3, 20, 30 };

/* An image of the axes TCZYX. */
typedef struct lost_case {
    const char *path;
    double sizes[5];
    const char *units[5];
    mt_channel channels[2]; /* none are described if the first has no name */
    int is_labels;
    const char *note;
    const char *lost; /* NULL: there is no warning */
} lost_case;

#define NO_SIZES                                                                                                       \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define NO_UNITS                                                                                                       \
    {                                                                                                                  \
        "", "", "", "", ""                                                                                             \
    }
#define LENGTHS                                                                                                        \
    {                                                                                                                  \
        0, 0, 2, 0.5, 0.5                                                                                              \
    }
#define MICROMETERS                                                                                                    \
    {                                                                                                                  \
        "", "", "micrometer", "micrometer", "micrometer"                                                               \
    }
#define CHANNELS                                                                                                       \
    {                                                                                                                  \
        { .name = "DAPI", .has_color = 1 },                                                                            \
        {                                                                                                              \
            .name = "", .has_window = 1, .window = { 0, 9 }                                                            \
        }                                                                                                              \
    }
#define NO_CHANNELS                                                                                                    \
    {                                                                                                                  \
        {                                                                                                              \
            .name = NULL                                                                                               \
        }                                                                                                              \
    }

static const lost_case cases[] = {
    { "a.npy", NO_SIZES, NO_UNITS, NO_CHANNELS, 0, NULL, NULL },
    { "a.npy", LENGTHS, NO_UNITS, NO_CHANNELS, 0, "", "pixel sizes" },
    { "a.npy", NO_SIZES, NO_UNITS, { { .name = "" }, { .name = "" } }, 0, NULL, NULL },
    { "a.npy",
      { 3, 1, 0, 0, 0 },
      { "second", "second", "", "", "" },
      CHANNELS,
      1,
      "n",
      "the time between frames, units of measurement, names of channels, colours of channels, display windows, the "
      "mark of label images, the note" },
    { "a.npy", { 1, 1, 1, 1, 1 }, NO_UNITS, NO_CHANNELS, 0, NULL, NULL },
    { "a.tif", LENGTHS, MICROMETERS, NO_CHANNELS, 0, "n", NULL },
    { "a.tif", LENGTHS, NO_UNITS, NO_CHANNELS, 0, NULL, NULL },
    { "a.tif", NO_SIZES, NO_UNITS, CHANNELS, 1, NULL, "display windows, the mark of label images" },
    { "a.tif", { 3, 0, 0, 0, 0 }, { "second", "", "", "", "" }, NO_CHANNELS, 0, NULL, NULL },
    { "a.tif",
      { 3, 0, 0, 0, 0 },
      { "meter", "", "", "", "" },
      NO_CHANNELS,
      0,
      NULL,
      "the time between frames, units of measurement" },
    { "a.tif", LENGTHS, { "", "", "parsec", "", "" }, NO_CHANNELS, 0, NULL, "units of measurement" },
    { "a.tif", LENGTHS, { "", "", "second", "", "" }, NO_CHANNELS, 0, NULL, "units of measurement" },
    { "a.tif", NO_SIZES, MICROMETERS, NO_CHANNELS, 0, NULL, "units of measurement" },
    { "a.zarr", LENGTHS, MICROMETERS, CHANNELS, 1, "n", NULL },
};

static void check_warning(const mt_writer_info *info, const char *lost)
{
    assert_int_equal(info->n_warnings, lost != NULL);
    if (!lost)
        return;
    static const char middle[] = " cannot keep it: ";
    const char *list = strstr(info->warnings[0], middle);
    assert_non_null(list);
    assert_string_equal(list + sizeof middle - 1, lost);
    assert_non_null(strstr(info->warnings[0], info->format));
}

static void what_is_lost_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lost_case *c = &cases[i];
        mt_writer_options options = { .struct_size = sizeof options,
                                      .axes = "TCZYX",
                                      .shape = shape,
                                      .dtype = MT_UINT16,
                                      .pixel_size = c->sizes,
                                      .unit = c->units,
                                      .channels = c->channels[0].name ? c->channels : NULL,
                                      .is_labels = c->is_labels,
                                      .note = c->note };
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_plan(NULL, c->path, &options, &w, &err), &err);
        check_warning(mt_writer_get_info(w), c->lost);
        mt_writer_close(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_lost_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
