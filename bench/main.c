/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches per second, each figure with its limit, measured in the same run.
 *
 * Usage: bench [--keep FOLDER] [--large FOLDER] [--pairs N] [GROUP]. GROUP is one of the names below; without it, all
 * groups run except the long ones. Files are created below /tmp and removed, or kept in FOLDER. The largest, 2 GB each,
 * are kept in the folder of --large and reused. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

settings asked = { .pairs = 15 };

static const struct {
    const char *name;
    void (*run)(const image *plane, patches *p);
    bool long_one; /* runs only if named */
} groups[] = {
    { "memory", bench_memory, false },   { "layouts", bench_layouts, false },
    { "codings", bench_codings, false }, { "shards", bench_shards, false },
    { "volume", bench_volume, false },   { "opening", bench_opening, false },
    { "given", bench_given, false },     { "single", bench_single, false },
    { "delays", bench_delays, false },   { "sampling", bench_sampling, false },
    { "loader", bench_loader, false },   { "statistics", bench_statistics, false },
    { "filters", bench_filters, false }, { "lateral", bench_lateral, false },
    { "batches", bench_batches, false }, { "write", bench_write, false },
    { "predict", bench_predict, false }, { "cold", bench_cold, true },
    { "large", bench_large, true },      { "strips", bench_strips, true },
};

/* Returns the group, or NULL for all. */
static const char *take_arguments(int argc, char **argv, const char **keep)
{
    const char *only = NULL;
    bool wants_folder = false;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--keep") == 0 && i + 1 < argc)
            *keep = argv[++i];
        else if (strcmp(argv[i], "--large") == 0 && i + 1 < argc)
            wants_folder = true, asked.folder = realpath(argv[++i], NULL);
        else if (strcmp(argv[i], "--pairs") == 0 && i + 1 < argc)
            asked.pairs = (int)strtol(argv[++i], NULL, 10);
        else
            only = argv[i];
    if (wants_folder && !asked.folder) {
        fputs("bench: the folder of --large does not exist\n", stderr);
        exit(2);
    }
    if (asked.pairs < 1 || asked.pairs > 1000) {
        fputs("bench: --pairs is from 1 to 1000\n", stderr);
        exit(2);
    }
    return only;
}

int main(int argc, char **argv)
{
    char made[] = "/tmp/microtome-bench-XXXXXX";
    const char *folder = NULL, *only = take_arguments(argc, argv, &folder);
    bool keep = folder != NULL, found = false;
    if (!keep)
        folder = mkdtemp(made);
    if (!folder || chdir(folder) != 0) {
        perror(folder ? folder : made);
        return 1;
    }
    printf("microtome: the best of %d runs, files in the page cache unless a title says otherwise. \"x of y\" is the "
           "figure as a part of its limit.\n",
           RUNS);
    image plane = image_make(2);
    patches p = patches_make(&plane, BATCH, 1);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (only ? strcmp(only, groups[i].name) == 0 : !groups[i].long_one) {
            groups[i].run(&plane, &p);
            found = true;
        }
    free(plane.pixels);
    if (!keep && chdir("/") == 0)
        remove_tree(folder);
    if (!found) {
        fprintf(stderr, "bench: no group %s\n", only);
        return 2;
    }
    printf("\n%d demands missed\n", missed_demands());
    return 0;
}
