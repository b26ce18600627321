/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches a second, each figure beside its limit, measured in the same run. Usage: bench [--strict] [FOLDER]
 * The folder (default: a new one below /tmp, removed at the end) takes about 600 MB. */
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

int main(int argc, char **argv)
{
    bool strict = argc > 1 && strcmp(argv[1], "--strict") == 0;
    char made[] = "/tmp/microtome-bench-XXXXXX", *folder = argc > 1 + strict ? argv[1 + strict] : mkdtemp(made);
    if (!folder || chdir(folder) != 0) {
        perror("bench");
        return 1;
    }
    printf("microtome: patches a second; the best of %d runs; files in the page cache. x of y: the figure as a part of "
           "the limit.\n",
           RUNS);
    image plane = image_make(2);
    patches p = patches_make(&plane, BATCH, 1);
    bench_memory(&plane, &p);
    bench_layouts(&plane, &p);
    bench_codings(&plane, &p);
    bench_shards(&plane, &p);
    bench_volume();
    bench_opening();
    printf("\n%d demands missed\n", missed_demands());
    if (chdir("/") == 0 && folder == made)
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return strict && missed_demands() ? 1 : 0;
}
