/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorted lists of positions in a grid, as found in the names of stored chunks. */
#include "format/tree/tree.h"

#include <stdlib.h>
#include <string.h>

static size_t bytes_of(const mt_positions *p, size_t n) { return n * (size_t)p->width * sizeof *p->numbers; }

void mt_positions_free(mt_env *env, mt_positions *p)
{
    mt_release(env, p->numbers, bytes_of(p, p->room));
    *p = (mt_positions) { .width = p->width };
}

mt_status mt_positions_add(mt_env *env, mt_positions *p, const int64_t *position, mt_error *err)
{
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        if (room > env->limits.max_metadata_bytes / bytes_of(p, 1))
            return mt_fail(err, MT_E_LIMIT, "more names than max_metadata_bytes");
        void *moved = mt_resize(env, p->numbers, bytes_of(p, p->room), bytes_of(p, room));
        if (!moved)
            return mt_fail(err, MT_E_MEMORY, "out of memory for %zu names", room);
        p->numbers = moved;
        p->room = room;
    }
    memcpy(p->numbers + p->n++ * (size_t)p->width, position, bytes_of(p, 1));
    return MT_OK;
}

int mt_positions_compare(const int64_t *a, const int64_t *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int compare_one(const void *a, const void *b) { return mt_positions_compare(a, b, 1); }

static void swap(int64_t *a, int64_t *b, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t swapped = a[i];
        a[i] = b[i];
        b[i] = swapped;
    }
}

/* Heapsort for several numbers: qsort needs a fixed width. */
static void sift(int64_t *numbers, size_t n, size_t at, int width)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        int64_t *x = numbers + at * (size_t)width, *y = numbers + child * (size_t)width;
        if (child + 1 < n && mt_positions_compare(y, y + width, width) < 0) {
            child++;
            y += width;
        }
        if (mt_positions_compare(x, y, width) >= 0)
            return;
        swap(x, y, width);
    }
}

void mt_positions_sort(mt_positions *p)
{
    if (p->width == 1) {
        if (p->n)
            qsort(p->numbers, p->n, sizeof *p->numbers, compare_one);
        return;
    }
    for (size_t i = p->n / 2; i-- > 0;)
        sift(p->numbers, p->n, i, p->width);
    for (size_t i = p->n; i-- > 1;) {
        swap(p->numbers, p->numbers + i * (size_t)p->width, p->width);
        sift(p->numbers, i, 0, p->width);
    }
}

const int64_t *mt_positions_find(const mt_positions *p, const int64_t *wanted)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mt_positions_compare(p->numbers + middle * (size_t)p->width, wanted, p->width) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->n ? p->numbers + low * (size_t)p->width : NULL;
}
