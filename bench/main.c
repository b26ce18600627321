/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches a second, each figure beside its limit, measured in the same run. Usage: bench [--keep FOLDER]
 * [GROUP]. GROUP is one of the names below. Files of about 600 MB are made below /tmp and removed, or in FOLDER. */
#include "bench.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static const struct {
    const char *name;
    void (*run)(const image *plane, patches *p);
} groups[] = { { "memory", bench_memory }, { "layouts", bench_layouts }, { "codings", bench_codings },
               { "shards", bench_shards }, { "volume", bench_volume },   { "opening", bench_opening },
               { "given", bench_given } };

int main(int argc, char **argv)
{
    char made[] = "/tmp/microtome-bench-XXXXXX";
    const char *folder = NULL, *only = NULL;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--keep") == 0 && i + 1 < argc)
            folder = argv[++i];
        else
            only = argv[i];
    bool keep = folder != NULL;
    if (!keep)
        folder = mkdtemp(made);
    if (!folder || chdir(folder) != 0) {
        perror(folder ? folder : made);
        return 1;
    }
    printf(
        "microtome: the best of %d runs, files in the page cache. \"x of y\" is the figure as a part of its limit.\n",
        RUNS);
    image plane = image_make(2);
    patches p = patches_make(&plane, BATCH, 1);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!only || strcmp(only, groups[i].name) == 0)
            groups[i].run(&plane, &p);
    free(plane.pixels);
    printf("\n%d demands missed\n", missed_demands());
    if (!keep && chdir("/") == 0)
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
