/* SPDX-License-Identifier: BSD-3-Clause */
#include "disk.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    bool count;
    size_t pages, stayed;
} dropping;

/* For files the process may write, mincore reports the page cache, not the pages of the process. */
static void count_pages(int handle, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (size + page - 1) / page;
    void *mapping = n ? mmap(NULL, size, PROT_READ, MAP_SHARED, handle, 0) : MAP_FAILED;
    if (mapping == MAP_FAILED)
        return;
    unsigned char *resident = calloc(n, 1);
    bool known = mincore(mapping, size, resident) == 0;
    dropping.pages += n;
    for (size_t i = 0; i < n; i++)
        dropping.stayed += !known || (resident[i] & 1);
    free(resident);
    munmap(mapping, size);
}

static int drop_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)at;
    if (type != FTW_F)
        return 0;
    int handle = open(path, O_RDONLY);
    if (handle < 0 || fsync(handle) != 0 || posix_fadvise(handle, 0, 0, POSIX_FADV_DONTNEED) != 0) {
        perror(path);
        exit(1);
    }
    if (dropping.count)
        count_pages(handle, (size_t)st->st_size);
    close(handle);
    return 0;
}

double drop_pages(const char *path, bool count)
{
    dropping.count = count;
    dropping.pages = dropping.stayed = 0;
    if (nftw(path, drop_file, 16, FTW_PHYS) != 0) {
        perror(path);
        exit(1);
    }
    return dropping.pages ? (double)dropping.stayed / (double)dropping.pages : 0;
}

static int compare(const void *a, const void *b)
{
    const reading *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

bare_reads bare_reads_make(recording *r)
{
    bare_reads b = { .n = r->n, .readings = r->readings, .handles = calloc(r->n, sizeof *b.handles) };
    qsort(r->readings, r->n, sizeof *r->readings, compare);
    for (size_t i = 0; i < r->n; i++) {
        bool same = i > 0 && strcmp(r->readings[i].path, r->readings[i - 1].path) == 0;
        b.handles[i] = same ? b.handles[i - 1] : open(r->readings[i].path, O_RDONLY);
        if (b.handles[i] < 0) {
            perror(r->readings[i].path);
            exit(1);
        }
        b.n_files += !same;
        b.bytes += r->readings[i].size;
        b.largest = r->readings[i].size > b.largest ? r->readings[i].size : b.largest;
    }
    return b;
}

void bare_reads_free(bare_reads *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (i == 0 || b->handles[i] != b->handles[i - 1])
            close(b->handles[i]);
    free(b->handles);
}

static void *read_some(void *argument)
{
    bare_reads *b = argument;
    uint8_t *room = malloc(b->largest);
    for (size_t i; (i = b->next++) < b->n;) {
        const reading *r = &b->readings[i];
        for (size_t done = 0; done < r->size;) {
            ssize_t n = pread(b->handles[i], room + done, r->size - done, (off_t)(r->offset + done));
            if (n <= 0) {
                perror(r->path);
                exit(1);
            }
            done += (size_t)n;
        }
    }
    free(room);
    return NULL;
}

static double processor_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

void read_bare(bare_reads *b, unsigned depth)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    unsigned n = depth < MOST ? depth : MOST;
    double before = processor_seconds();
    b->next = 0;
    for (unsigned i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, read_some, b) != 0)
            exit(1);
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    b->processor = processor_seconds() - before;
}
