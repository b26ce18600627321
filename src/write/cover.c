/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/cover.h"

#include <string.h>

void mt_cover_free(mt_cover *cover, mt_env *env)
{
    mt_release(env, cover->boxes, cover->room * sizeof *cover->boxes);
    *cover = (mt_cover) { NULL, 0, 0 };
}

static bool meet(int ndim, const mt_extent *a, const mt_extent *b)
{
    for (int d = 0; d < ndim; d++)
        if (a->start[d] >= b->start[d] + b->extent[d] || b->start[d] >= a->start[d] + a->extent[d])
            return false;
    return true;
}

/* Whether two boxes are one box together; then *a is that box. */
static bool join(int ndim, mt_extent *a, const mt_extent *b)
{
    int along = -1;
    for (int d = 0; d < ndim; d++) {
        if (a->start[d] == b->start[d] && a->extent[d] == b->extent[d])
            continue;
        if (along >= 0)
            return false;
        along = d;
    }
    if (along < 0 || (a->start[along] + a->extent[along] != b->start[along] &&
                      b->start[along] + b->extent[along] != a->start[along]))
        return false;
    if (b->start[along] < a->start[along])
        a->start[along] = b->start[along];
    a->extent[along] += b->extent[along];
    return true;
}

static mt_status grow(mt_cover *cover, mt_env *env, mt_error *err)
{
    size_t room = cover->room ? 2 * cover->room : 4, size = sizeof *cover->boxes;
    void *boxes = mt_resize(env, cover->boxes, cover->room * size, room * size);
    if (!boxes)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    cover->boxes = boxes;
    cover->room = room;
    return MT_OK;
}

mt_status mt_cover_add(mt_cover *cover, mt_env *env, int ndim, const mt_extent *box, bool *overlaps, mt_error *err)
{
    *overlaps = false;
    for (size_t i = 0; i < cover->n && !*overlaps; i++)
        *overlaps = meet(ndim, &cover->boxes[i], box);
    if (*overlaps)
        return MT_OK;
    mt_extent all = *box;
    for (size_t i = cover->n; i-- > 0;) /* the newest first: the likely neighbour */
        if (join(ndim, &all, &cover->boxes[i])) {
            cover->boxes[i] = cover->boxes[--cover->n];
            i = cover->n; /* the larger box may have another neighbour */
        }
    mt_status st = cover->n < cover->room ? MT_OK : grow(cover, env, err);
    if (!st)
        cover->boxes[cover->n++] = all;
    return st;
}
