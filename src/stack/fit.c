/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/fit.h"

#include "base/checked.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MOST_DIGITS 18

const char *mt_shape_text(const int64_t *shape, int ndim, char *text, size_t room)
{
    size_t n = 0;
    text[0] = 0;
    for (int d = 0; d < ndim && n < room; d++)
        n += (size_t)snprintf(text + n, room - n, "%s%lld", d ? " x " : "", (long long)shape[d]);
    return text;
}

/* Parses a size. */
static mt_status parse_size(const char *text, size_t digits, int64_t *out, mt_error *err)
{
    *out = 0;
    for (size_t i = 0; i < digits && digits <= MOST_DIGITS; i++)
        *out = *out * 10 + (text[i] - '0');
    return *out > 0
               ? MT_OK
               : mt_fail(err, MT_E_ARGUMENT, "%.*s is not a size of an axis: sizes count from 1", (int)digits, text);
}

mt_status mt_named_axes_parse(const char *text, mt_named_axes *out, mt_error *err)
{
    const char *at = text;
    *out = (mt_named_axes) { 0 };
    while (*at && out->n < MT_MAX_AXES) {
        out->letters[out->n] = *at++;
        size_t digits = strspn(at, "0123456789");
        mt_status st = digits ? parse_size(at, digits, &out->sizes[out->n], err) : MT_OK;
        if (st)
            return st;
        out->any_size |= digits > 0;
        out->n++;
        at += digits;
    }
    if (*at)
        return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\" are more than the six STCZYX", text);
    return mt_axes_check(out->letters, err);
}

/* Searches all assignments of axes to dimensions. */
typedef struct search {
    const mt_named_axes *named;
    const int64_t *shape;
    int ndim;
    mt_stack_axis axes[MT_MAX_AXES];  /* the axes assigned so far */
    mt_stack_axis *found;             /* the first assignment that fits */
    mt_stack_axis other[MT_MAX_AXES]; /* another that fits, with different sizes */
    int n_found;                      /* 0, 1, or 2: other is set, and the search ends */
} search;

static bool same_sizes(const search *s)
{
    for (int i = 0; i < s->named->n; i++)
        if (s->axes[i].size != s->found[i].size)
            return false;
    return true;
}

static void keep(search *s)
{
    if (s->n_found == 0) {
        memcpy(s->found, s->axes, sizeof s->axes);
        s->n_found = 1;
    } else if (!same_sizes(s)) {
        memcpy(s->other, s->axes, sizeof s->axes);
        s->n_found = 2;
    }
}

/* Sets axes first to last to share dimension dim: of those without a size, the one at open gets the remaining factor,
 * the others size 1. False if they do not fit. */
static bool split(search *s, int first, int last, int open, int dim)
{
    const int64_t *sizes = s->named->sizes;
    int64_t known = 1, step = 1, length = s->shape[dim];
    for (int i = first; i <= last; i++)
        if (sizes[i] && mt_mul_i64(known, sizes[i], &known))
            return false;
    if (length == 0 || length % known != 0 || (sizes[open] && known != length))
        return false;
    for (int i = last; i >= first; i--) {
        int64_t size = sizes[i] ? sizes[i] : i == open ? length / known : 1;
        s->axes[i] = (mt_stack_axis) { dim, size, step };
        step *= size;
    }
    return true;
}

static bool may_share(char letter) { return letter != 'Y' && letter != 'X'; }

static void assign(search *s, int i, int d);

/* Assigns the axes from i on; those up to j share dimension d. */
static void assign_shared(search *s, int i, int j, int d)
{
    int n_open = 0;
    for (int k = i; k <= j; k++)
        n_open += !s->named->sizes[k];
    for (int k = i; k <= j; k++)
        if ((!s->named->sizes[k] || (n_open == 0 && k == i)) && split(s, i, j, k, d))
            assign(s, j + 1, d + 1);
}

/* Assigns the axes from i on to the dimensions from d on. */
static void assign(search *s, int i, int d)
{
    const mt_named_axes *named = s->named;
    if (i == named->n) {
        while (d < s->ndim && s->shape[d] == 1)
            d++;
        if (d == s->ndim)
            keep(s);
        return;
    }
    if (s->n_found == 2)
        return;
    if (d < s->ndim && (!named->sizes[i] || named->sizes[i] == s->shape[d])) {
        s->axes[i] = (mt_stack_axis) { d, s->shape[d], 1 };
        assign(s, i + 1, d + 1);
    }
    if (named->sizes[i] ? named->sizes[i] == 1 : may_share(named->letters[i])) {
        s->axes[i] = (mt_stack_axis) { -1, 1, 0 };
        assign(s, i + 1, d);
    }
    bool shared = named->any_size && d < s->ndim && may_share(named->letters[i]);
    for (int j = i + 1; shared && j < named->n && may_share(named->letters[j]); j++)
        assign_shared(s, i, j, d);
    if (d < s->ndim && s->shape[d] == 1)
        assign(s, i, d + 1);
}

static void sizes_text(const mt_named_axes *named, const mt_stack_axis *axes, char *text, size_t room)
{
    size_t n = 0;
    for (int i = 0; i < named->n && n < room; i++) {
        bool sized = may_share(named->letters[i]) || named->sizes[i];
        n += sized ? (size_t)snprintf(text + n, room - n, "%c%lld", named->letters[i], (long long)axes[i].size)
                   : (size_t)snprintf(text + n, room - n, "%c", named->letters[i]);
    }
}

/* Whether each dimension, or each longer than 1, is named by one axis. Then no other assignment is considered. */
static bool fits_as_stored(const mt_named_axes *named, const int64_t *shape, int ndim, bool with_short,
                           mt_stack_axis *out)
{
    int n = 0;
    for (int d = 0; d < ndim; d++) {
        if (!with_short && shape[d] == 1)
            continue;
        if (n == named->n || (named->sizes[n] && named->sizes[n] != shape[d]))
            return false;
        out[n++] = (mt_stack_axis) { d, shape[d], 1 };
    }
    return n == named->n;
}

mt_status mt_named_axes_fit(const mt_named_axes *named, const char *text, const int64_t *shape, int ndim,
                            mt_stack_axis *out, mt_error *err)
{
    char first[160] = "", second[160] = "", stored[256];
    if (fits_as_stored(named, shape, ndim, true, out) || fits_as_stored(named, shape, ndim, false, out))
        return MT_OK;
    search s = { .named = named, .shape = shape, .ndim = ndim, .found = out };
    assign(&s, 0, 0);
    if (s.n_found == 1)
        return MT_OK;
    mt_shape_text(shape, ndim, stored, sizeof stored);
    if (s.n_found == 0)
        return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\" do not fit the %d dimensions of the image, %s", text, ndim,
                       stored);
    sizes_text(named, out, first, sizeof first);
    sizes_text(named, s.other, second, sizeof second);
    return mt_fail(err, MT_E_ARGUMENT,
                   "axes \"%s\" fit the image of %s in several ways: give sizes, such as \"%s\" or \"%s\"", text,
                   stored, first, second);
}
