/* SPDX-License-Identifier: BSD-3-Clause */
/* Repairs byte counts of strips and tiles: some writers leave them 0, and LSM stores decoded sizes for LZW. A strip
 * then extends to the next one. */
#include "format/tiff/tiff.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The index of the first larger offset; n if there is none. */
static size_t find_next(const uint64_t *sorted, size_t n, uint64_t offset)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_wrong(const tiff_counts *c, uint64_t offset, uint64_t size)
{
    return offset > 0 && offset < c->file_size && (size == 0 || (c->loose && size >= c->decoded));
}

/* Several strips with one offset and no size are empty, as in sparse files. */
static uint64_t find_size(const tiff_counts *c, const uint64_t *sorted, size_t n, uint64_t offset, uint64_t size)
{
    size_t next = find_next(sorted, n, offset);
    if (size == 0 && next > 1 && sorted[next - 2] == offset)
        return 0;
    uint64_t end = next < n && sorted[next] < c->file_size ? sorted[next] : c->file_size;
    if (c->directory > offset && c->directory < end)
        end = c->directory;
    uint64_t found = end - offset < c->most ? end - offset : c->most;
    return found > size ? found : size;
}

mt_status tiff_mend_counts(mt_env *env, const tiff_counts *c, const uint64_t *offsets, uint64_t *sizes, size_t n,
                           mt_error *err)
{
    size_t wrong = 0;
    void *memory;
    while (wrong < n && !is_wrong(c, offsets[wrong], sizes[wrong]))
        wrong++;
    if (wrong == n)
        return MT_OK;
    mt_status st = mt_alloc(env, n * sizeof(uint64_t), &memory, err);
    if (st)
        return st;
    uint64_t *sorted = memory;
    for (size_t i = 0; i < n; i++)
        sorted[i] = offsets[i];
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = wrong; i < n; i++)
        if (is_wrong(c, offsets[i], sizes[i]))
            sizes[i] = find_size(c, sorted, n, offsets[i], sizes[i]);
    mt_release(env, memory, n * sizeof(uint64_t));
    return MT_OK;
}
