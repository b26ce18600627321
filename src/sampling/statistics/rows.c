/* SPDX-License-Identifier: BSD-3-Clause */
/* Visited boxes as rows of elements of one channel, in native byte order. */
#include "base/checked.h"
#include "engine/gather.h"
#include "sampling/statistics/survey.h"

#include <string.h>

/* One channel of a visited box. */
typedef struct rows {
    mt_survey *survey;
    mt_tally *tally;
    mt_convert convert; /* to the dtype of the statistics, in native byte order */
    bool is_masked;
    mt_sampled *part; /* NULL: no sample */
    int n;            /* number of dimensions, fastest first */
    int64_t extent[MT_MAX_DIMS], stride[MT_MAX_DIMS], mask_stride[MT_MAX_DIMS];
} rows;

/* Elements passed to a tally at once. */
enum { MOST = 1 << 20 };

static void add_to_part(const mt_bits *bits, mt_sampled *part, const uint8_t *elements, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t element = mt_bits_load(bits, elements + i * bits->size);
        if (!mt_bits_is_finite(bits, (size_t)(element >> bits->lower)))
            continue;
        part->n++;
        part->sum += bits->dtype == MT_BOOL ? (element > 0) : mt_bits_value(bits, element);
    }
}

static void add_elements(const rows *r, const void *elements, size_t n)
{
    const mt_survey *s = r->survey;
    s->pass->add(s->pass->user, r->tally, elements, n);
    if (r->part)
        add_to_part(&s->bits, r->part, elements, n);
}

/* Moves the elements whose mask is 1 to the front; returns their number. */
static size_t select_elements(size_t size, uint8_t *elements, size_t n, const uint8_t *mask, int64_t stride)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        memmove(elements + kept * size, elements + i * size, size);
        kept += mask[(int64_t)i * stride];
    }
    return kept;
}

static void add_row(const rows *r, const uint8_t *data, const uint8_t *mask)
{
    int64_t size = (int64_t)r->survey->bits.size, n = r->extent[0];
    bool is_direct = r->stride[0] == size && r->convert.from == r->convert.to && !r->convert.swap && !r->is_masked &&
                     (uintptr_t)data % (size_t)size == 0;
    for (int64_t done = 0, now; done < n; done += now) {
        now = mt_min_i64(n - done, is_direct ? MOST : MT_STRIP);
        const uint8_t *from = data + done * r->stride[0];
        if (is_direct) {
            add_elements(r, from, (size_t)now);
            continue;
        }
        uint8_t *strip = (uint8_t *)r->tally->strip;
        mt_gather(&r->convert, 1, &now, strip, &size, from, &r->stride[0]);
        size_t kept = (size_t)now;
        if (r->is_masked)
            kept = select_elements((size_t)size, strip, kept, mask + done * r->mask_stride[0], r->mask_stride[0]);
        add_elements(r, strip, kept);
    }
}

static void add_rows(const rows *r, int d, const uint8_t *data, const uint8_t *mask)
{
    if (d == 0) {
        add_row(r, data, mask);
        return;
    }
    for (int64_t i = 0; i < r->extent[d]; i++)
        add_rows(r, d - 1, data + i * r->stride[d], r->is_masked ? mask + i * r->mask_stride[d] : NULL);
}

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/* Inserts a dimension, fastest first. */
static void add_dimension(rows *r, int64_t extent, int64_t stride, int64_t mask_stride)
{
    int at = r->n++;
    for (; at > 0 && magnitude(stride) < magnitude(r->stride[at - 1]); at--) {
        r->extent[at] = r->extent[at - 1];
        r->stride[at] = r->stride[at - 1];
        r->mask_stride[at] = r->mask_stride[at - 1];
    }
    r->extent[at] = extent;
    r->stride[at] = stride;
    r->mask_stride[at] = mask_stride;
}

/* Joins dimensions that are stored without a gap. */
static void join_dimensions(rows *r)
{
    int n = 1;
    for (int d = 1; d < r->n; d++) {
        int last = n - 1;
        if (r->stride[d] == r->extent[last] * r->stride[last] &&
            r->mask_stride[d] == r->extent[last] * r->mask_stride[last]) {
            r->extent[last] *= r->extent[d];
        } else {
            r->extent[n] = r->extent[d];
            r->stride[n] = r->stride[d];
            r->mask_stride[n++] = r->mask_stride[d];
        }
    }
    r->n = n;
}

static void plan_rows(rows *r, const mt_stack_dims *dims, const mt_mask *mask, const mt_visited *visited)
{
    for (int d = 0; d < dims->ndim; d++)
        if (dims->axis[d] != MT_AXIS_C && visited->place.extent[d] > 1)
            add_dimension(r, visited->place.extent[d], visited->data ? visited->stride[d] : 0,
                          r->is_masked ? mask->stride[d] : 0);
    if (r->n == 0)
        add_dimension(r, 1, (int64_t)r->survey->bits.size, 0);
    join_dimensions(r);
}

/* A box without stored pixels or mask. */
static void repeat_fill(rows *r, const uint8_t *fill, size_t channel)
{
    mt_survey *s = r->survey;
    const int64_t one = 1, size = (int64_t)s->bits.size;
    uint8_t converted[sizeof(uint64_t)];
    mt_gather(&r->convert, 1, &one, converted, &size, fill, &size);
    uint64_t element = mt_bits_load(&s->bits, converted), n = 1;
    for (int d = 0; d < r->n; d++)
        n *= (uint64_t)r->extent[d];
    mt_lock_take(&s->lock);
    s->pass->repeat(s->pass->user, channel, element, n);
    mt_lock_give(&s->lock);
    if (r->part && mt_bits_is_finite(&s->bits, (size_t)(element >> s->bits.lower))) {
        r->part->n = n;
        r->part->sum = mt_bits_value(&s->bits, element) * (double)n;
    }
}

/* The channel at a place, the mask there, and the data there. */
typedef struct spot {
    size_t channel;
    const uint8_t *data, *mask;
} spot;

static spot find_spot(const mt_stack_dims *dims, const mt_mask *mask, const mt_visited *visited, const int64_t *place)
{
    spot s = { 0, visited->data, mask->data };
    for (int d = 0; d < dims->ndim; d++) {
        if (dims->axis[d] == MT_AXIS_C)
            s.channel += (size_t)(place[d] * dims->step[d]);
        if (s.data)
            s.data += (place[d] - visited->place.start[d]) * visited->stride[d];
        if (s.mask)
            s.mask += (place[d] - mask->start[d]) * mask->stride[d];
    }
    return s;
}

static mt_status add_channel(mt_survey *s, const mt_units *units, uint64_t first_unit, const mt_mask *mask,
                             const mt_visited *visited, const int64_t *place, mt_error *err)
{
    const mt_stack_dims *dims = units->dims;
    spot at = find_spot(dims, mask, visited, place);
    mt_sampled part = { .channel = at.channel };
    rows r = { .survey = s,
               .convert = { .from = dims->dtype, .to = s->bits.dtype, .swap = visited->swap && visited->data },
               .is_masked = mask->data,
               .part = s->sample.is_recording ? &part : NULL };
    plan_rows(&r, dims, mask, visited);
    if (!at.data && !at.mask) {
        repeat_fill(&r, dims->fill, at.channel);
    } else {
        mt_status st = mt_survey_take(s, at.channel, &r.tally, err);
        if (st)
            return st;
        add_rows(&r, r.n - 1, at.data ? at.data : dims->fill, at.mask);
        mt_survey_give(s, r.tally);
    }
    if (!r.part)
        return MT_OK;
    part.unit = first_unit + mt_units_find(units, visited->place.start);
    for (int d = 0; d < dims->ndim; d++)
        part.place = part.place * (uint64_t)dims->shape[d] + (uint64_t)place[d];
    return mt_survey_record(s, &part, err);
}

/* Advances place to the next channel of the box. */
static bool next_channel(const mt_stack_dims *dims, const mt_box *box, int64_t *place)
{
    for (int d = dims->ndim - 1; d >= 0; d--) {
        if (dims->axis[d] != MT_AXIS_C)
            continue;
        if (++place[d] < box->start[d] + box->extent[d])
            return true;
        place[d] = box->start[d];
    }
    return false;
}

mt_status mt_survey_rows(mt_survey *survey, const mt_units *units, uint64_t first_unit, const mt_mask *mask,
                         const mt_visited *visited, mt_error *err)
{
    int64_t place[MT_MAX_DIMS];
    uint64_t pixels = 1;
    mt_status st;
    memcpy(place, visited->place.start, sizeof place);
    do {
        st = add_channel(survey, units, first_unit, mask, visited, place, err);
    } while (!st && next_channel(units->dims, &visited->place, place));
    for (int d = 0; d < units->dims->ndim; d++)
        pixels *= (uint64_t)visited->place.extent[d];
    survey->done += pixels;
    return st;
}
