/* SPDX-License-Identifier: BSD-3-Clause */
/* Small images without names of axes, in a temporary folder. */
#ifndef MT_TEST_UNNAMED_H
#define MT_TEST_UNNAMED_H

#include "support/contract.h"

#include <microtome/map.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/microtome-axes-XXXXXX";

static inline const char *path_of(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next = (next + 1) % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline FILE *create(const char *name)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    return file;
}

/* The pixels of all images here: element i in C order. */
static inline uint16_t value_at(int64_t i) { return (uint16_t)(i * 40503 + 17); }

/* An NPY file of those pixels; shape as in its header. Returns its path. */
static inline const char *write_npy(const char *name, const char *shape, int64_t elements)
{
    char header[129];
    FILE *file = create(name);
    snprintf(header, sizeof header, "{'descr': '<u2', 'fortran_order': False, 'shape': (%s), }", shape);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fprintf(file, "%-117s\n", header);
    for (int64_t i = 0; i < elements; i++) {
        fputc(value_at(i) & 255, file);
        fputc(value_at(i) >> 8, file);
    }
    fclose(file);
    return path_of(name);
}

enum { PAGES = 24, ROWS = 16, COLUMNS = 20 };

/* A Zarr array of 24 pages, so many in a chunk; of those, only chunks whose number is no multiple of absent are stored.
 * Returns its path. */
static inline const char *write_zarr(const char *name, int pages, int absent)
{
    char key[64];
    mkdir(path_of(name), 0700);
    snprintf(key, sizeof key, "%s/.zarray", name);
    FILE *file = create(key);
    fprintf(
        file,
        "{\"zarr_format\": 2, \"shape\": [%d, %d, %d], \"chunks\": [%d, 16, 7], \"dtype\": \"<u2\", \"order\": \"C\", "
        "\"fill_value\": 0, \"compressor\": null, \"filters\": null}",
        PAGES, ROWS, COLUMNS, pages);
    fclose(file);
    for (int p = 0, n = 0; p * pages < PAGES; p++)
        for (int x = 0; x < 3; x++, n++) {
            if (absent && n % absent == 0)
                continue;
            snprintf(key, sizeof key, "%s/%d.0.%d", name, p, x);
            file = create(key);
            for (int64_t i = 0; i < (int64_t)pages * ROWS * 7; i++) {
                int64_t page = p * pages + i / (ROWS * 7), row = i / 7 % ROWS, column = x * 7 + i % 7;
                uint16_t v = value_at((page * ROWS + row) * COLUMNS + column);
                fputc(v & 255, file);
                fputc(v >> 8, file);
            }
            fclose(file);
        }
    return path_of(name);
}

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static inline mt_status open_with(const char *path, const char *axes, mt_stack **out, mt_error *err)
{
    return mt_stack_open(NULL, path, &(mt_open_options) { .struct_size = sizeof(mt_open_options), .axes = axes }, out,
                         err);
}

static inline mt_stack *open_ok(const char *path, const char *axes)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_with(path, axes, &stack, &err), &err);
    return stack;
}

/* "T4 C2 Y16 X20" */
static inline const char *describe(const mt_stack_info *info)
{
    static char text[256];
    int n = 0;
    text[0] = 0;
    for (int d = 0; d < info->original_ndim; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%c%d", d ? " " : "", info->original_axes[d],
                      (int)info->original_shape[d]);
    return text;
}

static inline void write_text(const char *name, const char *text)
{
    FILE *file = create(name);
    fputs(text, file);
    fclose(file);
}

static inline int keep_bytes(void *user, const void *bytes, size_t size)
{
    FILE *file = user;
    return fwrite(bytes, 1, size, file) == size ? 0 : -1;
}

#endif
