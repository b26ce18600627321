/* SPDX-License-Identifier: BSD-3-Clause */
/* Dropping files from the page cache, and timing of bare reads. */
#ifndef MT_BENCH_DISK_H
#define MT_BENCH_DISK_H

#include "wrapped.h"

#define BARE_DEPTH 16 /* threads, each with one blocking read */

/* Flushes a file or all files of a folder to disk and drops them from the page cache. If count, returns the fraction of
 * pages that stayed. */
double drop_pages(const char *path, bool count);

/* The ranges of a recording, sorted by file and offset. */
typedef struct bare_reads {
    size_t n, n_files, largest, bytes; /* ranges; files; bytes of the largest range; bytes of all */
    const reading *readings;           /* the ranges */
    int *handles;                      /* file descriptor for each reading */
    _Atomic size_t next;               /* index of the next range to read */
    double processor;                  /* user and system seconds of the last run on all processors */
} bare_reads;

bare_reads bare_reads_make(recording *r);
void bare_reads_free(bare_reads *b);

/* Reads all ranges with depth threads. */
void read_bare(bare_reads *b, unsigned depth);

#endif
