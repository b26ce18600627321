/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are not in the page cache, and what bare reads of them take. */
#ifndef MT_BENCH_DISK_H
#define MT_BENCH_DISK_H

#include "wrapped.h"

#define BARE_DEPTH 16 /* threads that each wait for one read */

/* Writes a file, or all files of a folder, out to the disk and drops them from the page cache. Returns the part of their
 * pages that stayed, where count says to look. */
double drop_pages(const char *path, bool count);

/* The ranges of a recording, in the order of their files and offsets, ready to be read. */
typedef struct bare_reads {
    size_t n, n_files, largest, bytes;
    const reading *readings;
    int *handles; /* of the file of each reading */
    _Atomic size_t next;
    double processor; /* seconds of user and system that the last run took, on all processors together */
} bare_reads;

bare_reads bare_reads_make(recording *r);
void bare_reads_free(bare_reads *b);

/* All ranges, by so many threads. */
void read_bare(bare_reads *b, unsigned depth);

#endif
